/** Where operations of the cluster's settings are in REST. */
export const settingsRoutes = {
  "branding.show": "GET /branding",
  "branding.set": "PUT /admin/branding",
  "configuration.show": "GET /admin/configuration",
  "configuration.plan": "POST /admin/configuration/plan",
  "configuration.set": "PUT /admin/configuration",
  "configuration.history": "GET /admin/configuration/history",
  "configuration.rollBack": "POST /admin/configuration/rollback",
  "control.self": "GET /admin/control/self",
  "control.tokens": "GET /admin/control/tokens",
  "control.make": "POST /admin/control/tokens",
  "control.revoke": "DELETE /admin/control/tokens/:name",
  "mail.show": "GET /admin/mail",
  "mail.set": "PUT /admin/mail",
  "mail.remove": "DELETE /admin/mail",
  "mail.test": "POST /admin/mail/test",
} as const;
