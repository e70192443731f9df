import { fields } from "./fields.ts";
import type { Config } from "./schema.ts";

/** What a changed configuration means for a node that runs. */
export interface ReloadPlan {
  /** Fields that changed and are taken at once. */
  readonly apply: readonly string[];
  /** Fields that changed and wait for the next start. */
  readonly restart: readonly string[];
}

/** Compares two configurations field by field. */
export function planReload(before: Config, after: Config): ReloadPlan {
  const changed = fields.filter(
    (field) => JSON.stringify(valueAt(before, field.name)) !== JSON.stringify(valueAt(after, field.name)),
  );
  return {
    apply: changed.filter((field) => field.live).map((field) => field.name),
    restart: changed.filter((field) => !field.live).map((field) => field.name),
  };
}

/** The value of a dotted name. */
export function valueAt(config: unknown, name: string): unknown {
  let value = config;
  for (const part of name.split(".")) value = (value as Readonly<Record<string, unknown>> | undefined)?.[part];
  return value;
}
