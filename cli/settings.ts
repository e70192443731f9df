import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseConfig, parseConfigFile, type Config, type ConfigInput } from "../config/index.ts";
import { failure, PlexusError } from "../protocols/index.ts";
import { describeRefusal } from "./output.ts";

/** Where this installation keeps what it ships. */
export const installation = {
  modelPath: fileURLToPath(new URL("../runtimes/tiny-model/plexus-tiny.gguf", import.meta.url)),
  webFolder: fileURLToPath(new URL("../web/dist", import.meta.url)),
  packageFile: fileURLToPath(new URL("../package.json", import.meta.url)),
};

/** Whether the page was built: the launcher starts a node as it finds it, and only `npm start` builds first. */
export const hasPage = (): boolean => existsSync(installation.webFolder);

/** What to do where it was not. */
export const pageHint =
  "there is no page, it was not built: `npm run build:web` in the folder of Plexus, then start again";

/** The name the bundled model goes by. */
export const bundledModelName = "plexus-tiny";

/** The version in package.json. */
export async function readVersion(): Promise<string> {
  return (JSON.parse(await readFile(installation.packageFile, "utf8")) as { version: string }).version;
}

/** Where a node keeps its data when nobody says otherwise (XDG base directories). */
export function defaultDataFolder(environment: NodeJS.ProcessEnv): string {
  const base = environment["XDG_DATA_HOME"];
  return join(base !== undefined && base !== "" ? base : join(homedir(), ".local", "share"), "plexus");
}

/** Where the cli keeps its own things: the session of `plexus chat`. */
export function userConfigFolder(environment: NodeJS.ProcessEnv): string {
  const base = environment["XDG_CONFIG_HOME"];
  return join(base !== undefined && base !== "" ? base : join(homedir(), ".config"), "plexus");
}

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
