/** What a backup is and what computing it takes. Nothing here knows a node, a journal or a holder.
 *
 *      journal's rows ─► cutting.ts: units ─► format/: sealed fragments ─► node/backup: packs, stripes, manifest, head
 *
 *  `format/` is the bytes. `thread.ts` runs in the pool of `sealer.ts`: compressing and encrypting would hold up a
 *  node's own thread. */
export * from "./format/index.ts";
export { KeptPieces, parted, SharedMemory, SharedPieces } from "./memory.ts";
export { cutFromStart, unitPlace, type CutState } from "./cutting.ts";
export { RowList, type RowSink } from "./row-list.ts";
export { createSealer, type Sealer } from "./sealer.ts";
export {
  stateType,
  type CutAnswer,
  type CutAnswers,
  type CutHow,
  type CutTask,
  type KnownUnit,
  type SealedPart,
  type RowFilter,
  type Subject,
} from "./thread.ts";
export type { FilePart } from "./writing.ts";
