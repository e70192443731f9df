/** The nodes of the cluster, and their actors. */
export const clusterOperations = {};
export const actorOperations = {};
