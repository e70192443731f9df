/** The audit, where it is sent and how long it is kept. */
export const auditOperations = {};
