/** The snapshots that there are, and how far each one read the journals. */
import { demand } from "./damaged.ts";
import { readLink, type NodeLink } from "./node.ts";
import { fieldsOf, isCount, isFields, isText, listOf } from "./stripes.ts";

/** One snapshot. */
export interface Snapshot {
  /** The number of the head that it came with: never used again. */
  readonly number: number;
  readonly atMs: number;
  /** The tree of its units; null: it has none. */
  readonly root: NodeLink | null;
  readonly cursors: NodeLink;
  readonly units: number;
  readonly bytes: number;
  /** Slots that could not be read, and are as in the snapshot before, if they are in it. */
  readonly missed: readonly string[];
}

/** How far a slot's log was read. */
export interface Cursor {
  readonly epoch: number;
  readonly seq: number;
}

const catalogFormat = { snapshotsMax: 2_000, slotsMax: 100_000 } as const;

export const writeCatalog = (snapshots: readonly Snapshot[]): unknown => ({ snapshots });

const snapshotFields = ["number", "atMs", "root", "cursors", "units", "bytes", "missed"] as const;

/** Snapshots, the oldest first. Error: BACKUP_DAMAGED. */
export function readCatalog(value: unknown): readonly Snapshot[] {
  const read = listOf(fieldsOf(value, ["snapshots"]).snapshots, catalogFormat.snapshotsMax, (item): Snapshot => {
    const { number, atMs, root, cursors, units, bytes, missed } = fieldsOf(item, snapshotFields);
    demand(isCount(number) && isCount(atMs) && isCount(units) && isCount(bytes), "node", "no snapshot");
    const slots = listOf(missed, catalogFormat.slotsMax, (slot) => {
      demand(isText(slot), "node", "no slot");
      return slot;
    });
    return {
      number,
      atMs,
      root: root === null ? null : readLink(root),
      cursors: readLink(cursors),
      units,
      bytes,
      missed: slots,
    };
  });
  for (const [at, { number }] of read.entries())
    demand(number > (read[at - 1]?.number ?? 0), "node", "snapshots out of order");
  return read;
}

export const writeCursors = (cursors: ReadonlyMap<string, Cursor>): unknown =>
  Object.fromEntries([...cursors].map(([slot, { epoch, seq }]) => [slot, [epoch, seq]]));

/** Cursors by slot. Error: BACKUP_DAMAGED. */
export function readCursors(value: unknown): ReadonlyMap<string, Cursor> {
  demand(isFields(value), "node", "no cursors");
  const slots = Object.entries(value);
  demand(slots.length <= catalogFormat.slotsMax, "node", "too many slots");
  return new Map(
    slots.map(([slot, at]) => {
      const [epoch, seq] = listOf(at, 2, (item) => item);
      demand(isCount(epoch) && isCount(seq), "node", "no cursor");
      return [slot, { epoch, seq }];
    }),
  );
}
