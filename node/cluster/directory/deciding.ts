/** What a change does to the rows of a directory: the same wherever the rows are. */
import { decode } from "../../../protocols/index.ts";
import type { DirectoryRow } from "../../ports/index.ts";

/** What is beside the key and the value of a row, where rows are written one after the other: no more than this. */
const besideBytes = 32;

/** What a row takes. Keys are ASCII. */
export const rowBytes = (key: string, valueBytes: number): number => key.length + valueBytes + besideBytes;

/** What a decision needs to know of a row. */
export interface Held {
  readonly revision: number;
  readonly bytes: number;
}

/** A compare-and-set that was asked for. */
export interface Change {
  readonly key: string;
  /** Encoded; undefined: delete. */
  readonly bytes: Uint8Array | undefined;
  readonly revision: number;
  readonly guard: { readonly key: string; readonly revision: number } | undefined;
}

/** The rows that a change is decided on. */
export interface Rows {
  held(key: string): Held | undefined;
  readonly count: number;
  /** Of all rows. */
  readonly bytes: number;
  /** Of the last change. */
  readonly revision: number;
}

/** How much there may be. */
export interface Room {
  readonly rowsMax: number;
  readonly rowsBytesMax: number;
  /** How far beyond that rows may grow of what is there: of members, of slots, of keys. */
  readonly growthBytesMax: number;
}

/** Rows that grow in a cluster to which nothing is added: a node that starts again says more of itself, a slot that
 *  fails over is in a later epoch, and a member that is taken out is marked first. */
const growing = /^(?:member|slot|token-keys)\//;

/** `same`: nothing changes. `full`: there may be no more rows, or no more bytes. */
export type Verdict =
  | { readonly type: "same"; readonly applied: boolean }
  | { readonly type: "full" }
  | { readonly type: "changed"; readonly revision: number };

/** Whether a change comes about. What makes the rows no larger always may, and rows of members and slots that are there
 *  may grow where no other may: a full directory neither keeps a node from coming back nor from being taken out. */
export function judgeChange(rows: Rows, { key, bytes, revision, guard }: Change, room: Room): Verdict {
  const held = rows.held(key);
  const fits =
    (held?.revision ?? 0) === revision &&
    (guard === undefined || (rows.held(guard.key)?.revision ?? 0) === guard.revision);
  if (!fits || (held === undefined && bytes === undefined)) return { type: "same", applied: fits };
  const more = bytes === undefined ? 0 : rowBytes(key, bytes.length) - (held?.bytes ?? 0);
  const isTooMany = held === undefined && rows.count >= room.rowsMax;
  const bytesMax = room.rowsBytesMax + (held !== undefined && growing.test(key) ? room.growthBytesMax : 0);
  if (isTooMany || (more > 0 && rows.bytes + more > bytesMax)) return { type: "full" };
  return { type: "changed", revision: rows.revision + 1 };
}

/** `same`: who asked is told of the row as it is. */
export type Decided =
  | { readonly type: "same"; readonly applied: boolean; readonly row: DirectoryRow | undefined }
  | { readonly type: "full" }
  | { readonly type: "changed"; readonly row: DirectoryRow | undefined; readonly revision: number };

/** What a verdict comes to. `row`: as it was. */
export function decidedBy(verdict: Verdict, { key, bytes }: Change, row: DirectoryRow | undefined): Decided {
  if (verdict.type === "full") return verdict;
  if (verdict.type === "same") return { ...verdict, row };
  const { revision } = verdict;
  return { type: "changed", row: bytes && { key, value: decode(bytes), revision }, revision };
}
