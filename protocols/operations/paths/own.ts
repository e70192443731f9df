/** The caller's own account, and what everybody sees of the cluster. */
export const ownRoutes = {
  "account.show": "GET /me",
  "account.permissions": "GET /me/permissions",
  "account.setPassword": "PUT /me/password",
  "account.sessions": "GET /me/sessions",
  "account.keys": "GET /me/keys",
  "account.addKey": "POST /me/keys",
  "account.endKey": "DELETE /me/keys/:id",
  "account.setMail": "PUT /me/mail",
  "account.removeMail": "DELETE /me/mail",
  "account.delete": "POST /me/deletion",
  "agents.list": "GET /agents",
  "models.list": "GET /models",
  "nodes.list": "GET /nodes",
  "rooms.direct": "POST /rooms/direct",
  "search.messages": "POST /search",
} as const;
