/** The packages that are only here to be compared with. They are no dependencies of Plexus: the bench installs them
 *  beside itself, from its own lock file, the first time and whenever that file changes. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const folder = new URL("./", import.meta.url);
const installed = new URL("node_modules/.installed-lock.json", folder);

/** Makes `node_modules` here what the lock file says. No install scripts run: nothing is compiled or fetched
 *  elsewhere. */
export async function installPeers(say: (text: string) => void): Promise<void> {
  const lock = await readFile(new URL("package-lock.json", folder), "utf8");
  const present = await readFile(installed, "utf8").catch(() => undefined);
  if (present === lock) return;
  say("installing the peers into test/bench/node_modules");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  await run(npm, ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: fileURLToPath(folder) });
  await writeFile(installed, lock);
}
