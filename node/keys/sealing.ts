/** Encrypts the disk of a running node, slot by slot, or opens it again; goes on with it after a restart. */
import { failureOf, type Failure } from "../../protocols/index.ts";
import type { Clock, Log } from "../ports.ts";
import type { DiskKey } from "./disk-key.ts";
import { keyLimits } from "./limits.ts";
import type { SealedFiles } from "./sealed-files.ts";
import type { SealedState, SealedStore, StorePart } from "./sealed-store.ts";

/** How far a disk is. */
export interface SealingStatus {
  readonly state: SealedState;
  /** Id of the disk's key; absent where there is none. */
  readonly key?: string;
  /** Slots and what lies beside them, while they are rewritten. */
  readonly parts?: { readonly done: number; readonly total: number };
  /** Why it does not get on. It is tried again. */
  readonly fault?: Failure;
}

export interface DiskSealing {
  status(): SealingStatus;
  /** Begins to seal, or to open; what is under way the other way ends first. Resolves when new values are written so. */
  begin(to: "sealed" | "plain", key: DiskKey): Promise<void>;
  /** Resolves when nothing is under way any more. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

export function createSealing(ports: {
  readonly store: SealedStore;
  readonly files?: SealedFiles;
  /** What is rewritten one after the other; the last of them is everything. */
  readonly parts: () => Promise<readonly StorePart[]>;
  readonly folders?: () => Promise<readonly string[]>;
  readonly clock: Clock;
  readonly log: Log;
}): DiskSealing {
  const { store, files, clock, log } = ports;
  let progress: SealingStatus["parts"];
  let fault: Failure | undefined;
  let isStopped = false;
  let wake = (): void => undefined;
  let running: Promise<void> = Promise.resolve();
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.after(keyLimits.sealingRetryMs, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });

  const rewrite = async (to: "sealed" | "plain", key: DiskKey, begun: () => void): Promise<void> => {
    const parts = await ports.parts();
    progress = { done: 0, total: parts.length };
    files?.use(key, to === "sealed");
    const done = (): void => {
      const total = progress?.total ?? 0;
      progress = { done: Math.min(total, (progress?.done ?? 0) + 1), total };
    };
    const finish = async (): Promise<void> => {
      for (const folder of (await ports.folders?.()) ?? []) if (!isStopped) await files?.convert(folder);
      // What was replaced lies in LevelDB's older tables until they are merged.
      if (!isStopped && !store.isFull()) await store.compact();
    };
    await store.convert(to, { key, parts, begun, done, finish, isStopped: () => isStopped });
  };

  const run = async (to: "sealed" | "plain", key: DiskKey, begun: () => void): Promise<void> => {
    log.info("disk.rewrite.begun", { to, key: key.id });
    while (!isStopped) {
      try {
        await rewrite(to, key, begun);
        fault = undefined;
        if (!isStopped) log.info("disk.rewrite.done", { to, key: key.id });
        break;
      } catch (error) {
        if (fault === undefined) log.error("disk.rewrite.failed", { to, error });
        fault = failureOf(error);
        await pause();
      }
    }
    progress = undefined;
  };

  const begin = (to: "sealed" | "plain", key: DiskKey): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    running = running.then(() => run(to, key, resolve)).finally(resolve);
    return promise;
  };
  // What was under way when the process ended goes on.
  const { key, state } = store;
  if (key !== undefined) files?.use(key, state !== "opening");
  if (key !== undefined && state !== "sealed") void begin(state === "opening" ? "plain" : "sealed", key);

  return {
    status: () => ({
      state: store.state,
      ...(store.key && { key: store.key.id }),
      ...(progress && { parts: progress }),
      ...(fault && { fault }),
    }),
    begin,
    settled: () => running,
    async stop() {
      isStopped = true;
      wake();
      await running;
    },
  };
}
