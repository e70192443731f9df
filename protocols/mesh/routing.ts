/** Messages of node/routing between nodes. */
export const routingMessages = {} as const;
