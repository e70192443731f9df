/** Small ONNX models that do something one can check, written byte by byte: a graph is a list of protobuf fields, and ONNX Runtime
 *  loads it as it loads any. They are made in milliseconds, and no other language has to be installed for it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { proto, type Proto } from "./model-files.ts";

/** The types of tensors that are used here, by their numbers in the format. */
const types = { float: 1, int64: 7, bool: 9 } as const;
type Type = keyof typeof types;

/** A length that a name stands for, or a number. */
type Shape = readonly (number | string)[];

/** What goes into a graph or comes out of it. */
export type Port = readonly [name: string, type: Type, shape: Shape];

/** One step: the operator, what it takes, what it gives, and its whole-numbered settings. */
export type Step = readonly [operator: string, takes: readonly string[], gives: readonly string[], settings?: Readonly<Record<string, number | readonly number[]>>]; // prettier-ignore

/** A graph with its constants. */
export interface Graph {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly steps: readonly Step[];
  readonly constants?: Readonly<Record<string, { readonly type: Type; readonly dims: readonly number[]; readonly values: readonly number[] }>>; // prettier-ignore
}

const bytesOf: { readonly [Each in Type]: (values: readonly number[]) => Buffer } = {
  float: (values) => Buffer.from(Float32Array.from(values).buffer),
  int64: (values) => Buffer.from(BigInt64Array.from(values, BigInt).buffer),
  bool: (values) => Buffer.from(values),
};

const portProto = ([name, type, shape]: Port): Proto => [
  [1, name],
  [2, [[1, [[1, types[type]], [2, shape.map((one) => [1, [typeof one === "number" ? [1, one] : [2, one]]] as const)]]]]],
]; // prettier-ignore

const stepProto = ([operator, takes, gives, settings = {}]: Step): Proto => [
  ...takes.map((name) => [1, name] as const),
  ...gives.map((name) => [2, name] as const),
  [4, operator],
  ...Object.entries(settings).map(([name, value]) => {
    const of: Proto = typeof value === "number" ? [[3, value], [20, 2]] : [...value.map((one) => [8, one] as const), [20, 7]]; // prettier-ignore
    return [5, [[1, name], ...of]] as const;
  }),
]; // prettier-ignore

/** The bytes of a graph. */
export const graphBytes = ({ inputs, outputs, steps, constants = {} }: Graph): Buffer =>
  proto([
    [1, 8],
    [2, "plexus tests"],
    [
      7,
      [
        ...steps.map((step) => [1, stepProto(step)] as const),
        [2, "graph"],
        ...Object.entries(constants).map(
          ([name, { type, dims, values }]) =>
            [5, [...dims.map((one) => [1, one] as const), [2, types[type]], [8, name], [9, bytesOf[type](values)]]] as const, // prettier-ignore
        ),
        ...inputs.map((port) => [11, portProto(port)] as const),
        ...outputs.map((port) => [12, portProto(port)] as const),
      ],
    ],
    [8, [[2, 17]]],
  ]);

/** The files of one model, by their names in its folder. */
export type ModelFiles = Readonly<Record<string, Buffer | object>>;

/** Writes the files of a model, and returns its folder. */
export function writeModel(folder: string, files: ModelFiles): string {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Buffer.isBuffer(content) ? content : JSON.stringify(content));
  }
  return folder;
}

/** A vocabulary of bytes, as those of GPT-2 and Whisper are, with tokens of its own before and behind them: `[PAD]` is 0. */
export function byteVocabulary({ before = [], behind = [], around }: { readonly before?: readonly string[]; readonly behind?: readonly string[]; readonly around?: readonly [before: string, after: string] }) {
  const front = ["[PAD]", ...before];
  const specials = new Map([...front.map((token, id) => [token, id] as const), ...behind.map((token, at) => [token, front.length + 256 + at] as const)]);
  const shown = [...range(33, 126), ...range(161, 172), ...range(174, 255)];
  const hidden = range(0, 255).filter((byte) => !shown.includes(byte));
  const letters = new Map([...shown.map((byte) => [byte, byte] as const), ...hidden.map((byte, at) => [byte, 256 + at] as const)]);
  const bytes = range(0, 255).map((byte) => [String.fromCharCode(letters.get(byte)!), front.length + byte] as const);
  const part = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
  const text = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  return {
    version: "1.0",
    added_tokens: Array.from(specials, ([content, id]) => ({ id, content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false })),
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    post_processor:
      around === undefined
        ? null
        : {
            type: "TemplateProcessing",
            single: [part(around[0], 0), text("A", 0), part(around[1], 0)],
            pair: [part(around[0], 0), text("A", 0), part(around[1], 0), text("B", 1), part(around[1], 1)],
            special_tokens: Object.fromEntries(around.map((id) => [id, { id, ids: [specials.get(id)!], tokens: [id] }])),
          },
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab: Object.fromEntries([...specials, ...bytes]) as Readonly<Record<string, number>>, merges: [] },
  };
} // prettier-ignore

