/** What a file is, found without native code, and whether files together are a model. */
import { assert } from "../../protocols/assert.ts";
import { failure, type Failure } from "../../protocols/errors.ts";
import type { ModelCard } from "../../protocols/index.ts";
import { parseDocument } from "../../protocols/wire/json-meter.ts";
import { inspectGguf, inspectGgufFile, notByItself, type GgufHeader } from "../gguf.ts";
import { runtimeLimits } from "../limits.ts";
import {
  capabilitiesBy,
  chooseGraphs,
  countIn,
  isRecord,
  purposeOf,
  wordIn,
  type Part,
  type Settings,
} from "../onnx/folder.ts";
import { onnxLimits } from "../onnx/limits.ts";
import { withFile } from "./bytes.ts";
import { storeLimits } from "./limits.ts";
import { isLora, misfit, notNumbers, type ReadGguf } from "./lora.ts";
import { inspectOnnx, type OnnxFacts } from "./onnx.ts";

/** What is in a file. `beside`: no model by itself, but what a model may need. */
export type Found =
  | { readonly type: "gguf"; readonly header: GgufHeader; readonly lora: boolean }
  | { readonly type: "onnx"; readonly facts: OnnxFacts }
  | { readonly type: "beside"; readonly settings?: Settings }
  | { readonly type: "refused"; readonly reason: string };

/** What may lie beside an ONNX model: settings, vocabularies, tensors. Nothing that a program would run. */
const beside = /\.(?:json|txt|model|onnx_data(?:_\d+)?|onnx\.data|data|jinja|md)$|^licen[cs]e(?:\..*)?$/i;
const jsonBytesMax = 64 * 1024 * 1024;

/** Whether a file of this name can be a part of a model. */
export const isWelcome = (name: string): boolean => /\.(?:gguf|onnx)$/i.test(name) || beside.test(baseOf(name));

/** Looks into a file, whatever it is called on the disk. Throws what the file system throws. */
export function inspectFile(path: string, name: string): Found {
  const magic = withFile(path, (bytes) => bytes.read(0, 4).toString("latin1"));
  if (magic === "GGUF" || /\.gguf$/i.test(name)) {
    const { verdict } = inspectGgufFile(path);
    if (verdict.type === "short") return { type: "refused", reason: "the head of the file is cut off" };
    if (verdict.type === "refused") return verdict;
    const { kind } = verdict.header;
    if (kind === "projector") return { type: "refused", reason: notByItself[kind] };
    const lora = isLora(verdict);
    const fault = lora ? withFile(path, (bytes) => notNumbers(bytes, verdict.tensors)) : undefined;
    return fault === undefined ? { type: "gguf", header: verdict.header, lora } : { type: "refused", reason: fault };
  }
  if (/\.onnx$/i.test(name)) {
    const verdict = withFile(path, inspectOnnx);
    return verdict.type === "fine" ? { type: "onnx", facts: verdict.facts } : verdict;
  }
  if (!isWelcome(name)) return { type: "refused", reason: notWelcome };
  if (/\.json$/i.test(name))
    return withFile(path, (bytes) => inspectJson(name, bytes.size, () => bytes.read(0, bytes.size)));
  return { type: "beside" };
}

/** What the beginning of a file that is still coming says. `more`: ask again when four times as much is there. */
export type EarlyLook = Readonly<{ type: "fine" } | { type: "more" } | { type: "refused"; reason: string }>;

/** Looks at as much of a file as is there. `total`: how long it will be, where that is known. Nothing is refused here
 *  that would not be refused when all of it is there. Throws what the file system throws. */
export function inspectBeginning(path: string, name: string, total: number | undefined): EarlyLook {
  return withFile(path, (bytes): EarlyLook => {
    const magic = bytes.read(0, 4);
    if (magic.length < 4) return { type: "more" };
    if (magic.toString("latin1") === "GGUF" || /\.gguf$/i.test(name)) {
      const head = bytes.read(0, runtimeLimits.ggufHeaderBytesMax);
      const verdict = inspectGguf(head, total ?? Number.MAX_SAFE_INTEGER);
      if (verdict.type === "refused") return verdict;
      if (verdict.type === "fine" && verdict.header.kind === "projector")
        return { type: "refused", reason: notByItself.projector };
      return { type: verdict.type === "short" ? "more" : "fine" };
    }
    // A protobuf begins with the tag of a field, which a page, JSON, or a pointer of Git LFS does not.
    const [first = 0] = magic;
    if (/\.onnx$/i.test(name) && (first >> 3 === 0 || ![0, 1, 2, 5].includes(first & 7)))
      return { type: "refused", reason: "this is not an ONNX file (its first bytes differ)" };
    return isWelcome(name) ? { type: "fine" } : { type: "refused", reason: notWelcome };
  });
}

