/** Where operations of the audit, threats and alerts are in REST. */
export const auditRoutes = {} as const;
