/** Which commands people use, how long their sessions are, and what they say of the program
 *  (docs/decisions/0231-use-and-feedback.md). Counts by day: no name of a person, no text of a message. An admin
 *  switches it off; from then on nothing is counted, and nothing is taken.
 *
 *      every node ─ tellUse, every ten seconds ─► activity/cluster ◄─ use ─ gateway: charts, CSV */
import { Type } from "typebox";
import { answer, command } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { line, nothing, object, position, text } from "../wire/schema.ts";

/** Where the classes of lengths of sessions end, in minutes; the last class has no end. */
export const sessionMinutes = [1, 5, 15, 60, 240] as const;

const day = Type.String({ pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description: "A day of UTC, such as 2026-05-04" });
/** `kind.command`, of the table of commands. */
const feature = Type.String({ pattern: "^[a-z][a-z-]{0,31}\\.[A-Za-z]{1,63}$" });
const sessions = Type.Array(position, { minItems: sessionMinutes.length + 1, maxItems: sessionMinutes.length + 1 });

/** What a day comes to. */
export interface UseDay {
  readonly day: string;
  /** How often each command was done, by name. */
  readonly features: Readonly<Record<string, number>>;
  /** Sessions by length: those of less than a minute first. */
  readonly sessions: readonly number[];
}

/** What somebody said. */
export interface Feedback {
  /** Drawn by lot, so that it says nothing of the order. */
  readonly id: number;
  readonly text: string;
  /** When the day (of UTC) began on which it was said. */
  readonly atMs: number;
  /** An admin has seen to it. */
  readonly done?: true;
}

/** Answer to `use`. */
export interface UseView {
  readonly isOn: boolean;
  /** The newest first. */
  readonly days: readonly UseDay[];
  /** There are more days that were asked for: ask again with this as `before`. */
  readonly next?: string;
}

/** Answer to `feedback`. */
export interface FeedbackView {
  readonly isOn: boolean;
  /** The newest day first; those of one day in no order. */
  readonly feedback: readonly Feedback[];
}

/** Answer to `tellUse`. */
export interface UseTold {
  readonly seq: number;
  /** Off: what was told is gone, and nothing is to be counted. */
  readonly isOn: boolean;
}

export const feedbackText = text(limits.feedbackCharsMax);
export const useQuery = {
  days: Type.Integer({ minimum: 1, maximum: limits.useDaysMax }),
  before: Type.Optional(day),
} as const;

const byGateway = { from: ["gateway"], effect: "changes" } as const;

export const useCommands = {
  /** What came about at a node since it told last; `seq` as in `tell`. */
  tellUse: command({
    params: {
      reporter: line(256),
      seq: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
      features: Type.Array(object({ feature, count: position }), { maxItems: limits.featuresMax }),
      sessions,
    },
    result: answer<UseTold>("UseTold"),
    from: ["node"],
    effect: "changes",
    summary: "Adds which commands were used at a node, and how long sessions were",
  }),
  use: command({
    params: useQuery,
    result: answer<UseView>("UseView"),
    from: ["gateway"],
    effect: "reads",
    permission: "cluster.see",
    summary: "Which commands people use, and how long their sessions are, by day",
    answers: "list",
  }),
  setUse: command({
    ...byGateway,
    params: { isOn: Type.Boolean() },
    result: object({ isOn: Type.Boolean() }),
    permission: "cluster.administer",
    summary: "Switches the counting of use, and feedback, on or off",
  }),
  removeUse: command({
    ...byGateway,
    params: {},
    result: nothing,
    permission: "cluster.administer",
    summary: "Deletes all counts of use, and all feedback",
  }),
  /** `id`: drawn by lot. Errors: FORBIDDEN (it is off), LIMIT_REACHED (nobody has seen to those that are there). */
  giveFeedback: command({
    ...byGateway,
    params: { text: feedbackText, id: Type.Integer({ minimum: 1, maximum: 999_999_999 }) },
    result: nothing,
    permission: "account.use",
    summary: "Says something to the admins about the program, without a name",
  }),
  feedback: command({
    params: {},
    result: answer<FeedbackView>("FeedbackView"),
    from: ["gateway"],
    effect: "reads",
    permission: "cluster.see",
    summary: "What people said of the program",
  }),
  /** Error: NOT_FOUND. */
  endFeedback: command({
    ...byGateway,
    params: { id: position },
    result: nothing,
    permission: "cluster.administer",
    summary: "Marks what somebody said as done",
  }),
} as const;

/** Days as CSV: a row for each command of each day, and for each class of sessions. */
export function csvOfUse(days: readonly UseDay[]): string {
  const classes = sessionClasses.map((one) => `session ${one}`);
  const rows = days.flatMap(({ day: of, features, sessions: counts }) => [
    ...Object.entries(features).map(([name, count]) => [of, name, count]),
    ...counts.map((count, at) => [of, classes[at] ?? "", count]),
  ]);
  return [["day", "what", "count"], ...rows].map((cells) => `${cells.join(",")}\r\n`).join("");
}

/** The classes of lengths of sessions, in words. */
export const sessionClasses: readonly string[] = [
  ...sessionMinutes.map((end, at) => (at === 0 ? `below ${end} min` : `${sessionMinutes[at - 1]} to ${end} min`)),
  `over ${sessionMinutes.at(-1)} min`,
];

/** The class of a session that took so long. */
export function sessionClass(lengthMs: number): number {
  const at = sessionMinutes.findIndex((end) => lengthMs < end * 60_000);
  return at < 0 ? sessionMinutes.length : at;
}