const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_none, at) => from + at);

const texts: readonly Port[] = [
  ["input_ids", "int64", ["texts", "tokens"]],
  ["attention_mask", "int64", ["texts", "tokens"]],
  ["token_type_ids", "int64", ["texts", "tokens"]],
];
const bert = (fields: object = {}) => ({ model_type: "bert", hidden_size: 8, num_attention_heads: 1, intermediate_size: 16, max_position_embeddings: 512, ...fields }); // prettier-ignore
const bytesAround = byteVocabulary({ before: ["[CLS]", "[SEP]"], around: ["[CLS]", "[SEP]"] });
const bytesInVocabulary = 3 + 256;

/** Numbers between -1 and 1 that look like nothing, the same every time. */
const scattered = (count: number): readonly number[] => range(1, count).map((at) => Math.sin(at * 12.9898) % 1);

/** A model that embeds: each byte is a vector. `broken`: one of its numbers is none. */
export function embeddingModel({ broken = false, pooling }: { readonly broken?: boolean; readonly pooling?: object } = {}): ModelFiles {
  const values = scattered(8 * bytesInVocabulary).map((one, at) => (broken && at === 8 * 100 ? Number.NaN : one));
  return {
    "onnx/model.onnx": graphBytes({
      inputs: texts,
      outputs: [["last_hidden_state", "float", ["texts", "tokens", 8]]],
      steps: [["Gather", ["table", "input_ids"], ["last_hidden_state"]]],
      constants: { table: { type: "float", dims: [bytesInVocabulary, 8], values } },
    }),
    "config.json": bert(),
    "tokenizer.json": bytesAround,
    "tokenizer_config.json": { model_max_length: 256 },
    ...(pooling !== undefined && { "1_Pooling/config.json": pooling }),
  };
} // prettier-ignore

/** A model of texts and images in one space: of a text the letters r, g and b, of an image its colours. */
export function seeingModel(): ModelFiles {
  const spaces = [1, 0, 0, 0, 1, 0, 0, 0, 1];
  const letters = range(0, bytesInVocabulary - 1).flatMap((id) => ["r", "g", "b"].map((letter) => (id === 3 + letter.charCodeAt(0) ? 1 : 0.01)));
  return {
    "onnx/text_model.onnx": graphBytes({
      inputs: [["input_ids", "int64", ["texts", "tokens"]]],
      outputs: [["text_embeds", "float", ["texts", 3]]],
      steps: [
        ["Gather", ["table", "input_ids"], ["rows"]],
        ["ReduceMean", ["rows"], ["text_embeds"], { axes: [1], keepdims: 0 }],
      ],
      constants: { table: { type: "float", dims: [bytesInVocabulary, 3], values: letters } },
    }),
    "onnx/vision_model.onnx": graphBytes({
      inputs: [["pixel_values", "float", ["images", 3, 8, 8]]],
      outputs: [["image_embeds", "float", ["images", 3]]],
      steps: [
        ["ReduceMean", ["pixel_values"], ["means"], { axes: [2, 3], keepdims: 0 }],
        ["MatMul", ["means", "space"], ["image_embeds"]],
      ],
      constants: { space: { type: "float", dims: [3, 3], values: spaces } },
    }),
    "config.json": { model_type: "clip", text_config: { max_position_embeddings: 77 } },
    "preprocessor_config.json": { size: { shortest_edge: 8 }, crop_size: { width: 8, height: 8 }, image_mean: [0, 0, 0], image_std: [1, 1, 1] },
    "tokenizer.json": bytesAround,
  };
} // prettier-ignore

/** A model that counts marks: its score for each label is how often that label's mark is in a text. With one label it ranks, with several it
 *  tells classes apart. */
