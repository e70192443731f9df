/** A thread that does what a backup computes: cutting, compressing and encrypting, and all of it backwards. It has keys only while a task
 *  runs. What its tasks and answers are is for `sealer.ts`, which gives them. */
import { randomFillSync } from "node:crypto";
import { constants, setPriority } from "node:os";
import { isMainThread } from "node:worker_threads";
import { cutRows, isOf, timeOf, unitPlace, type CutState, type Standing } from "./cutting.ts";
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
import { parted, SharedMemory, SharedPieces, type Joined } from "./memory.ts";
import type { RowList, SharedRows } from "./row-list.ts";

export { writeFiles } from "./writing.ts";

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
  /** Units that there are, in the order of their rows. One that did not change is not sealed anew. */
  readonly known: readonly KnownUnit[];
}

/** A unit that there is. */
export interface KnownUnit {
  readonly bucket: string;
  readonly part: number;
  readonly first: string;
  readonly last: string;
  /** Empty: it is to be sealed anew in any case. */
  readonly hash: string;
}

/** What all tasks that are given at once have in common. */
export interface CutHow {
  readonly unitBytes: number;
  readonly epoch: number;
  readonly fragments: number;
}

/** Tasks as a thread is given them: their rows lie in memory that it shares. */
export interface CutBatch extends CutHow {
  readonly tasks: readonly CutTask[];
  readonly rows: SharedRows;
  /** Where the fragments of sealed units come. */
  readonly room: Uint8Array<SharedArrayBuffer>;
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
  /** Of all sealed units, in order: in the memory that was given, or in more. */
  readonly fragments: Joined;
}

/** Puts tasks into the form in which a thread is given them. The list is not to change until the answer is used. */
export const batchOf = (rows: RowList, tasks: readonly CutTask[], how: CutHow): CutBatch => ({
  ...how,
  tasks,
  rows: rows.shared,
  room: rows.made.all,
});

/** Bytes that are units as they are: a file. */
export interface SealTask {
  readonly names: readonly UnitName[];
  readonly contents: Joined;
  /** Where the fragments come. */
  readonly room: Uint8Array<SharedArrayBuffer>;
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
  /** Where the plaintexts come. */
  readonly room: Uint8Array<SharedArrayBuffer>;
}

/** In the memory that was given, or in more. */
export interface OpenAnswer {
  readonly contents: Joined;
}

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

/** What all units of one task are made with. */
interface Making {
  readonly epoch: number;
  readonly fragments: number;
  /** Hashes of units that there are, by day and part. */
  readonly known: ReadonlyMap<string, string>;
  readonly made: SharedPieces;
}

function make(
  plaintext: Uint8Array,
  name: UnitName,
  { known, epoch, fragments, made }: Making,
): Pick<CutUnit, "name" | "hash" | "bytes" | "sealed"> {
  const unit = { name, hash: hashOfUnit(plaintext), bytes: plaintext.length };
  if (known.get(unitPlace(name)) === unit.hash) return unit;
  const id = draw(16).toString("hex");
  const random = draw(unitFormat.randomBytes);
  const room = (bytes: number): Buffer => made.room(bytes);
  const sealed = sealUnit(plaintext, { ...name, id, epoch }, { fragments, random, hash: unit.hash, room });
  for (const { length } of sealed.fragments) made.took(length);
  return { ...unit, sealed: { id, key: sealed.key, fragments } };
}

/** Pieces in the memory that a task brings. */
function piecesIn(room: Uint8Array<SharedArrayBuffer>): SharedPieces {
  const memory = new SharedMemory(0);
  memory.become(room);
  return new SharedPieces(memory);
}

/** One for all tasks of this thread: its memory is used again. */
const lines = createLineWriter();
/** The same, of each row: where its line ends, and when it was. */
let [lineEnds, times] = [new Uint32Array(), new Float64Array()];

/** Cuts rows into units and seals those that changed. */
export function cut(batch: CutBatch): CutAnswers {
  const made = piecesIn(batch.room);
  lines.from(batch.rows.keys, batch.rows.values);
  let first = 0;
  const answers = batch.tasks.map((task) => cutTask(batch, task, (first += task.rows) - task.rows, made));
  return { answers, fragments: made.joined };
}

