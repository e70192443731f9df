/** Which snapshots a legal hold keeps: the one that it names, or each that contains the person or actor that it
 *  names. */
import { failureOf, type ActorId, type BackupHold } from "../../../protocols/index.ts";
import type { Snapshot } from "../../../runtimes/backup/index.ts";
import { isGone } from "../ports.ts";
import { subjectOf } from "../run/part.ts";
import { unitsOf, type TreeNodes, type UnitRange } from "../format/tree.ts";

type Held = Pick<BackupHold, "on">;

/** Where a person's or an actor's units are in the order of a tree. */
function rangeOf({ on }: Held): UnitRange | undefined {
  if ("snapshot" in on) return undefined;
  if ("person" in on) return { person: on.person };
  return { person: subjectOf("", on.thread as ActorId, "").person, thread: on.thread };
}

/** The numbers of the snapshots that holds keep. Of each tree a few nodes are read for each hold. What is lost of one
 *  might be held: it stays. Errors: those of nodes that cannot be read now. */
export async function heldSnapshots(
  nodes: Pick<TreeNodes, "load">,
  snapshots: readonly Snapshot[],
  holds: readonly Held[],
): Promise<ReadonlySet<number>> {
  const held = new Set<number>();
  for (const { number, root, units, bytes } of snapshots) {
    const tree = root && { link: root, units, bytes };
    for (const hold of holds) {
      const range = rangeOf(hold);
      const is =
        range === undefined
          ? "snapshot" in hold.on && hold.on.snapshot === number
          : await unitsOf(nodes, tree, range)
              .next()
              .then(
                ({ done }) => done !== true,
                (error: unknown) => isGone(failureOf(error)) || Promise.reject(error),
              );
      if (!is) continue;
      held.add(number);
      break;
    }
  }
  return held;
}
