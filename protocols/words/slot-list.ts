/** Which slots a list of them shows. Pure, and without schemas. */
import type { ClusterSlotRow, SlotShow } from "../admin/cluster.ts";
import { finder } from "../text/names.ts";

/** A slot of a role: `chat/17`. Others are of one actor. */
export const isOfRole = (slot: string): boolean => /^\w+\/\d+$/.test(slot);

/** What is wanted of a list of slots. */
export interface SlotsWanted {
  readonly show?: SlotShow;
  readonly node?: string;
  readonly text?: string;
  readonly order?: "name" | "load";
  readonly limit?: number;
  readonly from?: number;
}

/** A page of slots. */
export interface SlotPage {
  readonly slots: readonly ClusterSlotRow[];
  /** So many fit. */
  readonly total: number;
  /** Where the next page begins: given as `from`. Absent: this is the last. */
  readonly next?: number;
}

// One that is kept: made anew for each comparison of names it takes most of the time of a list.
const byNumber = new Intl.Collator("en", { numeric: true });

/** The slots that a list shows, in its order. */
export function shownSlots(slots: readonly ClusterSlotRow[], wanted: SlotsWanted): readonly ClusterSlotRow[] {
  const { show = "all", node = "", text = "", order = "name" } = wanted;
  const isFound = finder(text);
  const found = slots.filter(
    (row) =>
      (show === "faulty"
        ? row.status !== "ok"
        : show === "held"
          ? row.held !== undefined
          : show === "own"
            ? !isOfRole(row.slot)
            : true) &&
      (node === "" || row.owner === node || row.inSync.includes(node) || row.learners.includes(node)) &&
      isFound(row.slot),
  );
  return order === "load"
    ? found.toSorted((one, other) => (other.turnsPerSecond ?? 0) - (one.turnsPerSecond ?? 0))
    : found.toSorted((one, other) => byNumber.compare(one.slot, other.slot));
}

/** One page of them. Slots go while somebody looks: behind the last page is the last page. */
export function slotPage(slots: readonly ClusterSlotRow[], wanted: SlotsWanted): SlotPage {
  const found = shownSlots(slots, wanted);
  const { limit = found.length, from: asked = 0 } = wanted;
  const from = asked < found.length ? asked : Math.max(0, Math.floor((found.length - 1) / Math.max(1, limit)) * limit);
  const next = from + limit;
  return { slots: found.slice(from, next), total: found.length, ...(next < found.length && { next }) };
}
