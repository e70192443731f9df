import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { parseConfig, parseConfigFile, type Config, type ConfigInput } from "../config/index.ts";
import { failure, PlexusError } from "../protocols/errors.ts";
import { defaultDataFolder } from "./folders.ts";
import { bundledModelName, installation } from "./installation.ts";
import { describeRefusal } from "./output.ts";

/** Collects file, environment and flags. Errors: CONFIG_INVALID. */
export async function readSettings(
  flags: ConfigInput,
  configFile: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<Config> {
  const named = configFile ?? environment["PLEXUS_CONFIG"];
  const path = named === undefined || named === "" ? undefined : resolve(named);
  const text = path === undefined ? undefined : await readConfigFile(path);
  return parseConfig(
    {
      ...(path !== undefined && text !== undefined && { file: { path, content: parseConfigFile(text, path) } }),
      environment,
      flags,
    },
    {
      workFolder: process.cwd(),
      dataFolder: defaultDataFolder(environment),
      hostname: hostname(),
      models: [{ name: bundledModelName, path: installation.modelPath }],
    },
  );
}

async function readConfigFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    const reason = describeRefusal(thrown);
    throw new PlexusError(failure("CONFIG_INVALID", { field: "", from: `file ${path}`, reason }), thrown);
  }
}
