/** Where operations of keys, stored models and the node's own state are in REST. */
export const storesRoutes = {} as const;
