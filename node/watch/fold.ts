/** Folds entries of the audit, and what nodes have counted: every detector's rows, what of them has changed, and what
 *  was found. */
import {
  auditTexts,
  detectors,
  type CountSample,
  hash32,
  wireLimits,
  type AuditFacts,
  type DetectorSettings,
  type WatchPlan,
  type WatchRule,
  type AuditRecord,
  type DetectorName,
  type Finding,
  type WatchRow,
} from "../../protocols/index.ts";
import { countSteps, type CountDetector } from "./counts.ts";
import { detectorSteps } from "./detectors.ts";
import type { Detector, Found, Step, StepContext } from "./detector.ts";
import { watchLimits, type WatchLimits } from "./limits.ts";
import { ruleDetector } from "./rules.ts";

/** Something that reads a stream: a detector or a rule, with the thresholds that hold. */
interface Reader {
  /** `detector/refused-person`. */
  readonly source: string;
  /** The name under which its rows are kept: a rule that was changed starts with rows of its own. */
  readonly memory: string;
  readonly severity: Finding["severity"];
  /** Reads entries of the audit. */
  readonly detector?: Detector;
  /** Reads what nodes have counted. */
  readonly counts?: CountDetector;
  readonly settings: Readonly<Record<string, number>>;
}

/** The built-in detectors, with thresholds that admins set in place of theirs. */
export const detectorReaders = (set: Readonly<Record<string, DetectorSettings>> = {}): readonly Reader[] =>
  (Object.keys(detectors) as DetectorName[])
    .filter((name) => set[name]?.off !== true)
    .map((name) => ({
      source: `detector/${name}`,
      memory: `detector/${name}`,
      severity: detectors[name].severity,
      ...stepsOf(name),
      settings: { ...detectors[name].settings, ...set[name]?.settings },
    }));

const stepsOf = (name: DetectorName): Pick<Reader, "detector" | "counts"> =>
  Object.hasOwn(countSteps, name)
    ? { counts: countSteps[name as keyof typeof countSteps] }
    : { detector: detectorSteps[name as keyof typeof detectorSteps] };

/** All detectors and rules of a plan. */
export const readersOf = ({ detectors: set, rules }: Pick<WatchPlan, "detectors" | "rules">): readonly Reader[] => [
  ...detectorReaders(set),
  ...rules.map(ruleReader),
];

/** The reader of one rule. */
export function ruleReader(rule: WatchRule): Reader {
  const looksFor = JSON.stringify([rule.steps, rule.by, rule.ordered === true, rule.withinMinutes]);
  return {
    source: `rule/${rule.name}`,
    memory: `rule/${rule.name}#${hash32(looksFor)}`,
    severity: rule.severity,
    detector: ruleDetector(rule),
    settings: {},
  };
}

/** Where an entry is in the audit, as a search goes on from it. */
const placeOf = ({ atMs, log, seq }: Pick<AuditRecord, "atMs" | "log" | "seq">): string => `${atMs}.${log}.${seq}`;

const rowKey = (source: string, subject: string): string => `${source}|${subject}`.slice(0, 256);

/** The rows of all readers. Invariant: rows and what was handed out by `changes` are what the entries so far come
 *  to. */
export class Fold {
  readonly #limits: WatchLimits;
  #readers: readonly Reader[];
  /** Rows by memory and by subject; the subject with the newest entry comes last. */
  readonly #rows = new Map<string, Map<string, unknown>>();
  readonly #changed = new Map<string, string | null>();
  /** Rows of detectors and rules that no longer exist. */
  readonly #gone = new Set<string>();
  readonly #place: StepContext["place"];

  constructor(
    readers: readonly Reader[],
    {
      limits = watchLimits,
      place = () => undefined,
    }: { readonly limits?: WatchLimits; readonly place?: StepContext["place"] } = {},
  ) {
    this.#readers = readers;
    this.#limits = limits;
    this.#place = place;
  }