const notWelcome = "files of this kind are never a part of a model here";

/** Files whose words say what a graph is for. */
const areSettings = (name: string): boolean => /(?:^|\/)config\.json$|\.onnx\.json$/i.test(name);

function inspectJson(name: string, size: number, read: () => Buffer): Found {
  if (size > jsonBytesMax) return { type: "refused", reason: "its JSON is larger than any" };
  try {
    const value: unknown = parseDocument(read().toString("utf8"));
    const isSettings = areSettings(name) && size <= onnxLimits.configBytesMax && isRecord(value);
    return isSettings ? { type: "beside", settings: value } : { type: "beside" };
  } catch {
    return { type: "refused", reason: "it is called .json and holds none" };
  }
}

/** Why an adapter in a file may not be put on the model in another; undefined: it may. Throws what the file system
 *  throws. */
export function adapterFault(adapterPath: string, basePath: string): string | undefined {
  const read = (path: string): ReadGguf | string => {
    const { verdict } = inspectGgufFile(path);
    return verdict.type === "fine" ? verdict : verdict.type === "refused" ? verdict.reason : "its head is cut off";
  };
  const [adapter, base] = [read(adapterPath), read(basePath)];
  if (typeof adapter === "string") return adapter;
  if (typeof base === "string") return `the model: ${base}`;
  return misfit(adapter, base) ?? withFile(adapterPath, (bytes) => notNumbers(bytes, adapter.tensors));
}

/** A file that was looked into. */
export interface LookedInto {
  readonly path: string;
  readonly size: number;
  readonly found: Found;
}

/** What files are together: which one an adapter opens, and the card; or why they are no model. Pure. */
export function planModel(
  files: readonly LookedInto[],
): { readonly main: string; readonly card: ModelCard } | { readonly file: string; readonly refused: Failure } {
  const refuse = (file: string, reason: string) => ({ file, refused: failure("MODEL_REFUSED", { file, reason }) });
  const any = files[0];
  if (any === undefined) return refuse("", "there is no file in it");
  if (files.length > storeLimits.filesMax) return refuse(any.path, `it has ${files.length} files`);
  for (const { path, found } of files) if (found.type === "refused") return refuse(path, found.reason);
  const ggufs = files.flatMap(({ path, found }) => (found.type === "gguf" ? [{ path, ...found }] : []));
  const parts = ggufs.toSorted((one, other) => numberOf(one.header) - numberOf(other.header));
  const [first] = parts;
  if (first !== undefined) {
    if (ggufs.length !== files.length)
      return refuse(files.find(({ found }) => found.type !== "gguf")?.path ?? "", "GGUF models have no other files");
    const fault = partsFault(parts);
    if (fault !== undefined) return refuse(fault.path, fault.reason);
    return { main: first.path, card: cardOfGguf(wholeOf(parts.map(({ header }) => header)), first.lora) };
  }
  const graphs = files.flatMap(({ path, found }) => (found.type === "onnx" ? [{ path, facts: found.facts }] : []));
  const main = graphs.find(({ path }) => baseOf(path) === "model.onnx") ?? graphs[0];
  if (main === undefined) return refuse(any.path, "none of its files is a model (GGUF or ONNX)");
  for (const { path, facts } of graphs)
    for (const { location, offset, length = 0 } of facts.externals) {
      const other = files.find((file) => file.path === folderOf(path) + location);
      if (other === undefined) return refuse(path, `its file ${location} is missing`);
      if (offset + length > other.size) return refuse(path, `a tensor reaches beyond the end of ${location}`);
    }
  return { main: main.path, card: cardOfOnnx(main, graphs, files) };
}

const numberOf = ({ part }: GgufHeader): number => part?.number ?? 0;

/** Why files, in the order of their numbers, are not the parts of one model as llama.cpp looks for them:
 *  `name-00001-of-00003.gguf` and its others, each of which says the same of all of them. Undefined: they are. Pure. */
export function partsFault(
  parts: readonly { readonly path: string; readonly header: GgufHeader }[],
): { readonly path: string; readonly reason: string } | undefined {
  const [first, second] = parts;
  if (first === undefined) return { path: "", reason: "there is no file in it" };
  const { parts: count, part: about } = first.header;
  if (about === undefined)
    return second === undefined ? undefined : { path: first.path, reason: "several models at once" };
  const [, stem] = partName.exec(first.path) ?? [];
  for (const [index, { path, header }] of parts.entries()) {
    const { part } = header;
    if (part === undefined || header.parts !== count || part.ofTensors !== about.ofTensors)
      return { path, reason: "it is not part of the same model as the other files" };
    const [, its, number, of] = partName.exec(path) ?? [];
    const isNamed = stem !== undefined && its === stem && Number(number) === part.number + 1 && Number(of) === count;
    if (!isNamed)
      return {
        path,
        reason:
          `it is part ${part.number + 1} of ${count}, and must have this name: ` +
          `name${suffixOf(part.number, count)}`,
      };
    if (part.number !== index)
      return { path, reason: `it is one of ${count} parts, and part ${index + 1} is not here` };
  }
  if (parts.length !== count)
    return { path: first.path, reason: `it is one of ${count} parts, and the others are not here` };
  const tensors = parts.reduce((sum, { header }) => sum + (header.part?.tensors ?? 0), 0);
  return tensors === about.ofTensors
    ? undefined
    : { path: first.path, reason: `its parts have ${tensors} tensors together, and it says ${about.ofTensors}` };
}

