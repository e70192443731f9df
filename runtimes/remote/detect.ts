/** What answers at an address: asked without a key, at the paths where servers of models say who they are. What it does
 *  not say is not guessed. */
import {
  failure,
  failureOf,
  remoteAdapterRows,
  remoteAdapters,
  type RemoteAdapter,
  type ServerKind,
} from "../../protocols/index.ts";
import { Call } from "./call.ts";
import { at, listAt, textAt } from "./json.ts";
import { remoteLimits } from "./limits.ts";

/** What was found at an address. */
export interface Detected {
  readonly adapter: RemoteAdapter;
  /** Where the adapter finds it. */
  readonly url: string;
  readonly server: ServerKind;
  readonly models: readonly string[];
  /** It lists no models without a key. */
  readonly needsKey: boolean;
  /** Of a Plexus, which node it is. */
  readonly node?: string;
}

/** An answer: its JSON, a refusal that speaks of keys, or nothing of use. */
type Answered = Readonly<{ type: "json"; body: unknown } | { type: "locked" } | { type: "nothing" }>;

/** Where servers say who they are. `models` is below the address that was given, the others below its origin. */
const paths = {
  setup: "/api/v1/setup",
  version: "/api/version",
  tags: "/api/tags",
  props: "/props",
  vllm: "/version",
} as const;

/** What an address answered: at `paths`, and where the row of an adapter says that its servers show themselves. */
export type Answers = Readonly<Record<keyof typeof paths | "models", Answered>> &
  Readonly<Partial<Record<RemoteAdapter, Answered>>>;

const shownPaths = Object.fromEntries(
  remoteAdapters.flatMap((name) => {
    const { shownBy } = remoteAdapterRows[name];
    return shownBy === undefined ? [] : [[name, shownBy.path]];
  }),
) as Readonly<Partial<Record<RemoteAdapter, string>>>;

/** Asks an address who it is; undefined: nobody that has models. `base`: where OpenAI's paths begin. Never throws. */
export async function detect(origin: string, base = "/v1"): Promise<Detected | undefined> {
  const here = origin.replace(/\/+$/, "");
  const ask = (path: string) => answerOf(`${here}${path}`);
  // First what most have: an address where nothing answers is asked once.
  const models = await askOnce(`${here}${base}/models`);
  if (models === undefined) return undefined;
  const asks = Object.entries({ ...paths, ...shownPaths });
  const others = await Promise.all(asks.map(([, path]) => ask(path)));
  const answers = Object.fromEntries(asks.map(([name], place) => [name, others[place]])) as Omit<Answers, "models">;
  return recognise({ ...answers, models }, here, base);
}

/** Undefined: nothing answers there at all. */
async function askOnce(url: string): Promise<Answered | undefined> {
  const { code, answered } = await asked(url);
  return code === "MODEL_UNAVAILABLE" ? undefined : answered;
}

const answerOf = async (url: string): Promise<Answered> => (await asked(url)).answered;

async function asked(url: string): Promise<{ readonly code: string; readonly answered: Answered }> {
  const { detectMsMax: timeoutMs, detectBytesMax: bytesMax } = remoteLimits;
  const call = new Call({
    endpoint: { url, model: "" },
    wire: { base: (whole) => whole.href, headers: () => ({}), stream: "sse" },
    timeoutMs,
    silenceMs: timeoutMs,
    bytesMax,
    attemptsMax: 1,
  });
  const silent = failure("MODEL_UNAVAILABLE", { reason: "nothing answers" });
  const timer = setTimeout(() => call.cancel(silent), timeoutMs);
  try {
    return { code: "", answered: { type: "json", body: await call.json({ path: "" }) } };
  } catch (thrown) {
    const { code, details } = failureOf(thrown);
    // Pages of any kind refuse with 401; those that have models say what is wrong in a form that is known.
    const isLocked = code === "PROVIDER_REFUSED" && textAt(details, "said") !== undefined;
    return { code, answered: { type: isLocked ? "locked" : "nothing" } };
  } finally {
    clearTimeout(timer);
    void call.end();
  }
}

/** What the answers of an address say. Pure. */
export function recognise(answers: Answers, origin: string, base = "/v1"): Detected | undefined {
  const body = (name: keyof Answers): unknown => {
    const answer = answers[name];
    return answer?.type === "json" ? answer.body : undefined;
  };
  const versionAt = (name: keyof Answers, field: string): string | undefined => shortOf(textAt(body(name), field));
  const found = (
    adapter: RemoteAdapter,
    kind: string,
    more: { readonly version?: string | undefined; readonly models?: readonly string[]; readonly needsKey?: boolean },
  ): Detected => {
    const { version, models = [], needsKey = false } = more;
    const url = adapter === "openai" ? `${origin}${base}` : origin;
    return { adapter, url, server: { kind, ...(version !== undefined && { version }) }, models, needsKey };
  };
  const node = textAt(body("setup"), "node");
  const ours = versionAt("setup", "version");
  if (node !== undefined && ours !== undefined && textAt(body("setup"), "signUp") !== undefined)
    return { ...found("openai", "plexus", { version: ours, needsKey: true }), node };

  const tags = at(body("tags"), "models");
  const version = versionAt("version", "version");
  if (version !== undefined && Array.isArray(tags))
    return found("ollama", "ollama", { version, models: namesOf(tags, "model") });

  const rows = listAt(body("models"), "data");
  const isList = Array.isArray(at(body("models"), "data")) && rows.every((row) => textAt(row, "id") !== undefined);
  const isLocked = answers.models.type === "locked";
  if (isList || isLocked) {
    const models = namesOf(rows, "id");
    const owner = textAt(rows[0], "owned_by");
    const more = { models, needsKey: isLocked };
    if (typeof at(body("props"), "default_generation_settings") === "object" || owner === "llamacpp")
      return found("openai", "llama-server", { ...more, version: versionAt("props", "build_info") });
    const vllm = versionAt("vllm", "version");
    if (owner === "vllm" || (isLocked && vllm !== undefined))
      return found("openai", "vllm", { ...more, version: vllm });
    return found("openai", "openai", more);
  }
  for (const adapter of remoteAdapters) {
    const { shownBy } = remoteAdapterRows[adapter];
    if (shownBy === undefined) continue;
    const kind = shortOf(textAt(body(adapter), shownBy.kind));
    if (kind !== undefined && (shownBy.list === undefined || Array.isArray(at(body(adapter), shownBy.list))))
      return found(adapter, kind, { version: versionAt(adapter, shownBy.version) });
  }
  return undefined;
}

const namesOf = (rows: readonly unknown[], field: string): readonly string[] =>
  rows.slice(0, remoteLimits.detectedModelsMax).flatMap((row) => shortOf(textAt(row, field)) ?? []);

/** A word of a stranger, as it may be shown. */
const shortOf = (text: string | undefined): string | undefined => {
  const clean = text
    ?.replaceAll(/\p{Cc}+/gu, " ")
    .slice(0, remoteLimits.listedNameCharsMax)
    .toWellFormed()
    .trim();
  return clean === "" ? undefined : clean;
};
