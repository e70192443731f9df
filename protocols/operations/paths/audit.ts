/** Where operations of the audit, threats and alerts are in REST. */
export const auditRoutes = {
  "audit.search": "GET /admin/audit",
  "audit.logs": "GET /admin/audit/logs",
  "cluster.audit": "GET /admin/cluster/audit",
  "sinks.list": "GET /admin/audit/sinks",
  "sinks.set": "PUT /admin/audit/sinks/:sink",
  "sinks.remove": "DELETE /admin/audit/sinks/:sink",
  "sinks.test": "POST /admin/audit/sinks/:sink/test",
  "retention.show": "GET /admin/audit/retention",
  "retention.set": "PUT /admin/audit/retention",
  "retention.reset": "DELETE /admin/audit/retention",
  "threats.list": "GET /admin/threats",
  "threats.set": "PUT /admin/threats/:list",
  "threats.remove": "DELETE /admin/threats/:list",
  "alerts.list": "GET /admin/alerts",
  "alerts.show": "GET /admin/alerts/:id",
  "alerts.acknowledge": "POST /admin/alerts/:id/acknowledge",
} as const;
