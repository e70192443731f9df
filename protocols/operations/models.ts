/** Models: names that stand for several of them, how good their answers are, what is in the memory of nodes, and
 *  servers that have some. */
import { answer } from "../wire/command.ts";
import {
  endpointParams,
  searchEndpoints,
  searchParams,
  setEndpointBody,
  testEndpoint,
  type Endpoint,
  type EndpointReport,
  type EndpointSearch,
  type EndpointsView,
} from "../engines/endpoints.ts";
import {
  orderModel,
  orderParams,
  suggestModelsFor,
  viewInference,
  type InferenceView,
  type ModelInMemory,
} from "../engines/inference.ts";
import { modelOrders, type ModelOrder } from "../engines/model-orders.ts";
import {
  explainModelRoute,
  modelRouteParams,
  setModelRoute,
  type ModelRoute,
  type RouteExplanation,
} from "../engines/model-route.ts";
import { withoutSecrets, type Suggestions } from "../engines/models.ts";
import type { QualityView } from "../engines/quality.ts";
import { changes, fieldsOf, listOf, ofActors, ofDirectory, ofOthers, reads } from "./operation.ts";

export const modelRouteOperations = {
  "routes.list": reads({
    answer: fieldsOf({ routes: listOf(answer<ModelRoute>("ModelRoute")) }),
    permission: "cluster.see",
    errors: [],
    summary: "Names that stand for several models",
    tags: ["cluster"],
  }),
  "routes.set": changes({
    params: modelRouteParams,
    fields: setModelRoute,
    answer: answer<ModelRoute>("ModelRoute"),
    permission: "cluster.administer",
    errors: ["LIMIT_REACHED", ...ofDirectory],
    action: "setModelRoute",
    facts: ({ route }) => ({ route }),
    summary: "Makes a name stand for models",
    description:
      "`steps` are tried one after the other; the models of a step share the calls as `balance` says. " +
      "`shadow` gets so many of a hundred calls as well, and what it answers is thrown away. " +
      "The first of `kinds` whose rule a question meets answers it in place of `steps`. " +
      "With `ensemble` the models of the first step answer together. " +
      "`cache` keeps answers, each for the person who asked unless it is `shared`.",
    tags: ["cluster"],
  }),
  "routes.explain": reads({
    params: modelRouteParams,
    fields: explainModelRoute,
    answer: answer<RouteExplanation>("RouteExplanation"),
    permission: "cluster.administer",
    errors: ["NOT_FOUND"],
    summary: "What a route would do with a question of nobody's, and why; only models that its rules need are asked",
    tags: ["cluster"],
  }),
  "routes.remove": changes({
    params: modelRouteParams,
    answer: answer<ModelRoute>("ModelRoute"),
    permission: "cluster.administer",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "removeModelRoute",
    facts: ({ route }) => ({ route }),
    summary: "Ends a route; answers with it as it was",
    tags: ["cluster"],
  }),
  "quality.show": reads({
    answer: answer<QualityView>("QualityView"),
    permission: "cluster.see",
    errors: ofActors,
    summary: "How good the answers of models are: the last hours beside the week before, and what got worse",
    tags: ["cluster"],
  }),
};

const tags = ["models"];

const ordered = (order: ModelOrder) =>
  changes({
    params: orderParams,
    fields: orderModel,
    answer: answer<ModelInMemory>("ModelInMemory"),
    permission: "cluster.administer",
    errors: ["NOT_FOUND", "MODEL_NOT_FOUND", "MODEL_BUSY", "MODEL_UNAVAILABLE", "ALREADY_DONE", ...ofOthers],
    action: modelOrders[order].audit,
    facts: ({ model }) => ({ model }),
    remembers: ({ model }, { node }) => ({ model, node: String(node) }),
    summary: modelOrders[order].summary,
    description:
      "Answers at once with the model as it is then; it is a task of that node, which `GET /admin/tasks` shows, and " +
      "`GET /admin/inference` tells where the model is. " +
      "`unload` of a model with calls is refused with MODEL_BUSY, unless it is to `drain`.",
    tags,
  });

