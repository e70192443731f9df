/** The embedded directory: slot records in the node's own store, changed by compare-and-set.
 *
 *  Nothing rests on who asks or when: a record is replaced only if its revision is still the one the asker saw, and the
 *  new record is on disk before the answer. With one node it remembers the epochs; with many, the manager serves it. */
import type { SlotId } from "../../protocols/index.ts";
import type { Directory, SlotRecord, Store } from "../ports.ts";
import { seal, unseal } from "../seal.ts";

const keyOf = (slot: SlotId): string => `directory/${slot}`;

export function createDirectory(ports: { readonly store: Store }): Directory {
  const { store } = ports;
  /** The change under way for each slot: the next one waits for it. */
  const queue = new Map<SlotId, Promise<unknown>>();

  const read = async (slot: SlotId): Promise<SlotRecord | undefined> => {
    const bytes = await store.get(keyOf(slot));
    return bytes && (unseal(keyOf(slot), bytes, store.location) as SlotRecord);
  };

  const change: Directory["compareAndSet"] = async (next, revision) => {
    const current = await read(next.slot);
    const stale = (current?.revision ?? 0) !== revision || next.epoch < (current?.epoch ?? 0);
    if (stale) return { applied: false, record: current };
    const record: SlotRecord = { ...next, revision: revision + 1 };
    await store.batch([{ type: "put", key: keyOf(next.slot), value: seal(keyOf(next.slot), record) }], { sync: true });
    return { applied: true, record };
  };

  return {
    read,
    compareAndSet(next, revision) {
      const before = queue.get(next.slot) ?? Promise.resolve();
      const mine = before.then(
        () => change(next, revision),
        () => change(next, revision),
      );
      queue.set(next.slot, mine);
      const forget = () => {
        if (queue.get(next.slot) === mine) queue.delete(next.slot);
      };
      mine.then(forget, forget);
      return mine;
    },
    async list() {
      const rows = await store.range({ gte: "directory/", lt: "directory0" });
      return rows.map(([key, bytes]) => unseal(key, bytes, store.location) as SlotRecord);
    },
  };
}
