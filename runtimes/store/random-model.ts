/** Writes a model of random weights, to measure a machine with: it says nothing, at the speed of one that does. */
import { closeSync, openSync, writeSync } from "node:fs";

/** About 57 million numbers in Q8_0: large enough that reading them is most of the work, small enough to be made in a
 *  moment. */
const shape = { width: 512, layers: 16, feedForward: 1_536, heads: 8, contextTokens: 512 } as const;
const alignment = 32;
const block = { numbers: 32, bytes: 34 } as const;
const specials = ["<|endoftext|>"] as const;

type Value =
  | readonly [type: 4 | 5 | 6 | 8, value: number | string]
  | readonly [type: 9, of: 5 | 8, values: readonly (number | string)[]];

/** Writes it; returns its size. Errors: the system's. */
export function writeRandomModel(path: string): number {
  const tokens = [...specials, ...byteCharacters()];
  const facts = factsOf(tokens);
  const tensors = tensorsOf(tokens.length);
  let offset = 0;
  const lines = tensors.map(({ name, dimensions, isNorm }) => {
    const numbers = dimensions.reduce((all, one) => all * one, 1);
    const bytes = isNorm ? numbers * 4 : (numbers / block.numbers) * block.bytes;
    const line = Buffer.concat([
      text(name),
      u32(dimensions.length),
      ...dimensions.map(u64),
      u32(isNorm ? 0 : 8),
      u64(offset),
    ]);
    const padded = Math.ceil(bytes / alignment) * alignment;
    offset += padded;
    return { line, isNorm, padded };
  });
  const head = [
    Buffer.from("GGUF"),
    u32(3),
    u64(tensors.length),
    u64(Object.keys(facts).length),
    ...Object.entries(facts).map(([key, value]) => Buffer.concat([text(key), valueOf(value)])),
    ...lines.map(({ line }) => line),
  ];
  const file = openSync(path, "w", 0o600);
  try {
    const top = Buffer.concat(head);
    let size = writeSync(file, Buffer.concat([top, Buffer.alloc(-top.length & (alignment - 1))]));
    const weights = randomBlocks(Math.max(...lines.map(({ padded }) => padded)));
    for (const { isNorm, padded } of lines) size += writeSync(file, isNorm ? ones(padded) : weights, 0, padded);
    return size;
  } finally {
    closeSync(file);
  }
}

/** Blocks of Q8_0: a scale that is small, and 32 signed bytes. The same ones for each tensor: nobody reads what it
 *  says. */
function randomBlocks(bytes: number): Buffer {
  const made = Buffer.alloc(Math.ceil(bytes / block.bytes) * block.bytes);
  let state = 1;
  for (let at = 0; at < made.length; at += 1) {
    state = (state * 48_271) % 2_147_483_647;
    made[at] = at % block.bytes === 0 ? 0x66 : at % block.bytes === 1 ? 0x0a : state & 0xff;
  }
  return made;
}

function ones(bytes: number): Buffer {
  const made = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 4) made.writeFloatLE(1, at);
  return made;
}

function tensorsOf(vocabulary: number) {
  const { width, layers, feedForward } = shape;
  const weight = (name: string, ...dimensions: readonly number[]) => ({ name, dimensions, isNorm: false });
  const norm = (name: string) => ({ name, dimensions: [width], isNorm: true });
  return [
    weight("token_embd.weight", width, vocabulary),
    norm("output_norm.weight"),
    ...Array.from({ length: layers }, (_, layer) => [
      norm(`blk.${layer}.attn_norm.weight`),
      norm(`blk.${layer}.ffn_norm.weight`),
      ...["attn_q", "attn_k", "attn_v", "attn_output"].map((name) =>
        weight(`blk.${layer}.${name}.weight`, width, width),
      ),
      weight(`blk.${layer}.ffn_gate.weight`, width, feedForward),
      weight(`blk.${layer}.ffn_up.weight`, width, feedForward),
      weight(`blk.${layer}.ffn_down.weight`, feedForward, width),
    ]).flat(),
  ];
}

function factsOf(tokens: readonly string[]): Readonly<Record<string, Value>> {
  const { width, layers, feedForward, heads, contextTokens } = shape;
  return {
    "general.architecture": [8, "llama"],
    "general.name": [8, "random"],
    "llama.block_count": [4, layers],
    "llama.context_length": [4, contextTokens],
    "llama.embedding_length": [4, width],
    "llama.feed_forward_length": [4, feedForward],
    "llama.attention.head_count": [4, heads],
    "llama.attention.head_count_kv": [4, heads],
    "llama.attention.layer_norm_rms_epsilon": [6, 1e-5],
    "llama.rope.dimension_count": [4, width / heads],
    "llama.vocab_size": [4, tokens.length],
    "tokenizer.ggml.model": [8, "gpt2"],
    "tokenizer.ggml.pre": [8, "gpt-2"],
    "tokenizer.ggml.tokens": [9, 8, tokens],
    "tokenizer.ggml.token_type": [9, 5, tokens.map((_, index) => (index < specials.length ? 3 : 1))],
    "tokenizer.ggml.merges": [9, 8, []],
    "tokenizer.ggml.bos_token_id": [4, 0],
    "tokenizer.ggml.eos_token_id": [4, 0],
    "tokenizer.chat_template": [8, "{% for m in messages %}{{ m['content'] }}{% endfor %}"],
  };
}

/** The characters that stand for the 256 bytes in a byte-level vocabulary, as GPT-2 chose them. */
function byteCharacters(): readonly string[] {
  const isPlain = (byte: number): boolean => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPlain(byte) ? byte : next++));
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const f32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
};
const text = (value: string): Buffer => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const single = (type: number, value: number | string): Buffer =>
  typeof value === "string" ? text(value) : type === 6 ? f32(value) : u32(value);

function valueOf(value: Value): Buffer {
  if (value[0] !== 9) return Buffer.concat([u32(value[0]), single(value[0], value[1])]);
  const [, of, values] = value;
  return Buffer.concat([u32(9), u32(of), u64(values.length), ...values.map((one) => single(of, one))]);
}