export const inferenceOperations = {
  "inference.list": reads({
    fields: viewInference,
    answer: answer<InferenceView>("InferenceView"),
    permission: "cluster.see",
    errors: ["NOT_FOUND", ...ofOthers],
    summary: "Models in the memory of each node: state, memory, threads, calls, speed, and why",
    description: "A node that does not answer is there with its `error`.",
    tags,
  }),
  "inference.suggest": reads({
    fields: suggestModelsFor,
    task: { what: ({ node = "the node" }) => `Measurement of ${node}` },
    answer: answer<Suggestions>("Suggestions"),
    permission: "cluster.see",
    errors: ["NOT_FOUND", "MODEL_UNAVAILABLE", ...ofOthers],
    summary: "Which models fit a node's machine, how fast they would be, and where they are",
    description:
      "`measure` runs a model of random weights for a moment, once while the node runs; " +
      "without it speeds are there once that was done.",
    tags,
  }),
  "inference.load": ordered("load"),
  "inference.unload": ordered("unload"),
  "inference.pin": ordered("pin"),
  "inference.unpin": ordered("unpin"),
};

/** What a search looks through, as far as it was said. */
const searched = ({ range, ports }: { readonly range?: string; readonly ports?: readonly number[] }) => ({
  ...(range !== undefined && { range }),
  ...(ports && { ports: ports.join(",") }),
});

export const endpointOperations = {
  "endpoints.list": reads({
    answer: answer<EndpointsView>("EndpointsView"),
    permission: "cluster.see",
    errors: ["NOT_FOUND"],
    summary: "Servers with models as this node sees them, and what it found",
    tags,
  }),
  "endpoints.set": changes({
    params: endpointParams,
    fields: setEndpointBody,
    answer: answer<Endpoint>("Endpoint"),
    permission: "models.connect",
    errors: ["NOT_FOUND", "NAME_TAKEN", "LIMIT_REACHED", ...ofDirectory],
    action: "setEndpoint",
    facts: ({ name, adapter, url }) => ({ endpoint: name, adapter, url: withoutSecrets(url) }),
    summary: "Adds a server with models for the whole cluster, or changes it",
    description:
      "Nodes with the role `ai` and these `labels` ask it, and offer its models as NAME/MODEL. " +
      "`key` says where each of them has the key: a variable that ends in _API_KEY, " +
      "or a file in keys/ of its data folder. " +
      "`seen`: what the caller has seen there, or null; where it is something else by now, " +
      "nothing is changed (CHANGED_MEANWHILE).",
    tags,
  }),
  "endpoints.remove": changes({
    params: endpointParams,
    answer: answer<Endpoint>("Endpoint"),
    permission: "models.connect",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "removeEndpoint",
    facts: ({ name }) => ({ endpoint: name }),
    summary: "Removes a server; answers with it as it was",
    tags,
  }),
  "endpoints.test": changes({
    fields: testEndpoint,
    answer: answer<EndpointReport>("EndpointReport"),
    permission: "models.connect",
    errors: ["NOT_FOUND", "OVERLOADED"],
    action: "testEndpoint",
    task: { what: ({ name = "a server" }) => `Test of ${name}` },
    facts: ({ name, endpoint }) => ({
      ...(name && { endpoint: name }),
      ...(endpoint && { url: withoutSecrets(endpoint.url) }),
    }),
    summary: "Tries a server from this node: reachable, key, models, speed",
    description: "Takes up to a minute. `speed: false` generates nothing, for providers that charge.",
    tags,
  }),
  "endpoints.search": changes({
    fields: searchEndpoints,
    answer: answer<EndpointSearch>("EndpointSearch"),
    permission: "cluster.administer",
    errors: ["NOT_FOUND", "LIMIT_REACHED"],
    action: "searchEndpoints",
    facts: searched,
    remembers: searched,
    code: 202,
    summary: "Looks for servers with models: in a private range, or by the ways of the configuration",
    description: "Answers at once; `GET /admin/endpoints` tells how it goes and what was found.",
    tags,
  }),
  "endpoints.endSearch": changes({
    params: searchParams,
    answer: answer<EndpointSearch>("EndpointSearch"),
    permission: "cluster.administer",
    errors: ["NOT_FOUND"],
    action: "cancelEndpointSearch",
    facts: ({ id }) => ({ search: id }),
    summary: "Ends a search; what it found stays",
    tags,
  }),
};
