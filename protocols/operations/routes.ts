/** Where each operation of the node is in REST, below the gateway's prefix. The rows (`budgets.ts` and its
 *  neighbours) say the rest; this list is apart, in one file for each package of topics, so that the page and the
 *  terminal, which only need the path, do not load every schema. */
import { apiPrefix } from "../wire/api.ts";
import { auditRoutes } from "./paths/audit.ts";
import { backupsRoutes } from "./paths/backups.ts";
import { signInRoutes } from "./paths/sign-in.ts";
import { factorsRoutes } from "./paths/factors.ts";
import { guardsRoutes } from "./paths/guards.ts";
import { nodesRoutes } from "./paths/nodes.ts";
import { ownRoutes } from "./paths/own.ts";
import { peopleRoutes } from "./paths/people.ts";
import { settingsRoutes } from "./paths/settings.ts";
import { storesRoutes } from "./paths/stores.ts";
import { watchRoutes } from "./paths/watch.ts";

/** Every operation, with its method and path. */
export const operationRoutes = {
  ...nodesRoutes,
  ...backupsRoutes,
  ...guardsRoutes,
  ...storesRoutes,
  ...auditRoutes,
  ...watchRoutes,
  ...peopleRoutes,
  ...settingsRoutes,
  ...ownRoutes,
  ...signInRoutes,
  ...factorsRoutes,
  "quarantine.list": "GET /admin/files/quarantine",
  "quarantine.release": "POST /admin/files/quarantine/:file/release",
  "quarantine.remove": "DELETE /admin/files/quarantine/:file",
  "quarantine.scanners": "GET /admin/files/scanners",
  "budgets.mine": "GET /budgets",
  "storage.mine": "GET /me/storage",
  "budgets.list": "GET /admin/budgets",
  "budgets.set": "PUT /admin/budgets/:budget",
  "budgets.remove": "DELETE /admin/budgets/:budget",
  "prices.list": "GET /admin/prices",
  "prices.set": "PUT /admin/prices/:model",
  "prices.remove": "DELETE /admin/prices/:model",
  "quotas.list": "GET /admin/quotas",
  "quotas.set": "PUT /admin/quotas/:role/:measure/:per",
  "quotas.remove": "DELETE /admin/quotas/:role/:measure/:per",
  "logs.list": "GET /admin/logs",
  "traces.list": "GET /admin/traces",
  "traces.show": "GET /admin/traces/:id",
  "metrics.history": "GET /admin/metrics/history",
  "requests.list": "GET /admin/requests",
  "routes.list": "GET /admin/model-routes",
  "routes.set": "PUT /admin/model-routes/:route",
  "routes.explain": "POST /admin/model-routes/:route/explain",
  "routes.remove": "DELETE /admin/model-routes/:route",
  "quality.show": "GET /admin/quality",
  "inference.list": "GET /admin/inference",
  "inference.suggest": "GET /admin/inference/suggestions",
  "inference.load": "POST /admin/inference/:model/load",
  "inference.unload": "POST /admin/inference/:model/unload",
  "inference.pin": "POST /admin/inference/:model/pin",
  "inference.unpin": "POST /admin/inference/:model/unpin",
  "endpoints.list": "GET /admin/endpoints",
  "endpoints.set": "PUT /admin/endpoints/:name",
  "endpoints.remove": "DELETE /admin/endpoints/:name",
  "endpoints.test": "POST /admin/endpoints/test",
  "endpoints.search": "POST /admin/endpoints/searches",
  "endpoints.endSearch": "DELETE /admin/endpoints/searches/:id",
  "disk.show": "GET /admin/disk",
  "disk.set": "PUT /admin/disk",
  "secrets.list": "GET /admin/secrets",
  "secrets.set": "PUT /admin/secrets/:secret",
  "secrets.rotate": "POST /admin/secrets/:secret/rotate",
  "secrets.adopt": "POST /admin/secrets/:secret/adopt",
  "secrets.remove": "DELETE /admin/secrets/:secret",
  "usage.list": "GET /admin/usage",
  "usage.days": "GET /admin/usage/days",
  "use.list": "GET /admin/use",
  "use.set": "PUT /admin/use",
  "use.remove": "DELETE /admin/use",
  "feedback.give": "POST /me/feedback",
  "feedback.list": "GET /admin/feedback",
  "feedback.end": "POST /admin/feedback/:id/end",
  "reports.list": "GET /admin/reports",
  "reports.file": "GET /admin/reports/:report/file",
  "reports.set": "PUT /admin/reports/:report",
  "reports.remove": "DELETE /admin/reports/:report",
  "reports.send": "POST /admin/reports/:report/send",
} as const;

/** The name of an operation. */
export type OperationName = keyof typeof operationRoutes;

/** Operations that are done once under one `idempotency-key`: their rows say `once`. */
export const onceOperations: ReadonlySet<OperationName> = new Set([
  "alerts.acknowledge",
  "holds.set",
  "recalls.ask",
  "recalls.begin",
  "rooms.joinByLink",
  "rooms.warn",
]);

/** Operations that change nothing, though their method is not GET: their rows say `looks`. */
export const lookOperations: ReadonlySet<OperationName> = new Set([
  "backups.list",
  "cluster.plan",
  "configuration.plan",
  "identityProviders.test",
  "rooms.lookThrough",
  "rules.try",
  "search.messages",
  "stripes.inspect",
  "stripes.read",
]);

/** How a request of REST is sent. */
export type OperationMethod = "GET" | "POST" | "PUT" | "DELETE";

/** The method and the path of an operation. */
export function routeOf(name: OperationName): { readonly method: OperationMethod; readonly path: string } {
  const [method = "", path = ""] = operationRoutes[name].split(" ");
  return { method: method as OperationMethod, path };
}

/** A request of REST. */
interface OperationRequest {
  readonly method: OperationMethod;
  /** With the gateway's prefix. */
  readonly path: string;
  readonly body?: object;
}

/** The request of a call. */
export function requestOf(name: OperationName, input: object): OperationRequest {
  const { method, path } = routeOf(name);
  return requestTo(method, path, input);
}

/** A request: fields that the path names stand in it; the others are the query of GET and DELETE, else the body. */
export function requestTo(method: OperationMethod, path: string, input: object): OperationRequest {
  const rest = new Map(Object.entries(input).filter(([, value]) => value !== undefined));
  const filled = path.replaceAll(/:(\w+)/g, (_, field: string) => {
    const value: unknown = rest.get(field);
    rest.delete(field);
    return encodeURIComponent(String(value));
  });
  if (method === "PUT" || method === "POST")
    return { method, path: apiPrefix + filled, body: Object.fromEntries(rest) };
  const query = new URLSearchParams([...rest].map(([field, value]) => [field, String(value)])).toString();
  return { method, path: query === "" ? apiPrefix + filled : `${apiPrefix + filled}?${query}` };
}
