/** The detectors of the watch: what each reads and finds, from when on it is too much, and what thresholds may be set
 *  to. */
import { Type, type Static } from "typebox";
import { object } from "../wire/schema.ts";

/** How much an alert matters. */
export const alertSeverities = ["notice", "warning", "critical"] as const;
export type AlertSeverity = (typeof alertSeverities)[number];
export const alertSeverity = Type.Union([Type.Literal("notice"), Type.Literal("warning"), Type.Literal("critical")]);

/** One detector, as people read of it. Its steps are in `node/watch/detectors.ts` and `node/watch/counts.ts`. */
export interface DetectorRow {
  readonly severity: AlertSeverity;
  /** Entries of the audit, or what nodes have counted since they started (`watchedCounts`). */
  readonly stream: "audit" | "counts";
  /** What it reads. */
  readonly input: string;
  /** What it finds. */
  readonly finds: string;
  /** Its thresholds, with the number that holds while nobody sets another. */
  readonly settings: Readonly<Record<string, number>>;
  /** Alerts that it may give without cause in a day, in a cluster of `falseAlarmPeople` people. */
  readonly falseAlarmsPerDay: number;
}

/** The size of the cluster that false alarms are stated for. */
export const falseAlarmPeople = 1_000;

/** Every detector. A name is never used for another later. */
export const detectors = {
  "refused-person": {
    severity: "warning",
    stream: "audit",
    input: "signIn, signInStep: refused; by the account",
    finds: "Many sign-ins to one account were refused",
    settings: { count: 10, minutes: 15 },
    falseAlarmsPerDay: 0.2,
  },
  "refused-address": {
    severity: "warning",
    stream: "audit",
    input: "signIn, signInStep: refused; by the address",
    finds: "Sign-ins to many accounts from one address were refused",
    settings: { accounts: 10, minutes: 60 },
    falseAlarmsPerDay: 0.2,
  },
  "impossible-travel": {
    severity: "warning",
    stream: "audit",
    input: "signIn: done; by the person; the file of `addressPlaces`",
    finds:
      "A person signed in from two places that are too far apart for the time between, and the second place is " +
      "new for them",
    settings: { kilometresPerHour: 1_000, kilometres: 500, usualDays: 3 },
    falseAlarmsPerDay: 1,
  },
  "new-place-exports": {
    severity: "critical",
    stream: "audit",
    input: "signIn: done; exportAudit, exportUser, downloadBackup, recallBackup, copyBackup: done; by the person",
    finds: "Somebody signed in from a new address, and exported a lot of data soon after",
    settings: { exports: 3, minutes: 60 },
    falseAlarmsPerDay: 0.1,
  },
  "power-used-at-once": {
    severity: "warning",
    stream: "audit",
    input: "setRoles, setAdmin: done; acts on power, keys, backups, data and settings: done; by the person",
    finds: "Somebody used powerful permissions within minutes after getting a role",
    settings: { acts: 2, minutes: 10 },
    falseAlarmsPerDay: 0.2,
  },
  "refused-acts": {
    severity: "notice",
    stream: "audit",
    input: "acts that need a permission, refused with FORBIDDEN; by the person",
    finds: "Somebody tries again and again what they may not do",
    settings: { count: 15, minutes: 10 },
    falseAlarmsPerDay: 0.2,
  },
  "unusual-acts": {
    severity: "notice",
    stream: "audit",
    input: "every act of a person: how many of each area in an hour, how many refused, how many at night (UTC)",
    finds:
      "The activity of a person in one hour is very unlike their own past (robust z-scores, once there is enough past)",
    settings: { score: 2.7, hours: 20 },
    falseAlarmsPerDay: 1,
  },
  "audit-trouble": {
    severity: "critical",
    stream: "audit",
    input: "auditForked, auditMissing",
    finds: "A node's audit differs from what other nodes saw of it, or entries are missing",
    settings: { missing: 1 },
    falseAlarmsPerDay: 0.1,
  },
  "refusals-rise": {
    severity: "warning",
    stream: "counts",
    input: "sign_ins_failed, gateway_connections_refused; by the node, every ten seconds",
    finds:
      "A node refuses many more sign-ins and connections than usual. This includes those refused by a limit or " +
      "a list of addresses, which are not in the audit",
    settings: { refusals: 60, times: 12, minutes: 10 },
    falseAlarmsPerDay: 0.2,
  },
  "undelivered-rise": {
    severity: "notice",
    stream: "counts",
    input: "dead_letters; by the node, every ten seconds",
    finds: "Many messages of a node could not be delivered, and became dead letters",
    settings: { letters: 50, minutes: 10 },
    falseAlarmsPerDay: 0.1,
  },
  "false-identities": {
    severity: "critical",
    stream: "counts",
    input: "routing_identities_refused; by the node, every ten seconds",
    finds: "Other nodes often sent requests of people whose session they could not prove",
    settings: { claims: 5, minutes: 10 },
    falseAlarmsPerDay: 0.1,
  },
  "runs-out": {
    severity: "warning",
    stream: "counts",
    input: "free disk, memory and places of models; by the node, every hour",
    finds: "At the present pace a node's disk, memory or places for models run out within days",
    settings: { days: 7 },
    falseAlarmsPerDay: 0.2,
  },
} as const satisfies Readonly<Record<string, DetectorRow>>;
export type DetectorName = keyof typeof detectors;

