/** Encrypts the disk of a running node, slot by slot, or opens it again; goes on with it after a restart. */
import { failure, failureOf, PlexusError, type Failure } from "../../protocols/index.ts";
import type { Clock, Log } from "../ports/index.ts";
import type { DiskKey } from "./disk-key.ts";
import { keyLimits } from "./limits.ts";
import type { SealedFiles } from "./sealed-files.ts";
import type { SealedState, SealedStore, StorePart } from "./sealed-store.ts";

/** How far a disk is. */
interface SealingStatus {
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
  /** What the disk is to become, or is. */
  readonly wanted: "sealed" | "plain";
  /** Begins to seal, or to open; what is under way the other way turns round. Resolves when new values are written so,
   *  or when the status says why they are not yet, or when somebody wants it otherwise. */
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
  let isRunning = false;
  /** LevelDB's tables are being merged: that cannot be interrupted, and takes its time. */
  let isMerging = false;
  /** What was asked for last. */
  let wanted: { readonly to: "sealed" | "plain"; readonly key: DiskKey } | undefined;
  /** The caller that waits for the last request gets an answer. */
  let answer = (): void => undefined;
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.after(keyLimits.sealingRetryMs, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });

  const rewrite = async (to: "sealed" | "plain", key: DiskKey): Promise<void> => {
    const parts = await ports.parts();
    const isOver = (): boolean => isStopped || wanted?.to !== to;
    progress = { done: 0, total: parts.length };
    // The store's row says so first: a file that is sealed is never one of a disk that has no key.
    const begun = (): void => {
      files?.use(key, to === "sealed");
      if (!isOver()) answer();
    };
    const done = (): void => {
      const total = progress?.total ?? 0;
      progress = { done: Math.min(total, (progress?.done ?? 0) + 1), total };
    };
    const finish = async (): Promise<void> => {
      for (const folder of (await ports.folders?.()) ?? []) if (!isOver()) await files?.convert(folder);
      // One that was begun before is plain until it gets its name. Uploads end.
      while (to === "sealed" && files?.isMixed === true && !isOver()) await pause();
      // What was replaced lies in LevelDB's older tables until they are merged.
      if (isOver()) return;
      if (store.isFull()) {
        // Merging needs room. What is readable has to go; what is sealed may stay for now.
        if (to === "sealed") throw new PlexusError(failure("DISK_FULL"));
        return;
      }
      isMerging = true;
      try {
        await store.compact();
      } finally {
        isMerging = false;
      }
    };
    await store.convert(to, { key, parts, begun, done, finish, isStopped: isOver });
    if (store.state === "plain") files?.use(undefined, false);
  };

  /** Until the disk is as it was wanted last. */
  const run = async (): Promise<void> => {
    while (!isStopped && wanted !== undefined && wanted.to !== store.state) {
      const { to, key } = wanted;
      if (fault === undefined) log.info("disk.rewrite.begun", { to, key: key.id });
      try {
        await rewrite(to, key);
        fault = undefined;
        if (store.state === to) log.info("disk.rewrite.done", { to, key: key.id });
      } catch (error) {
        if (fault === undefined) log.error("disk.rewrite.failed", { to, error });
        if (wanted.to !== to) continue;
        fault = failureOf(error);
        answer();
        await pause();
      }
    }
    // Nothing comes between the look at what is wanted and this.
    progress = undefined;
    isRunning = false;
    answer();
  };

  const begin = (to: "sealed" | "plain", key: DiskKey): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (wanted?.to !== to) fault = undefined;
    wanted = { to, key };
    answer();
    answer = resolve;
    if (isMerging) answer();
    wake();
    if (!isRunning) {
      isRunning = true;
      running = run();
    }
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
    get wanted() {
      return wanted?.to ?? (store.state === "sealed" || store.state === "sealing" ? "sealed" : "plain");
    },
    begin,
    settled: () => running,
    async stop() {
      isStopped = true;
      wake();
      await running;
    },
  };
}
