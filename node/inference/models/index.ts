/** Models between nodes: what one node's store has, another may fetch; and the cluster keeps the models that its admins
 *  want.
 *
 *      admin ─► row `models` of the directory ─► plan.ts (pure: who keeps what) ─► keeping.ts (this node) ─► store.pull
 *      store of another node ◄── peers.ts ── cluster:NAME
 *
 *  The store itself is `runtimes/store`; here is what it needs of other nodes, and what they need of it. The same plan
 *  is computed at every node: there is no controller of models, and nothing to fail over. Those that are wanted with
 *  `keep: "stripes"` lie on the storage nodes, too: striping.ts brings them there, from-stripes.ts reads them.
 *
 *  Read plan.ts, keeping.ts, peers.ts, in-stripes.ts, striping.ts, putting.ts, from-stripes.ts; control.ts, which
 *  stands alone, shows and orders models in memory. */
export { handleEndpoints, handleInference, type EndpointsPort } from "./operations.ts";
export { handleEngines, handleStore } from "./store-operations.ts";
export { keepWanted } from "./keeping.ts";
export { createModelPeers, serveModels } from "./peers.ts";
export { createInferenceControl } from "./control.ts";
export { createFromStripes } from "./from-stripes.ts";
export { modelClass, ownersOfModels, stripedViews } from "./in-stripes.ts";
export { stripeModels } from "./striping.ts";
