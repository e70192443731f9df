import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** Where this installation keeps what it ships. */
export const installation = {
  folder: fileURLToPath(new URL("../..", import.meta.url)),
  modelPath: fileURLToPath(new URL("../../runtimes/tiny-model/plexus-tiny.gguf", import.meta.url)),
  webFolder: fileURLToPath(new URL("../../web/dist", import.meta.url)),
  packageFile: fileURLToPath(new URL("../../package.json", import.meta.url)),
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
