/** Models between nodes: what one node's store has, another may fetch; and the cluster keeps the models that its admins
 *  want.
 *
 *      admin ─► row `models` of the directory ─► plan.ts (pure: who keeps what) ─► keeping.ts (this node) ─► store.pull
 *      store of another node ◄── peers.ts ── cluster:NAME
 *
 *  The store itself is `runtimes/store`; here is what it needs of other nodes, and what they need of it. The same plan
 *  is computed at every node: there is no controller of models, and nothing to fail over.
 *
 *  Read plan.ts, keeping.ts, peers.ts; control.ts, which stands alone, shows and orders models in memory. */
export { handleEndpoints, handleInference, type EndpointsPort } from "./operations.ts";
export { handleEngines, handleStore } from "./store-operations.ts";
export { keepWanted } from "./keeping.ts";
export { modelLimits, type ModelLimits } from "./limits.ts";
export { createModelPeers, serveModels } from "./peers.ts";
export { placeWanted, planWanted, type Keeper, type Placed, type Task } from "./plan.ts";
export { createInferenceControl } from "./control.ts";
