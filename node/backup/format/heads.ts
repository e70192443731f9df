/** Where the head of the cluster's backups is: a row of the directory, which every node reads and only a
 *  compare-and-set changes. The hash chain and the signature are what vouches for it; the row's number is there so that
 *  nobody needs keys to tell which one is next. */
import { failure, PlexusError } from "../../../protocols/index.ts";
import type { Directory } from "../../ports/index.ts";
import { noLosses } from "../upkeep/known-losses.ts";
import type { Heads, KnownLosses } from "../ports.ts";

/** The row. */
export const headRow = "backup/head";

/** Times that a change of it is tried. */
const triesMax = 3;

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
  /** Changes the row, also when it was changed meanwhile: that a head is settled may be told at any time. False: `make`
   *  wants no change of what is there, or others change it all the time. */
  const change = async (make: (known: HeadRow | undefined) => HeadRow | undefined): Promise<boolean> => {
    for (let tries = 0; tries < triesMax; tries += 1) {
      const { known, revision } = await read();
      const wanted = make(known);
      if (wanted === undefined) return false;
      if ((await directory.compareAndSet(headRow, wanted, revision)).applied) return true;
    }
    return false;
  };
  /** What was leaving when this reader last looked: a head that was made before that changed would bring it back. */
  let seen: readonly number[] = [];
  return {
    async read() {
      const { known } = await read();
      return known && new Uint8Array(Buffer.from(known.head, "base64"));
    },
    async commit(head, number) {
      const text = Buffer.from(head).toString("base64");
      let isThere = false;
      const isDone = await change((known) => {
        // Also when an earlier attempt was taken and its answer lost.
        isThere = known?.number === number && known.head === text;
        if ((known?.number ?? 0) !== number - 1 || String(known?.leaving ?? []) !== String(seen)) return undefined;
        return { number, head: text, settled: known?.settled ?? 0 };
      });
      return isDone || isThere;
    },
    settled: {
      read: async () => (await read()).known?.settled ?? 0,
      async tell(number) {
        // Where another head came meanwhile, this one's word is worth nothing: the next run looks.
        await change((known) => (known?.number === number ? { ...known, settled: number } : undefined));
      },
    },
    // In the same row: the head that follows ends it, and nobody's head misses it.
    leaving: {
      async read() {
        seen = (await read()).known?.leaving ?? [];
        return seen;
      },
      async write(numbers, head) {
        let before: string | undefined;
        const isApplied = await change((known) => {
          before ??= String(known?.leaving ?? []);
          const isSame = known?.number === head && String(known.leaving ?? []) === before;
          return isSame ? { ...known, leaving: numbers } : undefined;
        });
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
