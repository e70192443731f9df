/** Backups. */
export const backupOperations = {};
