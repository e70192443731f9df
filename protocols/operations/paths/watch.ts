/** Where operations of detectors, rules, playbooks, profiles and tasks are in REST. */
export const watchRoutes = {} as const;
