/** Gathers the rows of many small actors, so that a thread is asked once for all of them, and reads on while it works.
 *
 *      rows of one actor and type ─► gathered ─ enough bytes ─► cut and sealed in the pool ─► taken, in their order */
import {
  RowList,
  type CutAnswer,
  type CutAnswers,
  type CutTask,
  type SealedPart,
  type UnitEntry,
} from "../../../runtimes/backup/index.ts";
import type { BackupLimits } from "../limits.ts";

/** Rows that are complete: nothing that follows changes their units. They are the last ones of `rows`. */
interface Gathered {
  readonly task: CutTask;
  /** Takes what became of it, and what was sealed with it. That is there until it resolves. */
  take(answer: CutAnswer, sealed: SealedParts): Promise<void>;
}

/** What was sealed as one: its fragments, one behind the other, and who hears where they are. */
interface WholeUnits extends Pick<SealedPart, "id" | "key"> {
  readonly fragments: { readonly bytes: Uint8Array; readonly lengths: readonly number[] };
  readonly units: readonly PutUnit[];
}

/** Hears of a unit where it is, and what opens it. */
type PutUnit = (at: Pick<UnitEntry, "id" | "epoch" | "sealedKey" | "fragments">) => void;

interface PartStart {
  readonly fragment: number;
  readonly from: number;
}

/** What was sealed at once, while its units come one after the other. */
export class SealedParts {
  readonly #all: Pick<CutAnswers, "sealed" | "fragments">;
  /** Of each part which is its first fragment, and where that begins. */
  readonly #starts: readonly PartStart[];
  readonly #waiting = new Map<number, PutUnit[]>();

  constructor(all: Pick<CutAnswers, "sealed" | "fragments">) {
    this.#all = all;
    let [fragment, from] = [0, 0];
    this.#starts = all.sealed.map(({ fragments }) => {
      const start = { fragment, from };
      for (const end = fragment + fragments; fragment < end; fragment += 1)
        from += all.fragments.lengths[fragment] as number;
      return start;
    });
  }

  /** Takes a unit that is in the part of this number: all of it, once the last of its units is there. */
  add(number: number, unit: PutUnit): WholeUnits | undefined {
    const { sealed, fragments: all } = this.#all;
    const { units: count, fragments, ...part } = sealed[number] as SealedPart;
    const units = this.#waiting.get(number) ?? [];
    units.push(unit);
    this.#waiting.set(number, units);
    if (units.length < count) return undefined;
    this.#waiting.delete(number);
    const { fragment: first, from } = this.#starts[number] as PartStart;
    const lengths = all.lengths.slice(first, first + fragments);
    return { ...part, units, fragments: { bytes: all.bytes.subarray(from, from + sumOf(lengths)), lengths } };
  }
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0);

export class Batch {
  readonly #limits: Pick<BackupLimits, "batchBytes" | "batchBytesMax" | "batchTasks" | "batchesCut">;
  readonly #cut: (rows: RowList, tasks: readonly CutTask[]) => Promise<CutAnswers>;
  /** Lists whose rows nobody uses any more. */
  readonly #spare: RowList[] = [];
  #rows = new RowList();
  #gathered: Gathered[] = [];
  /** Batches in the pool, and those whose answers wait for the ones before them. */
  #underWay = 0;
  #last: Promise<void> = Promise.resolve();
  #room: (() => void) | undefined;
  #failed: { readonly error: unknown } | undefined;

  constructor(limits: BackupLimits, cut: (rows: RowList, tasks: readonly CutTask[]) => Promise<CutAnswers>) {
    this.#limits = limits;
    this.#cut = cut;
  }

  /** What is added is read into it first. */
  get rows(): RowList {
    return this.#rows;
  }

  /** Takes a task whose rows were read; resolves when there is room for the next of the same actor: what is cut at once
   *  is sealed together. Error: that of anything that was taken before. */
  async add(one: Gathered): Promise<void> {
    this.#gathered.push(one);
    if (this.rows.bytes >= this.#limits.batchBytesMax) await this.#send();
  }

  /** The tasks of an actor are all there; resolves when there is room for those of the next. Error: as of `add`. */
  async between(): Promise<void> {
    const { batchBytes, batchTasks } = this.#limits;
    if (this.rows.bytes >= batchBytes || this.#gathered.length >= batchTasks) await this.#send();
  }

  /** Waits for the end of all of it. Error: as of `add`. */
  async finish(): Promise<void> {
    if (this.#gathered.length > 0) await this.#send();
    await this.#last;
    this.#check();
  }

  /** Forgets what is not being worked at, and waits for the rest, however it ends. */
  async clear(): Promise<void> {
    this.#gathered = [];
    this.rows.clear();
    await this.#last;
    this.#failed = undefined;
  }

  async #send(): Promise<void> {
    while (this.#underWay >= this.#limits.batchesCut) await new Promise<void>((resolve) => (this.#room = resolve));
    this.#check();
    this.#underWay += 1;
    const batch = this.#gathered;
    this.#gathered = [];
    const rows = this.#rows;
    const cut = this.#cut(
      rows,
      batch.map(({ task }) => task),
    );
    this.#rows = this.#spare.pop() ?? new RowList();
    const before = this.#last;
    this.#last = this.#take(batch, cut, before)
      .catch((error: unknown) => {
        this.#failed ??= { error };
      })
      .finally(() => {
        rows.clear();
        this.#spare.push(rows);
        this.#underWay -= 1;
        this.#room?.();
      });
  }

  async #take(batch: readonly Gathered[], cut: Promise<CutAnswers>, before: Promise<void>): Promise<void> {
    const [{ answers, ...made }] = await Promise.all([cut, before]);
    this.#check();
    const all = new SealedParts(made);
    for (const [at, one] of batch.entries()) await one.take(answers[at] as CutAnswer, all);
  }

  #check(): void {
    if (this.#failed !== undefined) throw this.#failed.error;
  }
}
