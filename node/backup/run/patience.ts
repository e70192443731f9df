/** Waiting for storage nodes that are down for a moment: one that is late ends nothing that has run for hours. */
import type { Clock } from "../../ports/index.ts";
import type { BackupPorts, BackupStripes } from "../ports.ts";

/** A wait that the end of its task ends. */
export const waited = (clock: Clock, signal: AbortSignal, ms: number): Promise<void> =>
  new Promise((done) => {
    if (signal.aborted) return done();
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", end);
      done();
    };
    const cancel = clock.after(ms, end);
    signal.addEventListener("abort", end);
  });

const isDown = (put: Awaited<ReturnType<BackupStripes["put"]>>): boolean =>
  !put.ok && put.error.code === "HOLDERS_TOO_FEW" && put.error.details?.["down"] !== undefined;

/** Ports whose puts wait while nodes are down with which there would be enough, for `downWaitMs` in all. Each try is a
 *  piece of its own where pieces are paced: the wait is none. Rejects as the signal says. */
export function patient(ports: BackupPorts, signal: AbortSignal): BackupPorts {
  const { clock, limits, stripes } = ports;
  const put: BackupStripes["put"] = async (bytes, how) => {
    let untilMs: number | undefined;
    for (;;) {
      const done = await stripes.put(bytes, how);
      if (!isDown(done)) return done;
      const nowMs = clock.monotonicMs();
      untilMs ??= nowMs + limits.downWaitMs;
      if (nowMs >= untilMs) return done;
      await waited(clock, signal, Math.min(limits.downPauseMs, untilMs - nowMs));
      signal.throwIfAborted();
    }
  };
  return { ...ports, stripes: { ...stripes, put } };
}
