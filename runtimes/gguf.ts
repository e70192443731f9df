/** Looks at the head of a GGUF file before the native library does, so that a refusal has a reason a person can use.
 *
 *      "GGUF" | version u32 | tensors u64 | pairs u64 | pair… | tensor…          (little endian, version 2 and 3)
 *      pair   = key string | type u32 | value
 *      tensor = name string | dimensions u32 | u64… | ggml type u32 | offset u64
 *      string = length u64 | UTF-8
 *
 *  Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { runtimeLimits } from "./limits.ts";

export interface GgufHeader {
  readonly architecture: string;
  readonly parameters: number;
  /** What the model was trained on; 0 when the file does not say. */
  readonly contextTokens: number;
  readonly layers: number;
  /** Width of the keys (and values) of one token in one layer. */
  readonly keyWidth: number;
  /** How the vectors of a text's tokens become one, as a number of llama.h; 0: they do not. */
  readonly pooling: number;
}

export type GgufVerdict =
  | { readonly type: "fine"; readonly header: GgufHeader }
  | { readonly type: "refused"; readonly reason: string }
  /** The head is longer than these bytes. */
  | { readonly type: "short" };

/** Types that llama.cpp once had, or that only forks of it write. */
const refusedTensorTypes: ReadonlyMap<number, string> = new Map([
  [4, "the removed type Q4_2"],
  [5, "the removed type Q4_3"],
  [31, "the removed type Q4_0_4_4; use Q4_0"],
  [32, "the removed type Q4_0_4_8; use Q4_0"],
  [33, "the removed type Q4_0_8_8; use Q4_0"],
  [36, "type 36 (i2_s of bitnet.cpp), which llama.cpp does not read; use a TQ1_0 or TQ2_0 version of the model"],
]);

/** F32 F16 BF16, Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 in blocks of 32, Q2_K to Q6_K and TQ1_0 TQ2_0 in blocks of 256. */
const bytesPerNumber: ReadonlyMap<number, number> = new Map([
  [0, 4],
  [1, 2],
  [30, 2],
  [2, 18 / 32],
  [3, 20 / 32],
  [6, 22 / 32],
  [7, 24 / 32],
  [8, 34 / 32],
  [10, 84 / 256],
  [11, 110 / 256],
  [12, 144 / 256],
  [13, 176 / 256],
  [14, 210 / 256],
  [34, 54 / 256],
  [35, 66 / 256],
]);

/** Checks the head of a file of `fileBytes` bytes that begins with `bytes`. */
export function inspectGguf(bytes: Buffer, fileBytes: number): GgufVerdict {
  if (bytes.length < 4) return bytes.length < fileBytes ? { type: "short" } : refuse("the file is empty or cut off");
  if (bytes.toString("latin1", 0, 4) !== "GGUF") return refuse("this is not a GGUF file (its first bytes differ)");
  try {
    return readHead(new Reader(bytes), fileBytes);
  } catch (thrown) {
    if (thrown instanceof Refusal) return refuse(thrown.message);
    if (!(thrown instanceof EndOfBytes)) throw thrown;
    return bytes.length < fileBytes ? { type: "short" } : refuse("the file is cut off inside its head");
  }
}

/** Reads as much of a file as its head needs. Throws only what the file system throws. */
export function inspectGgufFile(path: string): { readonly verdict: GgufVerdict; readonly fileBytes: number } {
  // Opening a named pipe would wait for a writer.
  if (!statSync(path).isFile()) return { verdict: refuse("this is not a regular file"), fileBytes: 0 };
  const file = openSync(path, "r");
  try {
    const fileBytes = fstatSync(file).size;
    for (let want = 64 * 1024; ; want *= 4) {
      const bytes = Buffer.alloc(Math.min(want, fileBytes));
      const verdict = inspectGguf(bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0)), fileBytes);
      if (verdict.type !== "short") return { verdict, fileBytes };
      if (want >= runtimeLimits.ggufHeaderBytesMax)
        return { verdict: refuse("its head is larger than any model's"), fileBytes };
    }
  } finally {
    closeSync(file);
  }
}

/** Bytes that keys and values of `sequences` contexts take, at two bytes a number.
 *  Measured: 339 MiB where this says 336. */
export function keyValueBytes(header: GgufHeader, contextTokens: number, sequences: number): number {
  return 2 * header.layers * header.keyWidth * 2 * contextTokens * sequences;
}

