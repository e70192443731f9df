/** Which commands people use, how long their sessions are, and what they say of the program.
 *
 *  Invariant: while it is off, nothing is added, whichever node tells it, and whichever version wrote the state: where
 *  that says nothing of the switch, the record of it is read first. What is deleted is gone from memory and records at
 *  once. */
import {
  sessionMinutes,
  type CommandOf,
  type FeedbackView,
  type useCommands,
  type UseDay,
  type UseTold,
  type UseView,
} from "../../protocols/index.ts";
import { persist, refuse, reply, type ActorRecord, type Effect, type ReplyTo, type Turn } from "../behavior.ts";
import type { Handlers } from "../handlers.ts";
import { actorLimits as limits } from "../limits.ts";
import { besideChange, dayOf, offRange, useRange, type ActivityChange, type ActivityState, type Use } from "./state.ts";

type Command = CommandOf<typeof useCommands>;
type Effects = readonly Effect<ActivityChange, never>[];

/** What a read of days is for. */
export interface UseTag {
  readonly use: true;
  readonly to: ReplyTo | undefined;
  readonly isOn: boolean;
  readonly days: number;
}

/** What a read of the switch is for. */
export interface SwitchTag {
  readonly switch: true;
  readonly command: Command;
  readonly to: ReplyTo | undefined;
}

const emptyDay = (nowMs: number): UseDay => ({
  day: dayOf(nowMs),
  features: {},
  sessions: Array.from({ length: sessionMinutes.length + 1 }, () => 0),
});

const fresh = (isOn: boolean, nowMs: number): Use => ({ isOn, day: emptyDay(nowMs), reporters: {}, feedback: [] });

/** As it is today. */
function of({ use }: ActivityState, nowMs: number): Use {
  if (use === undefined) return fresh(true, nowMs);
  return use.day.day === dayOf(nowMs) ? use : { ...use, day: emptyDay(nowMs) };
}

function added(
  day: UseDay,
  { features, sessions }: Pick<Extract<Command, { type: "tellUse" }>, "features" | "sessions">,
) {
  const sums = new Map(Object.entries(day.features));
  for (const { feature, count } of features)
    if (sums.has(feature) || sums.size < limits.featuresKept) sums.set(feature, (sums.get(feature) ?? 0) + count);
  return {
    ...day,
    features: Object.fromEntries(sums),
    sessions: day.sessions.map((count, at) => count + (sessions[at] ?? 0)),
  };
}

const changed = (state: ActivityState, use: Use, nowMs: number): Effects => [
  persist(besideChange(state, { use }, nowMs)),
];

/** All but the feedback, which is large and stays as it is. */
function counted(state: ActivityState, { isOn, day, reporters }: Omit<Use, "feedback">, nowMs: number): Effects {
  return [persist(besideChange(state, { use: { isOn, day, reporters } }, nowMs))];
}

/** When a day began: more of a time is kept of no feedback, or it would say by whom it is. */
const dayBegin = (atMs: number): number => Date.parse(dayOf(atMs));

/** The id that was drawn for it, or the next that is free. */
function freeId({ feedback }: Use, drawn: number): number {
  const taken = new Set(feedback.map(({ id }) => id));
  let id = drawn;
  while (taken.has(id)) id += 1;
  return id;
}

