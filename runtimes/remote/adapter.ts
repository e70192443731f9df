/** Adapters of models on other servers: a provider is data and pure mappings, and this makes a row of the table of
 *  adapters from it.
 *
 *      remote/endpoint.ts   where the server is, the key          remote/events.ts    bytes to events
 *      remote/call.ts       one request, limits, pauses           remote/text.ts      deltas to parts and an answer
 *      remote/refusals.ts   what went wrong, as our errors        remote/abilities.ts what a model can do
 *
 *  Its thread waits for sockets. Nothing of a server is in memory here but its answer under way. */
import {
  engineNames,
  engines,
  type EngineAnswer,
  type EngineName,
  signOfLife,
  type EngineRequest,
} from "../../protocols/engines/engine.ts";
import { failure, failureOf, PlexusError, refused, ok, type Failure } from "../../protocols/errors.ts";
import type { Capability } from "../../protocols/index.ts";
import type { Adapter, Flow, Listed, Load, LoadedModel, ModelSpec, Serve } from "../adapter.ts";
import { runtimeLimits } from "../limits.ts";
import { abilitiesByName } from "./abilities.ts";
import { Call, type Wire } from "./call.ts";
import { originOf, readKey, type Endpoint } from "./endpoint.ts";
import { textAt } from "./json.ts";
import { remoteLimits } from "./limits.ts";

/** What a server says of a model. */
export interface Described {
  readonly capabilities?: readonly Capability[] | undefined;
  readonly contextTokens?: number | undefined;
  /** What the provider's own mappings need to know of it. */
  readonly facts?: unknown;
}

/** What an engine's function has. */
export interface At<Name extends EngineName = EngineName> {
  readonly call: Call;
  readonly flow: Flow<Name>;
  /** What the server calls the model. */
  readonly model: string;
  readonly url: URL;
  readonly contextTokens: number;
  readonly facts: unknown;
}

/** Carries out one call of an engine. Throws PlexusErrors. */
type Answer<Name extends EngineName> = (request: EngineRequest<Name>, at: At<Name>) => Promise<EngineAnswer<Name>>;

/** One provider. */
export interface Provider {
  readonly name: string;
  /** The most that a model there can do, by what is mapped. */
  readonly capabilities: readonly Capability[];
  readonly wire: Wire;
  /** The models that the server lists. */
  readonly list: (call: Call) => Promise<readonly Listed[]>;
  /** Asks the server about the model. */
  readonly describe: (call: Call, spec: ModelSpec & { readonly endpoint: Endpoint }) => Promise<Described>;
  /** Has the server fetch the model; tells how far it is, from 0 to 1. */
  readonly pull?: (call: Call, tell: (share: number) => void) => Promise<void>;
  /** The engines. Made for each loaded model: they may remember something between calls. */
  readonly answers: () => { readonly [Name in EngineName]?: Answer<Name> };
}

/** The provider's row. */
export function remoteAdapter(provider: Provider): Adapter<undefined> {
  return {
    name: provider.name,
    capabilities: provider.capabilities,
    // Only an entry that names it is one of its models.
    claims: () => false,
    can: ({ expected, endpoint }) =>
      (expected ?? abilitiesByName(endpoint?.model ?? "")).filter((one) => provider.capabilities.includes(one)),
    inspect: () => ({ type: "fine", fileBytes: 0, found: undefined }),
    plan({ spec }) {
      const { contextTokens = remoteLimits.contextTokensDefault, sequences = remoteLimits.placesDefault } = spec;
      const none = { threads: 1, sizeBytes: 0, architecture: "", memoryBytes: runtimeLimits.workerBytes };
      return { type: "fine", plan: { ...none, contextTokens, sequences } };
    },
    load: (spec) => load(provider, spec),
    async list({ endpoint }) {
      if (endpoint === undefined) return [];
      return once(provider, endpoint, remoteLimits.describeMsMax, (call) => provider.list(call));
    },
    label: () => undefined,
  };
}

async function load(provider: Provider, spec: ModelSpec): Promise<Load> {
  const { endpoint } = spec;
  if (endpoint === undefined) return { type: "failed", reason: "it has no url" };
  const key = readKey(endpoint);
  if (key.type === "refused") return { type: "failed", reason: key.reason };
  const whole = { ...spec, endpoint };
  try {
    const described = await once(provider, endpoint, remoteLimits.describeMsMax, (call) =>
      provider.describe(call, whole),
    );
    return { type: "loaded", model: loaded(provider, whole, { described }), warnings: [] };
  } catch (thrown) {
    const { code, details } = failureOf(thrown);
    const said = textAt(details, "reason") ?? textAt(details, "said") ?? "";
    if (code === "PROVIDER_REFUSED")
      return { type: "failed", reason: `the server refuses the key${said && `: ${said}`}` };
    if (code === "MODEL_UNSUPPORTED") return { type: "failed", reason: said };
    if (code !== "MODEL_NOT_FOUND") {
      // It may be there when it is needed.
      const warning = `the server did not say what the model can do: ${code}${said && `: ${said}`}`;
      return { type: "loaded", model: loaded(provider, whole, {}), warnings: [warning] };
    }
    if (endpoint.pull !== true || provider.pull === undefined)
      return { type: "failed", reason: `the server has no model ${endpoint.model}` };
    const pulling = startPull(provider, endpoint);
    return { type: "loaded", model: loaded(provider, whole, { pulling }), warnings: ["the server fetches the model"] };
  }
}

