/** Writes GGUF models of random weights, of any size: they say nothing, and take the time and the memory of models that do. */
import { byteTokens, f32, text, tokenizerOf, u32, writeGguf, type Tensor } from "./conformance/chain-model.ts";

/** How the weights are kept. */
export type Weights = keyof typeof packings;

/** A model to write. */
export interface RandomModel {
  readonly architecture: "llama" | "bitnet";
  readonly weights: Weights;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly inner: number;
  readonly contextTokens: number;
  /** It says letters alone, and never ends: each token is a character. */
  readonly letters?: boolean;
  /** It makes vectors and writes nothing. */
  readonly embeds?: boolean;
}

/** A hundred million weights. */
export const hundredMillion: RandomModel = {
  architecture: "llama",
  weights: "Q8_0",
  width: 768,
  layers: 14,
  heads: 12,
  inner: 2_048,
  contextTokens: 2_048,
};

const template =
  "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

/** Writes it. The same model has the same weights. */
export function writeRandomModel(path: string, model: RandomModel): void {
  const { architecture, weights, width, layers, heads, inner, letters = false, embeds = false } = model;
  const tokens = byteTokens();
  const random = randomNumbers(1);
  const tensors: Tensor[] = [];
  const add = (
    name: string,
    dimensions: readonly [number, number],
    spread: number,
    packed: Weights,
    isZero: (row: number) => boolean = () => false,
  ): void => {
    const numbers = Float32Array.from(
      { length: dimensions[0] * dimensions[1] },
      () => (random() - 0.5) * spread * Math.sqrt(12),
    );
    for (let row = 0; row < dimensions[1]; row += 1)
      if (isZero(row)) numbers.fill(0, row * dimensions[0], (row + 1) * dimensions[0]);
    const { type, pack } = packings[packed];
    tensors.push({ name, dimensions, type, data: pack(numbers) });
  };
  const ones = (name: string, length: number): void => {
    const { type, pack } = packings.F32;
    tensors.push({ name, dimensions: [length], type, data: pack(new Float32Array(length).fill(1)) });
  };
  // Ternary weights are for the layers: what tokens mean is finer.
  const table = weights === "Q8_0" ? "Q8_0" : "F16";
  add("token_embd.weight", [width, tokens.length], 0.5, table);
  ones("output_norm.weight", width);
  if (architecture === "llama")
    add(
      "output.weight",
      [width, tokens.length],
      1 / Math.sqrt(width),
      table,
      (row) => letters && !/^[a-z]$/.test(tokens[row]!),
    );
  for (let layer = 0; layer < layers; layer += 1) {
    const of = (name: string): string => `blk.${layer}.${name}.weight`;
    ones(of("attn_norm"), width);
    for (const name of ["attn_q", "attn_k", "attn_v", "attn_output"])
      add(of(name), [width, width], 1 / Math.sqrt(width), weights);
    ones(of("ffn_norm"), width);
    for (const name of ["ffn_gate", "ffn_up"]) add(of(name), [width, inner], 1 / Math.sqrt(width), weights);
    add(of("ffn_down"), [inner, width], 1 / Math.sqrt(inner), weights);
    if (architecture === "bitnet") {
      ones(of("attn_sub_norm"), width);
      ones(of("ffn_sub_norm"), inner);
    }
  }
  const key = (name: string): string => `${architecture}.${name}`;
  writeGguf(
    path,
    [
      text("general.architecture", architecture),
      text("general.name", "random"),
      u32(key("block_count"), layers),
      u32(key("context_length"), model.contextTokens),
      u32(key("embedding_length"), width),
      u32(key("feed_forward_length"), inner),
      u32(key("attention.head_count"), heads),
      u32(key("attention.head_count_kv"), heads),
      f32(key("attention.layer_norm_rms_epsilon"), 1e-5),
      u32(key("rope.dimension_count"), width / heads),
      f32(key("rope.freq_base"), 10_000),
      u32(key("vocab_size"), tokens.length),
      // As of llama.h: the mean.
      ...(embeds ? [u32(key("pooling_type"), 1)] : []),
      ...tokenizerOf(tokens),
      text("tokenizer.chat_template", template),
    ],
    tensors,
  );
}

