/** Names that stand for several models, in front of the engines of the cluster.
 *
 *      call of "smart" ─► answer-cache.ts: kept? ─► said again
 *                             │ no
 *                         route-plan.ts: which sort of question (questions.ts), which models in which order
 *                             ├─► ensemble.ts: several at once, one answer
 *                             └─► step 1: a (95) or b (5) ─► chooseServer ─► answered     shadow d: measured, dropped
 *                                    │ refused, before anything was said
 *                                    └► the other of step 1 ─► step 2: c ─► …
 *
 *  docs/decisions/0035-model-routes.md and 0040-answers-of-several-models.md have the invariants.
 *
 *  Read `questions.ts`, `route-plan.ts`, `model-routes.ts`; `ensemble.ts` and `answer-cache.ts` stand alone. */
export { routedEngines, type RoutedEngines, type RoutePorts } from "./model-routes.ts";
export { handleModelRoutes, type ModelRouteParts } from "./operations.ts";
export type { RouteLimits } from "./limits.ts";