const known: Handlers<ActivityState, Command, Turn, Effects> = {
  tellUse(state, { reporter, seq, ...told }, { nowMs }) {
    const use = of(state, nowMs);
    const answer = reply({ seq, isOn: use.isOn } satisfies UseTold);
    const isEmpty = told.features.length === 0 && told.sessions.every((count) => count === 0);
    const known = Object.hasOwn(use.reporters, reporter) ? use.reporters[reporter] : undefined;
    // The answer was lost, or it overtook itself; a node that only asks whether it is on changes nothing.
    if (!use.isOn || isEmpty || (known !== undefined && seq <= known.seq)) return [answer];
    const others = Object.entries(use.reporters)
      .filter(([name, one]) => name !== reporter && nowMs - one.atMs < limits.usageReporterMs)
      .slice(1 - limits.usageReportersMax);
    const reporters = { ...Object.fromEntries(others), [reporter]: { seq, atMs: nowMs } };
    return [...counted(state, { ...use, day: added(use.day, told), reporters }, nowMs), answer];
  },
  use(state, { days, before }, { nowMs, replyTo }) {
    const tag: UseTag = { use: true, to: replyTo, isOn: of(state, nowMs).isOn, days };
    return [{ type: "read", range: useRange(days, nowMs, before), tag }];
  },
  setUse(state, { isOn }, { nowMs }) {
    return [...counted(state, { ...of(state, nowMs), isOn }, nowMs), reply({ isOn })];
  },
  removeUse(state, _, { nowMs }) {
    const use: Use = { ...of(state, nowMs), day: emptyDay(nowMs), feedback: [] };
    return [persist(besideChange(state, { use, deleted: true }, nowMs)), reply({})];
  },
  giveFeedback(state, { text, id: drawn }, { nowMs }) {
    const use = of(state, nowMs);
    if (!use.isOn) return [refuse("FORBIDDEN", { reason: "an admin has switched feedback off" })];
    const waiting = use.feedback.filter(({ done }) => done !== true);
    if (waiting.length >= limits.feedbackKept) return [refuse("LIMIT_REACHED", { limit: "feedbackKept" })];
    const done = use.feedback.filter((one) => one.done === true).toSorted((one, other) => one.atMs - other.atMs);
    // Of those that are done the newest stay, as many as there is room for.
    const gone = new Set(done.slice(0, Math.max(0, use.feedback.length + 1 - limits.feedbackKept)));
    const given = { id: freeId(use, drawn), text, atMs: dayBegin(nowMs) };
    const feedback = [...use.feedback.filter((one) => !gone.has(one)), given].toSorted(
      (one, other) => one.id - other.id,
    );
    return [...changed(state, { ...use, feedback }, nowMs), reply({})];
  },
  feedback(state, _, { nowMs }) {
    const { isOn, feedback } = of(state, nowMs);
    const days = feedback.map((one) => ({ ...one, atMs: dayBegin(one.atMs) }));
    const sorted = days.toSorted((one, other) => other.atMs - one.atMs || one.id - other.id);
    return [reply({ isOn, feedback: sorted } satisfies FeedbackView)];
  },
  endFeedback(state, { id }, { nowMs }) {
    const use = of(state, nowMs);
    if (!use.feedback.some((one) => one.id === id)) return [refuse("NOT_FOUND", { id })];
    const feedback = use.feedback.map((one) => (one.id === id ? { ...one, done: true as const } : one));
    return [...changed(state, { ...use, feedback }, nowMs), reply({})];
  },
};

/** What the gateway and the nodes ask. */
export const useHandlers = Object.fromEntries(
  Object.keys(known).map((type) => [
    type,
    (state: ActivityState, command: Command, turn: Turn): Effects => {
      // That it is off may not be kept yet: a node of a version before wrote it.
      if (state.use?.isOn === true) return decided(state, command, turn);
      const tag: SwitchTag = { switch: true, command, to: turn.replyTo };
      return [{ type: "read", range: offRange, tag }];
    },
  ]),
) as unknown as typeof known;

const decided = (state: ActivityState, command: Command, turn: Turn): Effects =>
  (known[command.type] as (state: ActivityState, command: Command, turn: Turn) => Effects)(state, command, turn);

/** What was read of the switch: the command is decided by it. */
export function onSwitchRead(
  state: ActivityState,
  { command, to }: SwitchTag,
  records: readonly ActorRecord[],
  here: Turn,
): Effects {
  const turn: Turn = to === undefined ? here : { ...here, replyTo: to };
  // Somebody has set it meanwhile.
  const use = state.use ?? fresh(records.length === 0, here.nowMs);
  const effects = decided({ ...state, use }, command, turn).map((effect) =>
    to !== undefined && (effect.type === "reply" || effect.type === "refuse") ? { ...effect, to } : effect,
  );
  const isSaid = effects.some(({ type }) => type === "persist");
  const isKept = state.use !== undefined && records.length > 0;
  return !isKept && !use.isOn && !isSaid ? [...changed(state, use, here.nowMs), ...effects] : effects;
}

/** What was read of the days. */
export function onUseRecords({ to, isOn, days: wanted }: UseTag, records: readonly ActorRecord[]): Effects {
  const days = records.slice(0, wanted).map(({ value }) => value as UseDay);
  const next = records.length > days.length ? days.at(-1)?.day : undefined;
  return [reply({ isOn, days, ...(next !== undefined && { next }) } satisfies UseView, to)];
}
