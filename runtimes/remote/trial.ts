/** Tries an endpoint as a node would use it: its key, its list, one model, a few tokens. Each step says what is wrong
 *  and what helps. */
import { randomUUID } from "node:crypto";
import {
  everyModel,
  failure,
  failureOf,
  type EndpointReport,
  type Failure,
  type GenerationPart,
  type TestStep,
} from "../../protocols/index.ts";
import type { Flow, Listed, LoadedModel, ModelSpec } from "../adapter.ts";
import { adapterOf } from "../adapters.ts";
import { abilitiesByName } from "./abilities.ts";
import { listModels, serverOf } from "./catalogue.ts";
import { readKey } from "./endpoint.ts";
import { remoteLimits } from "./limits.ts";

/** What is to be tried. */
interface Trial {
  /** Which model; absent: that of the endpoint, or the first that writes. */
  readonly model?: string | undefined;
  /** Whether it is asked for text. */
  readonly speed: boolean;
}

/** Tries it. Never throws. */
export async function tryEndpoint(spec: ModelSpec, trial: Trial): Promise<EndpointReport> {
  const { endpoint, adapter } = spec;
  const steps: TestStep[] = [];
  const add = (step: TestStep["step"], state: TestStep["state"], says: string): void =>
    void steps.push({ step, state, says });
  const url = endpoint?.url ?? "";
  let listed: readonly Listed[] = [];
  const report = (more: Partial<EndpointReport> = {}): EndpointReport => ({
    url,
    adapter,
    ok: steps.every(({ state }) => state !== "failed"),
    steps,
    models: listed.map(({ model, expected }) => ({ model, ...(expected && { capabilities: expected }) })),
    ...more,
  });
  if (endpoint === undefined) return report();

  const key = readKey(endpoint);
  if (key.type === "refused") {
    add("key", "failed", `${key.reason}. ${keyAdvice(endpoint.key)}`);
    return report();
  }
  const beganMs = performance.now();
  try {
    listed = await listModels(spec);
  } catch (thrown) {
    const { step, says } = explain(failureOf(thrown), url);
    if (step === "key") add("reachable", "fine", "the server answers");
    add(step, "failed", says);
    return report();
  }
  const tookMs = Math.round(performance.now() - beganMs);
  add(
    "reachable",
    "fine",
    `answered in ${tookMs} ms${url.startsWith("https:") ? ", encrypted, and its certificate is trusted" : ""}`,
  );
  if (key.key === undefined) add("key", "skipped", "no key is configured, and none was asked for");
  else add("key", "fine", "accepted");
  if (listed.length > 0) add("models", "fine", `lists ${listed.length}`);
  else add("models", "failed", "the server lists none: load or pull one there");
  const server = await serverOf(spec);
  const known = server === undefined ? {} : { server };

  const name = chosen(trial.model ?? endpoint.model, listed);
  if (name === undefined) return report(known);
  const loaded = await load({ ...spec, endpoint: { ...endpoint, model: name, pull: false } });
  if (typeof loaded === "string") {
    add("model", "failed", `${name}: ${loaded}`);
    return report(known);
  }
  const { capabilities, contextTokens = 0 } = loaded;
  const reads = contextTokens > 0 ? `; reads ${contextTokens} tokens` : "";
  add("model", "fine", `${name}: ${capabilities.join(", ")}${reads}`);
  const model = { name, capabilities, contextTokens };
  if (!trial.speed || loaded.serves.generate === undefined) {
    add("speed", "skipped", trial.speed ? "the model writes no text" : "was not asked for");
    return report({ ...known, model });
  }
  const run = await measure(loaded);
  if ("error" in run) {
    add("speed", "failed", `${name} was asked for text: ${explain(run.error, url).says}`);
    return report({ ...known, model });
  }
  const { firstTokenMs, tokensPerSecond, tokens } = run;
  const speed = `${tokensPerSecond} tokens a second (${tokens} tokens)`;
  add("speed", "fine", `first token after ${firstTokenMs} ms, then ${speed}`);
  return report({ ...known, model, speed: run });
}

/** The model that is asked; undefined: there is none that could be. */
function chosen(wanted: string, listed: readonly Listed[]): string | undefined {
  if (wanted !== everyModel) return wanted;
  const writes = ({ model, expected = abilitiesByName(model) }: Listed): boolean => expected.includes("chat");
  return (listed.find(writes) ?? listed[0])?.model;
}

/** The model, or why it cannot be used. */
async function load(spec: ModelSpec): Promise<LoadedModel | string> {
  const none = {
    contextTokens: remoteLimits.contextTokensDefault,
    sequences: 1,
    threads: 1,
    sizeBytes: 0,
    architecture: "",
    memoryBytes: 0,
  };
  const result = await adapterOf(spec).load(spec, none);
  if (result.type === "failed") return result.reason;
  return result.warnings.length > 0 ? result.warnings.join("; ") : result.model;
}

type Run = NonNullable<EndpointReport["speed"]> | { readonly error: Failure };

