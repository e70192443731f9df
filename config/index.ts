/** What one node can be told, and how the tellings combine.
 *
 *      defaults  <  file (YAML)  <  environment (PLEXUS_*)  <  flags
 *
 *  Each layer is checked by itself, so that an error names the field and where it came from; then they are merged, lists
 *  as a whole, groups (`log`, `limits`, `labels`) field by field. Everything here is pure: the cli reads the file, the
 *  environment and the command line, and says where relative paths start.
 *
 *  `fields.ts` is the table of all fields: name, environment variable, form, whether a running node takes a change. */
export { fields, type Field } from "./fields.ts";
export { parseConfig, parseConfigFile, unknownVariables, type ConfigLayers, type ConfigContext } from "./layers.ts";
export { modelFromText, modelProblem, type ModelEntry } from "./models.ts";
export { planReload, type ReloadPlan } from "./reload.ts";
export { configSchema, type Config, type ConfigInput } from "./schema.ts";
export { parseDurationMs, parseSizeBytes } from "./units.ts";
