/** Files that a list of threats names by their digest (docs/decisions/0259-listed-files.md). A file is read here for
 *  it, and hashed in each way in which files are listed. People take turns, as at a scanner. */
import { createHash } from "node:crypto";
import {
  failure,
  ok,
  refused,
  type EngineRequest,
  type Result,
  type ScanAnswer,
  type SealedFile,
} from "../../protocols/index.ts";
import { FairQueue } from "../../runtimes/fair-queue.ts";
import type { Clock, Log, Meter } from "../ports/index.ts";
import { scanningLimits, type ScanningLimits } from "./limits.ts";

/** What lists say of files. */
export interface FileLists {
  /** The digests by which files are listed, as Node calls them. Empty: no file is. */
  fileSorts(): readonly string[];
  /** `digest`: in lower-case hex. */
  hasFile(digest: string): boolean;
  /** A list is being read for the first time, or is not told yet by another node. */
  isPending(): boolean;
  /** What some list says is not known. */
  isUnread(): boolean;
}

/** Looks files up in lists. */
export interface ListedFiles {
  /** Whether a file may be listed: some are, or what some list says is not known. */
  any(): boolean;
  nowMs(): number;
  /** The digest by which a file is listed, as a signature; none: it is not. Errors: QUEUE_FULL (also: no turn came in
   *  time), CANCELLED, UNREACHABLE (it or the lists could not be read), SCAN_FAILED (it took too long). */
  look(request: EngineRequest<"scan">, signal: AbortSignal): Promise<Result<ScanAnswer>>;
}

interface ListedPorts {
  /** The bytes of a file, opened. Throws where they cannot be read. */
  readonly read: (file: SealedFile) => AsyncIterable<Uint8Array>;
  readonly clock: Pick<Clock, "after" | "nowMs">;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: Partial<ScanningLimits>;
}

/** Rejects when the signal says so: a read may hang. */
const ended = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const end = (): void => reject(signal.reason as Error);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });

/** Makes it. Until it is opened, what some list says is not known. */
export function createListedFiles({ read, clock, log, meter, ...more }: ListedPorts): ListedFiles & {
  /** From now on files are looked up in these. */
  open(lists: FileLists): void;
} {
  const limits: ScanningLimits = { ...scanningLimits, ...more.limits };
  const places = { max: limits.scansWaitingMax, perShareMax: limits.scansWaitingPerPersonMax };
  const queue = new FairQueue<(isTurn: boolean) => void>();
  let running = 0;
  let lists: FileLists | undefined;

  const next = (): void => {
    while (running < limits.scansMax) {
      const begin = queue.next();
      if (begin === undefined) return;
      running += 1;
      begin(true);
    }
  };
  /** False: there is no place, or nobody waits for it any more. */
  const turn = ({ person = "", key = "" }: EngineRequest<"scan">, signal: AbortSignal): Promise<boolean> =>
    new Promise((resolve) => {
      const joined = queue.join(person, key, resolve, places);
      if (joined.type === "full") return resolve(false);
      if (joined.type === "displaced") joined.item(false);
      signal.addEventListener("abort", () => {
        queue.leave(person, key, resolve);
        resolve(false);
      });
      next();
    });

  async function find(file: SealedFile, by: FileLists, signal: AbortSignal): Promise<ScanAnswer> {
    const hashes = by.fileSorts().map((sort) => ({ sort, hash: createHash(sort) }));
    for await (const bytes of read(file)) {
      signal.throwIfAborted();
      for (const { hash } of hashes) hash.update(bytes);
    }
    for (const { sort, hash } of hashes) {
      const digest = hash.digest("hex");
      if (by.hasFile(digest)) return { signature: `on a list of threats: ${sort} ${digest}` };
    }
    return {};
  }

  return {
    open: (from) => void (lists = from),
    any: () => lists === undefined || lists.isPending() || lists.isUnread() || lists.fileSorts().length > 0,
    nowMs: () => clock.nowMs(),
    async look(request, signal) {
      const by = lists;
      if (by === undefined || by.isPending())
        return refused(
          failure("UNREACHABLE", {
            reason: "lists of threats are not read yet",
            retryAfterMs: limits.listsPendingMs,
          }),
        );
      if (by.fileSorts().length === 0) return ok({});
      if (signal.aborted) return refused(failure("CANCELLED"));
      const late = new AbortController();
      const cancel = clock.after(request.timeoutMs, () => late.abort(new Error("it took too long")));
      const ends = AbortSignal.any([signal, late.signal]);
      if (!(await turn(request, ends))) {
        cancel();
        return refused(signal.aborted ? failure("CANCELLED") : failure("QUEUE_FULL", { ...places }));
      }
      try {
        const found = await Promise.race([find(request.file, by, ends), ended(ends)]);
        const { signature } = found;
        if (signature !== undefined) {
          log.warn("scan.found", { file: request.file.id, signature });
          meter.count("files_scanned", 1, { verdict: "found" });
        }
        return ok(found);
      } catch (error) {
        if (signal.aborted) return refused(failure("CANCELLED"));
        if (late.signal.aborted) return refused(failure("SCAN_FAILED", { reason: "to read the file took too long" }));
        return refused(failure("UNREACHABLE", { reason: `the file cannot be read: ${(error as Error).message}` }));
      } finally {
        cancel();
        running -= 1;
        next();
      }
    },
  };
}
