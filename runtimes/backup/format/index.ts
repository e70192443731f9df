/** What a backup consists of, byte by byte. Pure: keys and randomness are arguments, nothing is read or written here.
 *
 *      rows ─ rows.ts ─► plaintext ─ unit.ts ─► fragments ─ pack.ts ─► packs ─► stripes
 *                                        │                                 │
 *                              key, sealed by the tenant's       where each fragment is
 *                                        └────────► leaf ◄─────────────────┘
 *      head.ts ─► catalog.ts: snapshots ─► tree.ts: nodes ─► leaves       each one encrypted (node.ts)
 *
 *      part.ts: what one node has read of its slots, for the node that makes the tree
 *
 *  Every object says the version of its format, and is bound to what it is for: bytes that are another object, or that
 *  object changed, are refused with BACKUP_DAMAGED. `test/unit/runtimes/backup/format-1.json` has objects of version 1,
 *  which all versions to come read. docs/backup/README.md tells how to read a backup by hand. */
export { readCatalog, readCursors, writeCatalog, writeCursors, type Cursor, type Snapshot } from "./catalog.ts";
export {
  demandSuccession,
  hashOfHead,
  headFormat,
  readHead,
  writeHead,
  type BackupHead,
  type HeadKeys,
} from "./head.ts";
export { openNode, sealNode, type NodeLink, type NodeSort } from "./node.ts";
export { partFormat, readChanges, readPartList, writeChanges, writePartList } from "./part.ts";
export { fragmentAt, packFormat, PackWriter } from "./pack.ts";
export { decodeRows, encodeRow, encodeRows, type Row } from "./rows.ts";
export type { StripeName } from "./stripes.ts";
export {
  compareUnits,
  contextOfUnit,
  readTreeNode,
  treeFormat,
  writeTreeNode,
  type FragmentPlace,
  type TreeChild,
  type TreeNode,
  type UnitEntry,
} from "./tree.ts";
export {
  hashOfUnit,
  openSealed,
  sealUnit,
  sharedName,
  tenantOf,
  unitFormat,
  unitIn,
  type UnitContext,
  type UnitName,
} from "./unit.ts";