function readHead(reader: Reader, fileBytes: number): GgufVerdict {
  reader.skip(4);
  const version = reader.u32();
  if (version < 2 || version > 3) return refuse(`GGUF version ${version} is unknown (2 and 3 are read)`);
  const tensors = reader.count("tensors");
  const pairs = reader.count("metadata pairs");
  const facts = new Map<string, string | number>();
  for (let index = 0; index < pairs; index += 1) {
    const key = reader.text();
    const value = reader.value(reader.u32());
    if (value !== undefined) facts.set(key, value);
  }
  let parameters = 0;
  let furthest = { name: "", end: -1 };
  for (let index = 0; index < tensors; index += 1) {
    const name = reader.text();
    const dimensions = reader.u32();
    if (dimensions > 8) return refuse(`tensor ${name} has ${dimensions} dimensions`);
    let numbers = 1;
    for (let dimension = 0; dimension < dimensions; dimension += 1) numbers *= reader.u64();
    parameters += numbers;
    const type = reader.u32();
    const reason = refusedTensorTypes.get(type);
    if (reason !== undefined) return refuse(`tensor ${name} has ${reason}`);
    // Of a type that is not known here, at least one byte.
    const end = reader.u64() + Math.max(1, Math.floor(numbers * (bytesPerNumber.get(type) ?? 0)));
    if (end > furthest.end) furthest = { name, end };
  }
  const alignment = Number(facts.get("general.alignment") ?? 32) || 32;
  const dataStart = Math.ceil(reader.skip(0) / alignment) * alignment;
  if (dataStart + furthest.end > fileBytes)
    return refuse(`the file is cut off: tensor ${furthest.name} reaches beyond its end`);
  return { type: "fine", header: headerOf(facts, parameters) };
}

function headerOf(facts: ReadonlyMap<string, string | number>, parameters: number): GgufHeader {
  const architecture = String(facts.get("general.architecture") ?? "");
  const number = (key: string): number => Number(facts.get(`${architecture}.${key}`) ?? 0);
  const width = number("embedding_length");
  const heads = number("attention.head_count") || 1;
  const keyHeads = number("attention.head_count_kv") || heads;
  return {
    architecture,
    parameters,
    contextTokens: number("context_length"),
    layers: number("block_count"),
    keyWidth: keyHeads * (number("attention.key_length") || width / heads),
    pooling: number("pooling_type"),
  };
}

const refuse = (reason: string): GgufVerdict => ({ type: "refused", reason });

class EndOfBytes extends Error {}
class Refusal extends Error {}

/** Bytes per value of the fixed-size metadata types: u8 i8 u16 i16 u32 i32 f32 bool … u64 i64 f64. */
const valueBytes: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 4],
  [5, 4],
  [6, 4],
  [7, 1],
  [10, 8],
  [11, 8],
  [12, 8],
]);
const stringType = 8;
const arrayType = 9;
/** Neither a model has this many tensors, metadata pairs or tokens, nor a tensor this many numbers a dimension. */
const countMax = 2 ** 32;

class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  skip(count: number): number {
    const from = this.#at;
    if (from + count > this.#bytes.length) throw new EndOfBytes();
    this.#at += count;
    return from;
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.skip(4));
  }

  u64(): number {
    return Number(this.#bytes.readBigUInt64LE(this.skip(8)));
  }

  count(of: string): number {
    const value = this.u64();
    if (value > countMax) throw new Refusal(`it claims ${value} ${of}`);
    return value;
  }

  text(): string {
    const length = this.count("bytes in a text");
    const from = this.skip(length);
    return this.#bytes.toString("utf8", from, from + length);
  }

  /** A number or a text; undefined for values that are only passed over. */
  value(type: number): string | number | undefined {
    if (type === stringType) return this.text();
    if (type === arrayType) return this.#passArray();
    const size = valueBytes.get(type);
    if (size === undefined) throw new Refusal(`it holds a metadata value of the unknown type ${type}`);
    const from = this.skip(size);
    if (type === 4) return this.#bytes.readUInt32LE(from);
    if (type === 5) return this.#bytes.readInt32LE(from);
    if (type === 10) return Number(this.#bytes.readBigUInt64LE(from));
    return undefined;
  }

  #passArray(): undefined {
    const type = this.u32();
    const count = this.count("values in a list");
    const size = valueBytes.get(type);
    if (size !== undefined) this.skip(size * count);
    else if (type === stringType)
      for (let index = 0; index < count; index += 1) this.skip(this.count("bytes in a text"));
    else throw new Refusal(`it holds a list of the unknown type ${type}`);
  }
}
