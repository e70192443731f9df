/** Whether what a model says of itself can be: its values against each other, against its tensors, and against what
 *  llama.cpp asserts. Native code ends the process at most of what is refused here, some of it only when the model is
 *  called. Pure.
 *
 *  Only what is said is judged: what llama.cpp misses it says by itself. */

/** One tensor, with where its numbers are. */
export interface GgufTensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  /** A number of ggml. */
  readonly type: number;
  /** From the beginning of the file on. */
  readonly offset: number;
  readonly bytes: number;
}

/** A value of the metadata, with its type as a number of GGUF. Of a long list only its length and the type of its
 *  values are kept. */
export type GgufFact =
  | { readonly type: number; readonly value: string | number }
  | {
      /** An array. */
      readonly type: 9;
      readonly of: number;
      readonly count: number;
      readonly numbers: readonly number[];
    };

/** What a file says, by key, and its tensors. */
interface Claims {
  readonly facts: ReadonlyMap<string, GgufFact>;
  readonly tensors: readonly GgufTensor[];
  /** All tensors of the model are in this file. */
  readonly whole: boolean;
  /** A token that is in the vocabulary twice. */
  readonly tokenTwice?: string | undefined;
  /** A byte for which the vocabulary has no token. */
  readonly byteMissing?: number | undefined;
}

/** Most layers and experts that llama.cpp reads (`LLAMA_MAX_LAYERS`, `LLAMA_MAX_EXPERTS`). */
const layersMax = 512;
const expertsMax = 1_024;
/** No model is wider. */
const widthMax = 2 ** 24;
/** Characters of a template: the longest that publishers ship have a twentieth of it. */
const templateCharsMax = 1_048_576;
/** How deep brackets and blocks of a template may be nested. */
const templateDepthMax = 128;

/** What is asked of the claims of one architecture. */
class Asked {
  readonly #claims: Claims;
  readonly architecture: string;
  readonly tensors: readonly GgufTensor[];
  constructor(claims: Claims) {
    this.#claims = claims;
    this.tensors = claims.tensors;
    const fact = claims.facts.get("general.architecture");
    this.architecture = fact !== undefined && "value" in fact ? String(fact.value) : "";
  }

  key(name: string): string {
    return `${this.architecture}.${name}`;
  }

  /** The number, of every layer where it differs; undefined: the file does not say. */
  numbers(name: string): readonly number[] | undefined {
    const fact = this.#claims.facts.get(this.key(name));
    if (fact === undefined) return undefined;
    if ("value" in fact) return typeof fact.value === "number" ? [fact.value] : undefined;
    return fact.numbers;
  }

  one(name: string): number | undefined {
    const numbers = this.numbers(name);
    return numbers?.length === 1 ? numbers[0] : undefined;
  }

  word(name: string): string | undefined {
    const fact = this.#claims.facts.get(this.key(name));
    return fact !== undefined && "value" in fact ? String(fact.value) : undefined;
  }

  /** Of a layer. */
  inLayer(name: string, layer: number): number | undefined {
    const numbers = this.numbers(name);
    return numbers?.length === 1 ? numbers[0] : numbers?.[layer];
  }
}

type Rule = (asked: Asked, claims: Claims) => string | undefined;

