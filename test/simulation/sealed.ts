/** A disk that is encrypted while the node runs, and checkers that see through it. */
import { diskKeyOf, openedRow, sealedKey } from "../../node/keys/index.ts";
import type { StoreOp } from "../../node/ports.ts";
import type { DiskWatcher } from "../world/index.ts";

export const diskKey = diskKeyOf(Buffer.alloc(32, 1));

/** A watcher of what was written before it was sealed. What is sealed anew is nothing new to it. */
export function openedFor(watcher: DiskWatcher): DiskWatcher {
  const known = new Map<string, Buffer>();
  const opened = new WeakMap<StoreOp, StoreOp>();
  const open = (op: StoreOp): StoreOp => {
    if (op.type === "del") return op;
    const before = opened.get(op);
    if (before !== undefined) return before;
    const made = { ...op, value: openedRow(diskKey, op.key, op.value) ?? op.value };
    opened.set(op, made);
    return made;
  };
  const isNew = (op: StoreOp): boolean => {
    if (op.key === sealedKey) return false;
    const before = known.get(op.key);
    if (op.type === "del") return known.delete(op.key) || true;
    known.set(op.key, Buffer.from(op.value));
    return before?.equals(op.value) !== true;
  };
  return {
    written: (ops, by) => {
      const seen = ops.map((op) => open(op)).filter((op) => isNew(op));
      if (seen.length > 0) watcher.written(seen, by);
    },
    durable: (ops) => watcher.durable(ops.map((op) => open(op)).filter((op) => op.key !== sealedKey)),
  };
}
