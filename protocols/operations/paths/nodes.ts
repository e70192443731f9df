/** Where operations of nodes and actors are in REST. */
export const nodesRoutes = {} as const;
