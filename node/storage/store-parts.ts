import type { SlotId } from "../../protocols/index.ts";
import type { StoreRange } from "../ports/index.ts";
import { everything, headKey } from "./layout.ts";
import { slotRanges } from "./merkle.ts";

/** A part of a store that is gone through at once. */
interface StorePart {
  readonly name: string;
  readonly ranges: readonly Pick<StoreRange, "gte" | "lt">[];
}

/** Slot by slot; then everything, for what belongs to no slot. */
export const storeParts = async (journal: { slots(): Promise<readonly SlotId[]> }): Promise<readonly StorePart[]> => [
  ...(await journal.slots()).map((slot) => ({
    name: slot,
    ranges: [{ gte: headKey(slot), lt: `${headKey(slot)}\0` }, ...slotRanges(slot, "all")],
  })),
  { name: "the rest", ranges: [everything] },
];
