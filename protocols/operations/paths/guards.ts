/** Where operations of holds, recalls that somebody approves, and the shards of backups are in REST. */
export const guardsRoutes = {} as const;