/** Why a model's values cannot be; undefined: they can. */
export function valueFault(claims: Claims): string | undefined {
  const asked = new Asked(claims);
  for (const rule of rules) {
    const fault = rule(asked, claims);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

const finite: Rule = (_asked, { facts }) => {
  for (const [key, fact] of facts) {
    const numbers = "value" in fact ? [fact.value] : fact.numbers;
    if (numbers.some((one) => typeof one === "number" && !Number.isFinite(one)))
      return `its ${key} is not a number (NaN or infinite)`;
  }
  return undefined;
};

/** A number that has to be within bounds, if it is said. */
const within =
  (name: string, least: number, most: number): Rule =>
  (asked) => {
    const wrong = asked.numbers(name)?.find((value) => value < least || value > most);
    return wrong === undefined ? undefined : `its ${asked.key(name)} is ${wrong}, and can be from ${least} to ${most}`;
  };

const layerOf = (name: string): number | undefined => {
  const [, layer] = /^blk\.(\d+)\./.exec(name) ?? [];
  return layer === undefined ? undefined : Number(layer);
};

const blocks: Rule = (asked, { tensors, whole }) => {
  const said = asked.one("block_count");
  if (said === undefined) return undefined;
  const has = tensors.reduce((most, { name }) => Math.max(most, (layerOf(name) ?? -1) + 1), 0);
  const fits = has <= said && (has === said || has === 0 || !whole);
  return fits ? undefined : `its ${asked.key("block_count")} is ${said}, and it has tensors of ${has} blocks`;
};

/** A list that is said for each layer is as long as there are layers. */
const perLayer: Rule = (asked) => {
  const layers = asked.one("block_count");
  for (const name of ["attention.head_count", "attention.head_count_kv", "feed_forward_length", "expert_used_count"]) {
    const { length = 1 } = asked.numbers(name) ?? {};
    if (layers !== undefined && length > 1 && length < layers)
      return `its ${asked.key(name)} is said for ${length} of ${layers} blocks`;
  }
  return undefined;
};

/** The width of a tensor in a layer, and how many heads or the like it is divided into. */
const heads: Rule = (asked) => {
  for (const { name, dimensions } of asked.tensors) {
    const [, layer, what] = /^blk\.(\d+)\.attn_(q|k)\.weight$/.exec(name) ?? [];
    if (layer === undefined) continue;
    const key = what === "q" ? "attention.head_count" : "attention.head_count_kv";
    const count = asked.inLayer(key, Number(layer)) ?? asked.inLayer("attention.head_count", Number(layer));
    const [, width = 1] = dimensions;
    if (count === undefined) continue;
    if (count < 1) return `its ${asked.key(key)} is ${count}, and it has tensor ${name}`;
    if (width % count !== 0) return `its ${asked.key(key)} is ${count}, and tensor ${name} is ${width} wide`;
  }
  return undefined;
};

const groups: Rule = (asked) => {
  const layers = asked.one("block_count") ?? 0;
  for (let layer = 0; layer < Math.min(layers, layersMax); layer += 1) {
    const [all, shared] = ["attention.head_count", "attention.head_count_kv"].map((name) => asked.inLayer(name, layer));
    if (all === undefined || shared === undefined || shared === 0) continue;
    if (all % shared !== 0)
      return `its ${asked.key("attention.head_count")} is ${all}, no multiple of ${shared} (attention.head_count_kv)`;
  }
  return undefined;
};

/** Any attention: some architectures have it under other names. */
const attends = ({ name }: GgufTensor): boolean => /^blk\.\d+\.attn_(?:q|k|v|qkv|q_a|q_b|kv_\w+)\./.test(name);

const attention: Rule = (asked) => {
  const tensor = asked.tensors.find(attends);
  if (tensor === undefined) return undefined;
  const count = asked.numbers("attention.head_count");
  if (count?.every((one) => one === 0) === true)
    return `its ${asked.key("attention.head_count")} is 0, and it has tensor ${tensor.name}`;
  const width = asked.one("embedding_length");
  const most = Math.max(...(count ?? [1]));
  if (asked.one("attention.key_length") === undefined && width !== undefined && most > width)
    return `its ${asked.key("attention.head_count")} is ${most}, and it is ${width} wide`;
  return undefined;
};

const rope: Rule = (asked) => {
  const turned = asked.one("rope.dimension_count");
  const heads = Math.max(...(asked.numbers("attention.head_count") ?? [0]));
  const width = asked.one("embedding_length");
  const key =
    asked.one("attention.key_length") ?? (heads > 0 && width !== undefined ? Math.floor(width / heads) : undefined);
  // Some architectures assert that it is not zero, and one computes for ever.
  if (
    turned !== undefined &&
    (turned % 2 !== 0 || (turned === 0 && asked.tensors.some(attends)) || (key !== undefined && turned > key))
  )
    return `its ${asked.key("rope.dimension_count")} is ${turned}, and a key is ${key ?? "some"} wide`;
  const kind = asked.word("rope.scaling.type");
  const kinds = ["none", "linear", "yarn", "longrope"];
  return kind === undefined || kinds.includes(kind)
    ? undefined
    : `its ${asked.key("rope.scaling.type")} is none of ${kinds.join(", ")}`;
};

/** What is between the layers' attention: not zero where there are tensors of it. */
const inner: Rule = (asked) => {
  for (const { name } of asked.tensors) {
    const layer = layerOf(name);
    if (layer === undefined || !/\.ffn_(?:up|down|gate)\.weight$/.test(name)) continue;
    if (asked.inLayer("feed_forward_length", layer) === 0)
      return `its ${asked.key("feed_forward_length")} is 0, and it has tensor ${name}`;
  }
  return undefined;
};

const experts: Rule = (asked) => {
  const count = asked.one("expert_count");
  const used = Math.max(0, ...(asked.numbers("expert_used_count") ?? [0]));
  if (used > (count ?? 0)) return `its ${asked.key("expert_used_count")} is ${used}, and it has ${count ?? 0} experts`;
  if (count !== undefined && count > 1 && used === 0 && asked.numbers("expert_used_count") !== undefined)
    return `it has ${count} experts, and uses none of them (${asked.key("expert_used_count")})`;
  const tensor = asked.tensors.find(({ name }) => /\.ffn_(?:up|down|gate|gate_up)_exps\.weight$/.test(name));
  const has = tensor?.dimensions[2] ?? 0;
  if (tensor !== undefined && has !== (count ?? 0))
    return `its ${asked.key("expert_count")} is ${count ?? 0}, and tensor ${tensor.name} has ${has}`;
  const [groups, groupsUsed] = ["expert_group_count", "expert_group_used_count"].map((name) => asked.one(name) ?? 0);
  if (
    groups! > 1 &&
    ((count ?? 0) % groups! !== 0 || groups! >= (count ?? 0) || groupsUsed! < 1 || groupsUsed! >= groups!)
  )
    return `its ${count ?? 0} experts cannot be in ${groups} groups of which ${groupsUsed} are used`;
  return undefined;
};

/** How far a layer that keeps a state looks back. Where the tensor says otherwise, a load of one architecture does not
 *  end. */
const states: Rule = (asked) => {
  const tensor = asked.tensors.find(({ name }) => /^blk\.\d+\.ssm_conv1d\.weight$/.test(name));
  const said = asked.one("ssm.conv_kernel");
  if (tensor === undefined || said === undefined || tensor.dimensions[0] === said) return undefined;
  return `its ${asked.key("ssm.conv_kernel")} is ${said}, and tensor ${tensor.name} has ${tensor.dimensions[0]}`;
};

/** A text of people has any character: of one without a token each byte is one, which llama.cpp looks up without asking
 *  whether it is there. */
const everyByte: Rule = (_asked, { facts, byteMissing }) => {
  const model = facts.get("tokenizer.ggml.model");
  const isOfPieces = model !== undefined && "value" in model && model.value === "llama";
  if (!isOfPieces || byteMissing === undefined) return undefined;
  return (
    `its vocabulary has no token for the byte 0x${byteMissing.toString(16).toUpperCase().padStart(2, "0")}, so ` +
    "it cannot read every text"
  );
};

const vocabulary: Rule = (asked, { facts, tensors, tokenTwice }) => {
  const list = (name: string) => facts.get(`tokenizer.ggml.${name}`);
  const tokens = list("tokens");
  if (tokens === undefined) return undefined;
  if (!("of" in tokens) || tokens.of !== 8) return "its tokenizer.ggml.tokens is not a list of texts";
  if (tokens.count === 0) return "its vocabulary is empty";
  if (tokenTwice !== undefined) return `its vocabulary has the token ${JSON.stringify(tokenTwice.slice(0, 40))} twice`;
  for (const [name, of] of [
    ["scores", 6],
    ["token_type", 5],
  ] as const) {
    const fact = list(name);
    if (fact !== undefined && (!("of" in fact) || fact.of !== of || fact.count < tokens.count))
      return `its tokenizer.ggml.${name} does not say one for each of ${tokens.count} tokens`;
  }
  const table = tensors.find(({ name }) => name === "token_embd.weight");
  const [width, rows] = table?.dimensions ?? [];
  if (rows !== undefined && rows !== tokens.count)
    return `its table has ${rows} tokens, and its vocabulary ${tokens.count}`;
  const said = asked.one("embedding_length");
  if (said !== undefined && width !== undefined && width !== said)
    return `its ${asked.key("embedding_length")} is ${said}, and tensor token_embd.weight is ${width} wide`;
  return undefined;
};

const template: Rule = (_asked, { facts }) => {
  for (const [key, fact] of facts) {
    if (!key.startsWith("tokenizer.chat_template") || !("value" in fact) || typeof fact.value !== "string") continue;
    const fault = templateFault(fact.value);
    if (fault !== undefined) return `its ${key} ${fault}`;
  }
  return undefined;
};

/** Why a template is not read: what reads it calls itself at each bracket and each block. */
export function templateFault(text: string): string | undefined {
  if (text.length > templateCharsMax) return `has ${text.length} characters, and ${templateCharsMax} are the limit`;
  let [depth, deepest] = [0, 0];
  for (const [mark] of text.matchAll(/\{%[-+]?\s*(?:for|if|macro|call|filter|end\w+)?|%\}|[([{]|[)\]}]/g)) {
    if (/^[)\]}]$/.test(mark) || mark.includes("end")) depth = Math.max(0, depth - 1);
    else if (/^[([{]$|[a-z]$/.test(mark)) depth += 1;
    deepest = Math.max(deepest, depth);
  }
  if (deepest > templateDepthMax) return `is nested ${deepest} deep, and ${templateDepthMax} are the limit`;
  return undefined;
}

const rules: readonly Rule[] = [
  finite,
  within("block_count", 1, layersMax),
  within("context_length", 1, 2 ** 32),
  within("embedding_length", 1, widthMax),
  within("feed_forward_length", 0, widthMax),
  within("attention.head_count", 0, widthMax),
  within("attention.head_count_kv", 0, widthMax),
  within("attention.key_length", 1, widthMax),
  within("attention.value_length", 1, widthMax),
  within("attention.layer_norm_rms_epsilon", 0, 1),
  within("attention.layer_norm_epsilon", 0, 1),
  within("attention.group_norm_epsilon", 0, 1),
  within("expert_count", 0, expertsMax),
  within("pooling_type", 0, 4),
  within("rope.freq_base", Number.MIN_VALUE, 1e15),
  within("rope.freq_base_swa", Number.MIN_VALUE, 1e15),
  within("rope.scaling.factor", 0, 1e6),
  within("nextn_predict_layers", 0, layersMax),
  blocks,
  perLayer,
  attention,
  heads,
  groups,
  rope,
  inner,
  experts,
  states,
  vocabulary,
  everyByte,
  template,
];
