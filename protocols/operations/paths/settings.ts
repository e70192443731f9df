/** Where operations of the cluster's settings are in REST. */
export const settingsRoutes = {
  "branding.show": "GET /branding",
  "branding.set": "PUT /admin/branding",
} as const;
