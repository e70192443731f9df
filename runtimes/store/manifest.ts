/** A model's manifest: one small file that makes it exist. Pure. */
import { createHash } from "node:crypto";
import { Type } from "typebox";
import { checkOf } from "../../protocols/wire/check.ts";
import { modelNamePattern, parseDocument, type ModelFile, type StoredModel } from "../../protocols/index.ts";
import { storeLimits } from "./limits.ts";

const digest = Type.String({ pattern: "^[0-9a-f]{64}$" });
const size = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const text = (maxLength: number) => Type.String({ maxLength });
/** Fields of later versions are left in it. */
const isManifest = checkOf(
  Type.Object({
    name: Type.String({ pattern: modelNamePattern }),
    digest,
    size,
    files: Type.Array(Type.Object({ path: text(512), size, digest, tree: digest }), {
      minItems: 1,
      maxItems: storeLimits.filesMax,
    }),
    main: text(512),
    card: Type.Object({
      format: Type.Union([Type.Literal("gguf"), Type.Literal("onnx")]),
      kind: Type.Union([Type.Literal("model"), Type.Literal("adapter")]),
      family: text(512),
      title: Type.Optional(text(512)),
      parameters: Type.Optional(Type.Number({ minimum: 0 })),
      quantisation: Type.Optional(text(64)),
      contextTokens: Type.Optional(size),
      capabilities: Type.Array(text(64), { maxItems: 32 }),
      licence: Type.Optional(text(512)),
    }),
    source: text(2_048),
    addedAtMs: Type.Number({ minimum: 0 }),
    acceptedBy: Type.Optional(text(128)),
  }),
);

/** One name of a folder or file. */
const segment = /^(?!\.)[\w][\w .+@=()-]{0,200}$/;

/** Whether a path may be that of a file in a model's folder: plain names, and none of them leads out of it. */
export function isPlainPath(path: string): boolean {
  const segments = path.split("/");
  return segments.length <= 4 && segments.every((one) => segment.test(one) && !one.endsWith(".") && !one.endsWith(" "));
}

/** Reads a manifest; undefined: it is none. */
export function readManifest(bytes: Uint8Array, name: string): StoredModel | undefined {
  if (bytes.length > storeLimits.manifestBytesMax) return undefined;
  let value: unknown;
  try {
    value = parseDocument(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
  if (!isManifest.Check(value)) return undefined;
  const model = value as StoredModel;
  const isSound =
    model.name === name &&
    model.files.every(({ path }) => isPlainPath(path)) &&
    new Set(model.files.map(({ path }) => path)).size === model.files.length &&
    model.files.some(({ path }) => path === model.main) &&
    model.digest === digestOf(model.files) &&
    model.size === sizeOf(model.files);
  return isSound ? model : undefined;
}

/** As it is written. */
export const writeManifest = (model: StoredModel): Buffer => Buffer.from(`${JSON.stringify(model, undefined, 1)}\n`);

/** The name of a model's files together; that of a single file is the file's own. */
export function digestOf(files: readonly Pick<ModelFile, "path" | "digest">[]): string {
  const [only] = files;
  if (files.length === 1 && only !== undefined) return only.digest;
  const lines = files.map(({ path, digest: of }) => `${of}  ${path}\n`).sort();
  return createHash("sha256").update(lines.join("")).digest("hex");
}

/** Bytes of all files. */
export const sizeOf = (files: readonly Pick<ModelFile, "size">[]): number =>
  files.reduce((sum, file) => sum + file.size, 0);

/** A name that a model may have, made of what a source calls it. */
export function nameFrom(said: string): string {
  const name = said
    .replace(/\.(?:gguf|onnx)$/i, "")
    .replaceAll(/[^A-Za-z0-9._:-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 100);
  return name === "" ? "model" : name;
}
