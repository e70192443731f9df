/** Smaller weights: F32, F16 and BF16 become Q8_0 or Q4_0, as llama.cpp reads them. Which tensors, and how; no files
 *  here.
 *
 *      Q8_0: 32 numbers = scale (half), 32 signed bytes           number = scale × byte
 *      Q4_0: 32 numbers = scale (half), 16 bytes of two halves    number = scale × (nibble − 8); byte j has number j
 *                                                                 below and j + 16 above
 *
 *  Source: block_q8_0 and block_q4_0 of ggml-common.h, and what ggml documents of them. The scale of Q8_0 maps the
 *  largest number to 127, that of Q4_0 the largest with its sign to −8. */
import { tensorTypes } from "../gguf.ts";
import type { GgufTensor } from "../gguf-values.ts";

/** What weights can be made. */
export const quantiseTargets = ["Q8_0", "Q4_0"] as const;
export type QuantiseTarget = (typeof quantiseTargets)[number];

/** The numbers of ggml and of llama.h (`general.file_type`). */
export const targetTypes: { readonly [Name in QuantiseTarget]: { readonly type: number; readonly fileType: number } } =
  {
    Q8_0: { type: 8, fileType: 7 },
    Q4_0: { type: 2, fileType: 2 },
  };

/** Numbers in a block. */
export const blockNumbers = 32;
const [f32, f16, bf16] = [0, 1, 30];
const isFloat = ({ type }: Pick<GgufTensor, "type">): boolean => type === f32 || type === f16 || type === bf16;

/** One tensor, and what becomes of it. */
interface QuantisedTensor {
  readonly from: GgufTensor;
  readonly type: number;
  readonly bytes: number;
}

/** Small tensors that say much, and tables that are looked up by place: they stay as they are. */
const stays = /_norm\.|norm\.weight$|ffn_gate_inp|position_embd|token_types|ssm_conv1d|rope_freqs/;
/** What every token goes through: at four bits it costs more than it saves. */
const ends = /^(?:output|token_embd)\.weight$/;

/** What each tensor becomes, or why there is nothing to do. */
export function planQuantised(
  tensors: readonly GgufTensor[],
  target: QuantiseTarget,
):
  | { readonly type: "fine"; readonly tensors: readonly QuantisedTensor[] }
  | { readonly type: "refused"; readonly reason: string } {
  const isMatrix = ({ name, dimensions: [width = 1, height = 1] }: GgufTensor): boolean =>
    name.endsWith(".weight") && height > 1 && width % blockNumbers === 0 && !stays.test(name);
  const other = tensors.find((tensor) => isMatrix(tensor) && !isFloat(tensor));
  if (other !== undefined) {
    const reason =
      `its weights are ${tensorTypes.get(other.type)?.[0] ?? "of another type"} already, and to quantise them ` +
      "again would lose more: begin with F16, BF16 or F32";
    return { type: "refused", reason };
  }
  const made = tensors.map((from): QuantisedTensor => {
    if (!isMatrix(from)) return { from, type: from.type, bytes: from.bytes };
    const { type } = ends.test(from.name) ? targetTypes.Q8_0 : targetTypes[target];
    const [, , bytes] = tensorTypes.get(type) ?? ["", 0, 0];
    const numbers = from.dimensions.reduce((all, one) => all * one, 1);
    return { from, type, bytes: (numbers / blockNumbers) * bytes };
  });
  return made.every(({ from, type }) => from.type === type)
    ? { type: "refused", reason: "there are no weights in it that could become smaller" }
    : { type: "fine", tensors: made };
}

/** A weight that is no number, or too large: with it a model says nothing. */
export class BadWeight extends Error {}

// --- numbers ---------------------------------------------------------------------------------------------------------

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The half-precision number nearest to a number, as its bits; ties to even. */
export function halfOf(value: number): number {
  float[0] = value;
  const all = bits[0] ?? 0;
  const sign = (all >>> 16) & 0x8000;
  const magnitude = all & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7e00;
  // From 65,536 on.
  if (magnitude >= 0x4780_0000) return sign | 0x7c00;
  if (magnitude >= 0x3880_0000) return sign | ((magnitude - 0x3800_0000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  const scaled = Math.abs(float[0] ?? 0) * 2 ** 24;
  const whole = Math.floor(scaled);
  const up = scaled - whole > 0.5 || (scaled - whole === 0.5 && whole % 2 === 1);
  return sign | (whole + Number(up));
}

/** Half-precision numbers by their bits. */
const halves = Float32Array.from({ length: 65_536 }, (_none, half) => {
  const sign = half >= 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
});

/** The numbers of a tensor of floats: `count` of them, from the beginning of `bytes`. */
export function floatsOf(type: number, bytes: Buffer, count: number, into: Float32Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === f32) for (let at = 0; at < count; at += 1) into[at] = view.getFloat32(4 * at, true);
  else if (type === f16) for (let at = 0; at < count; at += 1) into[at] = halves[view.getUint16(2 * at, true)] ?? 0;
  else
    for (let at = 0; at < count; at += 1) {
      bits[0] = view.getUint16(2 * at, true) << 16;
      into[at] = float[0] ?? 0;
    }
}

/** Writes blocks of `numbers` into `into`; returns how many bytes. Throws BadWeight. */
export function quantiseBlocks(type: number, numbers: Float32Array, count: number, into: Buffer): number {
  const isEight = type === targetTypes.Q8_0.type;
  let at = 0;
  for (let from = 0; from < count; from += blockNumbers) {
    let most = 0;
    for (let index = from; index < from + blockNumbers; index += 1) {
      const number = numbers[index] ?? 0;
      if (!Number.isFinite(number)) throw new BadWeight("a weight is not a number");
      if (Math.abs(number) > Math.abs(most)) most = number;
    }
    const scale = Math.fround(isEight ? Math.abs(most) / 127 : most / -8);
    const half = halfOf(scale);
    if ((half & 0x7c00) === 0x7c00) throw new BadWeight("a weight is too large");
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    at = into.writeUInt16LE(half, at);
    at = isEight ? writeEight(numbers, from, inverse, into, at) : writeFour(numbers, from, inverse, into, at);
  }
  return at;
}

function writeEight(numbers: Float32Array, from: number, inverse: number, into: Buffer, at: number): number {
  for (let index = 0; index < blockNumbers; index += 1) {
    const exact = Math.fround((numbers[from + index] ?? 0) * inverse);
    // Halves away from zero, as C rounds.
    into[at + index] = Math.sign(exact) * Math.floor(Math.abs(exact) + 0.5);
  }
  return at + blockNumbers;
}

function writeFour(numbers: Float32Array, from: number, inverse: number, into: Buffer, at: number): number {
  const nibble = (index: number): number =>
    Math.min(15, Math.trunc(Math.fround(Math.fround((numbers[index] ?? 0) * inverse) + 8.5)));
  const half = blockNumbers / 2;
  for (let index = 0; index < half; index += 1)
    into[at + index] = nibble(from + index) | (nibble(from + half + index) << 4);
  return at + half;
}
