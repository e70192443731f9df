/** Where the head of the cluster's backups is: a row of the directory, which every node reads and only a compare-and-set changes. The hash chain
 *  and the signature are what vouches for it; the row's number is there so that nobody needs keys to tell which one is next. */
import { failure, PlexusError } from "../../protocols/index.ts";
import type { Directory } from "../ports.ts";
import { noLosses } from "./known-losses.ts";
import type { Heads, KnownLosses } from "./ports.ts";

/** The row. */
export const headRow = "backup/head";

/** What is known to be lost of the snapshots. */
const lossesRow = "backup/losses";

interface HeadRow {
  readonly number: number;
  /** The head in base64. */
  readonly head: string;
  /** The last head up to which all that was committed is kept without an end. */
  readonly settled?: number;
  /** Snapshots of that head that are as good as gone: the next head leaves them out. */
  readonly leaving?: readonly number[];
}

/** Heads in the directory. Error of each: DIRECTORY_UNAVAILABLE. */
export function createDirectoryHeads(directory: Pick<Directory, "read" | "compareAndSet">): Heads {
  const read = async () => {
    const row = await directory.read(headRow);
    return { known: row?.value as HeadRow | undefined, revision: row?.revision ?? 0 };
  };
  /** What was leaving when this reader last looked: a head that was made before that changed would bring it back. */
  let seen: readonly number[] = [];
  return {
    async read() {
      const { known } = await read();
      return known && new Uint8Array(Buffer.from(known.head, "base64"));
    },
    async commit(head, number) {
      const { known, revision } = await read();
      const wanted: HeadRow = { number, head: Buffer.from(head).toString("base64"), settled: known?.settled ?? 0 };
      // Also when an earlier attempt was taken and its answer lost.
      if (known?.number === number) return known.head === wanted.head;
      if ((known?.number ?? 0) !== number - 1 || String(known?.leaving ?? []) !== String(seen)) return false;
      return (await directory.compareAndSet(headRow, wanted, revision)).applied;
    },
    settled: {
      read: async () => (await read()).known?.settled ?? 0,
      async tell(number) {
        const { known, revision } = await read();
        // One that is changed meanwhile is not settled: the next commit asks.
        if (known?.number === number) await directory.compareAndSet(headRow, { ...known, settled: number }, revision);
      },
    },
    // In the same row: the head that follows ends it, and nobody's head misses it.
    leaving: {
      async read() {
        seen = (await read()).known?.leaving ?? [];
        return seen;
      },
      async write(numbers, head) {
        const { known, revision } = await read();
        const isApplied = known?.number === head && (await directory.compareAndSet(headRow, { ...known, leaving: numbers }, revision)).applied; // prettier-ignore
        if (!isApplied) throw new PlexusError(failure("BACKUP_CHANGED"));
        seen = numbers;
      },
      end: async () => undefined,
    },
    losses: {
      read: async () => ((await directory.read(lossesRow))?.value as KnownLosses | undefined) ?? noLosses,
      async write(losses) {
        const row = await directory.read(lossesRow);
        // Another one knows more by now, or the next check says it again.
        await directory.compareAndSet(lossesRow, losses, row?.revision ?? 0);
      },
    },
  };
}
