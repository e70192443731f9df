/** Names that a request may ask by: models of all nodes, and the caller's agents as `agent:OWNER.NAME`. */
import {
  actorId,
  modelEngines,
  failure,
  isKey,
  PlexusError,
  remoteAdapters,
  type AgentView,
  type ModelInfo,
  type Sampling,
  type UserView,
} from "../../../protocols/index.ts";
import { engineOf } from "../../../runtimes/engine.ts";
import {
  alsoNamed,
  hasKey,
  isInCloud,
  isNamed,
  nearlyNamed,
  parseOllamaName,
  plainName,
  plainSource,
  shortestOf,
  sourceOfName,
} from "../../../runtimes/store/names.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../edge/refusals.ts";
import { refuse } from "./media.ts";
import type { Caller } from "../identity/callers.ts";

const agentPrefix = "agent:";

/** One that may be asked. */
export interface Listed {
  readonly name: string;
  readonly owner: string;
  /** Of a model; absent for an agent. */
  readonly info?: ModelInfo;
}

/** Engines that no path of these interfaces leads to. */
const unreachable: readonly string[] = ["tokenize"];

/** What is told of a model to those who would have to guess: what it can be asked for here, how much it reads, and
 *  whether it is only passed on from somewhere else. A cluster that offers the models of this one leaves out those that
 *  are passed on: two clusters that offer each other's would go round. */
export function factsOf({ info }: Pick<Listed, "info">): object {
  if (info === undefined) return {};
  const { capabilities, contextTokens, runtime, demonstration } = info;
  const isRelayed = runtime === "route" || (remoteAdapters as readonly string[]).includes(runtime);
  return {
    capabilities: capabilities.filter((one) => !unreachable.includes(one)),
    ...(contextTokens > 0 && { context_length: contextTokens }),
    ...(isRelayed && { relayed: true }),
    ...(demonstration && { demonstration: true }),
  };
}

/** What a name stands for: an agent lends its persona, model and settings; its conversation is not touched. */
export interface Resolved {
  readonly model: string;
  readonly persona: string;
  readonly sampling: Sampling;
}

/** Reads names. */
export interface Models {
  /** When the node began to serve them: nothing else is known of their age. */
  readonly sinceMs: number;
  list(caller: Caller): Promise<readonly Listed[]>;
  /** Error: MODEL_NOT_FOUND. */
  find(caller: Caller, name: string): Promise<Listed>;
  /** Refuses what Ollama takes for no name, unless a model is called so here. Error: BAD_REQUEST. */
  demandName(name: string): void;
  /** Refuses what leads to no model. Error: MODEL_NOT_FOUND. */
  demandServed(caller: Caller, name: string): Promise<void>;
  /** A promise where an agent has to be asked. */
  resolve(caller: Caller, name: string): Resolved | Promise<Resolved>;
}

/** What is called so but for capital letters, as Ollama and Hugging Face find names; undefined: nothing is, or several
 *  are. */
function onlyAlike(
  all: readonly (readonly [name: string | undefined, of: string])[],
  wanted: string,
): string | undefined {
  const alike = new Set(all.flatMap(([name, of]) => (name?.toLowerCase() === wanted.toLowerCase() ? [of] : [])));
  const [only] = alike;
  return alike.size === 1 ? only : undefined;
}

/** The source of a model, and its name. */
type Origin = readonly [source: string | undefined, model: string];

/** The model that was pulled and goes by this name elsewhere, or has this key of LM Studio's, where it is one. */
function also(name: string, known: readonly Origin[]): string | undefined {
  const here = pulledFrom(alsoNamed(name), known);
  if (here !== undefined) return here;
  const found = new Set(known.flatMap(([source, model]) => (source && hasKey(source, name) ? [model] : [])));
  return found.size === 1 ? [...found][0] : undefined;
}

/** The model that was pulled from one of these sources, the first of them first. */
function pulledFrom(wanted: readonly string[], known: readonly Origin[]): string | undefined {
  const sources = known.map(([of, model]) => [of === undefined ? undefined : plainSource(of), model] as const);
  for (const source of wanted) {
    const found = sources.find(([of]) => of === source)?.[1] ?? onlyAlike(sources, source);
    if (found !== undefined) return found;
  }
  return undefined;
}

