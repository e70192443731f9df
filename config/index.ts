/** What one node can be told, and how the tellings combine.
 *
 *      defaults  <  file (YAML)  <  cluster, for all nodes  <  cluster, for this one  <  environment (PLEXUS_*)  <
 *      flags
 *
 *  Each layer is checked by itself, so that an error names the field and where it came from; then they are merged,
 *  lists as a whole, groups (`log`, `limits`, `labels`) field by field. Everything here is pure: the cli reads the
 *  file, the environment and the command line, and says where relative paths start. What admins have set for the
 *  cluster comes last and never stops a node: a value of it that cannot be is left out, with the reason (`settings.ts`,
 *  docs/decisions/0092-configuration-of-the-cluster.md).
 *
 *  `fields.ts` is the table of all fields: name, environment variable, form, whether a running node takes a change. */
export { fields, type Field } from "./fields.ts";
export {
  checkSetting,
  noClusterValues,
  parseConfig,
  parseConfigFile,
  settingFromText,
  unknownVariables,
  type ClusterValues,
  type ConfigLayers,
  type ConfigContext,
  type SettingSource,
} from "./layers.ts";
export { hostAddress, isEverywhere } from "./addresses.ts";
export { modelFromText, modelProblem, type ModelEntry } from "./models.ts";
export { planReload, type ReloadPlan } from "./reload.ts";
export { createSettings, shownSetting, type SettingEffect, type Settings, type SettingState } from "./settings.ts";
export { configSchema, parseControl, settingSchema, type Config, type ConfigInput } from "./schema.ts";
export { parseDurationMs, parseSizeBytes } from "./units.ts";
