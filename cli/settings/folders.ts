import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** Where a person's things are on this machine. Apart from settings.ts, so that a command that only needs to find a
 *  node does not load what a configuration is checked with. */

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

/** The data folder of the node that is meant: what was typed, else what a node started in this environment would
 *  use. */
export async function dataFolderOf(typed: string | undefined, environment: NodeJS.ProcessEnv): Promise<string> {
  const named = typed ?? given(environment["PLEXUS_DATA"]);
  if (named !== undefined) return resolve(named);
  if (given(environment["PLEXUS_CONFIG"]) === undefined) return defaultDataFolder(environment);
  const { readSettings } = await import("./settings.ts");
  return (await readSettings({}, undefined, environment)).data;
}

/** The file with the key of that node's disk: what was typed, else where a node started in this environment has it. */
export async function diskKeyFileOf(
  typed: string | undefined,
  data: string,
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  const named = typed ?? given(environment["PLEXUS_DISK_KEY"]);
  if (named !== undefined) return resolve(named);
  if (given(environment["PLEXUS_CONFIG"]) !== undefined) {
    const { readSettings } = await import("./settings.ts");
    const settings = await readSettings({}, undefined, environment);
    // A file that says where another folder's key is says nothing of this one's.
    if (settings.diskKey !== undefined && settings.data === data) return settings.diskKey;
  }
  return join(data, "disk.key");
}

/** An empty variable is how shells and compose files say "not set". */
const given = (text: string | undefined): string | undefined => (text === "" ? undefined : text);
