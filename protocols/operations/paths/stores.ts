/** Where operations on keys, stores of models and the status of a node are in REST. */
export const storesRoutes = {
  "keys.status": "GET /admin/keys",
  "keys.beginKit": "POST /admin/keys/kit",
  "keys.confirmKit": "PUT /admin/keys/kit",
  "keys.trustRoot": "PUT /admin/keys/root",
  "keys.rotate": "POST /admin/keys/rotate",
  "keys.erase": "POST /admin/keys/erase",
  "keys.restore": "PUT /admin/keys/restore",
  "store.list": "GET /admin/models",
  "store.show": "GET /admin/models/:name",
  "store.pull": "POST /admin/models/pulls",
  "store.pulling": "GET /admin/models/pulls/:id",
  "store.endPull": "DELETE /admin/models/pulls/:id",
  "store.remove": "DELETE /admin/models/:name",
  "store.verify": "POST /admin/models/:name/verify",
  "store.setWanted": "PUT /admin/models/wanted",
  "engines.list": "GET /admin/engines",
} as const;
