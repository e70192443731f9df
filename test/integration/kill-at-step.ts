/** Loaded before a command: kills its process before the so-manieth thing that it does to its data folder, until the folder is
 *  no new one any more. Files are changed through `node:fs/promises` and through LevelDB. From the environment: KILL_AT_STEP,
 *  and KILL_IN, the folder. */
import fs, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { Level } from "level";

const folder = process.env["KILL_IN"] ?? "";
let left = Number(process.env["KILL_AT_STEP"]);

function step(path: unknown): void {
  if (typeof path !== "string" || !path.startsWith(folder)) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, "SIGKILL");
}

type Change = (path: string, ...rest: unknown[]) => Promise<unknown>;

if (process.argv.includes("up")) {
  const files = fs as unknown as Record<string, Change>;
  for (const name of ["mkdir", "open", "rename", "rm", "chmod", "writeFile"]) {
    const change = files[name] as Change;
    files[name] = async (path, ...rest) => {
      step(path);
      const done = await change(path, ...rest);
      if (name === "open") watchSync(done as FileHandle, path);
      // It is a node's folder now.
      if (name === "rm" && path.endsWith("creating")) left = Infinity;
      return done;
    };
  }
  syncBuiltinESMExports();
  const level = Level.prototype as unknown as Record<string, (...rest: unknown[]) => unknown>;
  for (const name of ["_open", "_batch"]) {
    const change = level[name] as (...rest: unknown[]) => unknown;
    level[name] = function (this: { readonly location: string }, ...rest) {
      step(this.location);
      return change.apply(this, rest);
    };
  }
}

function watchSync(file: FileHandle, path: string): void {
  const sync = file.sync.bind(file);
  file.sync = () => {
    step(path);
    return sync();
  };
}
