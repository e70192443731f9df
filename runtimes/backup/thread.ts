/** A thread that does what a backup computes: cutting, compressing and encrypting, and all of it backwards. It has keys only while a task
 *  runs. What its tasks and answers are is for `sealer.ts`, which gives them. */
import { randomFillSync } from "node:crypto";
import { constants, setPriority } from "node:os";
import { isMainThread } from "node:worker_threads";
import { move, transferableSymbol, valueSymbol } from "piscina";
import { join, parted, type Joined } from "./bytes.ts";
import { cutRows, isOf, timeOf, type CutState, type Measured } from "./cutting.ts";
import {
  decodeRows,
  encodeRow,
  hashOfUnit,
  openUnit,
  sealUnit,
  unitFormat,
  type UnitContext,
  type UnitName,
} from "./format/index.ts";
import { createLineWriter } from "./lines.ts";
import type { RowList } from "./row-list.ts";

// Behind what people wait for. On Linux 0 is this thread alone; elsewhere it would be the whole process.
if (!isMainThread && process.platform === "linux") setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL);

/** What all units of a task have in common. */
export type Subject = Pick<UnitName, "cluster" | "person" | "thread" | "type">;

/** Rows of one actor and type, as the journal has their values. */
export interface CutTask {
  readonly subject: Subject;
  /** How many of those that all tasks have together, in order. */
  readonly rows: number;
  readonly state: CutState;
  readonly final: boolean;
  /** Hashes of units that there are, by day and part (`unitPlace`): such a one is not sealed anew. */
  readonly known: Readonly<Record<string, string>>;
}

/** What all tasks that are given at once have in common. */
export interface CutHow {
  readonly unitBytes: number;
  readonly epoch: number;
  readonly fragments: number;
}

/** Tasks as a thread is given them: their rows are in one buffer, and a few long lists. */
export interface CutBatch extends CutHow {
  readonly tasks: readonly CutTask[];
  /** Of all rows, one behind the other. */
  readonly keys: string;
  readonly keyLengths: Uint32Array;
  readonly values: Uint8Array<ArrayBuffer>;
  readonly valueEnds: Uint32Array;
}

/** One unit, sealed or as it was. */
export interface CutUnit {
  readonly name: UnitName;
  readonly hash: string;
  readonly bytes: number;
  readonly rows: number;
  readonly first: string;
  readonly last: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Absent: it is known, and did not change. */
  readonly sealed?: { readonly id: string; readonly key: Uint8Array; readonly fragments: number };
}

/** What became of a task. */
export interface CutAnswer {
  readonly units: readonly CutUnit[];
  readonly state: CutState;
  /** How many rows are in units; the others are to be given again, with more. */
  readonly taken: number;
}

/** What became of tasks that were given at once. */
export interface CutAnswers {
  readonly answers: readonly CutAnswer[];
  /** Of all sealed units, in order. */
  readonly fragments: Joined;
}

/** Puts tasks into the form in which a thread is given them. The list may be used again. */
export const batchOf = (rows: RowList, tasks: readonly CutTask[], how: CutHow): CutBatch => ({
  ...how,
  tasks,
  keys: rows.keys.join(""),
  keyLengths: Uint32Array.from(rows.keys, ({ length }) => length),
  values: new Uint8Array(rows.values),
  valueEnds: Uint32Array.from(rows.ends),
});

/** Bytes that are units as they are: a file. */
export interface SealTask {
  readonly names: readonly UnitName[];
  readonly contents: Joined;
  readonly known: Readonly<Record<string, string>>;
  readonly epoch: number;
  readonly fragments: number;
}

/** What a reader wants of a unit's rows. */
export interface RowFilter {
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly person?: string;
  /** What the row's text has in it, whatever its case. */
  readonly text?: string;
}

export interface OpenTask {
  readonly units: readonly {
    readonly context: UnitContext;
    readonly key: Uint8Array;
    readonly hash: string;
    /** How many of the task's fragments are this unit's. */
    readonly fragments: number;
    /** Absent: all of it, as it is. */
    readonly filter?: RowFilter;
  }[];
  readonly fragments: Joined;
}

export interface OpenAnswer {
  readonly contents: Joined;
  readonly rows: readonly number[];
}

/** How a task's units are told apart. */
export const unitPlace = ({ bucket, part }: Pick<UnitName, "bucket" | "part">): string => `${bucket}/${part}`;

