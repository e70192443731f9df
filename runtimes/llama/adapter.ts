/** GGUF models on llama.cpp. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { Capability } from "../../protocols/index.ts";
import type { Adapter, Inspection, ModelSpec } from "../adapter.ts";
import { inspectGgufFile, notByItself, purposeOf, type GgufHeader } from "../gguf.ts";
import { adapterFault, partNames, partPaths, partsFault, wholeOf } from "../store/inspect.ts";
import { capabilitiesBy } from "./capabilities.ts";
import { planLoad, type LlamaFound } from "./plan.ts";

/** The model in the repository: it answers, but knows next to nothing, and pages say so. */
const isDemonstration = ({ path }: Pick<ModelSpec, "path">): boolean => basename(path) === "plexus-tiny.gguf";

/** So small a model answers worse when it reads of tools, and calls none. */
const asFarAsItGoes = (spec: Pick<ModelSpec, "path">, can: readonly Capability[]): readonly Capability[] =>
  isDemonstration(spec) ? can.filter((one) => one !== "tools") : can;

/** The row of llama.cpp. It takes every file that no other adapter claims: a refusal of it names the reason. */
export const llama: Adapter<LlamaFound> = {
  name: "llama",
  capabilities: capabilitiesBy.write,
  native: {
    files: ({ path, lora = [], draft }) => [
      ...partNames(path),
      ...lora.map((one) => one.path),
      ...(draft === undefined ? [] : partNames(draft)),
    ],
    version: libraryVersion,
  },
  claims: () => true,
  can({ path }) {
    try {
      const inspected = inspectOne(path);
      if (inspected.type === "refused") return undefined;
      return asFarAsItGoes({ path }, capabilitiesBy[purposeOf(inspected.found.architecture, inspected.found.pooling)]);
    } catch {
      // Why the file cannot be read is said when it is to be loaded.
      return undefined;
    }
  },
  inspect: inspectFiles,
  plan: planLoad,
  async load(spec, plan, at) {
    // The native library takes a while to read, and only the thread that runs the model may have it.
    const { loadLlama } = await import("./llama.ts");
    // So small a model wanders when it is given room; a little keeps "regenerate" worth a click.
    const load = await loadLlama(spec, plan, isDemonstration(spec) ? 0.3 : usualTemperature, at);
    if (load.type === "failed") return load;
    return { ...load, model: { ...load.model, capabilities: asFarAsItGoes(spec, load.model.capabilities) } };
  },
  label: (spec) =>
    isDemonstration(spec)
      ? {
          short: "tiny demonstration model",
          says: "A tiny demonstration model: it greets and answers simple questions about Plexus, and is often wrong.",
        }
      : undefined,
};

/** The version of node-llama-cpp, and which of its builds for graphics cards are here. An archive has the package among
 *  its own files. */
function libraryVersion(): string {
  const at = (path: string): URL => new URL(`../../${path}`, import.meta.url);
  const manifests = ["node_modules", "vendor"].map((place) => at(`${place}/node-llama-cpp/package.json`));
  const { version } = JSON.parse(readFileSync(manifests.find((one) => existsSync(one)) ?? manifests[0]!, "utf8")) as {
    version: string;
  };
  const builds = ["cuda", "cuda-ext", "vulkan"].filter((kind) =>
    existsSync(at(`node_modules/@node-llama-cpp/linux-x64-${kind}/bins`)),
  );
  return [version, ...builds].join("+");
}

/** The usual choice of chat servers: lively, seldom wrong. */
const usualTemperature = 0.7;

/** Looks at all files of a model. Adapters are compared with it, and their numbers read, before native code adds them
 *  up. */
function inspectFiles({ path, lora = [], draft }: ModelSpec): Inspection<LlamaFound> {
  const model = inspectOne(path);
  if (model.type === "refused") return model;
  const { found } = model;
  const guesser = draft === undefined ? undefined : inspectOne(draft);
  if (guesser?.type === "refused")
    return { ...guesser, reason: `the model that guesses ahead: ${guesser.reason}: ${draft ?? ""}` };
  for (const { path: adapter } of lora) {
    const reason = adapterFault(adapter, path);
    if (reason !== undefined) return { ...model, type: "refused", reason: `the adapter: ${reason}: ${adapter}` };
  }
  return {
    type: "fine",
    fileBytes: lora.reduce((sum, one) => sum + statSync(one.path).size, model.fileBytes + (guesser?.fileBytes ?? 0)),
    found: { ...found, weights: partPaths(path, found).map(identityOf), ...(guesser && { draft: guesser.found }) },
  };
}

/** A file by whatever name it is opened: a model that was pulled has links to its bytes. */
function identityOf(path: string): { readonly file: string; readonly bytes: number } {
  const { dev, ino, size } = statSync(path);
  return { file: `${dev}:${ino}`, bytes: size };
}

/** Looks at a model's file, and at its other parts where it is one of several. */
function inspectOne(path: string): Inspection<GgufHeader> {
  const first = inspectPart(path);
  if (first.type === "refused") return first;
  const { kind } = first.found;
  if (kind !== "model") return { type: "refused", fileBytes: first.fileBytes, reason: notByItself[kind] };
  if (first.found.part === undefined) return first;
  const { found } = first;
  const paths = partPaths(path, found);
  const { fileBytes } = first;
  const missing = paths.find((one) => !existsSync(one));
  if (missing !== undefined)
    return {
      type: "refused",
      fileBytes,
      reason: `it is one of ${found.parts} parts, and ${basename(missing)} is not here`,
    };
  if (found.part?.number !== 0)
    return {
      type: "refused",
      fileBytes,
      reason: `it is one of ${found.parts} parts: name the first of them, ${basename(paths[0] ?? path)}`,
    };
  const parts: { readonly path: string; readonly header: GgufHeader; readonly fileBytes: number }[] = [];
  for (const one of paths) {
    const part = inspectPart(one);
    if (part.type === "refused") return { ...part, reason: `${basename(one)}: ${part.reason}` };
    parts.push({ path: one, header: part.found, fileBytes: part.fileBytes });
  }
  const wholeBytes = parts.reduce((sum, one) => sum + one.fileBytes, 0);
  const fault = partsFault(parts);
  if (fault !== undefined) return { type: "refused", fileBytes: wholeBytes, reason: fault.reason };
  return { type: "fine", fileBytes: wholeBytes, found: wholeOf(parts.map(({ header }) => header)) };
}

function inspectPart(path: string): Inspection<GgufHeader> {
  const { verdict, fileBytes } = inspectGgufFile(path);
  switch (verdict.type) {
    case "fine":
      return { type: "fine", fileBytes, found: verdict.header };
    case "refused":
      return { ...verdict, fileBytes };
    case "short":
      return { type: "refused", fileBytes, reason: "the head of the file is cut off" };
  }
}