function cutTask(batch: CutBatch, task: CutTask, first: number, made: SharedPieces): CutAnswer {
  const { keys, keyEnds, valueEnds } = batch.rows;
  const count = task.rows;
  if (lineEnds.length < count) [lineEnds, times] = [new Uint32Array(2 * count), new Float64Array(2 * count)];
  lines.clear();
  for (let at = 0; at < count; at += 1) {
    const row = first + at;
    const [keyStart, start] = row === 0 ? [0, 0] : [keyEnds[row - 1] as number, valueEnds[row - 1] as number];
    times[at] = lines.write(keyStart, keyEnds[row] as number, start, valueEnds[row] as number);
    lineEnds[at] = lines.length;
  }
  const keyOf = (at: number): string => {
    const row = first + at;
    return Buffer.from(keys.subarray(row === 0 ? 0 : keyEnds[row - 1], keyEnds[row])).toString("utf8");
  };
  const sizes = valueEnds.subarray(first, first + count).map((end, at) => end - (valueEnds[first + at - 1] ?? 0));
  const standing = standingAmong(task.known, count, keyOf);
  const how = { bytes: batch.unitBytes, final: task.final, standing };
  const { pieces, state } = cutRows({ count, bytes: sizes, atMs: times }, task.state, how);
  const known = new Map(task.known.map((one) => [unitPlace(one), one.hash]));
  const all = lines.bytes;
  const units = pieces.map(({ bucket, part, from, to }): CutUnit => {
    const plaintext = all.subarray(from === 0 ? 0 : lineEnds[from - 1], lineEnds[to - 1]);
    const unit = make(plaintext, { ...task.subject, bucket, part }, { ...batch, known, made });
    return { ...unit, rows: to - from, first: keyOf(from), last: keyOf(to - 1), ...timesWithin(from, to) };
  });
  return { units, state, taken: pieces.at(-1)?.to ?? 0 };
}

/** When the first and the last of some rows were. */
function timesWithin(from: number, to: number): Pick<CutUnit, "fromMs" | "toMs"> {
  let [fromMs, toMs] = [Infinity, 0];
  for (let at = from; at < to; at += 1) {
    const ms = times[at] as number;
    if (ms < fromMs) fromMs = ms;
    if (ms > toMs) toMs = ms;
  }
  return { fromMs: fromMs === Infinity ? 0 : fromMs, toMs };
}

/** Where among rows the units that there are lie. Those that ended before are no more of interest. */
function standingAmong(known: readonly KnownUnit[], count: number, keyOf: (at: number) => string): readonly Standing[] {
  const found: Standing[] = [];
  if (count === 0) return found;
  /** The first row that lies behind. */
  const placeOf = (isBehind: (key: string) => boolean): number => {
    let [low, high] = [0, count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBehind(keyOf(middle))) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  const firstKey = keyOf(0);
  for (const { bucket, part, first, last } of known)
    if (last >= firstKey)
      found.push({ bucket, part, from: placeOf((key) => key >= first), to: placeOf((key) => key > last) });
  return found;
}

/** Seals bytes as they are, each as one unit. */
export function seal(task: SealTask): CutAnswers {
  const made = piecesIn(task.room);
  const known = new Map<string, string>();
  const units = parted(task.contents).map((content, at): CutUnit => {
    const none = { rows: 0, first: "", last: "", fromMs: 0, toMs: 0 };
    return { ...make(content, task.names[at] as UnitName, { ...task, known, made }), ...none };
  });
  const state = { bucket: "", parts: {} };
  return { answers: [{ units, state, taken: units.length }], fragments: made.joined };
}

/** Opens units. Error: BACKUP_DAMAGED. */
export function open(task: OpenTask): OpenAnswer {
  const all = parted(task.fragments);
  const contents = piecesIn(task.room);
  let next = 0;
  for (const { context, key, hash, fragments, filter } of task.units) {
    const own = all.slice(next, (next += fragments));
    if (filter === undefined)
      contents.took(openUnit(own, context, { key, hash }, (bytes) => contents.room(bytes)).length);
    else contents.add(filtered(openUnit(own, context, { key, hash }), filter));
  }
  return { contents: contents.joined };
}

function textOf(value: unknown): string {
  const text = (value as { readonly text?: unknown } | null | undefined)?.text;
  return typeof text === "string" ? text : "";
}

/** The rows that are wanted. */
function filtered(plaintext: Uint8Array, filter: RowFilter): Uint8Array {
  const { fromMs, toMs, person } = filter;
  const wanted = filter.text?.toLowerCase();
  const rows = decodeRows(plaintext).filter(([, value]) => {
    const atMs = timeOf(value);
    if (fromMs !== undefined && (atMs === undefined || atMs < fromMs)) return false;
    if (toMs !== undefined && (atMs === undefined || atMs >= toMs)) return false;
    if (wanted !== undefined && !textOf(value).toLowerCase().includes(wanted)) return false;
    return person === undefined || isOf(value, person);
  });
  return Buffer.from(rows.map(encodeRow).join(""));
}
