import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import { mailAddress, schema, setMail, type MailServer, type MailView } from "../../../protocols/index.ts";
import { audited, audits, changeOf } from "../audited.ts";
import type { MailPort } from "./mail.ts";
import type { GatewayContext } from "../options.ts";

const test = schema.object({ to: mailAddress });

/** Adds how the cluster sends mail. A person who sets it can have links for new passwords sent to an address of theirs,
 *  and so become anybody: that is for owners, like making them. */
export function addMailSettings(app: FastifyInstance, at: GatewayContext, mail: MailPort): void {
  const { settings, outbound } = mail;
  const tags = ["admin"];

  app.get(
    "/admin/mail",
    { config: { access: "admin" }, schema: { summary: "How the cluster sends mail, without the password", tags } },
    async (): Promise<MailView> => {
      const known = await settings.current();
      const { password, ...server } = known ?? {};
      return {
        ...(known !== undefined && { server: server as MailServer }),
        hasPassword: password !== undefined,
        ...(mail.publicUrl !== undefined && { publicUrl: mail.publicUrl }),
        waiting: outbound.waiting(),
      };
    },
  );

  app.put<{ Body: Static<typeof setMail> }>(
    "/admin/mail",
    {
      config: audits("setMail", "cluster.own"),
      schema: {
        summary: "Says how the cluster sends mail",
        description:
          "`password` is written and never read. Without it the one that is there stays, if server and user do.",
        tags,
        body: setMail,
      },
    },
    async (request) => {
      const { password, ...server } = request.body;
      const { host, port, security } = server;
      const before = await settings.current();
      const facts = { host, port, security, password: password === undefined ? "kept" : "given" };
      await audited(at, request, facts, settings.set(server, password), () =>
        changeOf(before && saidBy(before), saidBy(server)),
      );
      return server;
    },
  );

  app.delete(
    "/admin/mail",
    { config: audits("removeMail", "cluster.own"), schema: { summary: "Ends the sending of mail", tags } },
    async (request) => {
      const before = await settings.current();
      await audited(at, request, {}, settings.remove(), () => changeOf(before && saidBy(before), undefined));
      return {};
    },
  );

  app.post<{ Body: Static<typeof test> }>(
    "/admin/mail/test",
    {
      config: audits("testMail"),
      schema: { summary: "Sends a mail now, and says how the mail server answered", tags, body: test },
    },
    async (request) => {
      // Whom it went to is not written down: an address is in no log.
      await audited(at, request, {}, outbound.send({ what: "test", to: request.body.to }));
      return {};
    },
  );
}

/** What the audit has of it: no address and no password. */
const saidBy = ({ host, port, security, user }: MailServer) => ({ host, port, security, signsIn: user !== undefined });
