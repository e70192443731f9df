/** A model as it is configured: a GGUF file of this machine, or a model on another server. */
import { Type, type Static } from "typebox";
import { capabilities, everyModel, isPrivateAddress, remoteAdapters, schema } from "../protocols/index.ts";

const oneOf = <const Names extends readonly string[]>(names: Names) =>
  Type.Unsafe<Names[number]>(Type.Union(names.map((name) => Type.Literal(name))));

const path = Type.String({ minLength: 1, maxLength: 4096 });

/** Where a key is; the key itself is never configured. One of the two. */
const keyPlace = schema.object({
  env: Type.Optional(
    Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]{0,99}$", description: "the name of an environment variable" }),
  ),
  file: Type.Optional(path),
});

/** The name that people and programs ask for, and what is behind it: `path`, or `adapter` and `url`. */
export const modelEntry = schema.object({
  name: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$", description: "letters, digits, . _ : -" }),
  path: Type.Optional(path),
  adapter: Type.Optional(oneOf(remoteAdapters)),
  url: Type.Optional(Type.String({ minLength: 1, maxLength: 2_000 })),
  /** What the server calls the model. Absent: `name`. `*`: all that it lists, each as `name/MODEL`. */
  model: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  key: Type.Optional(keyPlace),
  /** Context of one call, where the server does not tell or has more. */
  contextTokens: Type.Optional(Type.Integer({ minimum: 64, maximum: 16_777_216 })),
  /** Calls that run at once, each with a context of its own. */
  places: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
  /** Have the server fetch the model where it lacks it and can. */
  pull: Type.Optional(Type.Boolean()),
  /** How long it stays in memory after its last call: 0, it leaves at once; absent, until its room is needed. */
  keepAliveMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400_000, description: "in milliseconds" })),
  /** It stays in memory whatever else needs the room. */
  pinned: Type.Optional(Type.Boolean()),
  /** What the model can do, where neither the server nor the model's name tells. */
  capabilities: Type.Optional(Type.Array(oneOf(capabilities), { minItems: 1, uniqueItems: true })),
  /** Adapters (LoRA) that are put on the model of a file. */
  lora: Type.Optional(
    Type.Array(schema.object({ path, scale: Type.Optional(Type.Number({ minimum: -100, maximum: 100 })) }), {
      minItems: 1,
      maxItems: 8,
    }),
  ),
  /** The file of a small model that guesses ahead for the model of a file. */
  draft: Type.Optional(path),
  /** How finely keys and values of the context are kept: f16, q8_0 or q4_0. */
  cacheType: Type.Optional(oneOf(["f16", "q8_0", "q4_0"] as const)),
  flashAttention: Type.Optional(Type.Boolean()),
  /** Layers that the graphics card has. Absent: as many as it has room for. */
  gpuLayers: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000 })),
  /** What it may take of the graphics card's memory. Absent: what is free. */
  gpuMemoryMiB: Type.Optional(Type.Integer({ minimum: 1, maximum: 16_777_216 })),
  /** On how many threads it computes at most. Absent: as many as models may have. */
  threads: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_024 })),
  /** Tokens that are computed in one go at most. Absent: 512. */
  batchTokens: Type.Optional(Type.Integer({ minimum: 32, maximum: 65_536 })),
});
export type ModelEntry = Static<typeof modelEntry>;

/** What the schema cannot say of an entry. Never has a part of a key or of an address's secrets in it. */
export function modelProblem(
  entry: ModelEntry,
): { readonly field: keyof ModelEntry; readonly reason: string } | undefined {
  const { path: file, adapter, url, key } = entry;
  if (url === undefined) {
    if (file === undefined) return { field: "path", reason: "a model needs a path, or an adapter and a url" };
    const remote = (["adapter", "model", "key", "pull", "capabilities"] as const).find(
      (name) => entry[name] !== undefined,
    );
    return remote && { field: remote, reason: "belongs to a model on another server, which has a url and no path" };
  }
  if (file !== undefined) return { field: "path", reason: "a model has a path or a url, not both" };
  const here = (
    ["lora", "draft", "cacheType", "flashAttention", "gpuLayers", "gpuMemoryMiB", "threads", "batchTokens"] as const
  ).find((name) => entry[name] !== undefined);
  if (here !== undefined) return { field: here, reason: "belongs to a model of a file, which has a path and no url" };
  if (adapter === undefined)
    return { field: "adapter", reason: `a model with a url needs an adapter: one of ${remoteAdapters.join(", ")}` };
  if (key !== undefined && (key.env === undefined) === (key.file === undefined))
    return { field: "key", reason: "names where the key is: { env: VARIABLE } or { file: PATH }" };
  if (entry.model === everyModel && entry.pull !== undefined)
    return { field: "pull", reason: "needs a model; all that a server lists are there" };
  const reason = addressProblem(url);
  return reason === undefined ? undefined : { field: "url", reason };
}

function addressProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return "must be an address like https://api.example.org/v1";
  if (url.username !== "" || url.password !== "")
    return "has a password in it; name where the key is: key: { env: VARIABLE }";
  if (url.search !== "" || url.hash !== "") return "must end with its path: no ? and no #";
  const host = url.hostname.replaceAll(/[[\]]/g, "");
  const isAddress = host.includes(":") || /^[\d.]+$/.test(host);
  return url.protocol === "http:" && isAddress && !isPrivateAddress(host)
    ? "plain http goes to this machine and private networks only; use https"
    : undefined;
}

/** Reads `PATH[,NAME]` or `ADAPTER+URL[#MODEL][,NAME[,KEY]]`, where KEY is `env:VARIABLE` or a file. Without a name the
 *  model is called like its file, or as the server calls it. */
export function modelFromText(text: string): ModelEntry {
  const [, adapter, url = "", there] = /^([a-z]+)\+(https?:\/\/[^#,]*)(?:#([^,]*))?/.exec(text) ?? [];
  if (adapter === undefined) {
    const [file, name] = splitAt(text, ",");
    const last = file.replace(/\/+$/, "").split("/").at(-1) ?? file;
    return { path: file, name: name === "" ? asName(last.replace(/\.(?:gguf|onnx)$/i, "")) : name };
  }
  const [name, key] = splitAt(splitAt(text, ",")[1], ",");
  return {
    name: name === "" ? asName(there === undefined || there === everyModel ? adapter : there) : name,
    // One that does not exist is refused with those that do.
    adapter: adapter as (typeof remoteAdapters)[number],
    url,
    ...(there !== undefined && { model: there }),
    ...(key !== "" && { key: key.startsWith("env:") ? { env: key.slice("env:".length) } : { file: key } }),
  };
}

const asName = (text: string): string => text.replaceAll(/[^A-Za-z0-9._:-]/g, "-");

/** The text before and after the first separator. */
export function splitAt(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