export function countingModel(marks: Readonly<Record<string, string>>, config: object = {}): ModelFiles {
  const labels = Object.keys(marks);
  const ids = Object.values(marks).map((mark) => 3 + mark.charCodeAt(0));
  const values = range(0, bytesInVocabulary - 1).flatMap((id) => ids.map((own) => (id === own ? 1 : -0.01)));
  return {
    "model.onnx": graphBytes({
      inputs: texts,
      outputs: [["logits", "float", ["texts", labels.length]]],
      steps: [
        ["Gather", ["table", "input_ids"], ["scores"]],
        ["Cast", ["attention_mask"], ["mask"], { to: types.float }],
        ["Unsqueeze", ["mask", "two"], ["column"]],
        ["Mul", ["scores", "column"], ["masked"]],
        ["ReduceSum", ["masked", "one"], ["logits"], { keepdims: 0 }],
      ],
      constants: {
        table: { type: "float", dims: [bytesInVocabulary, labels.length], values },
        one: { type: "int64", dims: [1], values: [1] },
        two: { type: "int64", dims: [1], values: [2] },
      },
    }),
    "config.json": bert({
      architectures: ["BertForSequenceClassification"],
      id2label: Object.fromEntries(labels.map((label, at) => [at, label])),
      ...config,
    }),
    "tokenizer.json": bytesAround,
  };
}

/** A model that ranks: by exclamation marks. */
export const rankingModel = (): ModelFiles => countingModel({ LABEL_0: "!" });

const spoken = [
  "endoftext",
  "startoftranscript",
  "en",
  "de",
  "translate",
  "transcribe",
  "startofprev",
  "nospeech",
  "notimestamps",
];
const hearingVocabulary = byteVocabulary({ behind: [...spoken, "0.00"].map((name) => `<|${name}|>`) });
const heard = (name: string): number => hearingVocabulary.model.vocab[name]!;
const heardAt = (seconds: number): number => heard("<|0.00|>") + 50 * seconds;
const heardTokens = heardAt(30) + 1;
const encoderGraph: Graph = {
  inputs: [["input_features", "float", ["sounds", 80, 3_000]]],
  outputs: [["last_hidden_state", "float", ["sounds", "steps", 3]]],
  steps: [
    ["ReduceMean", ["input_features"], ["means"], { axes: [2], keepdims: 0 }],
    ["MatMul", ["means", "sides"], ["three"]],
    ["Unsqueeze", ["three", "one"], ["last_hidden_state"]],
  ],
  constants: {
    // How much more of it is low than high, the other way round, and how quiet it is.
    sides: { type: "float", dims: [80, 3], values: range(0, 79).flatMap((band) => [...(band < 40 ? [0.1, -0.1] : [-0.1, 0.1]), -1 / 80]) },
    one: { type: "int64", dims: [1], values: [1] },
  },
}; // prettier-ignore
const hearingFiles = (decoder: Graph, name: string): ModelFiles => ({
  "onnx/encoder_model.onnx": graphBytes(encoderGraph),
  [`onnx/${name}.onnx`]: graphBytes(decoder),
  "config.json": { model_type: "whisper", num_mel_bins: 80, max_target_positions: 448, d_model: 2 },
  "generation_config.json": { is_multilingual: true, suppress_tokens: [0] },
  "tokenizer.json": hearingVocabulary,
});

/** A model that hears: it writes `low` for the first second of a stretch whose sound is low, and `hi` where it is high, and nothing of silence. Where it
 *  translates, it begins half a second later. */
export function hearingModel(): ModelFiles {
  // What follows a token: the next letter of its word.
  const next = Array<number>(heardTokens).fill(0);
  const follow = (from: number, to: number): void => void (next[from] = to);
  for (const word of ["low", "hi"]) {
    const letters = Array.from(word, heard);
    for (const [at, letter] of letters.entries()) follow(letter, letters[at + 1] ?? heardAt(1));
  }
  follow(heard("<|startoftranscript|>"), heard("<|en|>"));
  follow(heard("<|transcribe|>"), heardAt(0));
  follow(heard("<|translate|>"), heardAt(0.5));
  follow(heardAt(1), heard("<|endoftext|>"));
  const lean = (token: string, much: number) => range(0, heardTokens - 1).map((id) => (id === heard(token) ? much : 0));
  return hearingFiles(
    {
      inputs: [["input_ids", "int64", ["sounds", "tokens"]], ["encoder_hidden_states", "float", ["sounds", "steps", 3]]],
      outputs: [["logits", "float", ["sounds", "tokens", heardTokens]]],
      steps: [
        ["Gather", ["next", "input_ids"], ["following"]],
        ["OneHot", ["following", "depth", "levels"], ["script"]],
        ["MatMul", ["encoder_hidden_states", "leanings"], ["leaning"]],
        ["Add", ["script", "leaning"], ["logits"]],
      ],
      constants: {
        next: { type: "int64", dims: [heardTokens], values: next },
        depth: { type: "int64", dims: [1], values: [heardTokens] },
        levels: { type: "float", dims: [2], values: [-20, 10] },
        leanings: { type: "float", dims: [3, heardTokens], values: [...lean("l", 5), ...lean("h", 5), ...lean("<|nospeech|>", 30)] },
      },
    },
    "decoder_model",
  );
} // prettier-ignore

