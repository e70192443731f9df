/** What people did, by day: messages, active people, what was taken of models, what is kept; of everybody and of teams
 *  (docs/decisions/0102-usage-costs-and-reports.md).
 *
 *      every node ─ tell, every few seconds ─► activity/cluster ◄─ days ─ gateway: charts, CSV
 *
 *  Names of people are known for a month, so that each counts once; a day that is over has sums alone. */
import { Type, type Static } from "typebox";
import { answer, command } from "../wire/command.ts";
import { useCommands } from "./features.ts";
import { reportCommands } from "./reports.ts";
import type { ActorId } from "../ids.ts";
import { wireLimits as limits } from "../limits.ts";
import { object, position } from "../wire/schema.ts";

/** The one actor of its kind. */
export const activityActor: ActorId = "activity/cluster";

const name = Type.String({ maxLength: 256 });
const day = Type.String({ pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description: "A day of UTC, such as 2026-05-04" });

const sumFields = {
  /** Messages in rooms, and to agents. */
  messages: position,
  /** Calls of models, tokens that they read and wrote, and what that cost: millionths of the unit in which prices
   *  are. */
  calls: position,
  tokens: position,
  cost: position,
} as const;
/** What is added up. */
export const activitySums = object(sumFields);
export type ActivitySums = Static<typeof activitySums>;

/** What one person did since a node told last. */
export const activityOf = object({
  /** Empty: nobody's, or of more people than a node remembers. */
  person: name,
  /** The teams of the person. */
  teams: Type.Array(name, { maxItems: limits.activityTeamsMax }),
  ...sumFields,
});
export type ActivityOf = Static<typeof activityOf>;

/** Commands to `activity/cluster`. */
export const activityCommands = {
  /** What came about at a node since it told last. `seq` counts up from 1 for each `reporter`: one that comes again
   *  changes nothing. */
  tell: command({
    params: {
      reporter: Type.String({ minLength: 1, maxLength: 256 }),
      seq: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
      people: Type.Array(activityOf, { maxItems: limits.activityPeoplePage }),
      /** What the node keeps on its disk. */
      stored: Type.Optional(object({ node: name, bytes: position })),
    },
    result: answer<ActivityTold>("ActivityTold"),
    from: ["node"],
    effect: "changes",
    summary: "Adds what people did at a node",
  }),
  /** So many days, today included, the newest first, from before the day `before` on. */
  days: command({
    params: {
      days: Type.Integer({ minimum: 1, maximum: limits.activityDaysMax }),
      before: Type.Optional(day),
    },
    result: answer<ActivityView>("ActivityView"),
    from: ["gateway", "node"],
    effect: "reads",
    permission: "cluster.see",
    summary: "What people did, by day",
    answers: "list",
  }),
  ...reportCommands,
  ...useCommands,
} as const;

/** Answer to `tell`. */
export interface ActivityTold {
  /** Up to which of the node's messages all is counted. */
  readonly seq: number;
}

/** Sums, and how many people they are of. */
export interface ActivityCount extends ActivitySums {
  readonly people: number;
}

/** A team's. A person in two teams is counted in both, by the teams of that day. */
export interface ActivityTeam extends ActivityCount {
  readonly team: string;
}

/** A day, or a month. */
export interface ActivityPeriod extends ActivityCount {
  /** There were more people than are told apart: `people` is too few. */
  readonly more?: true;
  readonly teams: readonly ActivityTeam[];
}

/** What a day comes to. */
export interface ActivityDay extends ActivityPeriod {
  readonly day: string;
  /** What all nodes kept on their disks, as they said last that day; 0: none has. */
  readonly storedBytes: number;
}

/** What a month comes to: of people each counts once. */
export interface ActivityMonth extends ActivityPeriod {
  readonly month: string;
}

/** Answer to `days`. */
export interface ActivityView {
  readonly days: readonly ActivityDay[];
  /** The newest first: as many as are kept. */
  readonly months: readonly ActivityMonth[];
  /** There are more of the days that were asked for: ask again with this as `before`. */
  readonly next?: string;
}

/** The query of the days. */
export const activityQuery = object({
  days: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.activityDaysMax, description: "Absent: 30" })),
  before: Type.Optional(day),
});
