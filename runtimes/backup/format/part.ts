/** What one node made of the slots that it owns, for the node that makes the snapshot: nodes of the manifest
 *  (`node.ts`), of the sorts `part` and `changes`.
 *
 *      part: how far each slot was read, and links ─► changes: units with their places, and names of those gone
 *
 *  They live until the snapshot is there, which does not name them. */
import { readCursors, writeCursors, type Cursor } from "./catalog.ts";
import { readLink, type NodeLink } from "./node.ts";
import { fieldsOf, listOf } from "./stripes.ts";
import { nameRow, readName, readUnits, treeFormat, writeUnits, type UnitEntry } from "./tree.ts";
import type { UnitName } from "./unit.ts";

/** What becomes of some units. No name is in both. */
export interface PartChanges {
  readonly units: readonly UnitEntry[];
  readonly gone: readonly UnitName[];
}

/** What a part says. */
export interface PartList {
  readonly cursors: ReadonlyMap<string, Cursor>;
  /** In the order in which they were made: of a unit the last word counts. */
  readonly changes: readonly NodeLink[];
}

export const partFormat = {
  /** Units of one node of changes, and as many that are gone. */
  entriesMax: treeFormat.entriesMax,
  changesMax: 4_000,
} as const;

export const writeChanges = ({ units, gone }: PartChanges): unknown => ({
  ...writeUnits(units),
  gone: gone.map(nameRow),
});

/** Error: BACKUP_DAMAGED. */
export function readChanges(value: unknown, cluster: string): PartChanges {
  const { stripes, units, gone } = fieldsOf(value, ["stripes", "units", "gone"]);
  return {
    units: readUnits({ stripes, units }, cluster),
    gone: listOf(gone, partFormat.entriesMax, (name) => readName(name, cluster)),
  };
}

export const writePartList = ({ cursors, changes }: PartList): unknown => ({
  cursors: writeCursors(cursors),
  changes,
});

/** Error: BACKUP_DAMAGED. */
export function readPartList(value: unknown): PartList {
  const { cursors, changes } = fieldsOf(value, ["cursors", "changes"]);
  return { cursors: readCursors(cursors), changes: listOf(changes, partFormat.changesMax, readLink) };
}
