/** Pages of what grows without bound: as many entries as were asked for, and as many bytes as one answer may have. */
import { encodedBytesMax, wireLimits } from "../protocols/index.ts";

/** The beginning of `entries` that makes a page: at most `entriesMax` of them and `bytesMax`, at least one. */
export function firstPage<Entry>(
  entries: readonly Entry[],
  entriesMax: number,
  bytesMax: number = wireLimits.pageBytesMax,
): readonly Entry[] {
  let bytes = 0;
  let count = 0;
  for (const entry of entries.slice(0, entriesMax)) {
    bytes += encodedBytesMax(entry);
    if (count > 0 && bytes > bytesMax) break;
    count += 1;
  }
  return entries.slice(0, count);
}

/** The end of `entries` that makes a page. */
export const lastPage = <Entry>(entries: readonly Entry[], entriesMax: number): readonly Entry[] =>
  firstPage(entries.toReversed(), entriesMax).toReversed();