/** The same family with a cache: it says `ok` of everything, if what it has read and heard is still there. */
export function rememberingModel(): ModelFiles {
  // By the tokens that were read, and two more once the sound was: 3 of the prompt, then `<|0.00|>`, `o` …
  const script = Array<number>(64).fill(heard("?"));
  script[2] = heardAt(0);
  for (const [at, token] of [heard("o"), heard("k"), heardAt(1), heard("<|endoftext|>")].entries()) script[5 + at] = token;
  return hearingFiles(
    {
      inputs: [
        ["input_ids", "int64", ["sounds", "tokens"]],
        ["encoder_hidden_states", "float", ["sounds", "steps", 3]],
        ["past_key_values.0.decoder.key", "float", ["sounds", 1, "read", 1]],
        ["past_key_values.0.encoder.key", "float", ["sounds", 1, "heard", 1]],
        ["use_cache_branch", "bool", [1]],
      ],
      outputs: [
        ["logits", "float", ["sounds", "tokens", heardTokens]],
        ["present.0.decoder.key", "float", ["sounds", 1, "all", 1]],
        ["present.0.encoder.key", "float", ["sounds", 1, "kept", 1]],
      ],
      steps: [
        ["Cast", ["input_ids"], ["floats"], { to: types.float }],
        ["Reshape", ["floats", "asCache"], ["columns"]],
        ["Concat", ["past_key_values.0.decoder.key", "columns"], ["present.0.decoder.key"], { axis: 2 }],
        // What was heard is given once, and nothing when it comes back.
        ["Reshape", ["encoder_hidden_states", "asCache"], ["hears"]],
        ["Cast", ["use_cache_branch"], ["isLater"], { to: types.int64 }],
        ["Sub", ["one", "isLater"], ["isFirst"]],
        ["Mul", ["isFirst", "two"], ["most"]],
        ["Slice", ["hears", "zero", "most", "two"], ["present.0.encoder.key"]],
        ["Shape", ["present.0.decoder.key"], ["shape"]],
        ["Gather", ["shape", "two"], ["all"]],
        ["Shape", ["past_key_values.0.encoder.key"], ["heardShape"]],
        ["Gather", ["heardShape", "two"], ["heard"]],
        ["Add", ["all", "heard"], ["sum"]],
        ["Sub", ["sum", "one"], ["place"]],
        ["Gather", ["script", "place"], ["following"]],
        ["OneHot", ["following", "depth", "levels"], ["row"]],
        ["Unsqueeze", ["row", "zero"], ["logits"]],
      ],
      constants: {
        zero: { type: "int64", dims: [1], values: [0] },
        one: { type: "int64", dims: [1], values: [1] },
        two: { type: "int64", dims: [1], values: [2] },
        asCache: { type: "int64", dims: [4], values: [1, 1, -1, 1] },
        script: { type: "int64", dims: [script.length], values: script },
        depth: { type: "int64", dims: [1], values: [heardTokens] },
        levels: { type: "float", dims: [2], values: [-20, 10] },
      },
    },
    "decoder_model_merged",
  );
} // prettier-ignore

/** A model that writes: each byte of its text follows the one before, after the turn of the assistant begins; no byte may come twice in it. After
 *  the last comes the end, or the first again. `broken`: what follows the last is no number. */
