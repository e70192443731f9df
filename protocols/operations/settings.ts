/** The cluster's settings. */
export const settingsOperations = {};
