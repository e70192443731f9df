/** Watching for trouble: what detectors and rules find, the alerts that come of it, and what is done about them
 *  (docs/decisions/0083-watching-for-trouble.md).
 *
 *      the watcher at the node that owns it ─ take, advance ─► watch/cluster ◄─ alerts, acknowledge, setRule ─ admins
 *
 *  A detector is a row of `detectors`; what it remembers and decides is `node/watch`. */
import { Type, type Static } from "typebox";
import { auditTexts, type AuditFacts } from "./audit.ts";
import { answer, command } from "../wire/command.ts";
import { alertSeverity, detectorSettings, type DetectorSettings, type DetectorView } from "./detectors.ts";
import { keyText, type ActorId } from "../ids.ts";
import { wireLimits as limits } from "../limits.ts";
import {
  keptActs,
  playbookKept,
  playbookMode,
  playbookStep,
  seenEntry,
  type Playbook,
  type PlaybookRun,
  type PlaybookRuns,
} from "./playbooks.ts";
import { key, limit, line, nothing, object, position, seenOf } from "../wire/schema.ts";
import { shownField } from "../power/shown.ts";

/** The one actor of its kind. */
export const watchActor: ActorId = "watch/cluster";

/** Where an entry is in the audit: time, log and number, as in `before` of a search for the entries before it. */
const place = Type.String({ maxLength: 160, pattern: "^[0-9]+\\.[0-9a-f]+-[0-9a-f]+\\.[0-9]+$" });
const text = Type.String({ maxLength: auditTexts.fact });
const name = Type.String({ minLength: 1, maxLength: auditTexts.name });
const facts = Type.Unsafe<AuditFacts>(
  Type.Record(Type.String({ maxLength: 64 }), Type.Union([text, Type.Number(), Type.Boolean()]), { maxProperties: 12 }),
);
const by = Type.String({ minLength: 1, maxLength: 128, description: "The caller: a user, or `operator`" });

/** What found it: `detector/refused-person`, `rule/NAME`. */
export const alertSource = Type.String({ pattern: `^(detector|rule|watch)/${keyText}$`, maxLength: 112 });

/** What a detector or a rule found. */
export const finding = object({
  source: alertSource,
  severity: alertSeverity,
  /** Whom or what it is about: `user/ada`, `address/192.0.2.7`, `node/b`. What is found of it again is the same
   *  alert. */
  about: name,
  title: text,
  atMs: position,
  evidence: Type.Array(place, { maxItems: 8 }),
  facts: Type.Optional(facts),
});
export type Finding = Static<typeof finding>;

/** The id of an alert or a run. */
export const alertId = Type.String({ pattern: "^[1-9][0-9]{0,14}$", description: "The number of an alert" });

/** Something that an admin has to look at. */
export interface Alert extends Omit<Finding, "atMs"> {
  readonly id: string;
  /** How often it was found. */
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly acknowledged?: { readonly by: string; readonly atMs: number; readonly note?: string };
}

/** What the watcher has to do: a run, with what its acts need. */
export interface PlaybookOrder {
  readonly run: PlaybookRun;
  readonly alert: Alert;
  readonly acts: Playbook["acts"];
}

/** A page of alerts, the newest first. */
export interface AlertPage {
  readonly alerts: readonly Alert[];
  readonly open: number;
  readonly more: boolean;
}

/** One step of a rule: so many entries of an action, or of an area of actions, with an outcome (`done`, `refused`, a
 *  code). */
export const ruleStep = object({
  action: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  outcome: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  count: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.watchRuleCountMax })),
});

/** A rule over events: entries about the same person, from the same address or done to the same thing, within a
 *  time. */
export const ruleBody = object({
  note: Type.Optional(line(limits.alertNoteCharsMax)),
  severity: alertSeverity,
  withinMinutes: Type.Integer({ minimum: 1, maximum: limits.watchRuleMinutesMax }),
  by: Type.Union([Type.Literal("user"), Type.Literal("address"), Type.Literal("target")]),
  steps: Type.Array(ruleStep, { minItems: 1, maxItems: limits.watchRuleStepsMax }),
  /** One step after the other; else in any order. */
  ordered: Type.Optional(Type.Boolean()),
  /** Absent: it is kept, and finds nothing. */
  on: Type.Optional(Type.Boolean()),
});
export type RuleBody = Static<typeof ruleBody>;
const ruleSeen = seenOf(ruleBody);
export const setRuleBody = object({ ...ruleBody.properties, seen: ruleSeen });
export interface WatchRule extends RuleBody {
  readonly name: string;
}
export const ruleTrial = object({ rule: ruleBody, sinceMs: Type.Optional(position) });

