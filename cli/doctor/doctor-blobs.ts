/** Reads the blobs in a data folder and compares each with its name. Nothing is written, so a node may be at work on
 *  it. */
import { stat } from "node:fs/promises";
import { openBlobStore } from "../../node/bulk/blobs/index.ts";
import { blobFolder, diskKeyFile } from "../../node/data-folder/index.ts";
import { readDiskKey, SealedFiles } from "../../node/keys/index.ts";
import { openFiles } from "../../node/platform/index.ts";
import { failureOf } from "../../protocols/errors.ts";
import type { Check } from "./check.ts";
import { cliLimits } from "../limits.ts";
import { counted, describeBytes } from "../terminal/output.ts";

const silent = { count: () => undefined, gauge: () => undefined, observeMs: () => undefined };

/** Errors: the system's. */
export async function blobCheck(data: string, keyFile = diskKeyFile(data)): Promise<Check> {
  const name = "Blobs";
  const folder = blobFolder(data);
  if ((await stat(folder).catch(() => undefined)) === undefined)
    return { name, state: "good", says: "there are none yet" };
  const blobs = await openBlobStore({
    files: new SealedFiles(await openFiles(folder), { key: await readDiskKey(keyFile), seals: false }),
    meter: silent,
    looksOnly: true,
  });
  const endMs = performance.now() + cliLimits.blobCheckMs;
  const damaged: string[] = [];
  let [count, bytes, unread] = [0, 0, 0];
  for (let after = ""; ;) {
    const page = await blobs.list(after);
    const last = page.at(-1);
    if (last === undefined) break;
    for (const { hash, size } of page) {
      count += 1;
      bytes += size;
      if (performance.now() > endMs) unread += 1;
      // One that was deleted meanwhile is no damage.
      else if (!(await blobs.check(hash).catch((error: unknown) => failureOf(error).code === "NOT_FOUND")))
        damaged.push(hash);
    }
    after = last.hash;
  }
  const all = `${counted(count, "blob")}, ${describeBytes(bytes)}`;
  if (damaged.length > 0)
    return {
      name,
      state: "warning",
      says: `${damaged.length} of ${all} damaged: ${damaged.slice(0, 5).join(", ")}`,
      hint: "A running node gets them again from other nodes. Pictures that no node has are shown as initials.",
    };
  return {
    name,
    state: "good",
    says: unread === 0 ? `${all}, all intact` : `${all}; ${unread} were not read, for lack of time`,
  };
}
