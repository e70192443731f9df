/** The mail address of an account: set by the person, confirmed by a link that came there, one account's alone
 *  (`claim`). */
import { unreachable, type CommandOf, type MailOf, type userCommands } from "../../protocols/index.ts";
import { persist, refuse, reply, type Turn } from "../behavior.ts";
import { dispatch, type Mail } from "../outbox.ts";
import type { UserNotes } from "./notes.ts";
import type { Effects } from "./effects.ts";
import type { Account, Contact, FactorChange, UserState } from "./state.ts";
import { holdsAt } from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";

type Command = CommandOf<typeof userCommands>;
const names = ["mailOf", "beginMail", "checkMail", "confirmMail", "removeMail"] as const;
type ContactCommand = Extract<Command, { type: (typeof names)[number] }>;

/** Whether it is one of these commands. */
export const isOfContact = (message: Command): message is ContactCommand =>
  (names as readonly string[]).includes(message.type);

/** To the claim of an address. */
export const claimMail = (type: "keep" | "release", { claim }: Pick<Contact, "claim">): Mail => ({
  to: `claim/${claim}`,
  message: { type },
});

/** Errors: those of the commands' rows. */
export function decideContact(
  state: UserState,
  account: Account,
  message: ContactCommand,
  turn: Turn<UserNotes>,
): Effects {
  const { contact, contactBegun } = account;
  const set = (what: Extract<FactorChange, { type: "factorSet" }>["set"], mail: readonly Mail[] = []): Effects => [
    persist({ type: "factorSet", set: what, ...(mail.length > 0 && { mail }) }),
    ...dispatch(state.outbox, mail, turn.self),
  ];
  switch (message.type) {
    case "mailOf":
      return [reply(mailOf(account))];
    case "beginMail": {
      const { address, claim, secretHash, lifeMs } = message;
      const untilMs = turn.nowMs + Math.min(lifeMs, limits.linkLifeMsMax);
      return [...set({ contactBegun: { address, claim, secretHash, untilMs } }), reply({})];
    }
    case "checkMail":
    case "confirmMail": {
      if (
        contactBegun === undefined ||
        contactBegun.secretHash !== message.secretHash ||
        !holdsAt(turn.nowMs, contactBegun.untilMs, limits.linkLifeMsMax)
      )
        return [refuse("LINK_INVALID")];
      const { address, claim } = contactBegun;
      if (message.type === "checkMail") return [reply({ address, claim })];
      const before = contact !== undefined && contact.claim !== claim ? contact : undefined;
      const next: Contact = { address, claim, confirmedAtMs: turn.nowMs };
      const mail = [claimMail("keep", next), ...(before ? [claimMail("release", before)] : [])];
      return [
        ...set({ contact: next, contactBegun: null, mailResets: null }, mail),
        reply({ address, ...(before && { before: before.address }) }),
      ];
    }
    case "removeMail":
      if (contact === undefined) return [...(contactBegun ? set({ contactBegun: null }) : []), reply({})];
      return [
        ...set({ contact: null, contactBegun: null, mailResets: null }, [claimMail("release", contact)]),
        reply({ before: contact.address }),
      ];
    default:
      return unreachable(message);
  }
}

const mailOf = ({ contact, contactBegun, passwordHash, suspended, deletion }: Account): MailOf => ({
  ...(contact && { address: contact.address }),
  ...(contactBegun && { begun: contactBegun.address }),
  password: passwordHash !== undefined,
  out: suspended === true || deletion?.byAdmin === true,
});
