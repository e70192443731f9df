/** Servers that have models: as admins write them, and as a node sees them. */
import { Type, type Static } from "typebox";
import type { Failure } from "../errors.ts";
import { capabilities, type Capability } from "./generation.ts";
import { object, seenOf } from "../wire/schema.ts";
import { secretName } from "../admin/secrets.ts";
import { remoteAdapters, type RemoteAdapter } from "./remote-adapters.ts";

/** Stands for all models that a server lists. */
export const everyModel = "*";

const oneOf = <const Names extends readonly string[]>(names: Names) =>
  Type.Unsafe<Names[number]>(Type.Union(names.map((name) => Type.Literal(name))));

/** Models of an endpoint are called NAME/MODEL, so it has no slash. */
export const endpointName = Type.String({
  pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$",
  description: "Letters, digits, . _ -; its models are called NAME/MODEL",
});
const address = Type.String({ minLength: 1, maxLength: 2_000, description: "Like http://10.0.0.5:11434" });

/** Where the key is, on each node that asks, or what the cluster calls it; one of the three. An admin of the cluster is
 *  not the operator of its machines: no other variable and no other file can be named. */
const keyPlace = Type.Refine(
  object({
    env: Type.Optional(
      Type.String({ pattern: "^[A-Z][A-Z0-9_]{0,90}_API_KEY$", description: "A variable, like OPENAI_API_KEY" }),
    ),
    file: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description: "The name of a file in keys/ of the node's data folder",
      }),
    ),
    /** The name of a secret of the cluster, which may be sent to this server. */
    secret: Type.Optional(secretName),
  }),
  ({ env, file, secret }) => [env, file, secret].filter((one) => one !== undefined).length === 1,
  () => "must name a variable (env), a file in keys/ (file), or a secret of the cluster (secret)",
);

/** An endpoint as an admin sets it. */
export const setEndpoint = object({
  adapter: oneOf(remoteAdapters),
  url: address,
  /** One model, or `*` (default): all that the server lists. */
  model: Type.Optional(Type.String({ minLength: 1, maxLength: 200, default: everyModel })),
  key: Type.Optional(keyPlace),
  capabilities: Type.Optional(Type.Array(oneOf(capabilities), { minItems: 1, uniqueItems: true })),
  contextTokens: Type.Optional(Type.Integer({ minimum: 64, maximum: 16_777_216 })),
  /** Calls that run there at once, of each node. */
  places: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
  /** Only nodes with these labels ask it: `{ zone: "a" }`. */
  labels: Type.Optional(
    Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 64 }), { maxProperties: 8 }),
  ),
});
export type SetEndpoint = Static<typeof setEndpoint>;
export const endpointParams = object({ name: endpointName });

/** Body of the route. */
export const setEndpointBody = object({ ...setEndpoint.properties, seen: seenOf(setEndpoint) });

/** A server with models, for the whole cluster. */
export interface Endpoint extends Static<typeof setEndpoint> {
  readonly name: string;
}

/** Body of a test: an endpoint by its name, or one that is not there yet. */
export const testEndpoint = object({
  name: Type.Optional(endpointName),
  endpoint: Type.Optional(setEndpoint),
  /** Which of its models is asked for text; without it, the first that writes. */
  model: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  /** `false`: nothing is generated. A provider may charge for it. */
  speed: Type.Optional(Type.Boolean({ default: true })),
});
export type TestEndpoint = Static<typeof testEndpoint>;

/** A model that an endpoint has. */
export interface EndpointModel {
  readonly model: string;
  /** As far as the server says it in its list. */
  readonly capabilities?: readonly Capability[] | undefined;
}

/** What a server was found to be. */
export interface ServerKind {
  /** `ollama`, `vllm`, `llama-server`, `plexus`, `kserve`, or `openai` for what only speaks like it. */
  readonly kind: string;
  readonly version?: string | undefined;
}

/** An endpoint as the node that was asked sees it. */
export interface EndpointView extends Omit<Endpoint, "key"> {
  readonly from: "configuration" | "cluster" | "found";
  /** Where its key is: `env OPENAI_API_KEY`, `file openai`. */
  readonly key?: string;
  /** `asking`: for the first time. `failing`: it answers and refuses, or its answer makes no sense. `away`: it is not
   *  reached, and its models are offered no more. `unasked`: one model of the configuration, which is asked when it is
   *  called. `elsewhere`: this node is none of those that ask it. */
  readonly state: "asking" | "ready" | "failing" | "away" | "unasked" | "elsewhere";
  readonly server?: ServerKind | undefined;
  readonly models: readonly EndpointModel[];
  /** Why it is failing or away. */
  readonly error?: Failure;
  /** When it answered or failed to, last. */
  readonly checkedAtMs?: number;
}

/** Something that may be an endpoint. */
export interface EndpointCandidate {
  /** What it would be called. */
  readonly name: string;
  readonly adapter: RemoteAdapter;
  readonly url: string;
  readonly server: ServerKind;
  /** Names of models, as far as it tells them without a key. */
  readonly models: readonly string[];
  /** It told nothing without a key. */
  readonly needsKey: boolean;
  readonly by: "mdns" | "dns" | "consul" | "range";
  readonly seenAtMs: number;
}

/** Body of a search. Without a range, what the configuration names is asked again. */
export const searchEndpoints = object({
  range: Type.Optional(
    Type.String({ minLength: 1, maxLength: 64, description: "A private range, like 192.168.1.0/24 or 10.0.0.5" }),
  ),
  ports: Type.Optional(
    Type.Array(Type.Integer({ minimum: 1, maximum: 65_535 }), { minItems: 1, maxItems: 16, uniqueItems: true }),
  ),
});
export type SearchEndpoints = Static<typeof searchEndpoints>;
export const searchParams = object({ id: Type.String({ pattern: "^[0-9a-z]{1,32}$" }) });

/** A search, under way or the last one. */
export interface EndpointSearch {
  readonly id: string;
  readonly state: "running" | "done" | "cancelled" | "failed";
  readonly range?: string;
  /** Addresses with their ports. */
  readonly total: number;
  readonly asked: number;
  readonly found: number;
  readonly startedAtMs: number;
  /** What could not be asked. */
  readonly problems: readonly string[];
}

/** `GET /api/v1/admin/endpoints`. */
export interface EndpointsView {
  readonly node: string;
  readonly endpoints: readonly EndpointView[];
  readonly candidates: readonly EndpointCandidate[];
  readonly search?: EndpointSearch;
}

/** One step of a test. */
export interface TestStep {
  readonly step: "key" | "reachable" | "models" | "model" | "speed";
  readonly state: "fine" | "failed" | "skipped";
  /** For people: what was found, or what is wrong and what helps. */
  readonly says: string;
}

/** What a test of an endpoint found. */
export interface EndpointReport {
  readonly url: string;
  readonly adapter: string;
  readonly ok: boolean;
  readonly steps: readonly TestStep[];
  readonly server?: ServerKind;
  readonly models: readonly EndpointModel[];
  /** Of the model that was asked. */
  readonly model?: { readonly name: string; readonly capabilities: readonly string[]; readonly contextTokens: number };
  readonly speed?: { readonly firstTokenMs: number; readonly tokensPerSecond: number; readonly tokens: number };
}
