/** Files of models as tests need them: whole ones, and such as nobody would write by accident. */
import { tensorTypes } from "../runtimes/gguf.ts";

/** A tensor of a GGUF file. */
export interface GgufTensorFile {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly type: number;
  /** Where it says that it begins; by default where it does. */
  readonly offset?: number | undefined;
  readonly data?: Buffer;
}

/** A GGUF file: its metadata, its tensors, and what is wrong with it. */
export interface GgufFile {
  readonly facts: Readonly<Record<string, string | number>>;
  readonly tensors: readonly GgufTensorFile[];
  /** How many it says that it has. */
  readonly tensorCount: number;
  readonly pairCount: number;
  /** A key that is written twice. */
  readonly again: string;
  /** Bytes that are missing at its end. */
  readonly cut: number;
  /** Most bytes of data that are written for one tensor. */
  readonly data: number;
}

const align = 32;
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};
const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(Math.trunc(value))));
  return bytes;
};
const text = (value: string): Buffer => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & (align - 1))]);

/** Writes a GGUF file, well formed unless told otherwise. */
export function gguf(file: Partial<GgufFile> = {}): Buffer {
  const { facts = {}, tensors = [], again, cut = 0, data: most = 1_048_576 } = file;
  const pairs = [...Object.entries(facts), ...(again === undefined ? [] : [[again, 1] as const])];
  const sizes = tensors.map(({ dimensions, type }) => {
    const [, numbers, bytes] = tensorTypes.get(type) ?? ["", 1, 4];
    return Math.ceil(dimensions.reduce((all, one) => all * one, 1) / numbers) * bytes;
  });
  let next = 0;
  const lines = tensors.map(({ name, dimensions, type, offset }, index) => {
    const at = offset ?? next;
    next = Math.ceil((next + Math.min(sizes[index] ?? 0, most)) / align) * align;
    return Buffer.concat([text(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), u64(at)]);
  });
  const head = Buffer.concat([
    Buffer.from("GGUF"),
    u32(3),
    u64(file.tensorCount ?? tensors.length),
    u64(file.pairCount ?? pairs.length),
    ...pairs.map(
      ([key, value]) =>
      Buffer.concat([text(key), typeof value === "string" ? Buffer.concat([u32(8), text(value)]) : Buffer.concat([u32(4), u32(value)])]), // prettier-ignore
    ),
    ...lines,
  ]);
  const body = tensors.map(({ data }, index) => padded(data ?? Buffer.alloc(Math.min(sizes[index] ?? 0, most))));
  const whole = Buffer.concat([padded(head), ...body]);
  return whole.subarray(0, Math.max(0, whole.length - cut));
}

// --- ONNX ----------------------------------------------------------------------------------------------------------------

/** A field of a protobuf message: a number, a text, bytes, or a message of fields. */
export type Proto = readonly (readonly [number: number, value: number | string | Buffer | Proto])[];

const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  let left = value;
  do {
    const low = left % 128;
    left = Math.floor(left / 128);
    bytes.push(left > 0 ? low | 0x80 : low);
  } while (left > 0);
  return Buffer.from(bytes);
};

/** Writes a protobuf message. */
export const proto = (fields: Proto): Buffer =>
  Buffer.concat(
    fields.map(([number, value]) => {
      if (typeof value === "number") return Buffer.concat([varint(number * 8), varint(value)]);
      const bytes = typeof value === "string" ? Buffer.from(value) : Buffer.isBuffer(value) ? value : proto(value);
      return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
    }),
  );

/** A tensor that lies in the graph, or in another file. */
export const onnxTensor = (name: string, external?: Readonly<Record<string, string>>): Proto => [
  [1, 2],
  [1, 3],
  [2, 1],
  [8, name],
  ...(external === undefined
    ? [[9, Buffer.alloc(24)] as const]
    : [...Object.entries(external).map(([key, value]) => [13, [[1, key], [2, value]]] as const), [14, 1] as const]), // prettier-ignore
];

/** A model with one node that adds a tensor to its input. */
export const onnx = (tensors: readonly Proto[] = [onnxTensor("b")], more: Proto = []): Buffer =>
  proto([
    [1, 8],
    [2, "plexus tests"],
    [7, [[1, [[1, "x"], [1, "b"], [2, "y"], [4, "Add"]]], [2, "g"], ...tensors.map((tensor) => [5, tensor] as const), [11, [[1, "x"]]], [12, [[1, "y"]]]]], // prettier-ignore
    [8, [[2, 17]]],
    ...more,
  ]);
