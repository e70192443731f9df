/** A node's own state, and what it serves. */
export const nodeOperations = {};
