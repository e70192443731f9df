/** The shards of backups. */
export const shardOperations = {};
