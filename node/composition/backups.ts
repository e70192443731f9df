/** Backups at this node, on the real ports: what its operator and the cluster ask for, and what lies beside the shards
 *  of a storage node. */
import type { Config } from "../../config/index.ts";
import { backupActor, ok, type BackupHolds } from "../../protocols/index.ts";
import { commandLimits, type BackupControl, type Pacing } from "../backup/index.ts";
import { restoredStarter, type Drills } from "../backup/restore/index.ts";
import {
  createBackups,
  openClusterBackups,
  openHolderHeads,
  runFolderTasks,
  type Backups,
} from "../backup/tasks/index.ts";
import type { Shards } from "../bulk/shards/index.ts";
import { drillFolder } from "../data-folder/index.ts";
import type { ClusterKeys, KnownRoot } from "../keys/index.ts";
import type { ActorBlobs, Files } from "../ports/index.ts";
import type { Stops } from "../stops.ts";
import { tellBackupEnded, type Told } from "../tasks/index.ts";
import type { Identity } from "./identity.ts";
import { toAdmins } from "./keys.ts";
import type { Machine } from "./machine.ts";
import type { Peer } from "./peer.ts";
import { nameIn } from "../cluster/facts/members.ts";

/** Starts folders of rehearsals. */
const rehearsedProgram = new URL("./rehearsed.ts", import.meta.url);

interface BackupParts {
  readonly machine: Machine;
  readonly identity: Identity;
  readonly peer: Peer;
  readonly stops: Stops;
  readonly keys: ClusterKeys;
  readonly known: KnownRoot;
  readonly shards: Shards;
  /** The folder of the shards. */
  readonly shardFiles: Files;
  readonly blobs: ActorBlobs;
  readonly pacing: Pacing;
  readonly told: Told;
  /** Tells the cluster's admins of what this node did. */
  readonly changed: (action: string, facts: Readonly<Record<string, string>>, tell: typeof toAdmins) => void;
}

/** Opens them, and works on the cluster's tasks from now on. */
export function openBackups(
  config: Pick<Config, "data" | "backupFolders">,
  at: BackupParts,
): { readonly backups: Backups; readonly control: BackupControl } {
  const { machine, identity, peer, stops, keys, known, shards, blobs, pacing, told } = at;
  const { clock, random, log, version } = machine;
  const { node, cluster } = identity;
  const { membership, kernel } = peer;
  const { backupFolders: offered, data } = config;
  const drills: Drills = {
    start: restoredStarter({ clock, random, version, program: rehearsedProgram }),
    failed: (facts) => at.changed("drillFailed", facts, toAdmins),
  };
  const holderHeads = openHolderHeads({ machine, identity, peer, files: at.shardFiles, known, keys });
  stops.add(async () => holderHeads.stop());
  const surveyHolders = () => holderHeads.survey();
  const ended = (task: string): void => void tellBackupEnded(kernel, task, told);
  const scratch = drillFolder(data);
  const parts = { machine, identity, peer, keys, shards, blobs, pacing, surveyHolders, drills };
  const ofCluster = openClusterBackups({ ...parts, scratch, ended });
  stops.add(() => ofCluster.stop());
  const nameOf = (one: string): string => nameIn(membership, one);
  const backups = createBackups({
    data,
    useCluster: ofCluster.use,
    measured: (rate) => ofCluster.measured(rate),
    cluster,
    node,
    keys,
    directory: peer.directory,
    replication: peer.replication,
    kernel,
    blobs,
    slots: () => [...peer.table.rows()].map(({ record }) => record),
    ...toldToCluster(peer, node, log),
    nameOf,
    surveyHolders,
    drills,
    pacing,
    clock,
    random,
    log,
  });
  stops.add(() => backups.stop());
  const folderTasks = runFolderTasks({ node, offered, backups, kernel, ended, clock, random, log });
  stops.add(() => folderTasks.stop());
  const places = () => {
    const room = shards.canPlace("backup.pack");
    const nodes = membership.members().members.length;
    return { node: { id: node, name: nameOf(node) }, nodes, offered, ...(!room.ok && { storage: room.error }) };
  };
  return { backups, control: { ...backups, nameOf, places, ofCluster: () => ofCluster.list() } };
}

/** What the actor of the cluster's backups says, and is told of folders here. */
function toldToCluster(
  { kernel }: Pick<Peer, "kernel">,
  node: string,
  log: Machine["log"],
): Pick<Parameters<typeof createBackups>[0], "holds" | "noteFolder"> {
  const ask = { to: backupActor, from: "node", timeoutMs: commandLimits.holdsTimeoutMs } as const;
  return {
    async holds() {
      const answer = await kernel.ask({ ...ask, message: { type: "holds" } });
      return answer.ok ? ok((answer.value as BackupHolds).holds) : answer;
    },
    async noteFolder(path, snapshots, newest) {
      const shown = newest && {
        number: newest.number,
        atMs: newest.atMs,
        units: newest.units,
        bytes: newest.bytes,
        missed: newest.missed.slice(0, 16),
      };
      const message = { type: "noteFolder", folder: { node, path }, snapshots, newest: shown ?? null };
      const noted = await kernel.ask({ ...ask, message });
      if (!noted.ok) log.warn("backup.folder.unheard", { folder: path, failure: noted.error });
    },
  };
}