/** Has it write, and looks at the clock. */
async function measure(model: LoadedModel): Promise<Run> {
  const beganMs = performance.now();
  let firstMs: number | undefined;
  let stop = (): void => undefined;
  const flow: Flow<"generate"> = {
    cancelled: false,
    part: ({ text, thought }: GenerationPart) => {
      if (text !== "" || thought !== undefined) firstMs ??= performance.now();
    },
    ready: () => undefined,
    onCancel: (callback) => (stop = callback),
  };
  const timer = setTimeout(() => stop(), remoteLimits.trialMsMax);
  try {
    const result = await model.serves.generate?.(
      {
        id: randomUUID(),
        model: "",
        messages: [{ role: "user", content: "Count from one to twenty in words." }],
        sampling: { maxTokens: remoteLimits.trialTokens },
        timeoutMs: remoteLimits.trialMsMax,
      },
      flow,
    );
    const endMs = performance.now();
    if (result === undefined || !result.ok) return { error: result?.error ?? failure("PROVIDER_FAILED") };
    const tokens = result.value.completionTokens;
    if (firstMs === undefined) return { error: failure("PROVIDER_FAILED", { reason: "it wrote nothing" }) };
    const seconds = Math.max(0.001, (endMs - firstMs) / 1_000);
    return {
      firstTokenMs: Math.round(firstMs - beganMs),
      tokensPerSecond: Math.round((Math.max(0, tokens - 1) / seconds) * 10) / 10,
      tokens,
    };
  } finally {
    clearTimeout(timer);
    await model.unload();
  }
}

const keyAdvice = (key: NonNullable<ModelSpec["endpoint"]>["key"]): string =>
  key?.env?.startsWith("PLEXUS_HELD_") === true
    ? "Set the secret that it names for this host: plexus secrets set NAME --for HOST."
    : key?.env !== undefined
      ? `Set ${key.env} in the environment of the node, and start it again.`
      : "Write the key into that file, readable by the node's user alone (chmod 600).";

/** Codes of connections, and what helps. */
const advice: readonly (readonly [RegExp, string])[] = [
  [
    /ECONNREFUSED/,
    "nothing listens at this address: is the server started, the port right, " +
      "and does it listen for other machines (Ollama: OLLAMA_HOST=0.0.0.0)?",
  ],
  [/ENOTFOUND|EAI_AGAIN/, "this name leads nowhere: check how it is written, or use an address of numbers"],
  [
    /EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT/,
    "no way leads there: check the network and firewalls between the node and the server",
  ],
  [/CERT_HAS_EXPIRED/, "its certificate has expired: renew it on the server"],
  [/ERR_TLS_CERT_ALTNAME_INVALID/, "its certificate is for another name: use the name that it was made for"],
  [
    /SELF_SIGNED|UNABLE_TO_|DEPTH_ZERO|CERT_/,
    "its certificate is not trusted here: start the node with NODE_EXTRA_CA_CERTS=/path/to/ca.pem",
  ],
  [
    /ERR_SSL|EPROTO|WRONG_VERSION/,
    "it does not speak TLS on this port: use http:// for a server of your own network, or another port",
  ],
  [
    /HPE_|ERR_HTTP|UND_ERR/,
    "what answers there does not speak HTTP: use https:// if the server encrypts, or check the port",
  ],
];

/** What is wrong, in words that say what to do, and which step failed by it. Pure. */
export function explain(error: Failure, url: string): { readonly step: TestStep["step"]; readonly says: string } {
  const { code, details } = error;
  const reason = typeof details?.["reason"] === "string" ? details["reason"] : "";
  const said = typeof details?.["said"] === "string" ? details["said"] : "";
  const status = typeof details?.["status"] === "number" ? ` (HTTP ${details["status"]})` : "";
  const reachable = (says: string) => ({ step: "reachable", says }) as const;
  switch (code) {
    case "PROVIDER_REFUSED":
      return {
        step: "key",
        says:
          `the server refuses${status}${said && `, and says “${said}”`}: ` +
          "check the key, and what it may be used for",
      };
    case "MODEL_NOT_FOUND":
      return {
        step: "models",
        says:
          "there is no list of models or no such model at this address: " +
          `is ${url} the base of the interface (OpenAI's kind: …/v1), and the adapter right?`,
      };
    case "MODEL_BUSY":
      return { step: "models", says: `the server has no room now${status}: try again later` };
    case "GENERATION_TIMEOUT":
    case "CANCELLED":
      return {
        step: "speed",
        says: `no end within ${remoteLimits.trialMsMax / 1_000} s: the server is too slow or too busy`,
      };
    default: {
      const found = advice.find(([pattern]) => pattern.test(reason));
      if (found !== undefined) return reachable(`${found[1]} [${reason.match(/\(([A-Z_0-9]+)\)/)?.[1] ?? code}]`);
      if (status !== "")
        return { step: "models", says: `the server failed${status}${said && `, and says “${said}”`}: see its own log` };
      return reachable(`${reason || code}: is ${url} the address of such a server, and the adapter right?`);
    }
  }
}
