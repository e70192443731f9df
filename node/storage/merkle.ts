/** Compares two copies of a slot without sending them: a Merkle tree over the slot's key ranges.
 *
 *                    root                       one digest: equal copies end here
 *            ┌────────┴────────┐
 *          leaf              leaf  …            a run of consecutive keys and a digest of them with their values
 *
 *  Leaves end where the data says (so many rows or bytes), so two equal copies have the same leaves, and a difference
 *  stays within the leaf it is in when the other side digests the same run of keys. */
import { createHash } from "node:crypto";
import type { SlotId } from "../../protocols/index.ts";
import type { StoreView } from "../ports/index.ts";
import { logPrefix, sidePrefix, spaces, within } from "./layout.ts";

/** A run of keys: everything in [from, to). */
export interface Leaf {
  readonly from: string;
  readonly to: string;
  readonly digest: Uint8Array;
  /** Of the values in it. */
  readonly bytes: number;
}

/** A leaf ends after so many rows or bytes: small enough to be sent again for one bad byte, large enough that the
 *  digests are a thousandth of the data. */
const leafRowsMax = 256;
const leafBytesMax = 64 * 1024;
const digestBytes = 16;
const pageRowsMax = 256;

/** The key ranges of a slot. `all`: the rows that a transfer brings. `side`: the rows that copies with the same last
 *  entry must share to the byte. The logs of two such copies may be trimmed differently, and a snapshot may come later;
 *  log and snapshots have checksums of their own. */
export function slotRanges(
  slot: SlotId,
  what: "all" | "side",
): readonly { readonly gte: string; readonly lt: string }[] {
  const side = spaces.map((space) => sidePrefix(space, slot));
  const prefixes = what === "all" ? [logPrefix(slot), `snap/${slot}/`, ...side] : side;
  return prefixes.sort().map(within);
}

/** The leaves of one range, in order; together they cover it without gaps. `each` sees every row. */
export async function* leavesOf(
  view: Pick<StoreView, "range">,
  range: { readonly gte: string; readonly lt: string },
  each: (key: string, value: Uint8Array) => void = () => undefined,
): AsyncGenerator<Leaf> {
  let from = range.gte;
  let hash = createHash("sha256");
  let rows = 0;
  let bytes = 0;
  for (let next = range.gte; ;) {
    const page = await view.range({ gte: next, lt: range.lt, limit: pageRowsMax });
    for (const [key, value] of page) {
      each(key, value);
      if (rows >= leafRowsMax || bytes >= leafBytesMax) {
        yield { from, to: key, digest: hash.digest().subarray(0, digestBytes), bytes };
        from = key;
        hash = createHash("sha256");
        rows = 0;
        bytes = 0;
      }
      addRow(hash, key, value);
      rows += 1;
      bytes += value.length;
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageRowsMax) break;
    next = `${last[0]}\0`;
  }
  yield { from, to: range.lt, digest: hash.digest().subarray(0, digestBytes), bytes };
}

/** Everything in [from, to): one leaf of a sender, so in memory at once. */
export const rowsOf = (
  view: Pick<StoreView, "range">,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<readonly (readonly [string, Uint8Array])[]> => view.range({ gte: from, lt: to });

/** The digest of everything in [from, to), a page in memory at a time: the rows between two keys may be one leaf at the
 *  sender and many here. */
export async function digestOf(
  view: Pick<StoreView, "range">,
  run: { readonly from: string; readonly to: string },
): Promise<Uint8Array> {
  const hash = createHash("sha256");
  for (let gte = run.from; ;) {
    const page = await view.range({ gte, lt: run.to, limit: pageRowsMax });
    for (const [key, value] of page) addRow(hash, key, value);
    const last = page.at(-1);
    if (last === undefined || page.length < pageRowsMax) break;
    gte = `${last[0]}\0`;
  }
  return hash.digest().subarray(0, digestBytes);
}

function addRow(hash: ReturnType<typeof createHash>, key: string, value: Uint8Array): void {
  hash.update(`${key.length}:${key}:${value.length}:`);
  hash.update(value);
}
