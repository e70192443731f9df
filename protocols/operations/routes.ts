/** Where each operation of the node is in REST, below the gateway's prefix. The rows (`budgets.ts` and its neighbours) say the rest; this list is apart
 *  so that the page and the terminal, which only need the path, do not load every schema. */
export const operationRoutes = {
  "budgets.mine": "GET /budgets",
  "budgets.list": "GET /admin/budgets",
  "budgets.set": "PUT /admin/budgets/:budget",
  "budgets.remove": "DELETE /admin/budgets/:budget",
  "prices.list": "GET /admin/prices",
  "prices.set": "PUT /admin/prices/:model",
  "prices.remove": "DELETE /admin/prices/:model",
  "quotas.list": "GET /admin/quotas",
  "quotas.set": "PUT /admin/quotas/:role/:measure/:per",
  "quotas.remove": "DELETE /admin/quotas/:role/:measure/:per",
} as const;

/** The name of an operation. */
export type OperationName = keyof typeof operationRoutes;

/** How a request of REST is sent. */
export type OperationMethod = "GET" | "POST" | "PUT" | "DELETE";

/** The method and the path of an operation. */
export function routeOf(name: OperationName): { readonly method: OperationMethod; readonly path: string } {
  const [method = "", path = ""] = operationRoutes[name].split(" ");
  return { method: method as OperationMethod, path };
}
