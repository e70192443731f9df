/** Messages that are sent later, and messages that a person is reminded of.
 *
 *      waiting ──its time──► sending (outbox) ──► the room has it: gone
 *         ▲                      └── refused for good ──► failed, with why
 *         │ changed ◄──────────────────────────────────────┘
 *         └── a reminder: due, until the person cancels it or sets another time
 *
 *  Where a node of the version before has delivered it, what came of it is unknown: it has failed, and says so.
 *
 *  Invariant: a message leaves the list by the event that gives it to the outbox, or by its author's word. So it is
 *  sent once, whichever node dies: the room knows the operation again. What is late is sent late, not never.
 *
 *  What a post needs is asked at its time: the account knows whether its person may come in, the room whether they may
 *  post there, and the account's node what their roles allow and whether their quota has room
 *  (`node/accounts/later-posts.ts`).
 */
import type { CommandOf, Later, userCommands } from "../../protocols/index.ts";
import { wireLimits } from "../../protocols/index.ts";
import { persist, refuse, reply, type Effect, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { dispatch, fits, type Mail, type Outbox, type OutboxEntry, type Settled } from "../outbox.ts";
import type { Effects, PersonHandlers } from "./effects.ts";
import type { UserNotes } from "./notes.ts";
import { happen, isOut } from "./sessions.ts";
import type { Account, HeldLater, UserState } from "./state.ts";

type Command = CommandOf<typeof userCommands>;
type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;

/** The id of the reminder of the next one. */
export const laterReminder = "later";

const shown = ({ entry: _entry, tries: _tries, ...later }: HeldLater): Later => later;

/** Those that `ids` name are as they stand in `later` from now on, or gone. What is said of them has no text. */
function set(
  state: UserState,
  turn: Turn<UserNotes>,
  later: readonly HeldLater[],
  ids: readonly number[],
  mail: readonly Mail[] = [],
): Effects {
  if (ids.length === 0) return [];
  const laterIds = Math.max(state.account?.laterIds ?? 0, ...ids);
  const events = ids.map((id) => ({
    type: "laterSet" as const,
    id,
    status: later.find((one) => one.id === id)?.status ?? ("gone" as const),
  }));
  return [
    persist({ type: "factorSet", set: { later, laterIds }, ...(mail.length > 0 && { mail }) }),
    ...happen(state, turn, events),
  ];
}

const next = (later: readonly HeldLater[]): readonly Effect<never, never>[] => {
  const times = later.filter(({ status }) => status === "waiting").map(({ atMs }) => atMs);
  return times.length === 0
    ? [{ type: "forget", id: laterReminder }]
    : [{ type: "remind", id: laterReminder, dueMs: Math.min(...times) }];
};

/** What is held. A node of the version before delivers what another one gave to the outbox, and takes it from there
 *  alone: nobody knows then what the room said. */
function of({ later = [] }: Account, { entries }: Outbox): readonly HeldLater[] {
  const isOwed = ({ status, entry }: HeldLater): boolean =>
    status !== "sending" || entries.some(({ id }) => id === entry);
  return later.map((one): HeldLater => {
    if (isOwed(one)) return one;
    const { entry: _, ...rest } = one;
    return { ...rest, status: "failed", failure: { code: "ASK_TIMEOUT" } };
  });
}
const charsOf = (later: readonly HeldLater[]): number => later.reduce((sum, { text = "" }) => sum + text.length, 0);

function refuseTime(atMs: number, { nowMs }: Pick<Turn, "nowMs">): Effects | undefined {
  if (atMs <= nowMs) return [refuse("BAD_REQUEST", { field: "atMs", reason: "this time is over" })];
  if (atMs - nowMs > wireLimits.laterMsMax)
    return [refuse("BAD_REQUEST", { field: "atMs", reason: "this is too far away" })];
  return undefined;
}

/** Adds one, or puts a changed one in its place. Errors: BAD_REQUEST, LIMIT_REACHED. */
function put(state: UserState, account: Account, one: HeldLater, turn: Turn<UserNotes>): Effects {
  const others = of(account, state.outbox).filter(({ id }) => id !== one.id);
  const refusal = refuseTime(one.atMs, turn);
  if (refusal !== undefined) return refusal;
  if (others.length >= wireLimits.laterMax) return [refuse("LIMIT_REACHED", { limit: "laterMax" })];
  if (charsOf([...others, one]) > wireLimits.laterCharsMax)
    return [refuse("LIMIT_REACHED", { limit: "laterCharsMax" })];
  const later = [...others, one];
  return [...set(state, turn, later, [one.id]), ...next(later), reply(shown(one))];
}

function add(
  state: UserState,
  account: Account,
  command: Of<"schedule"> | Of<"remindMe">,
  turn: Turn<UserNotes>,
): Effects {
  const { type: _, ...what } = command;
  if (!account.rooms.includes(what.room)) return [refuse("NOT_A_MEMBER")];
  return put(state, account, { id: (account.laterIds ?? 0) + 1, ...what, status: "waiting" }, turn);
}

/** One that may be changed. */
function changeable({ outbox }: UserState, account: Account, id: number): HeldLater | Effects {
  const one = of(account, outbox).find((later) => later.id === id);
  if (one === undefined) return [refuse("NOT_FOUND", { id })];
  return one.status === "sending" ? [refuse("FORBIDDEN", { reason: "this message is on its way" })] : one;
}

function change(state: UserState, account: Account, command: Of<"changeLater">, turn: Turn<UserNotes>): Effects {
  const one = changeable(state, account, command.id);
  if (!("id" in one)) return one;
  const { text, atMs = one.atMs, seen } = command;
  if (seen !== undefined && seen !== one.atMs && atMs !== one.atMs)
    return [refuse("CHANGED_MEANWHILE", { now: one.atMs })];
  if (text !== undefined && one.text === undefined)
    return [refuse("BAD_REQUEST", { field: "text", reason: "a reminder has no text of its own" })];
  const { failure: _, tries: _tries, ...rest } = one;
  return put(state, account, { ...rest, atMs, ...(text !== undefined && { text }), status: "waiting" }, turn);
}

function cancel(state: UserState, account: Account, { id }: Of<"cancelLater">, turn: Turn<UserNotes>): Effects {
  const one = changeable(state, account, id);
  if (!("id" in one)) return one;
  const others = of(account, state.outbox).filter((later) => later.id !== id);
  return [...set(state, turn, others, [id]), ...next(others), reply({})];
}

/** Sends one before its time. It goes to the outbox by the event that takes it from the list, so it is sent once, also
 *  where nobody hears the answer. Errors: NOT_FOUND, FORBIDDEN, BAD_REQUEST. */
function sendNow(state: UserState, account: Account, { id }: Of<"sendNow">, turn: Turn<UserNotes>): Effects {
  const one = changeable(state, account, id);
  if (!("id" in one)) return one;
  if (one.text === undefined) return [refuse("BAD_REQUEST", { field: "id", reason: "a reminder is not sent" })];
  const { failure: _, tries: _tries, ...rest } = one;
  const others = of(account, state.outbox).filter((later) => later.id !== id);
  const now: HeldLater = { ...rest, atMs: turn.nowMs, status: "waiting" };
  const { after, effects } = goOut(state, account, [now, ...others], turn, [id]);
  return [...effects, reply(shown(after.find((later) => later.id === id) ?? now))];
}

/** The time of some has come. */
export const laterReminded = (state: UserState, account: Account, turn: Turn<UserNotes>): Effects =>
  goOut(state, account, of(account, state.outbox), turn).effects;

/** Messages whose time has come go to the outbox, as many as fit there; of the others the person is told. What has no
 *  place in this turn has one in the next. `changed`: those that are others already. */
function goOut(
  state: UserState,
  account: Account,
  held: readonly HeldLater[],
  turn: Turn<UserNotes>,
  changed: readonly number[] = [],
): { readonly after: readonly HeldLater[]; readonly effects: Effects } {
  const mail: Mail[] = [];
  const ids: number[] = [];
  const after = held.map((one): HeldLater => {
    const isOver = one.status === "waiting" && one.atMs <= turn.nowMs;
    if (!isOver || ids.length >= limits.laterAtOnce) return one;
    if (one.text !== undefined && !isOut(account, turn.nowMs) && !fits(state.outbox, mail.length + 1)) return one;
    ids.push(one.id);
    if (one.text === undefined) return { ...one, status: "due" };
    // Who may not come in sends nothing.
    if (isOut(account, turn.nowMs)) return { ...one, status: "failed", failure: { code: "SUSPENDED" } };
    const { room, text, replyTo, alsoInRoom, topic } = one;
    const places = {
      ...(replyTo !== undefined && { replyTo }),
      ...(alsoInRoom !== undefined && { alsoInRoom }),
      ...(topic !== undefined && { topic }),
    };
    mail.push({ to: `room/${room}`, message: { type: "post", text, ...places } });
    return { ...one, status: "sending", entry: state.outbox.next + mail.length - 1 };
  });
  const events = set(state, turn, after, [...new Set([...changed, ...ids])], mail);
  return { after, effects: [...events, ...dispatch(state.outbox, mail, turn.self), ...next(after)] };
}

/** The room has a message, or refused it for good. */
export function onLaterSent(
  state: UserState,
  account: Account,
  { entry, result }: Settled & { readonly entry: OutboxEntry },
  turn: Turn<UserNotes>,
): Effects {
  const one = of(account, state.outbox).find((later) => later.entry === entry.id);
  if (one === undefined) return [];
  const others = of(account, state.outbox).filter(({ id }) => id !== one.id);
  if (result.ok) return set(state, turn, others, [one.id]);
  const { code, details } = result.error;
  const { reason, retryAfterMs } = details ?? {};
  const { entry: _, tries = 0, ...rest } = one;
  // Another one of the same time was first: it waits as its author would.
  if (code === "SLOW_MODE" && typeof retryAfterMs === "number" && tries < limits.laterTriesMax) {
    const again = { ...rest, status: "waiting" as const, atMs: turn.nowMs + retryAfterMs, tries: tries + 1 };
    return [...set(state, turn, [...others, again], [one.id]), ...next([...others, again])];
  }
  const failure = { code, ...(typeof reason === "string" && { reason }) };
  return set(state, turn, [...others, { ...rest, status: "failed", failure }], [one.id]);
}

/** What a person asks about what is later. */
export const laterHandlers: PersonHandlers<
  "schedule" | "remindMe" | "changeLater" | "sendNow" | "cancelLater" | "later"
> = {
  schedule: ({ state, account }, command, turn) => add(state, account, command, turn),
  remindMe: ({ state, account }, command, turn) => add(state, account, command, turn),
  changeLater: ({ state, account }, command, turn) => change(state, account, command, turn),
  sendNow: ({ state, account }, command, turn) => sendNow(state, account, command, turn),
  cancelLater: ({ state, account }, command, turn) => cancel(state, account, command, turn),
  later: ({ state, account }) => [
    reply({
      later: of(account, state.outbox)
        .map(shown)
        .toSorted((a, b) => a.atMs - b.atMs || a.id - b.id),
    }),
  ],
};
