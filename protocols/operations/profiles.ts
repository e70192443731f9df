/** Profiles of a running node. */
export const profileOperations = {};
