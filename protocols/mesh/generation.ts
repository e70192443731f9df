/** Messages of node/generation between nodes. */
export const generationMessages = {} as const;
