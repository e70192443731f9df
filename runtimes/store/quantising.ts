/** Makes a smaller file of a model's, in a thread: with progress, ended by a signal, and whole or not there at all. */
import { rename, rm, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { MessageChannel } from "node:worker_threads";
import { Piscina } from "piscina";
import { failure, failureOf, PlexusError } from "../../protocols/index.ts";
import type { QuantiseTarget } from "./quantise.ts";
import type { QuantiseAnswer, QuantiseProgress, QuantiseTask } from "./quantise-thread.ts";

/** What is to be made of which file. */
export interface QuantiseRequest {
  readonly from: string;
  readonly to: string;
  readonly target: QuantiseTarget;
  readonly signal: AbortSignal;
  readonly progress: (at: QuantiseProgress) => void;
}

/** Quantises a file; returns the size of the new one. Nothing is left of one that did not end. Errors: MODEL_REFUSED
 *  (it cannot be quantised), BAD_REQUEST (the new file is there already), DISK_FULL, CANCELLED; the system's. */
export async function quantise({ from, to, target, signal, progress }: QuantiseRequest): Promise<number> {
  if ((await stat(to).catch(() => undefined)) !== undefined)
    throw new PlexusError(failure("BAD_REQUEST", { field: "--out", file: to, reason: "there is a file of this name" }));
  const { size: neededBytes } = await stat(from);
  const disk = await statfs(dirname(to));
  const freeBytes = disk.bavail * disk.bsize;
  // At most as large as it is now.
  if (freeBytes < neededBytes) throw new PlexusError(failure("DISK_FULL", { freeBytes, neededBytes }));
  const temporary = `${to}.${process.pid}.partial`;
  await rm(temporary, { force: true });
  const { port1, port2 } = new MessageChannel();
  port1.on("message", progress);
  const pool = new Piscina({
    filename: new URL("./quantise-thread.ts", import.meta.url).href,
    maxThreads: 1,
    execArgv: [],
  });
  try {
    const task: QuantiseTask = { from, to: temporary, target, port: port2 };
    // Piscina's type for the list comes from another overload of postMessage than the one it calls.
    const answer = (await pool.run(task, { signal, transferList: [port2] as never })) as QuantiseAnswer;
    if (answer.type === "refused")
      throw new PlexusError(failure("MODEL_REFUSED", { file: from, reason: answer.reason }));
    await rename(temporary, to);
    return answer.bytes;
  } catch (thrown) {
    if (signal.aborted) throw new PlexusError(failure("CANCELLED", { file: from, reason: "nothing was made" }), thrown);
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "ENOSPC" || code === "EDQUOT") throw new PlexusError(failure("DISK_FULL", { reason: code }), thrown);
    throw thrown instanceof PlexusError ? new PlexusError(failureOf(thrown), thrown) : thrown;
  } finally {
    port1.close();
    await pool.destroy();
    await rm(temporary, { force: true });
  }
}
