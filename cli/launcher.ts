import { accessSync, constants, realpathSync } from "node:fs";
import { delimiter, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** What a person types to run this `plexus` from where they are: `plexus` where the PATH has it, else its path. */
export function plexusCommand(): string {
  const launcher = fileURLToPath(new URL("../bin/plexus", import.meta.url));
  const inPath = (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      const path = join(folder, "plexus");
      accessSync(path, constants.X_OK);
      return realpathSync(path) === realpathSync(launcher);
    } catch {
      return false;
    }
  });
  if (inPath) return "plexus";
  const near = relative(process.cwd(), launcher);
  return near.startsWith("..") ? launcher : near;
}
