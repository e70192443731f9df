/** Models that nodes have stored. */
export const storeOperations = {};
