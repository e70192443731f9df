/** Holds on backups, and recalls that somebody approves. */
export const guardOperations = {};