/** Randomness that is drawn from the system at once: asking for little takes as long as asking for much. */
const drawn = Buffer.alloc(8 * 1024);
let used = drawn.length;
function draw(bytes: number): Buffer {
  if (used + bytes > drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  const taken = Buffer.from(drawn.subarray(used, used + bytes));
  // What was given away is not kept here, too.
  drawn.fill(0, used, (used += bytes));
  return taken;
}

function make(
  plaintext: Uint8Array,
  name: UnitName,
  { known, epoch, fragments, made }: Pick<CutTask, "known"> & Omit<CutHow, "unitBytes"> & { made: Uint8Array[] },
): Pick<CutUnit, "name" | "hash" | "bytes" | "sealed"> {
  const unit = { name, hash: hashOfUnit(plaintext), bytes: plaintext.length };
  if (known[unitPlace(name)] === unit.hash) return unit;
  const id = draw(16).toString("hex");
  const random = draw(unitFormat.randomBytes);
  const sealed = sealUnit(plaintext, { ...name, id, epoch }, { fragments, random, hash: unit.hash });
  made.push(...sealed.fragments);
  return { ...unit, sealed: { id, key: sealed.key, fragments } };
}

/** One for all tasks of this thread: its memory is used again. */
const lines = createLineWriter();

/** Cuts rows into units and seals those that changed. */
export function cut(batch: CutBatch): CutAnswers {
  const made: Uint8Array[] = [];
  const { tasks, keys, keyLengths, values, valueEnds } = batch;
  lines.from(values);
  let [row, keyAt, valueAt] = [0, 0, 0];
  const answers = tasks.map((task): CutAnswer => {
    lines.clear();
    const names: string[] = [];
    /** Where the line of each row ends. */
    const ends: number[] = [];
    const measured: Measured[] = [];
    for (const end = row + task.rows; row < end; row += 1) {
      const key = keys.slice(keyAt, (keyAt += keyLengths[row] as number));
      const start = valueAt;
      valueAt = valueEnds[row] as number;
      measured.push({ bytes: valueAt - start, atMs: lines.write(key, start, valueAt) });
      ends.push(lines.length);
      names.push(key);
    }
    const all = lines.bytes;
    const { pieces, state } = cutRows(measured, task.state, { bytes: batch.unitBytes, final: task.final });
    const units = pieces.map(({ bucket, part, from, to }): CutUnit => {
      const plaintext = all.subarray(ends[from - 1] ?? 0, ends[to - 1]);
      const name = { ...task.subject, bucket, part };
      let [fromMs, toMs] = [Infinity, 0];
      for (const { atMs } of measured.slice(from, to)) {
        if (atMs === undefined) continue;
        [fromMs, toMs] = [Math.min(fromMs, atMs), Math.max(toMs, atMs)];
      }
      return {
        ...make(plaintext, name, { ...batch, known: task.known, made }),
        rows: to - from,
        first: names[from] as string,
        last: names[to - 1] as string,
        fromMs: fromMs === Infinity ? 0 : fromMs,
        toMs,
      };
    });
    return { units, state, taken: pieces.at(-1)?.to ?? 0 };
  });
  lines.clear();
  return { answers, fragments: join(made) };
}

/** Seals bytes as they are, each as one unit. */
export function seal(task: SealTask): CutAnswers {
  const made: Uint8Array[] = [];
  const units = parted(task.contents).map((content, at): CutUnit => {
    const none = { rows: 0, first: "", last: "", fromMs: 0, toMs: 0 };
    return { ...make(content, task.names[at] as UnitName, { ...task, made }), ...none };
  });
  const state = { bucket: "", parts: {} };
  return { answers: [{ units, state, taken: units.length }], fragments: join(made) };
}

/** Opens units. Error: BACKUP_DAMAGED. */
export function open(task: OpenTask): OpenAnswer {
  const all = parted(task.fragments);
  let next = 0;
  const opened = task.units.map(({ context, key, hash, fragments, filter }) => {
    const own = all.slice(next, (next += fragments));
    const plaintext = openUnit(own, context, { key, hash });
    return filter === undefined ? { plaintext, rows: 0 } : filtered(plaintext, filter);
  });
  return { contents: join(opened.map(({ plaintext }) => plaintext)), rows: opened.map(({ rows }) => rows) };
}

/** What the pool calls: as `cut`, `seal` and `open`, but the answer's bytes are given away instead of copied. */
export const cutAway = (batch: CutBatch): CutAnswers => given(cut(batch), ({ fragments }) => fragments);
export const sealAway = (task: SealTask): CutAnswers => given(seal(task), ({ fragments }) => fragments);
export const openAway = (task: OpenTask): OpenAnswer => given(open(task), ({ contents }) => contents);

function given<Answer extends object>(answer: Answer, bytesOf: (answer: Answer) => Joined): Answer {
  return move({ [transferableSymbol]: bytesOf(answer).bytes.buffer, [valueSymbol]: answer }) as Answer;
}

function textOf(value: unknown): string {
  const text = (value as { readonly text?: unknown } | null | undefined)?.text;
  return typeof text === "string" ? text : "";
}

function filtered(plaintext: Uint8Array, filter: RowFilter): { plaintext: Uint8Array; rows: number } {
  const { fromMs, toMs, person } = filter;
  const wanted = filter.text?.toLowerCase();
  const rows = decodeRows(plaintext).filter(([, value]) => {
    const atMs = timeOf(value);
    if (fromMs !== undefined && (atMs === undefined || atMs < fromMs)) return false;
    if (toMs !== undefined && (atMs === undefined || atMs >= toMs)) return false;
    if (wanted !== undefined && !textOf(value).toLowerCase().includes(wanted)) return false;
    return person === undefined || isOf(value, person);
  });
  return { plaintext: Buffer.from(rows.map(encodeRow).join("")), rows: rows.length };
}
