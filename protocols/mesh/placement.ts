/** Messages of node/placement between nodes. */
export const placementMessages = {} as const;
