/** Keeps the newest heads of the cluster's backups, and the keys that they need, beside the shards of this node: so the
 *  disks of storage nodes and the recovery kit suffice when everything else is gone.
 *
 *      rows of head and keys change ─► settle ─► head, verified ─┬─ newer than what is here ─► keys.json ─► heads/N
 *                                                                └─ older, or of another history ─► refused, and told
 *      after an error: again, later
 *
 *  Pulled, not pushed: a node that was away or restarted needs nothing else. Decisions 0063, 0129. */
import { failureOf } from "../../../protocols/index.ts";
import { hashOfHead, headFormat, type BackupHead } from "../../../runtimes/backup/index.ts";
import type { Clock, Directory, Files, Log } from "../../ports/index.ts";
import { headNumbers, keepNewestHeads, readHeadFile, writeHeadFile, writeKeysFile } from "../format/beside.ts";
import { headRow } from "../format/heads.ts";
import { holderHeadLimits, type HolderHeadLimits } from "../limits.ts";
import type { Heads } from "../ports.ts";

interface HolderHeadsPorts {
  /** The folder of the shards. */
  readonly files: Files;
  readonly heads: Pick<Heads, "read">;
  readonly directory: Pick<Directory, "watch">;
  /** What the rows of the cluster's keys begin with. */
  readonly keyRows: string;
  /** Whether this node keeps shards. */
  holds(): boolean;
  /** What a head says that this cluster has signed. Error: BACKUP_DAMAGED. */
  verified(head: Uint8Array): Promise<BackupHead>;
  /** What a backup carries of the keys, as they are now. Errors: KEY_MISSING, KEY_REFUSED, the exchange's. */
  carried(): Promise<Uint8Array>;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<HolderHeadLimits>;
}

export interface HolderHeads {
  /** The newest head on the disk; undefined: there is none. */
  newest(): Promise<{ readonly number: number; readonly hash: string } | undefined>;
  /** Looks whether there is something new. */
  wake(): void;
  stop(): void;
}

/** Whether a head may take the newest place beside another that was kept: it is that one, or a later one. Of two with
 *  the same number one is of another history. */
const mayFollow = (kept: NamedHead, head: NamedHead): boolean =>
  head.hash === kept.hash || head.epoch > kept.epoch || (head.epoch === kept.epoch && head.number > kept.number);
type NamedHead = Pick<BackupHead, "epoch" | "number"> & { readonly hash: string };

/** Begins at once, and goes on until it is stopped. */
export function keepHolderHeads(ports: HolderHeadsPorts): HolderHeads {
  const { files, clock, log } = ports;
  const limits: HolderHeadLimits = { ...holderHeadLimits, ...ports.limits };
  let state: "idle" | "waiting" | "working" | "stopped" = "idle";
  let isStale = false;
  let pauseMs = limits.retryMsMin;
  let cancel = (): void => undefined;

  /** The newest head here that the cluster signed. */
  const keptHead = async () => {
    for (const number of (await headNumbers(files)).toReversed())
      try {
        const bytes = await readHeadFile(files, number, headFormat.bytesMax);
        if (bytes !== undefined) return { ...(await ports.verified(bytes)), hash: hashOfHead(bytes) };
      } catch (error) {
        // Damaged, or nobody's: it counts for nothing. That nothing can be verified now is known later.
        if (failureOf(error).code !== "BACKUP_DAMAGED") throw error;
      }
    return undefined;
  };
  let told = "";
  const look = async (): Promise<void> => {
    if (!ports.holds()) return;
    const bytes = await ports.heads.read();
    if (bytes === undefined) return;
    const head = { ...(await ports.verified(bytes)), hash: hashOfHead(bytes) };
    const { number } = head;
    const kept = await keptHead();
    if (kept !== undefined && !mayFollow(kept, head)) {
      // The directory has gone back, and its keys may have, too.
      if (told !== head.hash) log.error("backup.head.older", { head: number, kept: kept.number });
      told = head.hash;
      return;
    }
    // Before the head that needs them.
    await writeKeysFile(files, await ports.carried());
    const there = await readHeadFile(files, number, headFormat.bytesMax);
    if (there === undefined || hashOfHead(there) !== hashOfHead(bytes)) await writeHeadFile(files, { number, bytes });
    await keepNewestHeads(files, limits.headsKept);
  };
  const waitFor = (ms: number): void => {
    state = "waiting";
    cancel = clock.after(ms, () => void work());
  };
  const work = async (): Promise<void> => {
    state = "working";
    isStale = false;
    let afterMs: number | undefined;
    try {
      await look();
      pauseMs = limits.retryMsMin;
      if (isStale) afterMs = limits.settleMs;
    } catch (error) {
      log.warn("backup.head.unkept", { error: failureOf(error).code });
      afterMs = pauseMs;
      pauseMs = Math.min(2 * pauseMs, limits.retryMsMax);
    }
    // Stopped while it was at work.
    if ((state as string) === "stopped") return;
    state = "idle";
    if (afterMs !== undefined) waitFor(afterMs);
  };
  const wake = (): void => {
    isStale = true;
    if (state === "idle") waitFor(limits.settleMs);
  };
  const watcher = { reset: wake, changed: wake, removed: wake, stale: () => undefined };
  const ends = [headRow, ports.keyRows].map((prefix) => ports.directory.watch(prefix, watcher));
  wake();
  return {
    async newest() {
      const number = (await headNumbers(files)).at(-1);
      const bytes = number === undefined ? undefined : await readHeadFile(files, number, headFormat.bytesMax);
      return number === undefined || bytes === undefined ? undefined : { number, hash: hashOfHead(bytes) };
    },
    wake,
    stop() {
      state = "stopped";
      cancel();
      for (const end of ends) end();
    },
  };
}
