/** Mail to a person who was away: what they want, and up to where they were told.
 *
 *      reminded ─► says `digestDue` ─► its node looks: unread, may be read, wanted now?
 *                                          │ takeDigest: told up to here, from now on
 *                                          ▼
 *                                      one attempt to send ─► settleDigest: sent, refused, unknown; away: given back
 *
 *  Invariant: what was taken is in no other mail, unless the mail server is known to have taken nothing. A node that
 *  dies in between leaves `unknown`, which the person sees. */
import {
  plainDigest,
  wireLimits,
  type CommandOf,
  type DigestMark,
  type DigestOf,
  type userDigestCommands,
} from "../../protocols/index.ts";
import { isTimeZone } from "../../protocols/telling/index.ts";
import { persist, publish, refuse, reply, type Effect, type Turn } from "../behavior.ts";
import type { Effects, PersonHandlers } from "./effects.ts";
import type { UserNotes } from "./notes.ts";
import { isOut } from "./sessions.ts";
import type { Account, HeldDigest } from "./state.ts";

type Command = CommandOf<typeof userDigestCommands>;
type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;

/** The id of the reminder of the next look. */
export const digestReminder = "digest";

const none: HeldDigest = { wants: plainDigest, revision: 0, sinceMs: 0, told: [] };
const of = ({ digest }: Account): HeldDigest => digest ?? none;

const hold = (digest: HeldDigest): Effect<never, never> | Effects[number] =>
  persist({ type: "factorSet" as const, set: { digest } });
const awaitAt = (dueMs: number): Effect<never, never> => ({ type: "remind", id: digestReminder, dueMs });

const shown = ({ wants, last }: HeldDigest, { contact }: Account): DigestOf => ({
  wants,
  ...(last && { last }),
  ...(contact && { to: contact.address }),
});

/** From now on, and not of what was written before. Error: BAD_REQUEST. */
function set(account: Account, { type: _type, ...said }: Of<"setDigest">, { nowMs }: Turn<UserNotes>): Effects {
  if (said.zone !== undefined && !isTimeZone(said.zone))
    return [refuse("BAD_REQUEST", { field: "zone", reason: "this node knows no such time zone" })];
  const { dueMs: _due, ...before } = of(account);
  const wants = { ...before.wants, ...said };
  const isOn = wants.when !== "never";
  const sinceMs = before.wants.when === "never" ? nowMs : before.sinceMs;
  const next: HeldDigest = { ...before, wants, sinceMs, revision: before.revision + 1 };
  const then: Effect<never, never> = isOn ? awaitAt(nowMs) : { type: "forget", id: digestReminder };
  return [hold(next), then, reply(shown(next, account))];
}

/** The newest of both. A room that the person has left keeps its mark until its place is needed. */
function marked(account: Account, told: readonly DigestMark[]): readonly DigestMark[] {
  const all = new Map(of(account).told.map(({ room, seq }) => [room, seq]));
  for (const { room, seq } of told) all.set(room, Math.max(seq, all.get(room) ?? 0));
  const marks = [...all].map(([room, seq]) => ({ room, seq }));
  if (marks.length <= wireLimits.roomsPerUserMax) return marks;
  return marks.filter(({ room }) => account.rooms.includes(room));
}

/** Error: CHANGED_MEANWHILE. */
function take(account: Account, { revision, told, notices }: Of<"takeDigest">, { nowMs }: Turn<UserNotes>): Effects {
  const held = of(account);
  if (held.revision !== revision || held.wants.when === "never") return [refuse("CHANGED_MEANWHILE")];
  const next: HeldDigest = {
    ...held,
    revision: revision + 1,
    before: held.told,
    told: marked(account, told),
    last: { atMs: nowMs, notices, outcome: "unknown" },
  };
  return [hold(next), reply({ revision: next.revision })];
}

/** Error: CHANGED_MEANWHILE. */
function settle(account: Account, { revision, outcome, dueMs }: Of<"settleDigest">): Effects {
  const { before, ...held } = of(account);
  if (held.revision !== revision || held.last === undefined || before === undefined)
    return [refuse("CHANGED_MEANWHILE")];
  const told = outcome === "away" ? before : held.told;
  const next = { ...held, told, dueMs, revision: revision + 1, last: { ...held.last, outcome } };
  return [hold(next), awaitAt(dueMs), reply({})];
}

/** Has the node look whether there is mail to send, which it keeps to itself; its answer sets the next time. */
export function digestReminded(account: Account | null, { nowMs }: Turn<UserNotes>): Effects {
  const { wants, dueMs = 0 } = account === null ? none : of(account);
  if (wants.when === "never") return [{ type: "forget", id: digestReminder }];
  return dueMs > nowMs ? [awaitAt(dueMs)] : [publish({ type: "digestDue" })];
}

/** What the gateway and the account's node ask. */
export const digestHandlers: PersonHandlers<keyof typeof userDigestCommands> = {
  digest: ({ account }) => [reply(shown(of(account), account))],
  setDigest: ({ account }, command, turn) => set(account, command, turn),
  endDigest: ({ account }, _, turn) =>
    of(account).wants.when === "never" ? [reply({})] : set(account, { type: "setDigest", when: "never" }, turn),
  digestState({ account }, _, { nowMs }) {
    const { wants, revision, sinceMs, told, dueMs } = of(account);
    const to = isOut(account, nowMs) ? undefined : account.contact?.address;
    return [reply({ wants, revision, sinceMs, told, ...(dueMs !== undefined && { dueMs }), ...(to && { to }) })];
  },
  awaitDigest({ account }, { revision, dueMs }) {
    const held = of(account);
    if (held.revision !== revision || held.wants.when === "never") return [refuse("CHANGED_MEANWHILE")];
    return [hold({ ...held, dueMs }), awaitAt(dueMs), reply({})];
  },
  takeDigest: ({ account }, command, turn) => take(account, command, turn),
  settleDigest: ({ account }, command) => settle(account, command),
};
