/** Files of rooms above one part: they come as copies beside the room, and lie as stripes on the storage nodes.
 *
 *      moving.ts     the room's node ─► which blobs here are a piece? ─► put, for some hours ─► the room: fact
 *                        └─ kept for good ─► all shards are there ─► the room: settled ─► the copies go
 *      reading.ts    a blob is here? ─ else ─► the room: where? ─► its stripe, from any k holders ─► cut out, compared
 *      releasing.ts  each node with holders ─► what they keep for rooms ─► the room: still this? ─► else released
 *
 *  Whatever is killed in between: before the fact the put expires; before it is settled the copies are needed, and the
 *  next round begins again with the same bytes, which are the same stripe; after it the copies are dropped by the next
 *  round. A stripe that was kept for a message which is gone by then is found by the holders' nodes.
 *
 *  Nothing goes into stripes where that would bear fewer losses than the copies do, nor before every member can read
 *  it. Decision 0229. */
import { failureOf, type Result, type StripeRef } from "../../../protocols/index.ts";
import type { ActorBlobs } from "../../ports/index.ts";
import { attachmentLimits, type AttachmentLimits } from "./limits.ts";
import { createMoving } from "./moving.ts";
import type { AttachmentPorts } from "./ports.ts";
import { createReading } from "./reading.ts";
import { createReleasing } from "./releasing.ts";

export interface Attachments {
  /** The blobs of actors, wherever they lie. */
  readonly blobs: ActorBlobs;
  /** Reads a stripe, in turn with all that is read here; what was just read is in memory. */
  readonly readStripe: (stripe: StripeRef) => Promise<Result<Uint8Array>>;
  /** Looks once for what may go into stripes. */
  move(): Promise<void>;
  /** Looks once for what may be released. */
  sweep(): Promise<void>;
  stop(): void;
}

/** Puts them together, and looks now and then. */
export function createAttachments(
  options: Omit<AttachmentPorts, "limits"> & { readonly limits?: Partial<AttachmentLimits> },
): Attachments {
  const limits = { ...attachmentLimits, ...options.limits };
  const ports: AttachmentPorts = { ...options, limits };
  const { clock, log, copies } = ports;
  let stopped = false;
  const reading = createReading(ports);
  const isStopped = (): boolean => stopped;
  const move = createMoving(ports, { isStopped, read: reading.read });
  const sweep = createReleasing(ports, isStopped);
  const cancels = new Map<string, () => void>();
  const repeat = (name: string, everyMs: number, work: () => Promise<void>): void => {
    const cancel = clock.after(everyMs, () => {
      void work()
        .catch((error: unknown) => log.warn("attachments.round.failed", { round: name, failure: failureOf(error) }))
        .finally(() => {
          if (!stopped) repeat(name, everyMs, work);
        });
    });
    cancels.set(name, cancel);
  };
  repeat("move", limits.roundEveryMs, move);
  repeat("sweep", limits.sweepEveryMs, sweep);
  return {
    blobs: { ...copies, read: reading.read },
    readStripe: reading.whole,
    move,
    sweep,
    stop() {
      stopped = true;
      for (const cancel of cancels.values()) cancel();
      reading.stop();
    },
  };
}