/** What a rule would have found. */
export interface RuleTried {
  /** The newest ones. */
  readonly findings: readonly Finding[];
  readonly found: number;
  readonly looked: number;
  readonly sinceMs: number;
  /** True: there were more entries than one trial looks at, and those after `untilMs` were not. */
  readonly cut: boolean;
  readonly untilMs: number;
}

/** How far the watcher has read a log of the audit. */
const cursor = object({ log: Type.String({ pattern: "^[0-9a-f]{8,64}-[0-9a-f]{8}$" }), seq: position });
export type WatchCursor = Static<typeof cursor>;

/** What a detector remembers of one subject; null: nothing any more. */
const rowOf = object({
  key: Type.String({ minLength: 1, maxLength: 256 }),
  value: Type.Union([Type.String({ maxLength: limits.watchRowCharsMax }), Type.Null()]),
});
export type WatchRow = Static<typeof rowOf>;

/** What the watcher gets when it begins. */
export interface WatchTurn {
  readonly turn: number;
  readonly step: number;
  /** Entries from before are not judged: the watch began then. */
  readonly beganAtMs: number;
  readonly cursors: readonly WatchCursor[];
  readonly plan: WatchPlan;
}

/** What is watched for; another `version` is another plan. */
export interface WatchPlan {
  readonly version: number;
  readonly detectors: Readonly<Record<string, DetectorSettings>>;
  /** Those that are on. */
  readonly rules: readonly WatchRule[];
}

/** What the actor says to each step. */
export interface WatchAdvanced {
  readonly step: number;
  /** Alerts that were not yet told to anybody. */
  readonly untold: readonly Alert[];
  /** Runs of playbooks that are to be done, and told; the oldest first. */
  readonly orders: readonly PlaybookOrder[];
  /** Runs that this step began none of, because so many wait. */
  readonly dropped: number;
  /** Present where it is another than the one that the step was made with. */
  readonly plan?: WatchPlan;
}

const turn = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const fromNode = { from: ["node"], effect: "changes", permission: "cluster.administer" } as const;
const read = { from: ["gateway", "node"], effect: "reads", permission: "alerts.read" } as const;
const managed = { from: ["gateway"], effect: "changes", permission: "alerts.manage" } as const;

