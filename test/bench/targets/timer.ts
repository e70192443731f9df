/** The machine's own noise, in a process that does nothing else: how much too late it is woken, and how long its disk
 *  takes to make a few bytes durable. */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { payload } from "./drive.ts";
import { serve } from "./serve.ts";

const wakeEveryMs = 5;
/** Seldom, so that the disk is not busy because of it. */
const syncEveryMs = 50;

const folder = await mkdtemp(join(tmpdir(), "plexus-bench-timer-"));
const file = await open(join(folder, "log"), "a");
let lateMs: number[] = [];
let syncMs: number[] = [];
let stopped = false;

function wait(): void {
  const dueMs = performance.now() + wakeEveryMs;
  setTimeout(() => {
    lateMs.push(performance.now() - dueMs);
    if (!stopped) wait();
  }, wakeEveryMs);
}

async function sync(): Promise<void> {
  while (!stopped) {
    await sleep(syncEveryMs);
    const startMs = performance.now();
    await file.write(payload);
    await file.datasync();
    syncMs.push(performance.now() - startMs);
  }
}
wait();
const syncing = sync();

serve({
  /** What was noted since the last call. */
  take() {
    const taken = { lateMs, syncMs };
    lateMs = [];
    syncMs = [];
    return taken;
  },
  async stop() {
    stopped = true;
    await syncing;
    await file.close();
    await rm(folder, { recursive: true, force: true });
  },
});