export function writingModel({ text, after, contextTokens, broken = false }: { readonly text: string; readonly after: "end" | "again"; readonly contextTokens: number; readonly broken?: boolean }): ModelFiles {
  const vocabulary = byteVocabulary({ before: ["<|user|>", "<|assistant|>", "<|end|>"] });
  const [, , assistant, end] = range(0, 3) as [number, number, number, number];
  const size = 4 + 256;
  const bytes = [...Buffer.from(text)].map((byte) => 4 + byte);
  const next = Array<number>(size).fill(end);
  next[assistant] = bytes[0]!;
  for (const [at, byte] of bytes.entries()) next[byte] = bytes[at + 1] ?? (after === "again" ? bytes[0]! : end);
  const doubts = range(0, size - 1).map((id) => (broken && id === bytes.at(-1) ? Number.NaN : 0));
  return {
    "model.onnx": graphBytes({
      inputs: [["input_ids", "int64", ["texts", "tokens"]], ["attention_mask", "int64", ["texts", "all"]], ["position_ids", "int64", ["texts", "tokens"]], ["past_key_values.0.key", "float", ["texts", 1, "past", 1]]],
      outputs: [["logits", "float", ["texts", "tokens", size]], ["present.0.key", "float", ["texts", 1, "all", 1]]],
      steps: [
        ["Cast", ["input_ids"], ["floats"], { to: types.float }],
        ["Reshape", ["floats", "asCache"], ["columns"]],
        ["Concat", ["past_key_values.0.key", "columns"], ["present.0.key"], { axis: 2 }],
        ["Gather", ["next", "input_ids"], ["following"]],
        ["OneHot", ["following", "depth", "levels"], ["script"]],
        ["Gather", ["doubts", "input_ids"], ["doubt"]],
        ["Unsqueeze", ["doubt", "two"], ["column"]],
        ["Add", ["script", "column"], ["logits"]],
      ],
      constants: {
        two: { type: "int64", dims: [1], values: [2] },
        asCache: { type: "int64", dims: [4], values: [1, 1, -1, 1] },
        next: { type: "int64", dims: [size], values: next },
        doubts: { type: "float", dims: [size], values: doubts },
        depth: { type: "int64", dims: [1], values: [size] },
        levels: { type: "float", dims: [2], values: [-20, 10] },
      },
    }),
    "config.json": { model_type: "llama", architectures: ["LlamaForCausalLM"], hidden_size: 8, num_attention_heads: 1, num_hidden_layers: 1, max_position_embeddings: contextTokens, eos_token_id: end },
    "tokenizer.json": vocabulary,
    "tokenizer_config.json": { chat_template: "{%- for m in messages %}{{- '<|user|>' + m.content + '<|end|>' }}{%- endfor %}{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}" },
  };
} // prettier-ignore

/** Samples that the voice makes of each phoneme. */
export const samplesPerPhoneme = 64;

/** A voice: each phoneme is a level, so one sees in a sound what was said. Half the length is half the level. `broken`: of `b` it makes no numbers. */
export function voiceModel({ broken = false } = {}): ModelFiles {
  const phonemes = ["_", "^", "$", " ", ..."abcdefghijklmnopqrstuvwxyz".split(""), ".", ","];
  const levels = phonemes.flatMap((phoneme, id) => Array<number>(samplesPerPhoneme).fill(broken && phoneme === "b" ? Number.NaN : id / 100));
  return {
    "voice.onnx": graphBytes({
      inputs: [["input", "int64", ["texts", "phonemes"]], ["input_lengths", "int64", ["texts"]], ["scales", "float", [3]]],
      outputs: [["output", "float", ["texts", 1, 1, "samples"]]],
      steps: [
        ["Gather", ["levels", "input"], ["waves"]],
        ["Gather", ["scales", "one"], ["length"]],
        ["Mul", ["waves", "length"], ["scaled"]],
        ["Reshape", ["scaled", "asSound"], ["output"]],
      ],
      constants: {
        levels: { type: "float", dims: [phonemes.length, samplesPerPhoneme], values: levels },
        one: { type: "int64", dims: [1], values: [1] },
        asSound: { type: "int64", dims: [4], values: [1, 1, 1, -1] },
      },
    }),
    "voice.onnx.json": {
      audio: { sample_rate: 16_000 },
      phoneme_type: "text",
      phoneme_id_map: Object.fromEntries(phonemes.map((phoneme, id) => [phoneme, [id]])),
      inference: { noise_scale: 0, length_scale: 1, noise_w: 0 },
      num_speakers: 1,
    },
  };
} // prettier-ignore
