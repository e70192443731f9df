/** Messages of node/directory between nodes. */
export const directoryMessages = {} as const;
