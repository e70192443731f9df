/** Gathers the rows of many small actors, so that a thread is asked once for all of them, and reads on while it works.
 *
 *      rows of one actor and type ─► gathered ─ enough bytes ─► cut and sealed in the pool ─► taken, in the order in which they came */
import { RowList, type CutAnswer, type CutAnswers, type CutTask } from "../../runtimes/backup/index.ts";
import type { BackupLimits } from "./limits.ts";

/** Rows that are complete: nothing that follows changes their units. They are the last ones of `rows`. */
export interface Gathered {
  readonly task: CutTask;
  /** Takes what became of it: the fragments of all units that were sealed, one behind the other. They are there until it resolves. */
  take(answer: CutAnswer, fragments: Fragments): Promise<void>;
}

/** Fragments one behind the other, which are taken from the front. */
export class Fragments {
  readonly #joined: CutAnswers["fragments"];
  #next = 0;
  #from = 0;

  constructor(joined: CutAnswers["fragments"]) {
    this.#joined = joined;
  }

  /** The next so many: their bytes, and how long each is. */
  take(count: number): { readonly bytes: Uint8Array; readonly lengths: readonly number[] } {
    const lengths = this.#joined.lengths.slice(this.#next, (this.#next += count));
    const from = this.#from;
    for (const length of lengths) this.#from += length;
    return { bytes: this.#joined.bytes.subarray(from, this.#from), lengths };
  }
}

export class Batch {
  readonly #limits: Pick<BackupLimits, "batchBytes" | "batchTasks" | "batchesCut">;
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

  /** Takes a task whose rows were read; resolves when there is room for the next. Error: that of anything that was taken before. */
  async add(one: Gathered): Promise<void> {
    this.#gathered.push(one);
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
    const cut = this.#cut(rows, batch.map(({ task }) => task)); // prettier-ignore
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
    const [{ answers, fragments }] = await Promise.all([cut, before]);
    this.#check();
    const all = new Fragments(fragments);
    for (const [at, one] of batch.entries()) await one.take(answers[at] as CutAnswer, all);
  }

  #check(): void {
    if (this.#failed !== undefined) throw this.#failed.error;
  }
}
