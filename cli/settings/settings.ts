import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { resolve } from "node:path";
import {
  createSettings,
  parseConfig,
  parseConfigFile,
  type ClusterValues,
  type Config,
  type ConfigContext,
  type ConfigInput,
  type ConfigLayers,
  type ReloadPlan,
  type Settings,
} from "../../config/index.ts";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { defaultDataFolder } from "./folders.ts";
import { bundledModelName, installation } from "../up/installation.ts";
import { describeRefusal } from "../terminal/output.ts";

/** What a node is told here: its file, the environment, its flags. Errors: CONFIG_INVALID. */
async function readLayers(
  flags: ConfigInput,
  configFile: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<ConfigLayers> {
  const named = configFile ?? environment["PLEXUS_CONFIG"];
  const path = named === undefined || named === "" ? undefined : resolve(named);
  const text = path === undefined ? undefined : await readConfigFile(path);
  return {
    ...(path !== undefined && text !== undefined && { file: { path, content: parseConfigFile(text, path) } }),
    environment,
    flags,
  };
}

const contextOf = (environment: NodeJS.ProcessEnv): ConfigContext => ({
  workFolder: process.cwd(),
  dataFolder: defaultDataFolder(environment),
  hostname: hostname(),
  models: [{ name: bundledModelName, path: installation.modelPath }],
});

/** Collects file, environment and flags. Errors: CONFIG_INVALID. */
export const readSettings = async (
  flags: ConfigInput,
  configFile: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<Config> => parseConfig(await readLayers(flags, configFile, environment), contextOf(environment));

/** The settings of a node that is to run, and how they are read anew. */
export interface RunSettings {
  readonly settings: Settings;
  /** Reads file and environment again, and takes what a running node takes. Errors: CONFIG_INVALID. */
  reread(): Promise<ReloadPlan>;
}

/** The same with what the cluster has set, as the node remembers it from its last run. Errors: CONFIG_INVALID. */
export async function openRunSettings(
  flags: ConfigInput,
  configFile: string | undefined,
  environment: NodeJS.ProcessEnv,
  remembered: (data: string) => Promise<ClusterValues>,
): Promise<RunSettings> {
  const layers = await readLayers(flags, configFile, environment);
  const context = contextOf(environment);
  // The cluster never says where the data folder is.
  const { data } = parseConfig(layers, context);
  const settings = createSettings(layers, context, await remembered(data));
  return { settings, reread: async () => settings.reread(await readLayers(flags, configFile, environment)) };
}

async function readConfigFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    const reason = describeRefusal(thrown);
    throw new PlexusError(failure("CONFIG_INVALID", { field: "", from: `file ${path}`, reason }), thrown);
  }
}
