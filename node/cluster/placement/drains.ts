/** Notices of drains: the admin who drained a node is told once it holds nothing any more. The drained node is about to
 *  be stopped, so another tells; which one is decided in the member's row, where only one can note the end. */
import { isDrained, partInDirectory, taskOfDrain, type AdminTask } from "../../../protocols/index.ts";
import { progressWords } from "../../../protocols/words/task-words.ts";
import type { Clock, Log, Membership, NodeId } from "../../ports/index.ts";
import type { ClusterControl } from "./api.ts";
import { drainLimits } from "./limits.ts";

/** Begins to look. */
export function watchDrains(at: {
  readonly node: NodeId;
  readonly clock: Clock;
  readonly membership: Pick<Membership, "members" | "isUp">;
  readonly control: Pick<ClusterControl, "summary" | "drainEnded">;
  readonly ended: (task: AdminTask) => void;
  readonly log: Log;
}): { look(): Promise<void>; stop(): void } {
  const { node, clock, membership, control, ended, log } = at;
  /** What was written of each. */
  const said = new Map<string, string>();

  async function look(): Promise<void> {
    const { members } = membership.members();
    const open = members.filter(
      ({ state, drain }) => state === "draining" && drain !== undefined && drain.endedAtMs === undefined,
    );
    // One of those that stay looks, so that not all ask at once; where two think so, the row decides.
    const first = members
      .filter((one) => one.state === "active" && (one.node === node || membership.isUp(one.node)))
      .map((one) => one.node)
      .toSorted()[0];
    if (open.length === 0 || first !== node) return;
    const summary = await control.summary();
    if (!summary.ok) return;
    for (const row of summary.value.nodes) {
      if (!open.some((one) => one.node === row.node)) continue;
      const { id: task, progress } = taskOfDrain(row, { drained: false });
      const says = progressWords({ progress });
      if (says !== said.get(task)) log.info("task.progress", { task, says });
      said.set(task, says);
      if (!isDrained({ ...row, ...partInDirectory(summary.value, row.node) })) continue;
      said.delete(task);
      const noted = await control.drainEnded(row.node);
      if (noted.ok) ended(taskOfDrain(row, { drained: true }));
    }
  }

  let stopped = false;
  let cancel = (): void => undefined;
  const wait = (): void => {
    // What one look could not read the next one may.
    if (!stopped)
      cancel = clock.after(
        drainLimits.lookMs,
        () =>
          void look()
            .catch(() => undefined)
            .finally(wait),
      );
  };
  wait();
  return {
    look,
    stop() {
      stopped = true;
      cancel();
    },
  };
}
