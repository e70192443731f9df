/** A slot as its owner has it at one position, everything of which is committed: what a backup may hold. */
import { failure, PlexusError, type SlotId } from "../../protocols/index.ts";
import type { Clock } from "../ports/index.ts";
import type { Cut } from "../storage/index.ts";
import type { ReplicationLimits } from "./limits.ts";
import type { Ownership } from "./ownership.ts";

/** Takes a cut of a slot that this node owns, and waits until every copy that must have it has all of it. What is
 *  appended meanwhile is not in it. The caller closes its view. Errors: SLOT_UNAVAILABLE (not served here in time; an
 *  entry is not committed in time), DATA_DAMAGED. */
export async function committedCut(
  slot: SlotId,
  ports: {
    readonly owned: () => Ownership | undefined;
    /** Brings the slot into service. */
    readonly serve: () => void;
    readonly clock: Clock;
    readonly limits: Pick<ReplicationLimits, "cutWaitMs" | "cutLookMs">;
  },
): Promise<Cut> {
  const { clock, limits } = ports;
  const endMs = clock.monotonicMs() + limits.cutWaitMs;
  const until = async (holds: () => boolean): Promise<boolean> => {
    while (!holds()) {
      if (clock.monotonicMs() >= endMs) return false;
      await new Promise<void>((resolve) => void clock.after(limits.cutLookMs, resolve));
    }
    return true;
  };
  const unavailable = (because: string): PlexusError => new PlexusError(failure("SLOT_UNAVAILABLE", { slot, because }));
  const serving = (): Ownership | undefined => {
    const owned = ports.owned();
    return owned?.phase === "serving" ? owned : undefined;
  };
  if (serving() === undefined) ports.serve();
  await until(() => serving() !== undefined);
  const ownership = serving();
  if (ownership === undefined) throw unavailable("it is not served here");
  const cut = await ownership.cut();
  const isCommitted = (): boolean => ownership.committed >= cut.head.lastSeq;
  const committed = await until(() => isCommitted() || ownership.phase === "ended");
  // What was committed once stays so, whichever node owns the slot by now.
  if (committed && isCommitted()) return cut;
  await cut.view.close();
  throw unavailable("its last entries are not on every copy");
}
