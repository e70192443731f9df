/** What people prove themselves with. */
export const factorOperations = {};
