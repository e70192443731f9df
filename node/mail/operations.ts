/** What the operations on mail do: how the cluster sends it. A person who sets that can have links for new passwords
 *  sent to an address of theirs, and so become anybody: it is for owners, like making them. */
import { acted, ok, type HandlersOf, type mailOperations, type MailServer } from "../../protocols/index.ts";
import type { MailSettings } from "../cluster/facts/mail.ts";
import type { Outbound } from "../ports/index.ts";

/** What the handlers need. */
interface Parts {
  readonly settings: Pick<MailSettings, "current" | "set" | "remove">;
  readonly outbound: Pick<Outbound, "send" | "waiting">;
  /** The address of the page, for links; undefined: letters with a link are not sent. */
  readonly publicUrl: string | undefined;
}

/** The handlers. */
export function handleMail(at: Parts): HandlersOf<typeof mailOperations> {
  const { settings, outbound } = at;
  return {
    "mail.show": async () => {
      const known = await settings.current();
      const { password, ...server } = known ?? {};
      return ok({
        ...(known !== undefined && { server: server as MailServer }),
        hasPassword: password !== undefined,
        ...(at.publicUrl !== undefined && { publicUrl: at.publicUrl }),
        waiting: outbound.waiting(),
      });
    },
    "mail.set": async ({ password, ...server }) => {
      const before = await settings.current();
      const set = await settings.set(server, password);
      return { result: set.ok ? ok(server) : set, before: before && saidBy(before), after: saidBy(server) };
    },
    "mail.remove": async () => {
      const before = await settings.current();
      const removed = await settings.remove();
      return { result: removed.ok ? ok({}) : removed, before: before && saidBy(before) };
    },
    "mail.test": async ({ to }) => {
      const sent = await outbound.send({ what: "test", to });
      return acted(sent.ok ? ok({}) : sent);
    },
  };
}

/** The settings as the audit keeps them: without address and password. */
const saidBy = ({ host, port, security, user }: MailServer) => ({ host, port, security, signsIn: user !== undefined });