/** How llama.cpp calls part `number` of `count`, from 0 on. */
const suffixOf = (number: number, count: number): string =>
  `-${String(number + 1).padStart(5, "0")}-of-${String(count).padStart(5, "0")}.gguf`;
const partName = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/** Where the other parts of a model lie whose first part is at `path`, by the name that llama.cpp looks for; the first
 *  included. Pure. */
export function partPaths(path: string, { parts, part }: Pick<GgufHeader, "parts" | "part">): readonly string[] {
  const [, stem] = partName.exec(path) ?? [];
  if (part === undefined || stem === undefined) return [path];
  return Array.from({ length: parts }, (_none, index) =>
    index === part.number ? path : stem + suffixOf(index, parts),
  );
}

/** The names of all parts of the model of which a file of this name is one, by its name alone; else the name itself.
 *  Pure. */
export function partNames(path: string): readonly string[] {
  const [, stem, number, of] = partName.exec(path) ?? [];
  const parts = Number(of);
  if (stem === undefined || parts < 2 || parts > storeLimits.filesMax || Number(number) > parts) return [path];
  return partPaths(path, { parts, part: { number: Number(number) - 1, tensors: 0, ofTensors: 0 } });
}

/** What the heads of all parts say together: the first has the metadata, and each its own tensors. */
export function wholeOf(headers: readonly GgufHeader[]): GgufHeader {
  const [first] = headers;
  assert(first !== undefined, "a model has a file");
  const quantisation = headers.map((one) => one.quantisation).find((one) => one !== "") ?? "";
  return { ...first, quantisation, parameters: headers.reduce((sum, { parameters }) => sum + parameters, 0) };
}

function cardOfGguf(header: GgufHeader, lora: boolean): ModelCard {
  const { architecture, title, parameters, quantisation, contextTokens, capabilities, licence, kind } = header;
  return {
    format: "gguf",
    kind: kind === "model" ? kind : "adapter",
    family: architecture,
    ...(title !== "" && { title }),
    parameters,
    quantisation,
    ...(contextTokens > 0 && { contextTokens }),
    capabilities: lora ? ["lora"] : capabilities,
    ...(licence !== "" && { licence }),
  };
}

interface Graph {
  readonly path: string;
  readonly facts: OnnxFacts;
}

/** What it can do follows from its graphs and its settings, as when it is loaded. */
function cardOfOnnx(main: Graph, graphs: readonly Graph[], files: readonly LookedInto[]): ModelCard {
  const chosen = chooseGraphs(
    graphs.map(({ path }) => path),
    main.path,
  );
  const parts = "refused" in chosen ? { model: main.path } : chosen.graphs;
  const facts = new Map(
    (Object.entries(parts) as [Part, string][]).flatMap(([part, path]) => {
      const graph = graphs.find((one) => one.path === path);
      return graph === undefined ? [] : [[part, graph.facts] as const];
    }),
  );
  const settingsAt = (path: string): Settings | undefined => {
    const found = files.find((file) => file.path === path)?.found;
    return found?.type === "beside" ? found.settings : undefined;
  };
  const folder = folderOf(main.path);
  const above = folderOf(folder.slice(0, -1));
  const config =
    settingsAt(`${main.path}.json`) ?? settingsAt(`${folder}config.json`) ?? settingsAt(`${above}config.json`) ?? {};
  const purpose = purposeOf(facts, config);
  const { producer } = main.facts;
  const contextTokens = countIn(config, "max_position_embeddings");
  return {
    format: "onnx",
    kind: "model",
    family: (wordIn(config, "model_type") ?? "onnx").slice(0, 100),
    ...(producer !== "" && { title: `made by ${producer}`.slice(0, 200) }),
    parameters: [...facts.values()].reduce((sum, one) => sum + one.parameters, 0),
    ...(contextTokens !== undefined && { contextTokens }),
    capabilities: typeof purpose === "string" ? capabilitiesBy[purpose] : [],
  };
}

const baseOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/") + 1);
