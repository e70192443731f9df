/** Messages of node/membership between nodes. */
export const membershipMessages = {} as const;
