/** The caller's own account. */
export const ownOperations = {};