/** Names of the detectors that read a stream. */
export type DetectorOf<Stream extends DetectorRow["stream"]> = {
  [Name in DetectorName]: (typeof detectors)[Name]["stream"] extends Stream ? Name : never;
}[DetectorName];

/** What a threshold may be set to. One that could never be reached would be a detector that is off and does not say
 *  so. */
export interface ThresholdBounds {
  readonly min: number;
  readonly max: number;
  /** No fractions. */
  readonly whole: boolean;
}

const whole = (max: number): ThresholdBounds => ({ min: 1, max, whole: true });
const part = (max: number): ThresholdBounds => ({ min: 1, max, whole: false });

/** The bounds of every threshold, by its name: the same in all detectors. */
export const thresholdBounds: Readonly<Record<string, ThresholdBounds>> = {
  // So many times and names a detector remembers of one subject.
  count: whole(100),
  accounts: whole(100),
  minutes: whole(24 * 60),
  kilometresPerHour: whole(100_000),
  kilometres: whole(20_000),
  usualDays: whole(365),
  exports: whole(1_000),
  acts: whole(1_000),
  score: part(100),
  hours: whole(10_000),
  missing: whole(1_000_000),
  refusals: whole(1_000_000),
  times: part(1_000),
  letters: whole(1_000_000),
  claims: whole(1_000_000),
  days: whole(60),
};

/** What nodes count that detectors read, as `/metrics` names it (docs/operate/metrics.md). */
export const watchedCounts = [
  "sign_ins_failed",
  "gateway_connections_refused",
  "dead_letters",
  "routing_identities_refused",
] as const;
export type WatchedCount = (typeof watchedCounts)[number];

/** What nodes measure that detectors read, beside what they count. `model_places_free`: in the busiest moment of the
 *  last hour. */
export const watchedFigures = [
  "disk_free_bytes",
  "disk_bytes",
  "memory_free_bytes",
  "memory_bytes",
  "model_places_free",
  "model_places",
] as const;
export type WatchedFigure = (typeof watchedFigures)[number];

/** What a node has counted since its process started, and how it stands. */
export interface CountSample {
  /** What the node is called. */
  readonly node: string;
  /** Names the process: another one counts from nothing. */
  readonly start: string;
  /** When the watcher read it, by its own clock. */
  readonly atMs: number;
  readonly counts: Readonly<Partial<Record<WatchedCount | WatchedFigure, number>>>;
}

/** Limits of an admin's own for a detector: in place of some of its thresholds, or off. */
export const detectorSettings = object({
  settings: Type.Optional(
    Type.Record(Type.String({ maxLength: 32 }), Type.Number({ minimum: 1, maximum: 1_000_000 }), { maxProperties: 8 }),
  ),
  off: Type.Optional(Type.Boolean()),
});
export type DetectorSettings = Static<typeof detectorSettings>;
/** Body of the route. `seen`: all thresholds as the writer has seen them, and whether it was off. */
export const detectorBody = object({ ...detectorSettings.properties, seen: Type.Optional(detectorSettings) });

/** A detector as it stands. */
export interface DetectorView extends DetectorRow {
  readonly name: string;
  /** The thresholds that hold now. */
  readonly now: Readonly<Record<string, number>>;
  readonly off: boolean;
  readonly bounds: Readonly<Record<string, ThresholdBounds>>;
  /** How it stood before, in the answer to the admin who has set it. */
  readonly before?: { readonly now: Readonly<Record<string, number>>; readonly off: boolean };
}
