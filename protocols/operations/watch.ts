/** Detectors, rules and forecasts. */
export const watchOperations = {};
