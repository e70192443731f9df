/** Rows of a slot that begins anew from a backup: at the position where the backup read it, without the log before it.
 *  Every actor has a snapshot there. */
import type { ActorId, SlotId } from "../../protocols/index.ts";
import { seal } from "../data-folder/seal.ts";
import type { StoreOp } from "../ports/index.ts";
import { emptied } from "./batch-draft.ts";
import { headKey, sealSnapshot, sideKey, snapshotKey, type Head, type Space } from "./layout.ts";

/** The head of a slot that goes on after `seq`, in an epoch that no owner had. It is a log of its own: no other copy
 *  continues it. */
export function restoredHead(
  slot: SlotId,
  { epoch, seq, incarnation }: { readonly epoch: number; readonly seq: number; readonly incarnation: number },
): StoreOp {
  const empty = emptied(slot, { fence: epoch, incarnation });
  const head: Head = { ...empty, continues: epoch, lastEpoch: epoch, lastSeq: seq, baseSeq: seq };
  return { type: "put", key: headKey(slot), value: seal(headKey(slot), head) };
}

/** An actor's state as of a position. */
export function restoredState(
  slot: SlotId,
  actor: ActorId,
  { seq, body }: { readonly seq: number; readonly body: unknown },
): StoreOp & { readonly type: "put" } {
  const key = snapshotKey(slot, actor);
  return { type: "put", key, value: sealSnapshot(key, { seq, body }) };
}

/** Something that an actor keeps beside the log. */
export function restoredSide(
  slot: SlotId,
  actor: ActorId,
  { space, key, value }: { readonly space: Space; readonly key: string; readonly value: unknown },
): StoreOp {
  const stored = sideKey(space, slot, actor, key);
  return { type: "put", key: stored, value: seal(stored, value) };
}
