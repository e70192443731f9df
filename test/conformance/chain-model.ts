/** Writes a GGUF model whose answer is known: each token is followed by one certain other.
 *
 *  The layers add nothing (their weights are zero), so the last token's embedding reaches the output unchanged, and the
 *  output row of token B is the embedding of the token before it. Random embeddings of 128 numbers are nearly
 *  orthogonal: the right successor scores about 128, any other less than 50. So llama.cpp runs all its real code on a
 *  model that says exactly what a test wants, byte by byte. */
import { writeFileSync } from "node:fs";

export interface ChainModel {
  /** Bytes of the answer, each at most once: a token has one successor. Or tokens of its own, each another text. */
  readonly text: string | readonly string[];
  /** After the last byte: the end, or the first byte again. */
  readonly after: "end" | "again";
  readonly contextTokens: number;
  /** The chat template, in Jinja; default: any order of roles. */
  readonly template?: string;
  /** Written into the file as the type of the first tensor, to make files that must be refused. */
  readonly tensorType?: number;
  /** A model that reads: a text's vector is the mean of its tokens' vectors; or the more often `likes` is in what it
   *  reads, the better it answers. */
  readonly reads?: { readonly type: "embed" } | { readonly type: "rerank"; readonly likes: string };
}

const width = 128;
const specials = ["<|pad|>", "<|bos|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"];
const assistantToken = 3;
const endToken = 5;
const template =
  "{{- bos_token }}{%- for m in messages %}{{- '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{%- endfor %}" +
  "{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}";

/** GGUF metadata types. */
const type = { u32: 4, i32: 5, f32: 6, bool: 7, text: 8, list: 9 } as const;

export function writeChainModel(path: string, model: ChainModel): void {
  const pieces = typeof model.text === "string" ? [] : model.text;
  const embedding = randomSigns(specials.length + 256 + pieces.length);
  const tensors = tensorsOf(embedding, outputOf(embedding, model), model);
  const [first, ...others] = tensors;
  writeGguf(path, metadataOf(model), [{ ...first!, type: model.tensorType ?? first!.type }, ...others]);
}

/** Writes an adapter (LoRA) under which a chain model begins its answer with another byte. */
export function writeChainLora(path: string, { begins, width: wide = width }: ChainLora): void {
  const embedding = randomSigns(specials.length + 256);
  const a = Float32Array.from({ length: wide }, (_none, place) => embedding[assistantToken]![place % width]!);
  const b = new Float32Array(specials.length + 256);
  b[specials.length + begins.charCodeAt(0)] = 4;
  writeGguf(
    path,
    [
      text("general.architecture", "llama"),
      text("general.type", "adapter"),
      text("adapter.type", "lora"),
      f32("adapter.lora.alpha", 1),
    ],
    [
      { name: "output.weight.lora_a", dimensions: [wide, 1], type: 0, data: raw([a]) },
      { name: "output.weight.lora_b", dimensions: [1, b.length], type: 0, data: raw([b]) },
    ],
  );
}

/** What an adapter does, and how wide the model is that it is for. */
export interface ChainLora {
  readonly begins: string;
  readonly width?: number;
}

/** Writes a GGUF file. `pairs` are made by `pair`. */
export function writeGguf(path: string, pairs: readonly Buffer[], tensors: readonly Tensor[]): void {
  const head = new Writer();
  head.bytes(Buffer.from("GGUF"));
  head.u32(3);
  head.u64(tensors.length);
  head.u64(pairs.length);
  for (const one of pairs) head.bytes(one);
  let offset = 0;
  for (const { name, dimensions, type: of, data } of tensors) {
    head.text(name);
    head.u32(dimensions.length);
    for (const dimension of dimensions) head.u64(dimension);
    head.u32(of);
    head.u64(offset);
    offset += aligned(data.length);
  }
  writeFileSync(path, Buffer.concat([pad(head.done()), ...tensors.map(({ data }) => pad(data))]));
}

