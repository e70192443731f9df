/** Models that this node serves itself: the only room of inference that knows engines.
 *
 *      configuration ─┐
 *      models.ts      ├─► what is served ─► host.ts: processes that have it in memory, while the node has the role `ai`
 *      endpoints.ts   ┘
 *
 *  `models.ts` keeps the node's store and shares it with the others, `endpoints.ts` are servers that have models,
 *  `endpoint-keys.ts` the keys that those want. Files are read whole in a thread (`file-checks.ts`). Which node a call
 *  goes to is not decided here (`node/inference/calls`). */
export { createInference, createSuggestions, measureInference, type Inference } from "./host.ts";
export { openModels, type ModelStorage, type NodeModels } from "./models.ts";
