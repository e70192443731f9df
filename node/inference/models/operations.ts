/** What the operations on models in memory, and on servers with models, do. A node asks no address for anybody else. */
import {
  acted,
  changed,
  ok,
  removed,
  withoutSecrets,
  type Asker,
  type Endpoint,
  type EndpointReport,
  type EndpointSearch,
  type endpointOperations,
  type EndpointsView,
  type HandlersOf,
  type inferenceOperations,
  type ModelOrder,
  type OrderRequest,
  type Result,
  type SearchEndpoints,
  type SetEndpoint,
  type TestEndpoint,
} from "../../../protocols/index.ts";
import type { InferenceControl } from "../../ports/index.ts";

/** The handlers for models in memory; `node` is what this node is called. */
export function handleInference(control: InferenceControl, node: string): HandlersOf<typeof inferenceOperations> {
  const order = async (what: ModelOrder, { model, ...wanted }: Omit<OrderRequest, "order">, { by }: Asker) => {
    const result = await control.order({ model, order: what, ...wanted, by });
    return acted(result, { node: wanted.node ?? node, ...(what === "unload" && { drain: wanted.drain ?? false }) });
  };
  return {
    "inference.list": async (query) => {
      const nodes = await control.view(query.node);
      return nodes.ok ? ok({ nodes: nodes.value }) : nodes;
    },
    "inference.suggest": ({ node: of, measure = false }) =>
      control.suggest({ ...(of !== undefined && { node: of }), measure }),
    "inference.load": (wanted, asker) => order("load", wanted, asker),
    "inference.unload": (wanted, asker) => order("unload", wanted, asker),
    "inference.pin": (wanted, asker) => order("pin", wanted, asker),
    "inference.unpin": (wanted, asker) => order("unpin", wanted, asker),
  };
}

/** Servers with models, as this node uses them. */
export interface EndpointsPort {
  view(): Omit<EndpointsView, "node">;
  /** For the whole cluster. Errors: BAD_REQUEST, NAME_TAKEN, LIMIT_REACHED, OVERLOADED. Rejects with
   *  DIRECTORY_UNAVAILABLE. */
  set(endpoint: Endpoint, seen?: SetEndpoint | null): Promise<Result<Endpoint>>;
  /** Errors: NOT_FOUND, OVERLOADED. */
  remove(name: string): Promise<Result<Endpoint>>;
  /** Errors: BAD_REQUEST, NOT_FOUND, OVERLOADED. What is wrong with the server is in the report. */
  test(wanted: TestEndpoint): Promise<Result<EndpointReport>>;
  /** Begins to look for servers. Errors: BAD_REQUEST, TOO_LARGE, LIMIT_REACHED. */
  begin(wanted: SearchEndpoints): Result<EndpointSearch>;
  /** Errors: NOT_FOUND. */
  cancel(id: string): Result<EndpointSearch>;
  /** Calls back when the view may be another. */
  watch(listener: () => void): () => void;
}

/** The handlers for servers with models; `node` is what this node is called. */
export function handleEndpoints(endpoints: EndpointsPort, node: string): HandlersOf<typeof endpointOperations> {
  return {
    "endpoints.list": () => ok({ node, ...endpoints.view() }),
    "endpoints.set": async ({ seen, ...endpoint }) => {
      const before = endpoints.view().endpoints.find((one) => one.name === endpoint.name);
      const result = await endpoints.set(endpoint, seen);
      return { ...changed(shown(before), result), after: shown(endpoint) };
    },
    "endpoints.remove": async ({ name }) => {
      const result = await endpoints.remove(name);
      return { ...removed(result), before: result.ok ? shown(result.value) : undefined };
    },
    "endpoints.test": async (wanted) => acted(await endpoints.test(wanted)),
    "endpoints.search": async (wanted) => acted(endpoints.begin(wanted)),
    "endpoints.endSearch": async ({ id }) => acted(endpoints.cancel(id)),
  };
}

/** A server as the audit says it. */
const shown = (one: Pick<Endpoint, "adapter" | "url"> | undefined) =>
  one && { adapter: one.adapter, url: withoutSecrets(one.url) };
