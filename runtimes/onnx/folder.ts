/** What an ONNX model is: its graphs and what lies beside them, found without native code.
 *
 *      root/  config.json  tokenizer.json  tokenizer_config.json  1_Pooling/config.json  …
 *             model.onnx, or encoder_model.onnx and decoder_model_merged.onnx, or text_model.onnx and vision_model.onnx
 *             onnx/ …                                           the same graphs, as repositories have them
 *             voice.onnx  voice.onnx.json                       a voice
 *
 *  No field of a graph says what it is for. What it takes and gives does, together with its settings. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Capability } from "../../protocols/index.ts";
import { parseDocument } from "../../protocols/wire/json-meter.ts";
import { withFile } from "../store/bytes.ts";
import { inspectOnnx, type OnnxFacts } from "../store/onnx.ts";
import { onnxLimits } from "./limits.ts";

/** What a model is for. */
type Purpose = "embed" | "see" | "rerank" | "classify" | "transcribe" | "speak" | "write";

/** What a model that is for it can do. */
export const capabilitiesBy: { readonly [Each in Purpose]: readonly Capability[] } = {
  embed: ["embed", "tokenize"],
  // Texts and images in one space.
  see: ["embed", "image-embed", "tokenize"],
  rerank: ["rerank", "tokenize"],
  classify: ["classify", "tokenize"],
  transcribe: ["transcribe"],
  speak: ["speak"],
  write: ["chat", "continue", "tokenize"],
};

/** The settings of a model: JSON of its folder that nobody has checked. */
export type Settings = Readonly<Record<string, unknown>>;

/** What a graph does in its model. */
export type Part = "model" | "encoder" | "decoder" | "text" | "vision";

/** A model on the disk. */
export interface OnnxFound {
  readonly purpose: Purpose;
  /** Where its settings and its vocabulary are. */
  readonly root: string;
  readonly graphs: { readonly [Each in Part]?: string };
  readonly config: Settings;
  readonly parameters: number;
  /** What it was made for; undefined: nothing says. */
  readonly contextTokens: number | undefined;
}

/** What a folder holds, or why it is no model that is served. */
type Look =
  | { readonly type: "fine"; readonly found: OnnxFound; readonly fileBytes: number }
  | { readonly type: "refused"; readonly reason: string; readonly fileBytes: number };

/** Looks at a model: at a graph, or a folder that has one. Throws what the file system throws. */
export function lookAt(path: string): Look {
  const chosen = chooseGraphs(graphsUnder(path), path);
  if ("refused" in chosen) return { type: "refused", reason: chosen.refused, fileBytes: 0 };
  const { graphs } = chosen;
  const root = rootOf(Object.values(graphs)[0] ?? path);
  const facts = new Map<Part, OnnxFacts>();
  let fileBytes = 0;
  for (const [part, file] of Object.entries(graphs) as [Part, string][]) {
    const verdict = withFile(file, inspectOnnx);
    fileBytes += statSync(file).size;
    if (verdict.type === "refused")
      return { type: "refused", reason: `${basename(file)}: ${verdict.reason}`, fileBytes };
    facts.set(part, verdict.facts);
    for (const { location, offset, length = 0 } of verdict.facts.externals) {
      const beside = join(dirname(file), location);
      if (!existsSync(beside)) return { type: "refused", reason: `its file ${location} is missing`, fileBytes };
      const { size } = statSync(beside);
      fileBytes += size;
      if (offset + length > size)
        return { type: "refused", reason: `a tensor reaches beyond the end of ${location}`, fileBytes };
    }
  }
  const voice = graphs.model === undefined ? undefined : readSettings(`${graphs.model}.json`);
  const config = voice ?? readSettings(join(root, "config.json")) ?? {};
  const purpose = purposeOf(facts, config);
  if (typeof purpose === "object") return { type: "refused", reason: purpose.refused, fileBytes };
  const needs = purpose === "speak" ? [] : ["tokenizer.json"];
  for (const name of needs)
    if (!existsSync(join(root, name))) return { type: "refused", reason: `its file ${name} is missing`, fileBytes };
  const parameters = [...facts.values()].reduce((sum, one) => sum + one.parameters, 0);
  const found = { purpose, root, graphs, config, parameters, contextTokens: contextOf(root, config) };
  return { type: "fine", found, fileBytes };
}

/** Every file that a load of the model reads: its graphs, what is beside them of their numbers, and all settings.
 *  Throws what the file system throws. */
