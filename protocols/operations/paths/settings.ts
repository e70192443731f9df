/** Where operations of the cluster's settings are in REST. */
export const settingsRoutes = {} as const;
