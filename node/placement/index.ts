export * from "./plan.ts";
export * from "./candidates.ts";
export * from "./limits.ts";