export function filesOf(path: string): readonly string[] {
  const look = lookAt(path);
  if (look.type === "refused") throw new Error(look.reason);
  const { graphs, root } = look.found;
  const settingsIn = (folder: string): readonly string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((one) =>
      one.isFile() && /\.(?:json|txt|model|jinja)$/.test(one.name) ? [join(folder, one.name)] : [],
    );
  const pooling = join(root, "1_Pooling");
  const paths = Object.values(graphs).flatMap((graph) => [graph, ...externalsOf(graph), ...settingsIn(dirname(graph))]);
  return [...new Set([...paths, ...settingsIn(root), ...(existsSync(pooling) ? settingsIn(pooling) : [])])];
}

function externalsOf(graph: string): readonly string[] {
  const verdict = withFile(graph, inspectOnnx);
  return verdict.type === "refused"
    ? []
    : verdict.facts.externals.map(({ location }) => join(dirname(graph), location));
}

/** What a graph's name says of its part; the rest of the name is which of several equal ones it is: `_quantized`. */
const names: readonly (readonly [part: Part, name: string])[] = [
  ["encoder", "encoder_model"],
  ["decoder", "decoder_model_merged"],
  ["decoder", "decoder_model"],
  ["text", "text_model"],
  ["vision", "vision_model"],
  ["model", "model"],
];
/** Of several equal graphs, when none is chosen. */
const preferred = ["", "_quantized", "_int8", "_uint8", "_q8", "_fp16"];

/** Which graphs make up the model. `asked` is one of them, or a folder. Pure. */
export function chooseGraphs(
  graphs: readonly string[],
  asked: string,
): { readonly graphs: OnnxFound["graphs"] } | { readonly refused: string } {
  const stemOf = (path: string): string => basename(path).replace(/\.onnx$/i, "");
  const read = graphs.map((path) => {
    const stem = stemOf(path);
    const [part, name] = names.find(([, one]) => stem === one || stem.startsWith(`${one}_`)) ?? ["model", stem];
    return { path, part, name, sort: stem.slice(name.length) };
  });
  const wanted = read.find(({ path }) => path === asked);
  const sorts = wanted === undefined ? [...preferred, ...read.map(({ sort }) => sort)] : [wanted.sort];
  const take = (name: string): string | undefined => {
    const same = read.filter((one) => one.name === name);
    const sort = sorts.find((each) => same.some((one) => one.sort === each));
    return same.find((one) => one.sort === sort)?.path;
  };
  const encoder = take("encoder_model");
  const decoder = take("decoder_model_merged") ?? take("decoder_model");
  if (encoder !== undefined && decoder !== undefined && wanted?.part !== "model")
    return { graphs: { encoder, decoder } };
  const [text, vision] = [take("text_model"), take("vision_model")];
  if (text !== undefined && vision !== undefined && wanted?.part !== "model") return { graphs: { text, vision } };
  const only = read.length === 1 ? read[0] : undefined;
  const model = wanted ?? read.find(({ path }) => path === take("model")) ?? only;
  if (model?.part === "model") return { graphs: { model: model.path } };
  const half = encoder ?? decoder ?? text ?? vision;
  if (half !== undefined) return { refused: `the other half of ${basename(half)} is not beside it` };
  return {
    refused: graphs.length === 0 ? "there is no ONNX file in it" : "there are several ONNX files in it: name one",
  };
}

/** Where the settings of a graph are: beside it, or above `onnx/`. */
function rootOf(graph: string): string {
  const folder = dirname(graph);
  const above = dirname(folder);
  const hasSettings = (at: string): boolean => existsSync(join(at, "config.json"));
  return basename(folder) === "onnx" && !hasSettings(folder) && hasSettings(above) ? above : folder;
}

/** The graphs beside a graph, or in a folder. Throws what the file system throws. */
function graphsUnder(path: string): readonly string[] {
  const folder = statSync(path).isDirectory() ? path : dirname(path);
  const inside = (at: string): readonly string[] =>
    readdirSync(at)
      .filter((name) => /\.onnx$/i.test(name))
      .map((name) => join(at, name))
      .toSorted();
  const here = inside(folder);
  const deeper = join(folder, "onnx");
  return here.length > 0 || !existsSync(deeper) ? here : inside(deeper);
}

/** Whether a path is a model of ONNX: a graph, or a folder with one. */
export function isOnnx(path: string): boolean {
  if (/\.onnx$/i.test(path)) return true;
  try {
    return statSync(path).isDirectory() && graphsUnder(path).length > 0;
  } catch {
    // Why it cannot be read is said when it is to be loaded.
    return false;
  }
}

