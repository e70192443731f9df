/** A report of a period: who had power, what changed, what was refused, exported, erased. A pure fold over entries, the
 *  oldest first, in bounded memory; who had power is found backwards, from those who have it now, by undoing the
 *  changes since. */
import { auditActionOf, auditDone, type AuditRecord } from "../../protocols/index.ts";
import type { AuditHead } from "./chain.ts";

/** Of what period, and who has which roles now. */
export interface ReportPeriod {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly nowMs: number;
  readonly people: readonly { readonly user: string; readonly roles: readonly string[] }[];
  /** The list was cut: more people have power now than it names. */
  readonly peopleCut?: boolean;
}

/** Entries of a section: all are counted, the first are shown. */
interface ReportSection {
  readonly title: string;
  readonly count: number;
  readonly entries: readonly ReportEntry[];
}
export type ReportEntry = Pick<
  AuditRecord,
  "log" | "seq" | "atMs" | "node" | "action" | "by" | "target" | "address" | "outcome" | "facts"
>;

/** Somebody with power. Roles are undefined where the entry that changed them does not say what they were. */
interface ReportHolder {
  readonly user: string;
  readonly begin: readonly string[] | undefined;
  readonly end: readonly string[] | undefined;
}

export interface AuditReport {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly madeAtMs: number;
  readonly entries: number;
  /** Entries that were not written because too many came at once, as the nodes say. */
  readonly missing: number;
  readonly power: readonly ReportHolder[];
  readonly powerCut: boolean;
  readonly signIns: {
    readonly done: number;
    readonly refused: number;
    readonly byOutcome: Readonly<Record<string, number>>;
    /** People who signed in; `peopleMax` stands for that many or more. */
    readonly people: number;
    readonly peopleMax: number;
  };
  /** Refusals, by what was asked for and why it was refused. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly sections: readonly ReportSection[];
  /** How far each log had come by the word of its node: the same numbers are in an export. */
  readonly heads: readonly Pick<AuditHead, "log" | "seq" | "root" | "hash" | "atMs" | "peer">[];
  /** The first and last entry of each log in the period. */
  readonly logs: Readonly<Record<string, { readonly first: number; readonly last: number }>>;
}

const shownMax = 500;
const peopleMax = 10_000;
const holdersMax = 10_000;
const kindsMax = 500;

const erasing: ReadonlySet<string> = new Set([
  "deleteUser",
  "eraseKeys",
  "pruneBackup",
  "pruneAudit",
  "auditUnsent",
  "removeModel",
  "liftHold",
  "unscheduleBackup",
]);
const evicting: ReadonlySet<string> = new Set(["evict", "isolate", "distrustNode", "shards.audit.failed"]);
const watching: ReadonlySet<string> = new Set(["alert", "acknowledgeAlert", "runPlaybook", "lockOut"]);
const areaOf = ({ action }: AuditRecord): string => auditActionOf(action)?.area ?? "";
const isDone = ({ outcome }: AuditRecord): boolean => outcome === auditDone;

/** What each section has. An entry may be in several. */
const sections: readonly { readonly title: string; readonly has: (record: AuditRecord) => boolean }[] = [
  { title: "Changes of power", has: (one) => areaOf(one) === "power" && isDone(one) && one.action !== "refused" },
  { title: "Changes of settings", has: (one) => areaOf(one) === "settings" && isDone(one) },
  {
    title: "Changes of the cluster",
    has: (one) => areaOf(one) === "cluster" && isDone(one) && !evicting.has(one.action),
  },
  { title: "Evictions and distrust", has: (one) => evicting.has(one.action) && isDone(one) },
  { title: "Changes of models and plugins", has: (one) => areaOf(one) === "models" && isDone(one) },
  {
    title: "Refused, other than sign-ins",
    has: (one) => !isDone(one) && areaOf(one) !== "signIn" && one.action !== "auditForked",
  },
  { title: "Exported and recalled", has: (one) => areaOf(one) === "data" && isDone(one) },
  { title: "Erased and removed", has: (one) => erasing.has(one.action) && isDone(one) },
  { title: "Use and change of keys", has: (one) => areaOf(one) === "keys" },
  {
    title: "Factors and passwords changed",
    has: (one) => areaOf(one) === "signIn" && auditActionOf(one.action)?.severity !== "info" && isDone(one),
  },
  { title: "Alerts", has: (one) => watching.has(one.action) || auditActionOf(one.action)?.severity === "alert" },
];