/** Half precision. */
function half(value: number): number {
  const bits = new Uint32Array(new Float32Array([value]).buffer)[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  if (exponent <= 0) return sign;
  return exponent >= 31 ? sign | 0x7c00 : sign | ((exponent << 10) + (((bits & 0x7fffff) + 0x1000) >> 13));
}

function packHalf(numbers: Float32Array): Buffer {
  return Buffer.from(Uint16Array.from(numbers, half).buffer);
}

/** Blocks of 32: a scale, and a byte a number. */
function packBytes(numbers: Float32Array): Buffer {
  const blocks = numbers.length / 32;
  const out = Buffer.alloc(blocks * 34);
  for (let block = 0; block < blocks; block += 1) {
    const part = numbers.subarray(block * 32, block * 32 + 32);
    const scale = greatest(part) / 127;
    out.writeUInt16LE(half(scale), block * 34);
    for (const [place, one] of part.entries()) out.writeInt8(Math.round(one / scale), block * 34 + 2 + place);
  }
  return out;
}

/** Blocks of 256 numbers that are a scale, its negative or zero. Source: `quantize_row_tq1_0_ref` and `tq2_0` of ggml-quants.c. */
const packTernary =
  (blockBytes: number, fill: (of: (place: number) => number, put: (at: number, byte: number) => void) => void) =>
  (numbers: Float32Array): Buffer => {
    const blocks = numbers.length / 256;
    const out = Buffer.alloc(blocks * blockBytes);
    for (let block = 0; block < blocks; block += 1) {
      const part = numbers.subarray(block * 256, block * 256 + 256);
      const scale = greatest(part);
      fill(
        (place) => Math.max(0, Math.min(2, Math.round(part[place]! / scale) + 1)),
        (at, byte) => out.writeUInt8(byte, block * blockBytes + at),
      );
      out.writeUInt16LE(half(scale), (block + 1) * blockBytes - 2);
    }
    return out;
  };

/** Five numbers a byte, as digits of base three that fill it. */
const packFifths = packTernary(54, (of, put) => {
  const digits = (places: readonly number[], missing: number): number =>
    Math.floor((places.reduce((sum, place) => sum * 3 + of(place), 0) * 3 ** missing * 256 + 242) / 243);
  const fifths = [0, 1, 2, 3, 4];
  for (let at = 0; at < 32; at += 1) put(at, digits(fifths.map((of5) => at + of5 * 32), 0)); // prettier-ignore
  for (let at = 0; at < 16; at += 1) put(32 + at, digits(fifths.map((of5) => 160 + at + of5 * 16), 0)); // prettier-ignore
  for (let at = 0; at < 4; at += 1) put(48 + at, digits([0, 1, 2, 3].map((of4) => 240 + at + of4 * 4), 1)); // prettier-ignore
});

/** Four numbers a byte. */
const packQuarters = packTernary(66, (of, put) => {
  for (let at = 0; at < 64; at += 1) {
    const from = (at >> 5) * 128 + (at & 31);
    put(at, [0, 1, 2, 3].reduce((byte, of4) => byte | (of(from + of4 * 32) << (2 * of4)), 0)); // prettier-ignore
  }
});

const greatest = (part: Float32Array): number => part.reduce((most, one) => Math.max(most, Math.abs(one)), 1e-9);

const packings = {
  F32: { type: 0, pack: (numbers: Float32Array): Buffer => Buffer.from(numbers.buffer) },
  F16: { type: 1, pack: packHalf },
  Q8_0: { type: 8, pack: packBytes },
  TQ1_0: { type: 34, pack: packFifths },
  TQ2_0: { type: 35, pack: packQuarters },
} as const;

function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