function outputOf(embedding: readonly Float32Array[], model: ChainModel): Float32Array[] {
  const { text, after } = model;
  const said =
    typeof text === "string"
      ? [...Buffer.from(text)].map((byte) => specials.length + byte)
      : text.map((_piece, index) => specials.length + 256 + index);
  if (new Set(said).size !== said.length) throw new Error("a byte may occur once in a chain");
  const chain = [assistantToken, ...said, after === "end" ? endToken : said[0]!];
  const output = embedding.map(() => new Float32Array(width));
  for (const [index, token] of chain.slice(1).entries()) {
    const before = embedding[chain[index]!]!;
    const row = output[token]!;
    for (let place = 0; place < width; place += 1) row[place] = row[place]! + before[place]!;
  }
  return output;
}

/** A tensor of a GGUF file. */
export interface Tensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  /** A number of ggml; 0: F32. */
  readonly type: number;
  readonly data: Buffer;
}

function tensorsOf(
  embedding: readonly Float32Array[],
  output: readonly Float32Array[],
  { reads }: ChainModel,
): readonly Tensor[] {
  const square = new Float32Array(width * width);
  const same = Float32Array.from(square, (_zero, index) => (index % (width + 1) === 0 ? 1 : 0));
  const ones = new Float32Array(width).fill(1);
  // A model that ranks attends to all tokens alike: what its last one sees is their mean.
  const mixes = (name: string): boolean => reads?.type === "rerank" && ["attn_v", "attn_output"].includes(name);
  const matrix = (name: string): Tensor => ({
    name: `blk.0.${name}.weight`,
    dimensions: [width, width],
    type: 0,
    data: raw([mixes(name) ? same : square]),
  });
  const norm = (name: string, of = width): Tensor => ({
    name,
    dimensions: [of],
    type: 0,
    data: raw([ones.subarray(0, of)]),
  });
  const table = (name: string, rows: readonly Float32Array[]): Tensor => ({
    name,
    dimensions: [width, rows.length],
    type: 0,
    data: raw(rows),
  });
  const layer = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"];
  return [
    table("token_embd.weight", embedding),
    norm("output_norm.weight"),
    table("output.weight", output),
    norm("blk.0.attn_norm.weight"),
    norm("blk.0.ffn_norm.weight"),
    ...layer.map(matrix),
    ...(reads?.type === "rerank"
      ? [
          norm("blk.0.attn_q_norm.weight", width / 2),
          norm("blk.0.attn_k_norm.weight", width / 2),
          table("cls.output.weight", [
            embedding[specials.length + reads.likes.charCodeAt(0)]!.map((sign) => sign / 8),
            new Float32Array(width),
          ]),
        ]
      : []),
  ];
}

function metadataOf(model: ChainModel): readonly Buffer[] {
  const { reads, text: said } = model;
  const tokens = [...byteTokens(), ...(typeof said === "string" ? [] : said.map(asBytes))];
  const architecture = reads?.type === "rerank" ? "qwen3" : "llama";
  return [
    text("general.architecture", architecture),
    text("general.name", "chain"),
    u32(`${architecture}.block_count`, 1),
    u32(`${architecture}.context_length`, model.contextTokens),
    u32(`${architecture}.embedding_length`, width),
    u32(`${architecture}.feed_forward_length`, width),
    u32(`${architecture}.attention.head_count`, 2),
    u32(`${architecture}.attention.head_count_kv`, 2),
    f32(`${architecture}.attention.layer_norm_rms_epsilon`, 1e-5),
    u32(`${architecture}.rope.dimension_count`, width / 2),
    u32(`${architecture}.vocab_size`, tokens.length),
    // As of llama.h: the mean, and ranking.
    ...(reads === undefined ? [] : [u32(`${architecture}.pooling_type`, reads.type === "embed" ? 1 : 4)]),
    ...(reads?.type === "rerank"
      ? [
          list(`${architecture}.classifier.output_labels`, type.text, 2, (to) =>
            ["yes", "no"].forEach((one) => to.text(one)),
          ),
        ]
      : []),
    ...tokenizerOf(tokens),
    text("tokenizer.chat_template", model.template ?? template),
  ];
}

