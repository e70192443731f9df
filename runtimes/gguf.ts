/** Looks at the head of a GGUF file before the native library does, so that a refusal has a reason a person can use.
 *
 *      "GGUF" | version u32 | tensors u64 | pairs u64 | pair… | tensor…          (little endian, version 2 and 3)
 *      pair   = key string | type u32 | value
 *      tensor = name string | dimensions u32 | u64… | ggml type u32 | offset u64
 *      string = length u64 | UTF-8
 *
 *  Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { valueFault, type GgufFact, type GgufTensor } from "./gguf-values.ts";
import { runtimeLimits } from "./limits.ts";

/** What a file says of itself. */
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
  /** `adapter`, `projector`: another model is changed by it (a LoRA), or sees or hears by it, and it is none itself. */
  readonly kind: "model" | "adapter" | "projector";
  /** As its publisher calls it; empty when the file does not say. */
  readonly title: string;
  /** Empty when the file does not say. */
  readonly licence: string;
  /** Like `Q4_K_M`. */
  readonly quantisation: string;
  /** What it can be asked for, as far as the file says. */
  readonly capabilities: readonly string[];
  /** Files that the model is split into; 1 when it is whole. */
  readonly parts: number;
  /** Which of them this one is; absent in a model that is whole. */
  readonly part?: GgufPart;
}

/** What a part says of its place among the parts, as `gguf-split` of llama.cpp writes it. */
interface GgufPart {
  /** From 0 on. */
  readonly number: number;
  /** Tensors in this file. */
  readonly tensors: number;
  /** Tensors in all parts together. */
  readonly ofTensors: number;
}

/** Where things are in a head, for code that writes another one. */
interface GgufLayout {
  readonly alignment: number;
  /** The bytes of all pairs of metadata. */
  readonly pairs: { readonly from: number; readonly to: number; readonly count: number };
  /** Where the value of `general.file_type` is; undefined: it does not say. */
  readonly fileTypeAt: number | undefined;
  /** It says which version of the quantised types it has. */
  readonly hasVersion: boolean;
}

export type GgufVerdict =
  | {
      readonly type: "fine";
      readonly header: GgufHeader;
      readonly tensors: readonly GgufTensor[];
      readonly layout: GgufLayout;
    }
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
  [
    36,
    "type 36 (i2_s of bitnet.cpp), which llama.cpp does not read; use a TQ1_0 or TQ2_0 version of the model " +
      "(`plexus models convert` says more)",
  ],
  [37, "the removed type IQ4_NL_4_8; use IQ4_NL"],
  [38, "the removed type IQ4_NL_8_8; use IQ4_NL"],
]);

/** The types that llama.cpp reads: what each is called, how many numbers are in a block, and its bytes.
 *  Source: `type_traits` of ggml.c and the sizes of ggml-common.h, as of the release inside node-llama-cpp. */
export const tensorTypes: ReadonlyMap<number, readonly [name: string, numbers: number, bytes: number]> = new Map([
  [0, ["F32", 1, 4]],
  [1, ["F16", 1, 2]],
  [2, ["Q4_0", 32, 18]],
  [3, ["Q4_1", 32, 20]],
  [6, ["Q5_0", 32, 22]],
  [7, ["Q5_1", 32, 24]],
  [8, ["Q8_0", 32, 34]],
  [9, ["Q8_1", 32, 36]],
  [10, ["Q2_K", 256, 84]],
  [11, ["Q3_K", 256, 110]],
  [12, ["Q4_K", 256, 144]],
  [13, ["Q5_K", 256, 176]],
  [14, ["Q6_K", 256, 210]],
  [15, ["Q8_K", 256, 292]],
  [16, ["IQ2_XXS", 256, 66]],
  [17, ["IQ2_XS", 256, 74]],
  [18, ["IQ3_XXS", 256, 98]],
  [19, ["IQ1_S", 256, 50]],
  [20, ["IQ4_NL", 32, 18]],
  [21, ["IQ3_S", 256, 110]],
  [22, ["IQ2_S", 256, 82]],
  [23, ["IQ4_XS", 256, 136]],
  [24, ["I8", 1, 1]],
  [25, ["I16", 1, 2]],
  [26, ["I32", 1, 4]],
  [27, ["I64", 1, 8]],
  [28, ["F64", 1, 8]],
  [29, ["IQ1_M", 256, 56]],
  [30, ["BF16", 1, 2]],
  [34, ["TQ1_0", 256, 54]],
  [35, ["TQ2_0", 256, 66]],
  [39, ["MXFP4", 32, 17]],
  [40, ["NVFP4", 64, 36]],
  [41, ["Q1_0", 128, 18]],
  [42, ["Q2_0", 64, 18]],
]);

