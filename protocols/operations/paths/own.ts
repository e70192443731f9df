/** Where operations of the caller's own account are in REST. */
export const ownRoutes = {} as const;
