/** Alerts. */
export const alertOperations = {};