/** `general.file_type`, where it says more than the types of the tensors. Source: `llama_ftype` of llama.h. */
const fileTypes: ReadonlyMap<number, string> = new Map([
  [11, "Q3_K_S"],
  [12, "Q3_K_M"],
  [13, "Q3_K_L"],
  [14, "Q4_K_S"],
  [15, "Q4_K_M"],
  [16, "Q5_K_S"],
  [17, "Q5_K_M"],
  [21, "Q2_K_S"],
  [22, "IQ3_XS"],
  [27, "IQ3_M"],
  [29, "IQ2_M"],
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

type Facts = ReadonlyMap<string, GgufFact>;

function readHead(reader: Reader, fileBytes: number): GgufVerdict {
  reader.skip(4);
  const version = reader.u32();
  if (version < 2 || version > 3) return refuse(`GGUF version ${version} is unknown (2 and 3 are read)`);
  const tensorCount = reader.count("tensors", runtimeLimits.ggufTensorsMax);
  const pairs = reader.count("metadata pairs", runtimeLimits.ggufPairsMax);
  const facts = new Map<string, GgufFact>();
  const pairsFrom = reader.skip(0);
  let fileTypeAt: number | undefined;
  for (let index = 0; index < pairs; index += 1) {
    const key = reader.text(keyBytesMax);
    if (facts.has(key)) return refuse(`it says ${shown(key)} twice`);
    const valueType = reader.u32();
    if (key === "general.file_type") fileTypeAt = reader.skip(0);
    if (key === "general.file_type" && valueBytes.get(valueType) !== 4)
      return refuse("its general.file_type is not a number");
    facts.set(key, key === "tokenizer.ggml.tokens" ? reader.tokens(valueType) : reader.fact(valueType));
  }
  const layoutOf = (alignment: number): GgufLayout => ({
    alignment,
    pairs: { from: pairsFrom, to: pairsTo, count: pairs },
    fileTypeAt,
    hasVersion: facts.has("general.quantization_version"),
  });
  const pairsTo = reader.skip(0);
  const alignment = Number(valueOf(facts, "general.alignment") ?? 32);
  if (!(alignment >= 1 && alignment <= alignmentMax) || (alignment & (alignment - 1)) !== 0)
    return refuse(`its alignment of ${alignment} bytes is not a power of two up to ${alignmentMax}`);
  const misplaced = partFault(facts);
  if (misplaced !== undefined) return refuse(misplaced);
  const found: GgufTensor[] = [];
  const names = new Set<string>();
  // As llama.cpp has it: each begins where the one before ends.
  let next = 0;
  for (let index = 0; index < tensorCount; index += 1) {
    const tensor = readTensor(reader, { expected: next });
    if (names.has(tensor.name)) return refuse(`tensor ${shown(tensor.name)} is there twice`);
    names.add(tensor.name);
    found.push(tensor);
    next = Math.ceil((tensor.offset + tensor.bytes) / alignment) * alignment;
  }
  const dataStart = Math.ceil(reader.skip(0) / alignment) * alignment;
  const tensors = found.map((tensor) => ({ ...tensor, offset: dataStart + tensor.offset }));
  const beyond = tensors.find(({ offset, bytes }) => offset + bytes > fileBytes);
  if (beyond !== undefined) return refuse(`the file is cut off: tensor ${shown(beyond.name)} reaches beyond its end`);
  const header = headerOf(facts, tensors);
  const claims = {
    facts,
    tensors,
    whole: header.part === undefined,
    tokenTwice: reader.twice,
    byteMissing: reader.byteMissing,
  };
  const fault = header.kind === "model" && (header.part?.number ?? 0) === 0 ? valueFault(claims) : undefined;
  if (fault !== undefined) return refuse(fault);
  return { type: "fine", header, tensors, layout: layoutOf(alignment) };
}

/** Reads one tensor's line; its offset counts from the first tensor's data on. */
function readTensor(reader: Reader, { expected }: { readonly expected: number }): GgufTensor {
  const name = reader.text(tensorNameBytesMax);
  const dimensionCount = reader.u32();
  if (dimensionCount > dimensionsMax) throw new Refusal(`tensor ${shown(name)} has ${dimensionCount} dimensions`);
  const dimensions = Array.from({ length: dimensionCount }, () => reader.u64());
  const numbers = dimensions.reduce((product, width) => product * width, 1);
  if (!Number.isSafeInteger(numbers)) throw new Refusal(`tensor ${shown(name)} has ${numbers} numbers`);
  const type = reader.u32();
  const reason = refusedTensorTypes.get(type);
  if (reason !== undefined) throw new Refusal(`tensor ${shown(name)} has ${reason}`);
  const known = tensorTypes.get(type);
  if (known === undefined) throw new Refusal(`tensor ${shown(name)} has the unknown type ${type}`);
  const [typeName, blockNumbers, blockBytes] = known;
  if ((dimensions[0] ?? 1) % blockNumbers !== 0)
    throw new Refusal(`a row of tensor ${shown(name)} is not a whole number of blocks of ${typeName}`);
  const bytes = (numbers / blockNumbers) * blockBytes;
  const offset = reader.u64();
  if (offset !== expected)
    throw new Refusal(`tensor ${shown(name)} begins at ${offset}, and not where the one before it ends (${expected})`);
  return { name, dimensions, type, offset, bytes };
}

/** Architectures that read text and write none. */
const encoders = /^(?:.*bert.*|gemma-embedding|t5encoder)$/;
/** `LLAMA_POOLING_TYPE_RANK`. */
const rankPooling = 4;

/** A number or a text that the file says; of a list the largest number: what differs from layer to layer is counted as
 *  the most. */
function valueOf(facts: Facts, key: string): string | number | undefined {
  const fact = facts.get(key);
  if (fact === undefined) return undefined;
  return "value" in fact ? fact.value : fact.numbers.length > 0 ? Math.max(...fact.numbers) : undefined;
}

/** Why what a file says of itself as a part is nothing that `gguf-split` writes: `split.no` and `split.count` as u16,
 *  `split.tensors.count` as i32. llama.cpp ends the process that reads another type. */
function partFault(facts: Facts): string | undefined {
  const types = { "split.no": 2, "split.count": 2, "split.tensors.count": 5 } as const;
  for (const [key, type] of Object.entries(types)) {
    const fact = facts.get(key);
    if (fact !== undefined && fact.type !== type)
      return (
        `its ${key} is of the type ${typeNames.get(fact.type) ?? fact.type}, ` +
        `and llama.cpp writes and reads ${typeNames.get(type)}`
      );
  }
  const [number, parts, tensors] = Object.keys(types).map((key) => valueOf(facts, key));
  if (number === undefined && parts === undefined && tensors === undefined) return undefined;
  if (typeof parts !== "number") return "it says that it is a part, and not of how many (split.count)";
  if (parts < 2) return undefined;
  if (typeof number !== "number" || typeof tensors !== "number")
    return "it says that it is a part, and not which one (split.no, split.tensors.count)";
  if (number >= parts) return `it says that it is part ${number + 1} of ${parts}`;
  return tensors < 0 ? `it says that its parts have ${tensors} tensors` : undefined;
}

function headerOf(facts: Facts, tensors: readonly GgufTensor[]): GgufHeader {
  const architecture = String(valueOf(facts, "general.architecture") ?? "");
  const number = (key: string): number => Number(valueOf(facts, key) ?? 0) || 0;
  const own = (key: string): number => number(`${architecture}.${key}`);
  const text = (key: string): string => {
    const value = valueOf(facts, key);
    return typeof value === "string" ? value.slice(0, factCharsMax) : "";
  };
  const width = own("embedding_length");
  const heads = own("attention.head_count") || 1;
  const keyHeads = own("attention.head_count_kv") || heads;
  const isProjector = text("general.type") === "mmproj" || architecture === "clip";
  const kind = isProjector ? "projector" : text("general.type") === "adapter" ? "adapter" : "model";
  const parts = Math.max(1, number("split.count"));
  const part = { number: number("split.no"), tensors: tensors.length, ofTensors: number("split.tensors.count") };
  return {
    architecture,
    parameters: tensors.reduce((sum, { dimensions }) => sum + dimensions.reduce((all, one) => all * one, 1), 0),
    contextTokens: own("context_length"),
    layers: own("block_count"),
    keyWidth: keyHeads * (own("attention.key_length") || width / heads),
    pooling: own("pooling_type"),
    kind,
    title: text("general.name"),
    licence: text("general.license"),
    quantisation: fileTypes.get(Number(valueOf(facts, "general.file_type") ?? -1)) ?? commonestType(tensors),
    capabilities: kind !== "model" ? [] : capabilitiesOf(facts, architecture, own("pooling_type")),
    parts,
    ...(parts > 1 && { part }),
  };
}

/** What a model is made for. */
export type Purpose = "write" | "embed" | "rerank";

/** By its architecture and its `pooling_type`: a file has that only when it was made of a model that reads. */
export function purposeOf(architecture: string, pooling: number): Purpose {
  if (pooling === rankPooling) return "rerank";
  return encoders.test(architecture) || pooling > 0 ? "embed" : "write";
}

function capabilitiesOf(facts: Facts, architecture: string, pooling: number): readonly string[] {
  const purpose = purposeOf(architecture, pooling);
  if (purpose !== "write") return [purpose];
  const template = valueOf(facts, "tokenizer.chat_template");
  const hasTools = typeof template === "string" && /\btools\b/.test(template);
  return hasTools ? ["chat", "tools"] : ["chat"];
}

/** The type that most of the bytes have. */
function commonestType(tensors: readonly GgufTensor[]): string {
  const bytesOf = new Map<number, number>();
  for (const { type, bytes } of tensors) bytesOf.set(type, (bytesOf.get(type) ?? 0) + bytes);
  const [most] = [...bytesOf].toSorted(([, one], [, other]) => other - one);
  return most === undefined ? "" : (tensorTypes.get(most[0])?.[0] ?? "");
}

/** A name from the file as a person may read it: whole models are hostile until they were looked at. */
const shown = (name: string): string =>
  name.length > 80 ? `${JSON.stringify(name.slice(0, 80))}…` : /^[\w./:-]*$/.test(name) ? name : JSON.stringify(name);

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
const typeNames: ReadonlyMap<number, string> = new Map(
  ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"].entries(),
);
/** What is kept of a list of numbers: more layers llama.cpp does not read. */
const keptNumbers = 512;
/** As ggml has them (`GGML_MAX_DIMS`, `GGML_MAX_NAME` with its final zero, the specification's key length). */
const dimensionsMax = 4;
const tensorNameBytesMax = 63;
const keyBytesMax = 65_535;
const alignmentMax = 1024 * 1024;
/** What is kept of a title or a licence. */
const factCharsMax = 200;
/** No vocabulary has so many tokens, and no text so many bytes. */
const countMax = 2 ** 32;

class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  /** A token that is in the vocabulary twice. */
  twice: string | undefined;
  /** The first byte for which the vocabulary has no token, as SentencePiece writes it. */
  byteMissing: number | undefined;
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

  count(of: string, most = countMax): number {
    const value = this.u64();
    if (value > most) throw new Refusal(`it claims ${value} ${of}`);
    return value;
  }

  text(most?: number): string {
    const length = this.count("bytes in a text", most);
    const from = this.skip(length);
    return this.#bytes.toString("utf8", from, from + length);
  }

  /** A value of the metadata. */
  fact(type: number): GgufFact {
    if (type === stringType) return { type, value: this.text() };
    if (type === arrayType) return this.#list();
    if (!valueBytes.has(type)) throw new Refusal(`it holds a metadata value of the unknown type ${type}`);
    return { type, value: this.#number(type) };
  }

  /** A number of any type; of truths 0 and 1. */
  #number(type: number): number {
    const at = this.skip(valueBytes.get(type) ?? 0);
    const bytes = this.#bytes;
    switch (type) {
      case 0:
      case 7:
        return bytes.readUInt8(at);
      case 1:
        return bytes.readInt8(at);
      case 2:
        return bytes.readUInt16LE(at);
      case 3:
        return bytes.readInt16LE(at);
      case 4:
        return bytes.readUInt32LE(at);
      case 5:
        return bytes.readInt32LE(at);
      case 6:
        return bytes.readFloatLE(at);
      case 10:
        return Number(bytes.readBigUInt64LE(at));
      case 11:
        return Number(bytes.readBigInt64LE(at));
      default:
        return bytes.readDoubleLE(at);
    }
  }

  /** The list of a vocabulary, and whether a text is in it twice. An empty one has no meaning, and may be. */
  tokens(type: number): GgufFact {
    const from = this.#at;
    const fact = this.fact(type);
    if (!("of" in fact) || fact.of !== stringType) return fact;
    if (fact.count > runtimeLimits.ggufTokensMax) throw new Refusal(`it claims a vocabulary of ${fact.count} tokens`);
    const to = this.#at;
    const known = new Set<string>();
    this.#at = from + 12;
    for (let index = 0; index < fact.count && this.twice === undefined; index += 1) {
      const length = this.u64();
      const at = this.skip(length);
      // As bytes: what is no text in UTF-8 is another token.
      const token = this.#bytes.toString("latin1", at, at + length);
      if (token !== "" && known.has(token)) this.twice = this.#bytes.toString("utf8", at, at + length);
      known.add(token);
    }
    this.#at = to;
    const isThere = (byte: number): boolean =>
      known.has(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`) || known.has(String.fromCharCode(byte));
    this.byteMissing = Array.from({ length: 256 }, (_none, byte) => byte).find((byte) => !isThere(byte));
    return fact;
  }

  #list(): GgufFact {
    const of = this.u32();
    const count = this.count("values in a list");
    const size = valueBytes.get(of);
    const numbers: number[] = [];
    if (size !== undefined && count <= keptNumbers)
      for (let index = 0; index < count; index += 1) numbers.push(this.#number(of));
    else if (size !== undefined) this.skip(size * count);
    else if (of === stringType) for (let index = 0; index < count; index += 1) this.skip(this.count("bytes in a text"));
    else throw new Refusal(`it holds a list of the unknown type ${of}`);
    return { type: arrayType, of, count, numbers };
  }
}

/** Why a file of another kind is no model by itself. */
export const notByItself = {
  adapter: "it is an adapter (LoRA), which changes another model, and is none itself",
  projector:
    "it is a projector (mmproj), by which another model sees or hears, and is none itself: take the model's file",
} as const;
