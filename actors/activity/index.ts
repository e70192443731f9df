/** What people did, `activity/cluster`: messages, active people, what was taken of models, what is kept; by day, of
 *  everybody and of teams.
 *
 *      nodes ─ tell ─► today's and this month's sums, who is counted in them ─► a record a day
 *      gateway ─ days ─► records, months
 *
 *  A node's message is counted once: it has a number, and is repeated until it is answered. Names are kept as long as
 *  they are needed to count each once: for the month. docs/decisions/0102-usage-costs-and-reports.md has the
 *  invariants.
 *
 *  Read `state.ts`, then `reports.ts` and `use.ts`. */
import {
  activityCommands,
  type ActivityDay,
  type ActivityTold,
  type ActivityView,
  type CommandOf,
} from "../../protocols/index.ts";
import { messageCheckOf } from "../message-check.ts";
import { decideBy, type Handlers } from "../handlers.ts";
import { persist, reply, type ActorRecord, type Behavior, type Effect, type ReplyTo, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { onSwitchRead, onUseRecords, useHandlers, type SwitchTag, type UseTag } from "./use.ts";
import { reportHandlers, reportReminded, reportReminder } from "./reports.ts";
import {
  at,
  daysRange,
  evolve,
  initial,
  record,
  toldChange,
  type ActivityChange,
  type ActivityState,
} from "./state.ts";

type Incoming = CommandOf<typeof activityCommands>;
type Effects = readonly Effect<ActivityChange, never>[];

/** What a read of records is for. */
interface DaysTag {
  readonly to: ReplyTo | undefined;
  readonly months: ActivityView["months"];
}

const handlers: Handlers<ActivityState, Incoming, Turn, Effects> = {
  ...reportHandlers,
  ...useHandlers,
  tell(state, message, turn) {
    const known = Object.hasOwn(state.reporters, message.reporter) ? state.reporters[message.reporter] : undefined;
    // The answer was lost, or it overtook itself.
    if (known !== undefined && message.seq <= known.seq) return [reply({ seq: known.seq } satisfies ActivityTold)];
    return [persist(toldChange(state, message, turn.nowMs)), reply({ seq: message.seq } satisfies ActivityTold)];
  },
  days(state, message, turn) {
    const tag: DaysTag = { to: turn.replyTo, months: at(state, turn.nowMs).months };
    return [{ type: "read", range: daysRange(message.days, turn.nowMs, message.before), tag }];
  },
};

/** The behavior of the actor of what people did. */
export const activity: Behavior<ActivityState, Incoming, ActivityChange> = {
  kind: "activity",
  role: "manager",
  accepts: messageCheckOf(activityCommands),
  initial: () => initial,
  decide: decideBy(activityCommands, handlers, {
    records(state, { tag, records }, turn) {
      const of = tag as DaysTag | UseTag | SwitchTag;
      if ("switch" in of) return onSwitchRead(state, of, records, turn);
      return "use" in of ? onUseRecords(of, records) : onRecords(of, records);
    },
    reminded: (state, { id }, turn) => (id === reportReminder ? reportReminded(state, turn) : [{ type: "forget", id }]),
  }),
  evolve,
  record,
  // The nodes of before tell no more.
  restored: (state) => ({
    ...state,
    reporters: {},
    stored: {},
    ...(state.use && { use: { ...state.use, reporters: {} } }),
  }),
};

function onRecords({ to, months }: DaysTag, records: readonly ActorRecord[]): Effects {
  const days = records.slice(0, limits.activityDaysPage).map(({ value }) => value as ActivityDay);
  const next = records.length > days.length ? days.at(-1)?.day : undefined;
  return [reply({ days, months, ...(next !== undefined && { next }) } satisfies ActivityView, to)];
}
