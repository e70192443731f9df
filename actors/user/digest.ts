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
  agoMs,
  holdsAt,
  plainDigest,
  wireLimits,
  type CommandOf,
  type DigestMark,
  type DigestOf,
  type DigestOutcome,
  type userDigestCommands,
} from "../../protocols/index.ts";
import { isTimeZone } from "../../protocols/telling/index.ts";
import { actorLimits as limits } from "../limits.ts";
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
  const isOpen = held.before !== undefined && agoMs(nowMs, held.last?.atMs ?? 0) < limits.digestTakenMsMax;
  if (isOpen) return [refuse("CHANGED_MEANWHILE")];
  const next: HeldDigest = {
    ...held,
    revision: revision + 1,
    before: held.told,
    taken: revision + 1,
    told: marked(account, told),
    last: { atMs: nowMs, notices, outcome: "unknown" },
  };
  return [hold(next), reply({ revision: next.revision })];
}

/** Error: CHANGED_MEANWHILE. */
function settle(
  account: Account,
  { revision, outcome, dueMs }: Of<"settleDigest">,
  { nowMs }: Turn<UserNotes>,
): Effects {
  const { before, taken, ...held } = of(account);
  if ((taken ?? held.revision) !== revision || held.last === undefined || before === undefined)
    return [refuse("CHANGED_MEANWHILE")];
  const told = outcome === "away" ? before : held.told;
  const { refusals, isPaused } = refusalsAfter(account, outcome);
  const { refusals: _before, ...others } = held;
  const settled = { ...others, told, revision: held.revision + 1, last: { ...held.last, outcome } };
  const next: HeldDigest = { ...settled, ...(refusals && { refusals }) };
  // Settings that were changed meanwhile have set the next look, or have ended them.
  if (held.revision !== revision) return [hold(next), reply({})];
  const nextMs = isPaused ? Math.max(dueMs, nowMs + limits.digestRefusedPauseMs) : dueMs;
  return [hold({ ...next, dueMs: nextMs }), awaitAt(nextMs), reply({})];
}

/** How often in a row the address was refused for good. */
function refusalsAfter(account: Account, outcome: DigestOutcome): Pick<HeldDigest, "refusals"> & { isPaused: boolean } {
  const { refusals } = of(account);
  const to = account.contact?.address;
  if (outcome === "sent" || to === undefined) return { isPaused: false };
  if (outcome !== "refused") return { ...(refusals && { refusals }), isPaused: false };
  const count = refusals?.to === to ? Math.min(refusals.count + 1, limits.digestRefusalsMax) : 1;
  return { refusals: { to, count }, isPaused: count >= limits.digestRefusalsMax };
}

/** Whether it waits until then. A look that lies further ahead than any was set by a clock that was wrong. */
const waits = (dueMs: number, nowMs: number): boolean => holdsAt(nowMs, dueMs, wireLimits.digestLookMsMax);

/** Reminds again: a node of the version before forgets a reminder that it does not know. */
export function recoverDigest(account: Account | null, { nowMs }: Turn<UserNotes>): readonly Effect<never, never>[] {
  const { wants, dueMs = nowMs } = account === null ? none : of(account);
  return wants.when === "never" ? [] : [awaitAt(dueMs)];
}

/** Whether somebody wants mail. */
export const wantsDigest = (account: Account | null): boolean => account !== null && of(account).wants.when !== "never";

/** Has the node look whether there is mail to send, which it keeps to itself; its answer sets the next time. */
export function digestReminded(account: Account | null, { nowMs }: Turn<UserNotes>): Effects {
  const { wants, dueMs = 0 } = account === null ? none : of(account);
  if (wants.when === "never") return [{ type: "forget", id: digestReminder }];
  return waits(dueMs, nowMs) ? [awaitAt(dueMs)] : [publish({ type: "digestDue" })];
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
  awaitDigest({ account }, { revision, dueMs }, { nowMs }) {
    const held = of(account);
    if (held.revision !== revision || held.wants.when === "never") return [refuse("CHANGED_MEANWHILE")];
    // It was set by a clock that was ahead: what is written from now on is told.
    const sinceMs = Math.min(held.sinceMs, nowMs);
    return [hold({ ...held, dueMs, sinceMs }), awaitAt(dueMs), reply({})];
  },
  takeDigest: ({ account }, command, turn) => take(account, command, turn),
  settleDigest: ({ account }, command, turn) => settle(account, command, turn),
};
