/** Where REST lives. Whatever is below it is additive until there is a `/api/v2`:
 *  docs/decisions/0027-what-others-build-on.md. */
export const apiPrefix = "/api/v1";