/** One call for the adapter itself, by a deadline. */
async function once<T>(
  { wire }: Provider,
  endpoint: Endpoint,
  timeoutMs: number,
  work: (call: Call) => Promise<T>,
): Promise<T> {
  const call = new Call({ endpoint, wire, timeoutMs, silenceMs: remoteLimits.pullSilenceMsMax });
  const overdue = failure("PROVIDER_FAILED", { model: endpoint.model, reason: "the server takes too long" });
  const timer = setTimeout(() => call.cancel(overdue), timeoutMs);
  try {
    return await work(call);
  } finally {
    clearTimeout(timer);
    void call.end();
  }
}

/** A model that its server fetches. */
interface Pulling {
  /** Why it does not answer yet, or any more; undefined once it is there. `said`: why it could not be fetched. */
  reason(): { readonly reason: string; readonly said?: string } | undefined;
  stop(): void;
}

function startPull(provider: Provider, endpoint: Endpoint): Pulling {
  let share = 0;
  let state: "pulling" | "there" | Failure = "pulling";
  const stopped = Promise.withResolvers<void>();
  const pull = (call: Call): Promise<void> => {
    void stopped.promise.then(() => call.cancel());
    return provider.pull?.(call, (next) => (share = next)) ?? Promise.resolve();
  };
  once(provider, endpoint, remoteLimits.pullMsMax, pull).then(
    () => (state = "there"),
    (thrown: unknown) => (state = failureOf(thrown)),
  );
  return {
    reason() {
      if (state === "there") return undefined;
      if (state === "pulling") return { reason: `its server fetches it: ${Math.floor(share * 100)} %` };
      const { code, details } = state;
      const said = textAt(details, "reason") ?? textAt(details, "said");
      return { reason: "its server could not fetch it", said: said === undefined ? code : `${code}: ${said}` };
    },
    stop: stopped.resolve,
  };
}

function loaded(
  provider: Provider,
  spec: ModelSpec & { readonly endpoint: Endpoint },
  { described = {}, pulling }: { readonly described?: Described; readonly pulling?: Pulling },
): LoadedModel {
  const { endpoint } = spec;
  const { model } = endpoint;
  const able = spec.capabilities ?? described.capabilities ?? abilitiesByName(model);
  const capabilities = able.filter((one) => provider.capabilities.includes(one));
  // A server that says 0 says nothing.
  const known = (described.contextTokens || undefined) ?? spec.contextTokens ?? remoteLimits.contextTokensDefault;
  const contextTokens = Math.min(known, spec.contextTokens ?? known);
  const fixed = { model, url: new URL(endpoint.url), contextTokens, facts: described.facts };
  const serve =
    <Name extends EngineName>(engine: Name, answer: Answer<Name>): Serve<Name> =>
    async (request, flow) => {
      const reason = pulling?.reason();
      if (reason !== undefined)
        return refused(failure("MODEL_UNAVAILABLE", { model, ...reason, at: originOf(endpoint) }));
      const call = new Call({
        endpoint,
        wire: provider.wire,
        timeoutMs: request.timeoutMs,
        quietMs: request.silenceMs,
        ...(engine === "generate" && { onSign: () => (flow as unknown as Flow<"generate">).part(signOfLife) }),
      });
      flow.onCancel(() => call.cancel());
      try {
        return ok(await answer(request, { ...fixed, call, flow }));
      } catch (thrown) {
        if (!(thrown instanceof PlexusError)) throw thrown;
        const { failure: why } = thrown;
        // Its server does not say how much there is room for.
        if (why.code !== "CONTEXT_TOO_LONG") return refused(why);
        return refused(failure("CONTEXT_TOO_LONG", { ...why.details, contextTokens }));
      } finally {
        void call.end();
      }
    };
  const answers = provider.answers();
  const serves = Object.fromEntries(
    engineNames.flatMap((name) => {
      const answer = answers[name] as Answer<EngineName> | undefined;
      return answer !== undefined && capabilities.includes(engines[name].offers) ? [[name, serve(name, answer)]] : [];
    }),
  );
  const unload = async (): Promise<void> => pulling?.stop();
  return { device: "remote", capabilities, contextTokens, serves, unload };
}
