/** Placement: which node holds which slot, and how it gets there.
 *
 *      members, who is up ─┐
 *      slots, policy, load ─┴─► plan() ──► changes ──► controller ──► directory (compare-and-set)
 *                                                                        │ watched by all
 *      admins ──► control ──► the same rows                              ▼
 *                                              owners work towards `want`, new owners step up
 *
 *  `plan.ts` decides and is pure; read it first, then `candidates.ts` (who may hold a slot, what a good set is) and
 *  `balance.ts`. `controller.ts` carries plans out, on one node at a time as a rule; it keeps nothing that matters and
 *  may be doubled or be missing for a while. `control.ts` is what admins can do, on any node; what it is made of stands
 *  in its picture. `load.ts` runs on every node: it says how busy the slots are and gives an actor a slot of its own
 *  when asked.
 *
 *  Shard-holders are in groups: `groups.ts` decides which there are (pure), `grouping.ts` makes them and their holders'
 *  slots, and `spread.ts` keeps the holders of a group apart within the plan (pure).
 *  docs/decisions/0048-groups-of-holders.md says why.
 *
 *  The live truth are directory rows: a member's roles and whether it drains are in its row, where an operator put a
 *  slot is in the slot's record, copies and minimum are in `policy`. docs/decisions/0010-placement.md says why. */
export type { ClusterControl } from "./api.ts";
export { createClusterControl } from "./control.ts";
export { awaitedKeepers } from "./voters.ts";
export { createController, type Controller } from "./controller.ts";
export { handleCluster } from "./operations.ts";
export { watchDrains } from "./drains.ts";
export { placementLimits, type PlacementLimits } from "./limits.ts";
export { servePlacement } from "./load.ts";
