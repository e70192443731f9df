/** The mail address of an account: set by the person, confirmed by a link that came there, one account's alone
 *  (`claim`). */
import { persist, refuse, reply } from "../behavior.ts";
import { dispatch, type Mail } from "../outbox.ts";
import type { Effects, Person, PersonHandlers } from "./effects.ts";
import type { Account, Contact, FactorChange } from "./state.ts";
import { holdsAt, type ActorId, type MailOf } from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";

/** To the claim of an address. */
export const claimMail = (type: "keep" | "release", { claim }: Pick<Contact, "claim">): Mail => ({
  to: `claim/${claim}`,
  message: { type },
});

type Set = Extract<FactorChange, { type: "factorSet" }>["set"];

const set = ({ state }: Person, self: ActorId, what: Set, mail: readonly Mail[] = []): Effects => [
  persist({ type: "factorSet", set: what, ...(mail.length > 0 && { mail }) }),
  ...dispatch(state.outbox, mail, self),
];

/** The address that a link confirms; undefined: it is another link, or one whose time is over. */
const begunBy = ({ account: { contactBegun } }: Person, secretHash: string, nowMs: number) =>
  contactBegun?.secretHash === secretHash && holdsAt(nowMs, contactBegun.untilMs, limits.linkLifeMsMax)
    ? contactBegun
    : undefined;

/** What answers them. Errors: LINK_INVALID. */
export const contactHandlers: PersonHandlers<"mailOf" | "beginMail" | "checkMail" | "confirmMail" | "removeMail"> = {
  mailOf: ({ account }) => [reply(mailOf(account))],
  beginMail(person, { address, claim, secretHash, lifeMs }, turn) {
    const untilMs = turn.nowMs + Math.min(lifeMs, limits.linkLifeMsMax);
    return [...set(person, turn.self, { contactBegun: { address, claim, secretHash, untilMs } }), reply({})];
  },
  checkMail(person, { secretHash }, turn) {
    const begun = begunBy(person, secretHash, turn.nowMs);
    return [begun === undefined ? refuse("LINK_INVALID") : reply({ address: begun.address, claim: begun.claim })];
  },
  confirmMail(person, { secretHash }, turn) {
    const begun = begunBy(person, secretHash, turn.nowMs);
    if (begun === undefined) return [refuse("LINK_INVALID")];
    const { address, claim } = begun;
    const { contact } = person.account;
    const before = contact !== undefined && contact.claim !== claim ? contact : undefined;
    const next: Contact = { address, claim, confirmedAtMs: turn.nowMs };
    const mail = [claimMail("keep", next), ...(before ? [claimMail("release", before)] : [])];
    return [
      ...set(person, turn.self, { contact: next, contactBegun: null, mailResets: null }, mail),
      reply({ address, ...(before && { before: before.address }) }),
    ];
  },
  removeMail(person, _, turn) {
    const { contact, contactBegun } = person.account;
    if (contact === undefined)
      return [...(contactBegun ? set(person, turn.self, { contactBegun: null }) : []), reply({})];
    const nothing = { contact: null, contactBegun: null, mailResets: null };
    return [...set(person, turn.self, nothing, [claimMail("release", contact)]), reply({ before: contact.address })];
  },
};

const mailOf = ({ contact, contactBegun, passwordHash, suspended, deletion }: Account): MailOf => ({
  ...(contact && { address: contact.address }),
  ...(contactBegun && { begun: contactBegun.address }),
  password: passwordHash !== undefined,
  out: suspended === true || deletion?.byAdmin === true,
});
