/** The backups of the whole cluster at this node, on the real ports: keys, stripes of the storage nodes, the head in
 *  the directory. */
import { backupActor, PlexusError, type HeadHolders } from "../../../protocols/index.ts";
import { createSealer } from "../../../runtimes/backup/index.ts";
import {
  backupLimits,
  createClusterBackups,
  createDirectoryHeads,
  pacedStripes,
  type BackupPorts,
  type ClusterBackups,
  type Pacing,
  type StripePacing,
  commandLimits,
} from "../index.ts";
import type { ClusterKeys } from "../../keys/index.ts";
import type { Exchange } from "../../cluster/exchange/index.ts";
import type { SlotTable } from "../../cluster/facts/slot-table.ts";
import type { Kernel } from "../../kernel/api.ts";
import type {
  ActorBlobs,
  Clock,
  Directory,
  Log,
  Membership,
  Meter,
  NodeId,
  Random,
  Stripes,
} from "../../ports/index.ts";
import { journalSource, placeTarget, settingsSlot, withSettings, type SlotCuts } from "../content/index.ts";
import { sweep, watchedDrill, type Drills, type Rehearse } from "../restore/index.ts";

/** Uses what a backup needs of the node, and closes it afterwards; with `pacing` it steps back behind people. Error:
 *  KEY_MISSING. */
export type UseBackup = <Answer>(
  work: (ports: BackupPorts) => Promise<Answer>,
  pacing?: StripePacing,
) => Promise<Answer>;

/** Opens them. `use` opens the cluster's backups for a reader at this node. */
export function openClusterBackups(at: {
  readonly machine: { readonly clock: Clock; readonly random: Random; readonly log: Log; readonly meter: Meter };
  readonly identity: { readonly node: NodeId; readonly cluster: string };
  readonly peer: {
    readonly exchange: Exchange;
    readonly table: SlotTable;
    readonly membership: Membership;
    readonly kernel: Pick<Kernel, "ask">;
    readonly replication: SlotCuts;
    readonly directory: Directory;
  };
  readonly keys: Pick<ClusterKeys, "backupKeys">;
  readonly shards: { readonly stripes: Stripes };
  readonly blobs: ActorBlobs;
  /** What storage nodes have on their disks for a restore without nodes. */
  readonly surveyHolders: () => Promise<HeadHolders>;
  readonly pacing: Pacing;
  /** Where disasters are rehearsed. */
  readonly scratch: string;
  readonly drills: Drills;
  /** A task was ended by this node. */
  ended(task: string): void;
}): ClusterBackups & { readonly use: UseBackup } {
  const { clock, random, log, meter } = at.machine;
  const { node, cluster } = at.identity;
  const { exchange, table, membership, kernel, replication, directory } = at.peer;
  const heads = createDirectoryHeads(directory);
  const use: UseBackup = async (work, pacing) => {
    const keys = await at.keys.backupKeys();
    if (!keys.ok) throw new PlexusError(keys.error);
    const stripes = pacing === undefined ? at.shards.stripes : pacedStripes(at.shards.stripes, pacing);
    const sealer = createSealer({
      threads: commandLimits.sealerThreads,
      idleMs: commandLimits.sealerIdleMs,
      ...(pacing && { piece: pacing.piece, isAlone: pacing.isAlone }),
    });
    try {
      const what = { cluster, owner: backupActor, stripes, heads, keys: keys.value, sealer };
      return await work({ ...what, clock, random, log, limits: backupLimits });
    } finally {
      await sealer.close();
    }
  };
  // What a rehearsal left that ended with its node is readable, and as large as all that there is.
  const swept = sweep(at.scratch).catch((error: unknown) => log.warn("backup.drill.left", { error }));
  const backups = createClusterBackups({
    node,
    exchange,
    table,
    membership,
    clock,
    random,
    log,
    meter,
    source: withSettings(journalSource(replication, at.blobs), directory),
    pacing: at.pacing,
    beside: [settingsSlot],
    use,
    target: placeTarget(kernel, at.blobs),
    drill: async (ports, { task: { wish }, signal, progress }) => {
      await swept;
      const { drills, surveyHolders } = at;
      const rehearsed = { from: undefined, ports, snapshot: wish.snapshot, surveyHolders };
      const drill = { scratch: at.scratch, from: undefined, within: (use: Rehearse) => use(rehearsed) };
      return watchedDrill(drill, drills, { signal, progress, clock, random, log });
    },
    async ask(message, timeoutMs) {
      const answer = await kernel.ask({ to: backupActor, from: "node", message, timeoutMs });
      if (message.type === "finish" && answer.ok) at.ended(String(message["task"]));
      return answer;
    },
  });
  return {
    ...backups,
    // Before the first backup there is nothing to read, and there may be no key either.
    list: async () => ((await heads.read()) === undefined ? [] : await backups.list()),
    use,
  };
}
