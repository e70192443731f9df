/** Copies of backups that leave the cluster. */
import { failure, PlexusError, type BackupResults } from "../../../protocols/index.ts";
import type { ClusterKeys } from "../../keys/index.ts";
import { commandLimits, copyBackups, type BackupPorts, type Repository } from "../index.ts";
import { openBackupFolder } from "../places/index.ts";
import type { TaskAt } from "./own-tasks.ts";

/** Copies backups into a folder, which becomes, or goes on to be, a copy of this cluster's. Errors: BAD_REQUEST (it is
 *  something else), those of `copyBackups`. */
export async function copyInto(
  folder: string,
  {
    ports,
    repository,
    keys,
  }: { readonly ports: BackupPorts; readonly repository: Repository; readonly keys: Pick<ClusterKeys, "carried"> },
  { signal, progress, pace }: TaskAt & { readonly pace: () => Promise<void> },
): Promise<BackupResults["copy"]> {
  const { cluster } = ports;
  const opened = await openBackupFolder(folder, { cluster, node: "", copy: true }, { use: "writing" });
  const { mark, target } = opened;
  if (mark.cluster !== cluster || mark.copy !== true) {
    const of = mark.cluster === cluster ? "the backups of a node, and not a copy" : "the backups of another cluster";
    throw new PlexusError(failure("BAD_REQUEST", { field: "to", reason: `${folder} has ${of}: name another folder` }));
  }
  const { lost, ...sums } = await copyBackups(
    ports,
    repository,
    {
      has: (stripe) => target.has(stripe),
      put: (stripe, bytes) => target.put(stripe, bytes),
      async commit(head, number) {
        // Before the head, as where the head comes from: what it leads to opens with this folder and the recovery kit.
        const carried = await keys.carried();
        if (!carried.ok) throw new PlexusError(carried.error);
        await opened.writeKeys(carried.value);
        await target.commit(head, number);
      },
    },
    { signal, progress: (far) => progress({ ...far }), pace },
  );
  return { ...sums, lost: { total: lost.length, named: lost.slice(0, commandLimits.lostNamedMax) } };
}
