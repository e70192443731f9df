/** Where operations of backups are in REST. */
export const backupsRoutes = {} as const;
