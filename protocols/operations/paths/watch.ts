/** Where operations of detectors, rules, playbooks, profiles and tasks are in REST. */
export const watchRoutes = {
  "detectors.list": "GET /admin/detectors",
  "detectors.set": "PUT /admin/detectors/:detector",
  "rules.list": "GET /admin/rules",
  "rules.set": "PUT /admin/rules/:rule",
  "rules.remove": "DELETE /admin/rules/:rule",
  "forecasts.list": "GET /admin/forecasts",
  "profiles.take": "POST /admin/profiles",
  "profiles.show": "GET /admin/profiles/:id",
  "tasks.list": "GET /admin/tasks",
  "tasks.show": "GET /admin/tasks/:id",
  "tasks.cancel": "DELETE /admin/tasks/:id",
} as const;
