/** The keys of backups. */
export const keyOperations = {};
