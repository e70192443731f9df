/** What is backed up: slots as they are at one moment each, read from their journals. */
import type { ActorId, Result, SlotId } from "../../../protocols/index.ts";
import type { Cursor, RowSink } from "../../../runtimes/backup/index.ts";
import type { ReadPacing } from "./pacing.ts";

/** One row, with its value as the journal's codec wrote it. */
export type StoredRow = readonly [key: string, value: Uint8Array];

/** A slot that this node owns, at one position of its log: everything up to it is committed, nothing after it is
 *  here. */
export interface SlotView {
  readonly slot: SlotId;
  readonly at: Cursor;
  /** The actors that have changed since a position, in order; all, when the log does not reach back to it. */
  changed(since: Cursor | undefined): Promise<{ readonly whole: boolean; readonly actors: readonly ChangedActor[] }>;
  /** Actors that show only when all that `changed` named were read: also all of them changed. Absent: there are
   *  none. */
  passedBy?(): Promise<readonly ChangedActor[]>;
  /** The rows of an actor that are not records: its state, what it has to do. Few. */
  state(actor: ActorId): Promise<readonly StoredRow[]>;
  /** The types of an actor's records, each once. */
  types(actor: ActorId): AsyncIterable<string>;
  /** Records of one type from a key on, in order, a page at a time: one with fewer rows, and fewer bytes, is the last.
   *  Fastest for a caller that asks for one actor after the other, each from its first type on, in the order in which
   *  `changed` named them. */
  records(
    actor: ActorId,
    type: string,
    from: string,
    page: { readonly rows: number; readonly bytes: number },
    into: RowSink,
  ): Promise<void>;
  /** Names of the files that an actor refers to, as its rows that are no records say. Error: whatever is wrong with
   *  them. */
  blobs(actor: ActorId, state: readonly StoredRow[]): Promise<readonly string[]>;
  /** The bytes of a file, which may be read after the cut: they never change. Errors: NOT_FOUND (it was collected
   *  meanwhile, or is lost), OVERLOADED. */
  blob(actor: ActorId, hash: string): Promise<Result<Uint8Array>>;
  close(): Promise<void>;
}

export interface ChangedActor {
  readonly actor: ActorId;
  /** For each type of records that changed the first key that did; undefined: any may have. */
  readonly records: ReadonlyMap<string, string> | undefined;
}

/** The slots of this node. */
export interface SlotSource {
  slots(): Promise<readonly SlotId[]>;
  /** What reads much reads it in parts, each let through by `pacing`; without it at once. Errors: MOVED (another node
   *  owns it), SLOT_UNAVAILABLE, DATA_DAMAGED. */
  open(slot: SlotId, pacing?: ReadPacing): Promise<SlotView>;
}

/** Slots that are read page by page, each a piece. */
export const pacedSource = <Source extends Pick<SlotSource, "open">>(source: Source, pacing: ReadPacing): Source => ({
  ...source,
  open: (slot) => source.open(slot, pacing),
});