  /** Other readers from now on: rows of those that are gone are forgotten. */
  setReaders(readers: readonly Reader[]): void {
    this.#readers = readers;
    for (const [memory, rows] of this.#rows) {
      if (this.#isRead(memory)) continue;
      for (const subject of rows.keys()) this.#gone.add(rowKey(memory, subject));
      this.#rows.delete(memory);
    }
  }

  /** Loads the rows that the actor has kept. */
  load(rows: readonly WatchRow[]): void {
    for (const { key, value } of rows) {
      const at = key.indexOf("|");
      if (value === null) continue;
      if (at < 0 || !this.#isRead(key.slice(0, at))) {
        this.#gone.add(key);
        continue;
      }
      this.#of(key.slice(0, at)).set(key.slice(at + 1), JSON.parse(value));
    }
  }

  /** Folds one entry. Returns what the detectors found with it. */
  take(entry: AuditRecord): readonly Finding[] {
    return this.#readers.flatMap((reader) =>
      [...new Set(reader.detector?.subjects(entry))].flatMap((subject) =>
        this.#step(reader, subject, entry.atMs, [placeOf(entry)], (row, at) => reader.detector?.step(row, entry, at)),
      ),
    );
  }

  /** Folds the counts of a node. Returns what the detectors found with them. */
  takeCounts(sample: CountSample): readonly Finding[] {
    return this.#readers.flatMap((reader) =>
      reader.counts === undefined
        ? []
        : this.#step(reader, `node/${sample.node}`, sample.atMs, [], (row, at) => reader.counts?.step(row, sample, at)),
    );
  }

  #step(
    { memory, source, severity, settings }: Reader,
    subject: string,
    atMs: number,
    evidence: string[],
    step: (row: unknown, at: StepContext) => Step<unknown> | undefined,
  ): readonly Finding[] {
    const about = subject.slice(0, auditTexts.name);
    const { row, found } =
      step(this.#rows.get(memory)?.get(about), { subject: about, settings, place: this.#place }) ?? {};
    if (row !== undefined) this.#keep(memory, about, row);
    return found === undefined ? [] : [{ source, severity, about, atMs, evidence, ...textsOf(found) }];
  }

  /** How many rows have changed since they were asked for. */
  get changedCount(): number {
    return this.#changed.size;
  }

  /** All rows that have changed since they were asked for; where there is room, rows that nobody reads any more go with
   *  them. */
  changes(): readonly WatchRow[] {
    const rows = [...this.#changed].map(([key, value]): WatchRow => ({ key, value }));
    this.#changed.clear();
    for (const key of this.#gone) {
      if (rows.length >= wireLimits.watchRowsPage) break;
      this.#gone.delete(key);
      // A rule that was set back reads its old rows again: they begin anew.
      if (!rows.some((row) => row.key === key)) rows.push({ key, value: null });
    }
    return rows;
  }

  #isRead(memory: string): boolean {
    return this.#readers.some((reader) => reader.memory === memory);
  }

  #of(memory: string): Map<string, unknown> {
    const rows = this.#rows.get(memory) ?? new Map<string, unknown>();
    this.#rows.set(memory, rows);
    return rows;
  }

  #keep(memory: string, subject: string, row: unknown): void {
    const rows = this.#of(memory);
    const had = rows.delete(subject);
    const text = row === null ? undefined : JSON.stringify(row);
    // A row that is too long is deleted: its subject counts as a new one.
    if (text === undefined || text.length > wireLimits.watchRowCharsMax) {
      if (had) this.#changed.set(rowKey(memory, subject), null);
      return;
    }
    rows.set(subject, row);
    this.#changed.set(rowKey(memory, subject), text);
    if (rows.size <= this.#limits.subjectsMax) return;
    const [oldest = subject] = rows.keys();
    rows.delete(oldest);
    this.#changed.set(rowKey(memory, oldest), null);
  }
}

const textsOf = ({ title, facts }: Found): Pick<Finding, "title" | "facts"> => ({
  title: title.slice(0, auditTexts.fact),
  ...(facts && { facts: factsOf(facts) }),
});

/** Facts as an alert has them: few, short, and of plain numbers. */
function factsOf(facts: AuditFacts): AuditFacts {
  const short = Object.entries(facts).slice(0, 12);
  return Object.fromEntries(
    short.map(([name, fact]) => [name.slice(0, 64), typeof fact === "string" ? fact.slice(0, auditTexts.fact) : fact]),
  );
}
