/** Model routes as every node knows them: rows of the directory, and how admins change them. */
import { failure, ok, refused, type ModelRoute, type Result } from "../../protocols/index.ts";
import type { Directory } from "../ports.ts";
import { asRoute, routeKey, routePrefix } from "./records.ts";

/** The routes of the cluster. */
export interface ModelRoutes {
  /** By name. */
  current(): readonly ModelRoute[];
  /** Writes one, in place of the one of that name. Errors: LIMIT_REACHED, OVERLOADED when others keep writing it. Rejects with
   *  DIRECTORY_UNAVAILABLE. */
  set(route: ModelRoute): Promise<Result<ModelRoute>>;
  /** Errors: NOT_FOUND, OVERLOADED. */
  remove(name: string): Promise<Result<ModelRoute>>;
  stop(): void;
}

/** Routes that a cluster may have. */
export const modelRoutesMax = 64;
const attemptsMax = 4;

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
