/** What requests are told apart by. `route`: a route of HTTP, or a command over WebSocket or gRPC; `kind`: the kind of
 *  the actor that was asked; `key`: the API key or control token that asked. */
export const requestBys = ["route", "kind", "key"] as const;
export type RequestBy = (typeof requestBys)[number];

/** What can be the most of. */
export const requestOrders = ["requests", "refused", "limited", "failed", "mean", "p99"] as const;
export type RequestOrder = (typeof requestOrders)[number];