/** Commands to `watch/cluster`. */
export const watchCommands = {
  /** The node that owns the actor takes the watch; the one before hears TASK_TAKEN. A watch that never was begins where
   *  the logs were when the node first asked for it: `ends`, and `sinceMs`, without which it is now. */
  take: command({
    ...fromNode,
    params: { runner: name, ends: Type.Array(cursor, { maxItems: 1_024 }), sinceMs: Type.Optional(position) },
    result: answer<WatchTurn>("WatchTurn"),
    summary: "Takes the watch",
  }),
  /** What detectors remember, a page by keys. Error: TASK_TAKEN. */
  rows: command({
    params: { turn, after: Type.Optional(Type.String({ maxLength: 256 })) },
    result: answer<{ readonly rows: readonly WatchRow[]; readonly more: boolean }>("WatchRows"),
    from: ["node"],
    effect: "reads",
    permission: "cluster.administer",
    summary: "What detectors remember",
    answers: "page",
  }),
  /** How far was read, what is remembered of it and what was found, in one step. The same step again changes nothing.
   *  Error: TASK_TAKEN. */
  advance: command({
    ...fromNode,
    params: {
      turn,
      step: position,
      version: position,
      cursors: Type.Array(cursor, { maxItems: 1_024 }),
      rows: Type.Array(rowOf, { maxItems: limits.watchRowsPage }),
      findings: Type.Array(finding, { maxItems: limits.watchFindingsPage }),
    },
    result: answer<WatchAdvanced>("WatchAdvanced"),
    summary: "Goes on with the watch",
  }),
  /** These alerts are in the audit, and people were told. Error: TASK_TAKEN. */
  told: command({
    ...fromNode,
    params: { turn, alerts: Type.Array(alertId, { maxItems: 100 }) },
    result: nothing,
    summary: "Alerts were told to people",
  }),
  /** What is remembered of what may run out, a page by keys. */
  scarce: command({
    ...read,
    params: { after: Type.Optional(Type.String({ maxLength: 256 })) },
    result: answer<{ readonly rows: readonly WatchRow[]; readonly more: boolean }>("WatchRows"),
    summary: "What is remembered of what may run out",
    answers: "page",
  }),
  /** Open alerts, or acknowledged ones: the newest first, from before the alert `before` on. */
  alerts: command({
    ...read,
    params: {
      state: Type.Optional(Type.Union([Type.Literal("open"), Type.Literal("acknowledged")])),
      before: Type.Optional(alertId),
      limit: Type.Optional(limit),
    },
    result: answer<AlertPage>("AlertPage"),
    summary: "Alerts",
    answers: "page",
  }),
  /** Error: NOT_FOUND. */
  alert: command({ ...read, params: { id: alertId }, result: answer<Alert>("Alert"), summary: "One alert" }),
  /** What is found of it from now on is another alert. Acknowledged again, it stays as it is. Error: NOT_FOUND. */
  acknowledge: command({
    ...managed,
    permission: "alerts.acknowledge",
    params: { id: alertId, by, note: Type.Optional(line(limits.alertNoteCharsMax)) },
    result: answer<Alert>("Alert"),
    summary: "Takes note of an alert",
  }),
  /** Errors: NOT_FOUND, BAD_REQUEST (no such threshold), CHANGED_MEANWHILE. */
  setDetector: command({
    ...managed,
    params: { ...shownField, name, set: detectorSettings, seen: Type.Optional(detectorSettings) },
    result: answer<DetectorView>("DetectorView"),
    summary: "Sets thresholds of a detector, or switches it off",
  }),
  detectors: command({
    ...read,
    params: {},
    result: answer<{ readonly detectors: readonly DetectorView[] }>("DetectorViews"),
    summary: "The detectors and their thresholds",
    answers: "list",
  }),
  /** Errors: LIMIT_REACHED, BAD_REQUEST, CHANGED_MEANWHILE. */
  setRule: command({
    ...managed,
    params: { ...shownField, name: key, rule: ruleBody, seen: ruleSeen },
    result: answer<WatchRule>("WatchRule"),
    summary: "Makes a rule over events, or changes it",
  }),
  /** Error: NOT_FOUND. */
  removeRule: command({
    ...managed,
    params: { ...shownField, name: key },
    result: answer<WatchRule>("WatchRule"),
    summary: "Removes a rule over events",
  }),
  rules: command({
    ...read,
    params: {},
    result: answer<{ readonly rules: readonly WatchRule[] }>("WatchRules"),
    summary: "The rules over events",
    answers: "list",
  }),
  /** It begins as a rehearsal, also where one was switched on. Errors: LIMIT_REACHED, CHANGED_MEANWHILE. */
  setPlaybook: command({
    ...managed,
    params: { ...shownField, name: key, playbook: playbookKept, by, seen: seenOf(playbookKept) },
    result: answer<Playbook>("Playbook"),
    summary: "Makes a playbook, or changes it",
  }),
  /** Errors: NOT_FOUND; ALREADY_DONE where it was changed since `acts` were seen. */
  switchPlaybook: command({
    ...managed,
    permission: "playbooks.manage",
    params: { ...shownField, name: key, mode: playbookMode.properties.mode, acts: keptActs, by },
    result: answer<Playbook>("Playbook"),
    summary: "Switches a playbook on, or back to rehearsals",
  }),
  /** Error: NOT_FOUND. */
  removePlaybook: command({
    ...managed,
    params: { ...shownField, name: key },
    result: answer<Playbook>("Playbook"),
    summary: "Removes a playbook",
  }),
  playbooks: command({
    ...read,
    params: {},
    result: answer<{ readonly playbooks: readonly Playbook[] }>("Playbooks"),
    summary: "The playbooks",
    answers: "list",
  }),
  /** Runs of playbooks, the newest first, from before the run `before` on. */
  runs: command({
    ...read,
    params: { before: Type.Optional(alertId), limit: Type.Optional(limit) },
    result: answer<PlaybookRuns>("PlaybookRuns"),
    summary: "Runs of playbooks",
    answers: "page",
  }),
  /** A run is over. Error: TASK_TAKEN. */
  ran: command({
    ...fromNode,
    params: {
      turn,
      id: alertId,
      steps: Type.Array(playbookStep, { maxItems: limits.playbookActionsMax }),
      seen: Type.Optional(Type.Array(seenEntry, { maxItems: limits.playbookSeenMax })),
    },
    result: nothing,
    summary: "A run of a playbook is over",
  }),
} as const;

/** Body of the route. */
export const acknowledgeAlert = object({ note: Type.Optional(line(limits.alertNoteCharsMax)) });