/** What a model is for, by what its graphs take and give; or why it is not served. Pure. */
export function purposeOf(
  facts: ReadonlyMap<Part, Pick<OnnxFacts, "inputs" | "outputs">>,
  config: Settings,
): Purpose | { readonly refused: string } {
  const [encoder, model] = [facts.get("encoder"), facts.get("model")];
  if (encoder !== undefined) {
    if (encoder.inputs.includes("input_features")) return "transcribe";
    return { refused: "it turns texts into texts, and of such models only those that write down speech are served" };
  }
  const [text, vision] = [facts.get("text"), facts.get("vision")];
  if (text !== undefined && vision !== undefined) {
    if (text.outputs.includes(seenOutputs.text) && vision.outputs.includes(seenOutputs.vision)) return "see";
    return { refused: "its graphs of texts and of images do not give vectors of one space" };
  }
  const { inputs = [], outputs = [] } = model ?? {};
  const architectures = JSON.stringify(config["architectures"] ?? "");
  if (isRecord(config["phoneme_id_map"]) && inputs.includes("input_lengths")) return "speak";
  if (inputs.includes("input_ids")) {
    if (vectorOutputs.some((name) => outputs.includes(name))) return "embed";
    const continues = inputs.some((name) => name.startsWith("past_key_values."));
    if (outputs.includes("logits") && (continues || architectures.includes("CausalLM"))) return "write";
    const named = labelsIn(config);
    if (named !== undefined && "refused" in named) return named;
    const labels = named?.length;
    const classifies = architectures.includes("SequenceClassification");
    if (outputs.includes("logits") && (labels === 1 || (labels === undefined && classifies))) return "rerank";
    if (outputs.includes("logits") && classifies) return "classify";
  }
  const list = (of: readonly string[]): string => of.slice(0, 4).join(", ") || "nothing";
  return { refused: `nothing is known of a model that takes ${list(inputs)} and gives ${list(outputs)}` };
}

/** The names of a model's classes in the order of its numbers; undefined: its settings have none. */
export function labelsIn(config: Settings): readonly string[] | { readonly refused: string } | undefined {
  const names = config["id2label"];
  if (!isRecord(names)) return undefined;
  const labels = Object.keys(names).map((_name, at) => names[String(at)]);
  const { labelsMax, labelCharsMax } = onnxLimits;
  if (labels.length > labelsMax) return { refused: `it has ${labels.length} classes, and ${labelsMax} are the most` };
  const areNames = labels.every(
    (one): one is string => typeof one === "string" && one !== "" && one.length <= labelCharsMax,
  );
  if (!areNames || new Set(labels).size !== labels.length)
    return { refused: "id2label in config.json does not name each of its classes, once" };
  return labels;
}

/** Outputs that are vectors of a text, the best first: one for the whole text, or one for each token. */
export const vectorOutputs = ["sentence_embedding", "last_hidden_state", "token_embeddings"] as const;

/** What the graphs of texts and of images give, of a model that has both in one space. */
export const seenOutputs = { text: "text_embeds", vision: "image_embeds" } as const;

/** JSON of a model's folder; undefined: there is no such file. Throws what the file system throws, and where it is not
 *  an object. */
export function readSettings(path: string, bytesMax: number = onnxLimits.configBytesMax): Settings | undefined {
  if (!existsSync(path)) return undefined;
  if (statSync(path).size > bytesMax) throw new Error(`${basename(path)} is larger than any`);
  let value: unknown;
  try {
    value = parseDocument(readFileSync(path, "utf8"));
  } catch {
    throw new Error(`${basename(path)} is not JSON`);
  }
  if (!isRecord(value)) throw new Error(`${basename(path)} is not an object`);
  return value;
}

/** An object of JSON. */
export const isRecord = (value: unknown): value is Settings =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A positive whole number of the settings. */
export const countIn = (settings: Settings | undefined, name: string): number | undefined => {
  const value = settings?.[name];
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : undefined;
};

/** A word of the settings. */
export const wordIn = (settings: Settings | undefined, name: string): string | undefined => {
  const value = settings?.[name];
  return typeof value === "string" ? value : undefined;
};

/** Models of these families number their positions from two on. */
const fromTwo = ["roberta", "xlm-roberta", "camembert", "mpnet"];

function contextOf(root: string, config: Settings): number | undefined {
  const ofTexts = isRecord(config["text_config"]) ? config["text_config"] : config;
  const positions = countIn(ofTexts, "max_position_embeddings");
  const offset = fromTwo.includes(wordIn(config, "model_type") ?? "") ? 2 : 0;
  const said = [
    positions === undefined ? undefined : positions - offset,
    countIn(readSettings(join(root, "tokenizer_config.json")), "model_max_length"),
    countIn(readSettings(join(root, "sentence_bert_config.json")), "max_seq_length"),
  ].filter((one) => one !== undefined);
  return said.length === 0 ? undefined : Math.max(1, Math.min(...said));
}
