/** Waiting for a cluster of processes, with a deadline that says what was waited for. */
import type { ClusterSlotRow } from "../../protocols/index.ts";
import type { Load } from "./cluster-load.ts";
import { until as untilIn } from "../waits.ts";
import type { ClusterProcesses } from "./cluster-processes.ts";

export { sleep } from "../waits.ts";

/** A cluster heals within several rounds of its own patience, which do not get shorter on a fast machine. */
const clusterLimitMs = 150_000;

export const until = <T>(what: string, attempt: () => T | Promise<T>, limitMs = clusterLimitMs): Promise<T> =>
  untilIn(what, attempt, limitMs);

/** Waits until every node is up, and every slot where it should be with all its copies. */
export function healthy(cluster: ClusterProcesses, phase: string): Promise<readonly ClusterSlotRow[]> {
  return until(`${phase}: the cluster is healthy`, async () => {
    const down = (await cluster.members()).filter(({ up }) => !up);
    if (down.length > 0) throw new Error(`down: ${down.map(({ name }) => name).join(", ")}`);
    const slots = await cluster.slots();
    const bad = slots.filter(({ status }) => status !== "ok");
    if (bad.length > 0) throw new Error(`${bad.length} slots: ${JSON.stringify(bad).slice(0, 2_000)}`);
    return slots;
  });
}

/** Waits for so many more acknowledged posts. */
export async function progress(load: Load, more: number, phase: string): Promise<void> {
  const target = load.acknowledgements + more;
  await until(`${phase}: ${more} more posts`, () => {
    if (load.acknowledgements < target) throw new Error(`${load.acknowledgements} of ${target}; ${load.describe()}`);
  });
}

/** Waits until every writer was acknowledged all that it had begun, and more, and every node that is up has acknowledged
 *  something to a writer that is there. */
export async function everybodyWrites(load: Load, phase: string): Promise<void> {
  const begun = load.begun();
  const before = load.spread();
  await until(`${phase}: everybody writes, at every node`, () => {
    const now = load.spread();
    const stuck = load.stuck(begun);
    const idle = [...now].filter(([node, count]) => count < (before.get(node) ?? 0) + 2);
    if (stuck.length + idle.length === 0) return;
    throw new Error(`not ${[...stuck, ...idle.map(([{ name }]) => name)].join(", ")}; ${load.describe()}`);
  });
}
