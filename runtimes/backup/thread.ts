/** A thread that does what a backup computes: cutting, compressing and encrypting, and all of it backwards. It has keys
 *  only while a task runs. What its tasks and answers are is for `sealer.ts`, which gives them. */
import { randomFillSync } from "node:crypto";
import { constants, setPriority } from "node:os";
import { isMainThread } from "node:worker_threads";
import { cutRows, isOf, timeOf, unitPlace, type CutState, type Standing } from "./cutting.ts";
import {
  decodeRows,
  encodeRow,
  hashOfUnit,
  openSealed,
  sealUnit,
  sharedName,
  unitFormat,
  unitIn,
  type UnitContext,
  type UnitName,
} from "./format/index.ts";
import { createLineWriter } from "./lines.ts";
import { parted, SharedMemory, SharedPieces, type Joined } from "./memory.ts";
import type { RowList, SharedRows } from "./row-list.ts";

// The pool calls it by its name.
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
  /** Units of one actor that are sealed at once are sealed as one. */
  readonly together: boolean;
}

/** Tasks as a thread is given them: their rows lie in memory that it shares. */
interface CutBatch extends CutHow {
  readonly tasks: readonly CutTask[];
  readonly rows: SharedRows;
  /** Where the fragments of sealed units come. */
  readonly room: Uint8Array<SharedArrayBuffer>;
}

/** One unit, sealed or as it was. */
interface CutUnit {
  readonly name: UnitName;
  readonly hash: string;
  readonly bytes: number;
  readonly rows: number;
  readonly first: string;
  readonly last: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Absent: it is known, and did not change. Else which of `CutAnswers.sealed` it is in. */
  readonly sealed?: number;
  /** As in `UnitEntry`. */
  readonly start?: number;
}

/** What was sealed as one. */
export interface SealedPart {
  readonly id: string;
  readonly key: Uint8Array;
  readonly fragments: number;
  /** How many units are in it. */
  readonly units: number;
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
  readonly sealed: readonly SealedPart[];
  /** Of all that was sealed, in order: in the memory that was given, or in more. */
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
  /** The message of this position in its room, and what answers it. */
  readonly replies?: number;
  /** What the row's text has in it, whatever its case. */
  readonly text?: string;
}

/** A unit in what was sealed. */
interface OpenPart {
  readonly hash: string;
  readonly bytes: number;
  /** Absent: it is sealed alone. */
  readonly start?: number;
  /** Absent: all of it, as it is. */
  readonly filter?: RowFilter;
}

export interface OpenTask {
  readonly units: readonly {
    readonly context: UnitContext;
    readonly key: Uint8Array;
    /** How many of the task's fragments are of it. */
    readonly fragments: number;
    /** The units in it that are wanted. None: all of it, as it is. */
    readonly parts: readonly OpenPart[];
  }[];
  readonly fragments: Joined;
  /** Where the plaintexts come. */
  readonly room: Uint8Array<SharedArrayBuffer>;
}

/** Of each part in order, in the memory that was given, or in more. */
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

/** Where what is sealed comes. */
interface Making {
  readonly epoch: number;
  readonly fragments: number;
  readonly made: SharedPieces;
  readonly sealed: SealedPart[];
}

/** Seals bytes, and gives their number among all that were sealed. */
function sealAs(plaintext: Uint8Array, name: UnitName, units: number, how: Making, hash?: string): number {
  const { epoch, fragments, made, sealed } = how;
  const id = draw(16).toString("hex");
  const random = draw(unitFormat.randomBytes);
  const room = (bytes: number): Buffer => made.room(bytes);
  const done = sealUnit(
    plaintext,
    { ...name, id, epoch },
    { fragments, random, room, ...(hash !== undefined && { hash }) },
  );
  for (const { length } of done.fragments) made.took(length);
  return sealed.push({ id, key: done.key, fragments, units }) - 1;
}

/** Pieces in the memory that a task brings. */
function piecesIn(room: Uint8Array<SharedArrayBuffer>): SharedPieces {
  const memory = new SharedMemory(0);
  memory.become(room);
  return new SharedPieces(memory);
}