/** A number of a GGUF file's head. */
export const u32 = (key: string, value: number): Buffer => pair(key, type.u32, (to) => to.u32(value));
/** A fraction. */
export const f32 = (key: string, value: number): Buffer => pair(key, type.f32, (to) => to.f32(value));
/** A text. */
export const text = (key: string, value: string): Buffer => pair(key, type.text, (to) => to.text(value));
/** A truth. */
export const truth = (key: string, value: boolean): Buffer =>
  pair(key, type.bool, (to) => to.bytes(Buffer.from([Number(value)])));
/** A list of texts. */
export const texts = (key: string, values: readonly string[]): Buffer =>
  list(key, type.text, values.length, (to) => values.forEach((one) => to.text(one)));
/** A list of whole numbers. */
export const integers = (key: string, values: readonly number[]): Buffer =>
  list(key, type.i32, values.length, (to) => values.forEach((one) => to.u32(one)));
/** A list of fractions. */
export const fractions = (key: string, values: readonly number[]): Buffer =>
  list(key, type.f32, values.length, (to) => values.forEach((one) => to.f32(one)));
const list = (key: string, of: number, count: number, write: (to: Writer) => void): Buffer =>
  pair(key, type.list, (to) => {
    to.u32(of);
    to.u64(count);
    write(to);
  });

/** The control tokens, and one token a byte. */
export const byteTokens = (): readonly string[] => [...specials, ...byteCharacters()];

/** A vocabulary that begins with those. */
export const tokenizerOf = (tokens: readonly string[]): readonly Buffer[] => [
  text("tokenizer.ggml.model", "gpt2"),
  text("tokenizer.ggml.pre", "gpt-2"),
  texts("tokenizer.ggml.tokens", tokens),
  integers(
    "tokenizer.ggml.token_type",
    tokens.map((_token, index) => (index < specials.length ? 3 : 1)),
  ),
  list("tokenizer.ggml.merges", type.text, 0, () => undefined),
  u32("tokenizer.ggml.bos_token_id", 1),
  u32("tokenizer.ggml.eos_token_id", endToken),
  u32("tokenizer.ggml.eot_token_id", endToken),
  u32("tokenizer.ggml.padding_token_id", 0),
  truth("tokenizer.ggml.add_bos_token", true),
];

/** The characters that stand for the 256 bytes in a byte-level vocabulary, as GPT-2 chose them. */
function byteCharacters(): readonly string[] {
  const printable = (byte: number): boolean => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let next = 256;
  return Array.from({ length: 256 }, (_byte, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

/** A text in those characters. */
const asBytes = (text: string): string => {
  const characters = byteCharacters();
  return [...Buffer.from(text)].map((byte) => characters[byte]).join("");
};

function randomSigns(rows: number): readonly Float32Array[] {
  let state = 1;
  const sign = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state & 0x8000_0000 ? 1 : -1;
  };
  return Array.from({ length: rows }, () => Float32Array.from({ length: width }, sign));
}

const raw = (rows: readonly Float32Array[]): Buffer =>
  Buffer.concat(rows.map((row) => Buffer.from(row.buffer, row.byteOffset, row.byteLength)));
const aligned = (length: number): number => Math.ceil(length / 32) * 32;
const pad = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length) - bytes.length)]);

function pair(key: string, of: number, write: (to: Writer) => void): Buffer {
  const to = new Writer();
  to.text(key);
  to.u32(of);
  write(to);
  return to.done();
}

class Writer {
  readonly #parts: Buffer[] = [];
  bytes(part: Buffer): void {
    this.#parts.push(part);
  }
  u32(value: number): void {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    this.#parts.push(part);
  }
  u64(value: number): void {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(value));
    this.#parts.push(part);
  }
  f32(value: number): void {
    const part = Buffer.alloc(4);
    part.writeFloatLE(value);
    this.#parts.push(part);
  }
  text(value: string): void {
    const part = Buffer.from(value);
    this.u64(part.length);
    this.#parts.push(part);
  }
  done(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
