/** Parts of uploads on their way to the disks. Some of one upload are at once, and the room is told of them in order:
 *
 *      part 3 ─ seal ─► disks of the slot ─┐
 *      part 4 ─ seal ─► disks of the slot ─┴► the room: 3 ─ yes ─► the room: 4
 *                                                      └ no ─► 4 is refused, too, and goes from the disks
 *
 *  So the offset that the room answers with is the end of what is kept, without a gap. */
import { failure, ok, refused, type Failure, type Result, type RoomUpload } from "../../../protocols/index.ts";
import { Turns } from "../../../runtimes/turns.ts";
import type { ActorBlobs, Random } from "../../ports/index.ts";
import { demand } from "../edge/refusals.ts";
import type { GatewayLimits } from "../limits.ts";
import type { Keeping } from "./receiving.ts";
import { giveBack, readPart, roomActor, sealPart } from "./sealed.ts";

interface KeepingPorts {
  readonly blobs: ActorBlobs;
  /** Tells the room of an upload. */
  readonly said: (id: string, message: { readonly type: string }) => Promise<Result<unknown>>;
  readonly random: Pick<Random, "bytes">;
  readonly limits: Pick<GatewayLimits, "filePartsAheadMax" | "filePartsAheadOfAllMax" | "filePicturesMax">;
}

/** Whether the room has said that a part is none of its own. */
const isRefusal = ({ code }: Failure): boolean =>
  ["CHANGED_MEANWHILE", "NOT_FOUND", "BAD_REQUEST", "NOT_A_MEMBER"].includes(code);

/** Gives what keeps the parts of one request, in a person's name. To be made once at a node. */
export function createKeeping({
  blobs,
  said,
  random,
  limits,
}: KeepingPorts): (by: string, upload: RoomUpload) => Keeping {
  const scrubbing = new Turns(limits.filePicturesMax);
  let onTheWay = 0;
  return (by, { id, epoch, key }) => {
    /** What the room has answered to the part before. */
    let before: Promise<Result<unknown>> = Promise.resolve(ok(null));
    return {
      read: (file, index) => readPart(blobs, file, index),
      scrub: (work) => scrubbing.take(work),
      ahead: () => (onTheWay < limits.filePartsAheadOfAllMax ? limits.filePartsAheadMax : 1),
      async keep(index, part, { found, replaced }) {
        const sealed = sealPart({ id, key }, index, { bytes: part, random });
        const [earlier, told] = [before, Promise.withResolvers<Result<unknown>>()];
        before = told.promise;
        const fact = { type: "uploadPart", id, by, epoch, index, bytes: part.length, ...(found && { found }) };
        let unneeded = replaced;
        onTheWay += 1;
        let kept: Result<unknown>;
        try {
          kept = await blobs.put(roomActor(id), sealed, async (hash) => {
            const last = await earlier;
            const named = { ...fact, part: hash };
            const answer = last.ok ? await said(id, named) : last;
            // Of what failed otherwise it is not known whether the room has it.
            if (!answer.ok) unneeded = !last.ok || isRefusal(answer.error) ? hash : undefined;
            told.resolve(answer);
            return answer;
          });
          told.resolve(kept);
          if (kept.ok) giveBack(sealed);
        } finally {
          onTheWay -= 1;
          told.resolve(refused(failure("INTERNAL")));
        }
        // The part before is fact until the room has said that it has this one. What is not forgotten now is found
        // when the disks are looked over: it changes nothing about the answer.
        if (unneeded !== undefined && (kept.ok || unneeded !== replaced))
          await blobs.forget(roomActor(id), [unneeded]).catch(() => undefined);
        return demand(kept) as RoomUpload;
      },
    };
  };
}
