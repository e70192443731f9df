/** Reed–Solomon: k data shards and m more, any k of which give all. All shards of a stripe have the same length. */
import { assert } from "../../../../protocols/index.ts";
import { rowOf, rowsFrom } from "./field.ts";
import { sumProducts } from "./kernel.ts";

/** Fills `parity` from the data shards. */
export function encode(data: readonly Uint8Array[], parity: readonly Uint8Array[]): void {
  const k = data.length;
  const rows = parity.map((_, row) => rowOf(k + row, k));
  sumProducts(rows, data, parity);
}

/** Fills each wanted shard, data or parity, from any k others: more are not used. */
export function reconstruct(
  k: number,
  have: ReadonlyMap<number, Uint8Array>,
  wanted: ReadonlyMap<number, Uint8Array>,
): void {
  assert(have.size >= k, "k shards are needed");
  // Data shards first: what is there need not be computed, and rows of zeros and a one are cheap to invert.
  const used = [...have.keys()].sort((a, b) => a - b).slice(0, k);
  const [numbers, targets] = [[...wanted.keys()], [...wanted.values()]];
  const sources = used.map((number) => have.get(number) as Uint8Array);
  if (numbers.length > 0) sumProducts(rowsFrom(used, numbers), sources, targets);
}
