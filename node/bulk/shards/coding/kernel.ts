/** Sums of products in the field with 256 elements, over many bytes at once: a WebAssembly module that is assembled
 *  here.
 *
 *      memory:  │ tables │ sources, a block each │ targets, a block each │
 *
 *      sums of one to four targets:   target r = Σ factor(r, s) · source s   over all sources s, 32 bytes at a time
 *
 *  A product with a fixed factor is two look-ups in tables of 16 bytes, one for each half of the byte, and SIMD looks
 *  16 bytes up at a time (Plank, Greenan, Miller, "Screaming Fast Galois Field Arithmetic", FAST 2013). The sources are
 *  read once for up to four targets, whose sums stay in registers. There is no compiled file to trust: the instructions
 *  are below, the test compares every product with the table of `field.ts`, and any thread may make its own. Decision
 *  0050 has the figures. */
import { assert } from "../../../../protocols/index.ts";
import { product, type Row } from "./field.ts";

/** More shards than any group has holders. */
const sourcesMax = 64;
/** Of each shard at a time: sources, targets and tables of usual stripes stay in the processor's second cache. */
const blockBytes = 16 * 1024;
/** What the sums of a target's bytes take; all of them and what they are made of fit into 16 registers. */
const rowsMax = 4;
const lanes = 2;
const laneBytes = 16;
const tableBytes = 2 * laneBytes;
const sourcesAt = sourcesMax * rowsMax * tableBytes;
const targetsAt = sourcesAt + sourcesMax * blockBytes;
const memoryBytes = targetsAt + rowsMax * blockBytes;

/** https://webassembly.github.io/spec/core/binary/instructions.html */
const op = {
  loop: [0x03, 0x40],
  end: [0x0b],
  branchIf: (depth: number) => [0x0d, depth],
  get: (local: number) => [0x20, local],
  set: (local: number) => [0x21, local],
  constant: (value: number) => [0x41, ...signed(value)],
  isBelow: [0x49],
  add: [0x6a],
  load: (offset: number) => [0xfd, 0x00, 0, ...unsigned(offset)],
  store: (offset: number) => [0xfd, 0x0b, 0, ...unsigned(offset)],
  vector: (bytes: readonly number[]) => [0xfd, 0x0c, ...bytes],
  // "Relaxed" means that an index of 16 or more may give anything, and saves an instruction: there is no such index
  // here.
  lookUp: [0xfd, ...unsigned(0x100)],
  and: [0xfd, 0x4e],
  xor: [0xfd, 0x51],
  shiftRight: [0xfd, ...unsigned(0x8d)],
} as const;

function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}
function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}
const counted = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];
const text = (word: string): number[] => sized([...Buffer.from(word)]);

/** Instructions, and lists of them. */
type Code = readonly (number | Code)[];
const flat = (code: Code): number[] => code.flatMap((each) => (typeof each === "number" ? each : flat(each)));

const [i32, v128] = [0x7f, 0x7b];

/** One function: the sums of some targets. */
function sumOf(rows: number): number[] {
  // The arguments, then numbers, then vectors.
  const [sources, tables, tablesEnd, target, length] = [0, 1, 2, 3, 4] as const;
  const [at, source, table, to] = [5, 6, 7, 8] as const;
  const sum = (row: number, lane: number): number => 9 + row * lanes + lane;
  const low = (lane: number): number => 9 + rows * lanes + lane;
  const high = (lane: number): number => low(lane) + lanes;
  const [lowTable, highTable] = [low(2 * lanes), low(2 * lanes) + 1];
  const eachLane = (make: (lane: number) => Code): Code => Array.from({ length: lanes }, (_, lane) => make(lane));
  const eachRow = (make: (row: number) => Code): Code => Array.from({ length: rows }, (_, row) => make(row));
  const half = op.vector(Array.from({ length: laneBytes }, () => 0x0f));
  const zero = op.vector(Array.from({ length: laneBytes }, () => 0));
  /** Sets a number to the sum of two. */
  const total = (to: number, one: Code, other: Code): Code => [one, other, op.add, op.set(to)];

  const body: Code = [
    op.loop,
    eachRow((row) => eachLane((lane) => [zero, op.set(sum(row, lane))])),
    total(source, op.get(sources), op.get(at)),
    [op.get(tables), op.set(table)],
    op.loop,
    eachLane((lane) => [
      [op.get(source), op.load(lane * laneBytes), op.set(high(lane))],
      [op.get(high(lane)), half, op.and, op.set(low(lane))],
      [op.get(high(lane)), op.constant(4), op.shiftRight, half, op.and, op.set(high(lane))],
    ]),
    eachRow((row) => [
      [op.get(table), op.load(row * tableBytes), op.set(lowTable)],
      [op.get(table), op.load(row * tableBytes + laneBytes), op.set(highTable)],
      eachLane((lane) => [
        [op.get(sum(row, lane)), op.get(lowTable), op.get(low(lane)), op.lookUp, op.xor],
        [op.get(highTable), op.get(high(lane)), op.lookUp, op.xor, op.set(sum(row, lane))],
      ]),
    ]),
    total(source, op.get(source), op.constant(blockBytes)),
    total(table, op.get(table), op.constant(rows * tableBytes)),
    [op.get(table), op.get(tablesEnd), op.isBelow, op.branchIf(0)],
    op.end,
    total(to, op.get(target), op.get(at)),
    eachRow((row) => [
      eachLane((lane) => [op.get(to), op.get(sum(row, lane)), op.store(lane * laneBytes)]),
      total(to, op.get(to), op.constant(blockBytes)),
    ]),
    total(at, op.get(at), op.constant(lanes * laneBytes)),
    [op.get(at), op.get(length), op.isBelow, op.branchIf(0)],
    op.end,
  ];
  const locals = counted([
    [...unsigned(4), i32],
    [...unsigned(rows * lanes + 2 * lanes + 2), v128],
  ]);
  return sized([...locals, ...flat(body), ...op.end]);
}