/** Units of this type have an actor's state: entries of the log, and behind them its snapshot and the like. */
export const stateType = ".state";
/** Behind the keys of all entries. */
const entriesEnd = "entry0";

/** So many times the bytes of a unit are sealed as one. Zstandard looks back two megabytes, and what is the same lies
 *  nearer: in the order of times. */
const unitsTogether = 8;

/** One for all tasks of this thread: its memory is used again. */
const lines = createLineWriter();
/** The same, of each row: where its line ends, and when it was. */
let [lineEnds, times] = [new Uint32Array(), new Float64Array()];

/** Work in steps of a few milliseconds, between which a thread may do something else, but no other such work, for
 *  anybody: it would have the same memory. */
export type Steps<Answer> = Generator<void, Answer, void>;

/** All of it at once. */
function whole<Answer>(steps: Steps<Answer>): Answer {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Cuts rows into units and seals those that changed. */
export const cut = (batch: CutBatch): CutAnswers => whole(cutting(batch));

/** The same in steps: rows of one task, and what is sealed as one. */
export function* cutting(batch: CutBatch): Steps<CutAnswers> {
  const [made, sealed]: [SharedPieces, SealedPart[]] = [piecesIn(batch.room), []];
  lines.from(batch.rows.keys, batch.rows.values);
  const answers: CutAnswer[] = [];
  let first = 0;
  for (const tasks of inTurn(batch)) {
    lines.clear();
    let line = 0;
    const cuts: ReturnType<typeof cutTask>[] = [];
    for (const task of tasks) {
      cuts.push(cutTask(batch, task, first, line));
      [first, line] = [first + task.rows, line + task.rows];
      yield;
    }
    const units = yield* sealCut(
      cuts.flatMap((one) => one.units),
      { ...batch, made, sealed },
    );
    let next = 0;
    for (const { units: own, ...answer } of cuts)
      answers.push({ ...answer, units: units.slice(next, (next += own.length)) });
  }
  return { answers, sealed, fragments: made.joined };
}

/** Tasks whose units are sealed together follow one another. */
function inTurn({ tasks, together }: CutBatch): readonly (readonly CutTask[])[] {
  const lists: CutTask[][] = [];
  for (const task of tasks) {
    const before = lists.at(-1)?.[0]?.subject;
    const isSame = together && before?.thread === task.subject.thread && before.person === task.subject.person;
    if (isSame) lists.at(-1)?.push(task);
    else lists.push([task]);
  }
  return lists;
}

/** A unit whose lines are written: where they begin and end among all. */
interface Written {
  readonly unit: Omit<CutUnit, "hash" | "bytes">;
  readonly start: number;
  readonly end: number;
  /** As in `KnownUnit`. */
  readonly before: string | undefined;
}

/** Cuts the rows of a task, of which `first` is the first, into units; their lines come behind `line` others. */
function cutTask(
  batch: CutBatch,
  task: CutTask,
  first: number,
  line: number,
): Omit<CutAnswer, "units"> & { readonly units: readonly Written[] } {
  const { keys, keyEnds, valueEnds } = batch.rows;
  const count = task.rows;
  if (lineEnds.length < line + count) {
    const [ends, at] = [lineEnds, times];
    [lineEnds, times] = [new Uint32Array(2 * (line + count)), new Float64Array(2 * (line + count))];
    lineEnds.set(ends);
    times.set(at);
  }
  for (let at = 0; at < count; at += 1) {
    const row = first + at;
    const keyStart = row === 0 ? 0 : (keyEnds[row - 1] as number);
    const start = row === 0 ? 0 : (valueEnds[row - 1] as number);
    times[line + at] = lines.write(keyStart, keyEnds[row] as number, start, valueEnds[row] as number);
    lineEnds[line + at] = lines.length;
  }
  const names = Buffer.from(keys.buffer, keys.byteOffset, keys.byteLength);
  const keyOf = (at: number): string => {
    const row = first + at;
    return names.toString("utf8", row === 0 ? 0 : keyEnds[row - 1], keyEnds[row]);
  };
  const sizes = valueEnds.subarray(first, first + count).map((end, at) => end - (valueEnds[first + at - 1] ?? 0));
  const standing = standingAmong(task.known, count, keyOf);
  const how = { bytes: batch.unitBytes, final: task.final, standing };
  const apartAt = task.subject.type === stateType ? placeAmong(count, keyOf, (key) => key >= entriesEnd) : 0;
  const measured = { count, bytes: sizes, atMs: times.subarray(line, line + count), apartAt };
  const { pieces, state } = cutRows(measured, task.state, how);
  const known = new Map(task.known.map((one) => [unitPlace(one), one.hash]));
  const units = pieces.map((piece): Written => {
    const { bucket, part, from, to } = piece;
    const keysOf = { first: keyOf(from), last: keyOf(to - 1) };
    const unit = {
      name: { ...task.subject, bucket, part },
      rows: to - from,
      ...keysOf,
      ...timesWithin(line + from, line + to),
    };
    const start = line + from === 0 ? 0 : (lineEnds[line + from - 1] as number);
    return { unit, start, end: lineEnds[line + to - 1] as number, before: known.get(unitPlace(piece)) };
  });
  return { units, state, taken: pieces.at(-1)?.to ?? 0 };
}

/** Seals those of some units of one actor that changed: those of a day as one, so that what several of them say (a
 *  message, the event that tells of it, the entry of the log) is stored once. */
function* sealCut(written: readonly Written[], how: CutHow & Making): Steps<readonly CutUnit[]> {
  const all = lines.bytes;
  const units = written.map(
    ({ unit, start, end, before }): { unit: CutUnit; plaintext: Uint8Array; isAsBefore: boolean } => {
      const plaintext = all.subarray(start, end);
      const hash = hashOfUnit(plaintext);
      return { unit: { ...unit, hash, bytes: plaintext.length }, plaintext, isAsBefore: before === hash };
    },
  );
  for (const group of togetherOf(
    units.filter(({ isAsBefore }) => !isAsBefore),
    how,
  )) {
    const [one] = group as readonly [(typeof group)[number]];
    const isAlone = group.length === 1;
    const name = isAlone ? one.unit.name : sharedName(one.unit.name);
    const bytes = isAlone ? one.plaintext : Buffer.concat(group.map(({ plaintext }) => plaintext));
    const sealed = sealAs(bytes, name, group.length, how, isAlone ? one.unit.hash : undefined);
    let start = 0;
    for (const member of group) {
      member.unit = { ...member.unit, sealed, ...(!isAlone && { start }) };
      start += member.plaintext.length;
    }
    yield;
  }
  return units.map(({ unit }) => unit);
}

/** Which units are sealed as one: those of a day, and with those of the last day what is of none, like the state; in
 *  the order of their times, up to so many bytes that what is the same in them is found. Units of one type say
 *  different things: each of them is lost and read by itself. */
function togetherOf<Unit extends { readonly unit: CutUnit; readonly plaintext: Uint8Array }>(
  units: readonly Unit[],
  { together, unitBytes }: CutHow,
): readonly (readonly Unit[])[] {
  if (!together) return units.map((unit) => [unit]);
  let last = "";
  for (const { unit } of units) if (unit.name.bucket > last) last = unit.name.bucket;
  const timed = ({ unit: { fromMs } }: Unit): number => (fromMs === 0 ? Infinity : fromMs);
  const groups: Unit[][] = [];
  for (const day of Map.groupBy(units, ({ unit }) => unit.name.bucket || last).values()) {
    let bytes = Infinity;
    for (const one of day.toSorted((a, b) => (timed(a) < timed(b) ? -1 : timed(a) > timed(b) ? 1 : 0))) {
      bytes += one.plaintext.length;
      if (bytes > unitsTogether * unitBytes) {
        groups.push([]);
        bytes = one.plaintext.length;
      }
      groups.at(-1)?.push(one);
    }
  }
  const isMixed = (group: readonly Unit[]): boolean => new Set(group.map(({ unit }) => unit.name.type)).size > 1;
  return groups.flatMap((group) => (isMixed(group) ? [group] : group.map((one) => [one])));
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

/** The first of some rows that lies behind. */
function placeAmong(count: number, keyOf: (at: number) => string, isBehind: (key: string) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBehind(keyOf(middle))) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Where among rows the units that there are lie. Those that ended before are no more of interest. */
function standingAmong(known: readonly KnownUnit[], count: number, keyOf: (at: number) => string): readonly Standing[] {
  const found: Standing[] = [];
  if (count === 0) return found;
  const placeOf = (isBehind: (key: string) => boolean): number => placeAmong(count, keyOf, isBehind);
  const firstKey = keyOf(0);
  for (const { bucket, part, first, last } of known)
    if (last >= firstKey)
      found.push({ bucket, part, from: placeOf((key) => key >= first), to: placeOf((key) => key > last) });
  return found;
}

/** Seals bytes as they are, each as one unit. */
export const seal = (task: SealTask): CutAnswers => whole(sealing(task));

/** The same in steps, of one unit each. */
export function* sealing(task: SealTask): Steps<CutAnswers> {
  const how = { ...task, made: piecesIn(task.room), sealed: [] as SealedPart[] };
  const units: CutUnit[] = [];
  for (const [at, content] of parted(task.contents).entries()) {
    const none = { rows: 0, first: "", last: "", fromMs: 0, toMs: 0 };
    const [name, hash] = [task.names[at] as UnitName, hashOfUnit(content)];
    units.push({ name, hash, bytes: content.length, sealed: sealAs(content, name, 1, how, hash), ...none });
    yield;
  }
  const state = { bucket: "", parts: {} };
  return { answers: [{ units, state, taken: units.length }], sealed: how.sealed, fragments: how.made.joined };
}

/** Opens units. Error: BACKUP_DAMAGED. */
export function open(task: OpenTask): OpenAnswer {
  const all = parted(task.fragments);
  const contents = piecesIn(task.room);
  let next = 0;
  for (const { context, key, fragments, parts } of task.units) {
    const own = all.slice(next, (next += fragments));
    const [only] = parts;
    const isAsItIs =
      only === undefined || (parts.length === 1 && only.start === undefined && only.filter === undefined);
    const whole = openSealed(own, context, key, isAsItIs ? (bytes) => contents.room(bytes) : undefined);
    if (only === undefined) contents.took(whole.length);
    for (const part of parts) {
      const unit = unitIn(whole, part);
      if (isAsItIs) contents.took(unit.length);
      else contents.add(part.filter === undefined ? unit : filtered(unit, part.filter));
    }
  }
  return { contents: contents.joined };
}

function textOf(value: unknown): string {
  const text = (value as { readonly text?: unknown } | null | undefined)?.text;
  return typeof text === "string" ? text : "";
}

/** Whether a record is a message with which a thread of replies begins, or answers it. */
function isOfThread(value: unknown, root: number): boolean {
  const { seq, replyTo } = (value ?? {}) as { readonly seq?: unknown; readonly replyTo?: unknown };
  return seq === root || replyTo === root;
}

/** The rows that are wanted. */
function filtered(plaintext: Uint8Array, filter: RowFilter): Uint8Array {
  const { fromMs, toMs, person } = filter;
  const wanted = filter.text?.toLowerCase();
  const rows = decodeRows(plaintext).filter(([, value]) => {
    const atMs = timeOf(value);
    if (fromMs !== undefined && (atMs === undefined || atMs < fromMs)) return false;
    if (toMs !== undefined && (atMs === undefined || atMs >= toMs)) return false;
    if (filter.replies !== undefined && !isOfThread(value, filter.replies)) return false;
    if (wanted !== undefined && !textOf(value).toLowerCase().includes(wanted)) return false;
    return person === undefined || isOf(value, person);
  });
  return Buffer.from(rows.map(encodeRow).join(""));
}
