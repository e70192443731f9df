/** Model routes as every node knows them: rows of the directory, and how admins change them. */
import { failure, type Failure, type ModelRoute } from "../../../protocols/index.ts";
import type { Directory } from "../../ports/index.ts";
import { watchNamedRows, type NamedRows } from "./named-rows.ts";
import { readPattern } from "./pattern.ts";
import { asRoute, routePrefix } from "./records.ts";

export { readPattern, type Pattern } from "./pattern.ts";

/** The routes of the cluster. Setting one that says what cannot be (`routeFault`) is BAD_REQUEST. */
export type ModelRoutes = NamedRows<ModelRoute>;

/** Routes that a cluster may have. */
export const modelRoutesMax = 64;
/** Models that the rules of one route ask: each is a call before the call. */
const routeClassifiersMax = 4;
/** Models that answer one call together, without the judge. */
export const ensembleMembersMax = 8;

/** What a route says that cannot be, beyond its schema; undefined: nothing. */
export function routeFault({ steps, ensemble, cache, kinds = [] }: ModelRoute): Failure | undefined {
  const wrong = (path: string, reason: string): Failure => failure("BAD_REQUEST", { path, problem: reason });
  if (ensemble !== undefined) {
    const members = new Set((steps[0] ?? []).flatMap(({ model, weight }) => (weight > 0 ? [model] : [])));
    if (members.size < 2 || members.size > ensembleMembersMax)
      return wrong("/steps/0", `2 to ${ensembleMembersMax} models with a weight can answer together`);
    if (ensemble.form !== "vote" && ensemble.judge === undefined)
      return wrong("/ensemble/judge", `${ensemble.form} needs a model that judges`);
    if ((ensemble.least ?? 1) > members.size) return wrong("/ensemble/least", `there are ${members.size} members`);
  }
  if (cache?.shared === true && cache.semantic !== undefined)
    return wrong("/cache/semantic", "answers to similar questions cannot be shared between people");
  const classifiers = new Set(kinds.flatMap(({ when }) => when.classified?.model ?? []));
  if (classifiers.size > routeClassifiersMax)
    return wrong("/kinds", `its rules ask ${classifiers.size} models, and ${routeClassifiersMax} are the most`);
  for (const [index, { name, when }] of kinds.entries()) {
    if (Object.keys(when).length === 0) return wrong(`/kinds/${index}/when`, "a rule needs a condition");
    if (kinds.some((other) => other.name === name && other !== kinds[index]))
      return wrong(`/kinds/${index}/name`, "two rules have the same name");
    const read = when.pattern === undefined ? undefined : readPattern(when.pattern);
    if (read?.ok === false) return wrong(`/kinds/${index}/when/pattern`, String(read.error.details?.["reason"]));
  }
  return undefined;
}

/** Begins to watch the rows. */
export const watchModelRoutes = (directory: Directory): ModelRoutes =>
  watchNamedRows(directory, {
    one: "route",
    prefix: routePrefix,
    read: asRoute,
    limit: { modelRoutesMax },
    fault: routeFault,
  });