/** The module: a function `sum<rows>` for each number of targets up to four, and the memory. */
function assembled(): Uint8Array<ArrayBuffer> {
  const all = Array.from({ length: rowsMax }, (_, row) => row + 1);
  const section = (id: number, items: readonly (readonly number[])[]): number[] => [id, ...sized(counted(items))];
  const pages = unsigned(Math.ceil(memoryBytes / 65_536));
  return Uint8Array.from([
    ...Buffer.from("\0asm\u0001\0\0\0"),
    ...section(1, [[0x60, ...counted(Array.from({ length: 5 }, () => [i32])), 0]]),
    ...section(
      3,
      all.map(() => [0]),
    ),
    ...section(5, [[0x01, ...pages, ...pages]]),
    ...section(7, [[...text("memory"), 0x02, 0], ...all.map((rows) => [...text(`sum${rows}`), 0x00, rows - 1])]),
    ...section(10, all.map(sumOf)),
  ]);
}

type Sum = (sources: number, tables: number, tablesEnd: number, target: number, length: number) => void;

/** What is used of it. Its types come with those of browsers only. */
interface Assembly {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> };
}
const { Module, Instance } = (globalThis as unknown as { readonly WebAssembly: Assembly }).WebAssembly;

/** This thread's. Nothing is kept in its memory from one call to the next. */
const { exports } = new Instance(new Module(assembled()));
const memory = new Uint8Array((exports["memory"] as { readonly buffer: ArrayBuffer }).buffer);
const sums = Array.from({ length: rowsMax }, (_, row) => exports[`sum${row + 1}`] as Sum);

/** Fills each target with the sum of all sources, each times its factor in the target's row. All have the same
 *  length. */
export function sumProducts(
  rows: readonly Row[],
  sources: readonly Uint8Array[],
  targets: readonly Uint8Array[],
): void {
  const length = sources[0]?.length ?? 0;
  assert(sources.length > 0 && sources.length <= sourcesMax, "there are as many sources as the memory holds");
  assert(rows.length === targets.length, "each target has its row");
  assert(
    [...sources, ...targets].every((shard) => shard.length === length),
    "all have the same length",
  );
  for (let first = 0; first < rows.length; first += rowsMax) {
    const some = targets.slice(first, first + rowsMax);
    const tablesEnd = writeTables(rows.slice(first, first + rowsMax), sources.length);
    for (let at = 0; at < length; at += blockBytes) {
      const taken = Math.min(blockBytes, length - at);
      for (const [number, source] of sources.entries())
        memory.set(source.subarray(at, at + taken), sourcesAt + number * blockBytes);
      // Bytes after the last are of another call: what is made of them is not taken.
      sums[some.length - 1]?.(sourcesAt, 0, tablesEnd, targetsAt, taken);
      for (const [number, target] of some.entries()) {
        const made = targetsAt + number * blockBytes;
        target.set(memory.subarray(made, made + taken), at);
      }
    }
  }
}

/** For each source and each row the products of its factor with 0…15, then with 16 times those. Gives their end. */
function writeTables(rows: readonly Row[], sources: number): number {
  let at = 0;
  for (let source = 0; source < sources; source += 1)
    for (const row of rows) {
      for (let nibble = 0; nibble < laneBytes; nibble += 1) {
        memory[at + nibble] = product(row[source] as number, nibble);
        memory[at + laneBytes + nibble] = product(row[source] as number, nibble << 4);
      }
      at += tableBytes;
    }
  return at;
}