const rolesIn = (text: unknown): readonly string[] | undefined =>
  typeof text === "string" ? text.split(/[ ,]+/).filter((role) => role !== "" && role !== "member") : undefined;

/** Begins a report. `take` wants every entry from the beginning of the period to now. */
export function createReport(period: ReportPeriod): {
  take(record: AuditRecord): void;
  done(heads: readonly AuditHead[]): AuditReport;
} {
  const { fromMs, untilMs, nowMs } = period;
  const shown = sections.map(() => ({ count: 0, entries: [] as ReportEntry[] }));
  const signIns = { done: 0, refused: 0, byOutcome: {} as Record<string, number>, people: new Set<string>() };
  const refusals: Record<string, number> = {};
  const logs: Record<string, { first: number; last: number }> = {};
  /** What people had before the first change in the period, and before the first after it. */
  const before = {
    period: new Map<string, readonly string[] | undefined>(),
    after: new Map<string, readonly string[] | undefined>(),
  };
  let entries = 0;
  let missing = 0;
  let isCut = period.peopleCut === true;
  const counted = (counts: Record<string, number>, name: string): void => {
    const at = Object.hasOwn(counts, name) || Object.keys(counts).length < kindsMax ? name : "other";
    counts[at] = (counts[at] ?? 0) + 1;
  };

  const takePower = (record: AuditRecord): void => {
    const { action, target = "", facts = {} } = record;
    if ((action !== "setRoles" && action !== "setAdmin" && action !== "deleteUser") || !isDone(record)) return;
    const map = record.atMs < untilMs ? before.period : before.after;
    if (map.has(target)) return;
    if (map.size >= holdersMax) isCut = true;
    else map.set(target, rolesIn(facts["before.roles"]));
  };

  return {
    take(record) {
      takePower(record);
      if (record.atMs < fromMs || record.atMs >= untilMs) return;
      entries += 1;
      const log = (logs[record.log] ??= { first: record.seq, last: record.seq });
      log.last = record.seq;
      if (record.action === "auditMissing") missing += Number(record.facts?.["entries"] ?? 0);
      if (record.action === "signIn") {
        counted(signIns.byOutcome, record.outcome);
        if (isDone(record)) {
          signIns.done += 1;
          if (signIns.people.size < peopleMax) signIns.people.add(record.by);
        } else signIns.refused += 1;
      }
      if (!isDone(record)) counted(refusals, `${record.action}: ${record.outcome}`);
      for (const [index, { has }] of sections.entries()) {
        const section = shown[index];
        if (section === undefined || !has(record)) continue;
        section.count += 1;
        const { prev: _prev, session: _session, ...entry } = record;
        if (section.entries.length < shownMax) section.entries.push(entry);
      }
    },
    done(heads) {
      const now = new Map(period.people.map(({ user, roles }) => [`user/${user}`, roles]));
      const users = new Set([...now.keys(), ...before.period.keys(), ...before.after.keys()]);
      const power = [...users].toSorted().map((user): ReportHolder => {
        const end = before.after.has(user) ? before.after.get(user) : (now.get(user) ?? []);
        const begin = before.period.has(user) ? before.period.get(user) : end;
        return { user, begin, end };
      });
      return {
        fromMs,
        untilMs,
        madeAtMs: nowMs,
        entries,
        missing,
        power: power.filter(({ begin, end }) => begin?.length !== 0 || end?.length !== 0),
        powerCut: isCut,
        signIns: { ...signIns, people: signIns.people.size, peopleMax },
        refusals,
        sections: sections.map(({ title }, index) => ({ title, count: 0, entries: [], ...shown[index] })),
        heads: heads.map(({ log, seq, root, hash, atMs, peer }) => ({ log, seq, root, hash, atMs, peer })),
        logs,
      };
    },
  };
}