function notFound(name: string, all: Iterable<string>): PlexusError {
  const near = nearlyNamed(name, all);
  return new PlexusError(failure("MODEL_NOT_FOUND", { model: name.slice(0, 200), ...(near.length > 0 && { near }) }));
}

const nameForm = "[HOST[:PORT]/][NAMESPACE/]MODEL[:TAG], without a digest, or hf.co/OWNER/REPO[:QUANTISATION]";
/** Ollama would send what is asked to its own servers. An endpoint that serves it may be down for a moment. */
const notInCloud =
  "with cloud it is a model on Ollama's servers, which are asked only where an endpoint serves it; leave cloud out";

/** Each model once, whatever engines it is a model of; those that failed to load not at all. */
function servedBy(engines: GatewayContext["engines"]): ReadonlyMap<string, ModelInfo> {
  const all = new Map<string, ModelInfo>();
  for (const engine of modelEngines)
    for (const info of engineOf(engines, engine).models())
      if (info.state !== "failed" && !all.has(info.model)) all.set(info.model, info);
  return all;
}

/** Makes it. */
export function createModels(at: GatewayContext): Models {
  const { kernel, limits } = at;
  const ask = async (caller: Caller, to: `${string}/${string}`) =>
    demand(await kernel.ask({ to, from: caller.actor, message: { type: "describe" }, timeoutMs: limits.askTimeoutMs }));

  const served = () => servedBy(at.engines);

  /** Where models are from, on whichever node they are. */
  const known = (all: ReadonlyMap<string, ModelInfo>): readonly Origin[] => [
    ...(at.models?.store?.list() ?? []).map((one) => [one.source, one.name] as const),
    ...[...all.values()].map((one) => [one.source, one.model] as const),
  ];

  /** Ollama's clients write `NAME:latest` for a name without a tag, and may write its registry before it. */
  const untagged = (name: string): string => {
    const all = served();
    if (all.has(name)) return name;
    const parsed = parseOllamaName(plainName(name));
    const plain = parsed === undefined ? plainName(name).replace(/:latest$/i, "") : shortestOf(parsed);
    if (all.has(plain)) return plain;
    const named = [...all.keys()].map((one) => [one, one] as const);
    const pulled = (sources: readonly string[]) => pulledFrom(sources, known(all));
    return pulled([sourceOfName(name)]) ?? onlyAlike(named, plain) ?? also(name, known(all)) ?? plain;
  };

  const refuseCloud = (name: string): void => {
    if (isInCloud(name) && !served().has(untagged(name)))
      throw new PlexusError(failure("MODEL_NOT_FOUND", { model: name.slice(0, 200), reason: notInCloud }));
  };

  async function lent(caller: Caller, name: string): Promise<Resolved> {
    const key = untagged(name).slice(agentPrefix.length);
    if (!isKey(key)) throw new PlexusError(failure("MODEL_NOT_FOUND", { model: name }));
    const { model, persona, sampling } = (await ask(caller, actorId("agent", key))) as AgentView;
    return { model, persona, sampling };
  }

  const models: Models = {
    sinceMs: at.clock.nowMs(),
    async list(caller) {
      const { agents } = (await ask(caller, caller.actor)) as UserView;
      return [
        ...[...served().values()].map((info): Listed => ({ name: info.model, owner: "plexus", info })),
        ...agents.map((agent) => ({ name: `${agentPrefix}${agent.replace(/^agent\//, "")}`, owner: caller.user })),
      ];
    },
    async find(caller, name) {
      const wanted = untagged(name);
      const found = (await models.list(caller)).find((one) => one.name === wanted);
      if (found !== undefined) return found;
      throw notFound(name, served().keys());
    },
    demandName(name) {
      refuseCloud(name);
      if (isNamed(name) || served().has(untagged(name))) return;
      refuse("/model", `invalid model name: it is ${nameForm}`);
    },
    async demandServed(caller, name) {
      const { model } = await models.resolve(caller, name);
      const all = served();
      if (model !== "" && !all.has(model)) throw notFound(name, all.keys());
    },
    resolve(caller, name) {
      if (name.startsWith(agentPrefix)) return lent(caller, name);
      refuseCloud(name);
      return { model: untagged(name), persona: "", sampling: {} };
    },
  };
  return models;
}
