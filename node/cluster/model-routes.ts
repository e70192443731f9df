/** Model routes as every node knows them: rows of the directory, and how admins change them. */
import { failure, ok, refused, type Failure, type ModelRoute, type Result } from "../../protocols/index.ts";
import type { Directory } from "../ports.ts";
import { readPattern } from "./pattern.ts";
import { asRoute, routeKey, routePrefix } from "./records.ts";

export { readPattern, type Pattern } from "./pattern.ts";

/** The routes of the cluster. */
export interface ModelRoutes {
  /** By name. */
  current(): readonly ModelRoute[];
  /** Writes one, in place of the one of that name. Errors: BAD_REQUEST when it says what cannot be (`routeFault`), LIMIT_REACHED,
   *  OVERLOADED when others keep writing it. Rejects with DIRECTORY_UNAVAILABLE. */
  set(route: ModelRoute): Promise<Result<ModelRoute>>;
  /** Errors: NOT_FOUND, OVERLOADED. */
  remove(name: string): Promise<Result<ModelRoute>>;
  stop(): void;
}

/** Routes that a cluster may have. */
export const modelRoutesMax = 64;
/** Models that answer one call together, without the judge. */
export const ensembleMembersMax = 8;
const attemptsMax = 4;

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
    return wrong("/cache/semantic", "answers to questions that only mean the same are never given to others");
  for (const [index, { name, when }] of kinds.entries()) {
    if (Object.keys(when).length === 0) return wrong(`/kinds/${index}/when`, "a rule needs a condition");
    if (kinds.some((other) => other.name === name && other !== kinds[index]))
      return wrong(`/kinds/${index}/name`, "two rules have one name");
    const read = when.pattern === undefined ? undefined : readPattern(when.pattern);
    if (read?.ok === false) return wrong(`/kinds/${index}/when/pattern`, String(read.error.details?.["reason"]));
  }
  return undefined;
}

/** Begins to watch the rows. */
export function watchModelRoutes(directory: Directory): ModelRoutes {
  const routes = new Map<string, ModelRoute>();
  const stop = directory.watch(routePrefix, {
    reset(rows) {
      routes.clear();
      for (const row of rows) {
        const route = asRoute(row);
        if (route !== undefined) routes.set(row.key, route);
      }
    },
    changed(row) {
      const route = asRoute(row);
      if (route === undefined) routes.delete(row.key);
      else routes.set(row.key, route);
    },
    removed: (key) => void routes.delete(key),
    stale: () => undefined,
  });
  const change = async (
    name: string,
    to: (row: ModelRoute | undefined) => Result<ModelRoute | undefined>,
  ): Promise<Result<ModelRoute | undefined>> => {
    const key = routeKey(name);
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const row = await directory.read(key);
      const next = to(row && asRoute(row));
      if (!next.ok) return next;
      const { applied } = await directory.compareAndSet(key, next.value, row?.revision ?? 0);
      if (applied) return next;
    }
    return refused(failure("OVERLOADED", { row: key }));
  };

  return {
    current: () => [...routes.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    async set(route) {
      const fault = routeFault(route);
      if (fault !== undefined) return refused(fault);
      const full = !routes.has(routeKey(route.name)) && routes.size >= modelRoutesMax;
      if (full) return refused(failure("LIMIT_REACHED", { modelRoutesMax }));
      const written = await change(route.name, () => ok(route));
      return written.ok ? ok(route) : written;
    },
    async remove(name) {
      let before: ModelRoute | undefined;
      const removed = await change(name, (row) => {
        before = row;
        return row === undefined ? refused(failure("NOT_FOUND", { route: name })) : ok(undefined);
      });
      if (!removed.ok) return removed;
      return before === undefined ? refused(failure("NOT_FOUND", { route: name })) : ok(before);
    },
    stop,
  };
}
