/** Where a restore takes each slot from: the newest that any of the backups has. */
import type { SlotId } from "../../../protocols/index.ts";
import type { Snapshot } from "../../../runtimes/backup/index.ts";
import { backupLimits, openRepository, snapshotFor, type BackupPorts, type Repository } from "../index.ts";
import { settingsSlot, type RestorePlace } from "../content/index.ts";

/** Where backups are: a folder, or the cluster's stripes. */
export interface BackupPlace extends Pick<BackupPorts, "stripes" | "heads"> {
  readonly name: string;
}

export interface RestoreRequest {
  readonly to: string;
  /** That one, the newest at that time, or the newest. */
  readonly snapshot?: number;
  readonly atMs?: number;
}

/** One place, with the snapshot that is taken of it. */
export interface Source {
  readonly name: string;
  readonly ports: BackupPorts;
  readonly repository: Repository;
  readonly snapshot: Snapshot;
  readonly cursors: ReadonlyMap<string, { readonly epoch: number; readonly seq: number }>;
}

/** Where a slot is taken from. */
export interface Choice extends RestorePlace {
  readonly source: Source;
  readonly isStale: boolean;
}

/** Opens one. Errors: NOT_FOUND (no such snapshot), BACKUP_DAMAGED, those of reading stripes. */
export async function openSource(
  { name, stripes, heads }: BackupPlace,
  { snapshot, atMs }: Pick<RestoreRequest, "snapshot" | "atMs">,
  ports: Pick<BackupPorts, "cluster" | "keys" | "sealer" | "clock" | "random" | "log">,
): Promise<Source> {
  const of: BackupPorts = { ...ports, owner: "backup/folder", stripes, heads, limits: backupLimits };
  const repository = openRepository(of);
  const { snapshots } = await repository.state();
  const query = { ...(snapshot !== undefined && { snapshot }), ...(atMs !== undefined && { atMs }) };
  const taken = snapshotFor(snapshots, query);
  const cursors = await repository.loadCursors(taken.cursors);
  return { name, ports: of, repository, snapshot: taken, cursors };
}

/** Of each slot the newest that any folder has: the higher epoch, and of one epoch the longer log. The settings are
 *  those of the newest snapshot. */
export function chooseSlots(sources: readonly Source[]): {
  readonly chosen: Map<SlotId, Choice>;
  readonly missing: readonly string[];
  readonly missingFiles: readonly string[];
} {
  const chosen = new Map<SlotId, Choice>();
  const isNewer = (slot: string, one: Choice, other: Choice): boolean =>
    slot === settingsSlot
      ? one.source.snapshot.atMs > other.source.snapshot.atMs
      : one.epoch > other.epoch || (one.epoch === other.epoch && one.seq > other.seq);
  for (const source of sources)
    for (const [slot, { epoch, seq }] of source.cursors) {
      const choice = { slot: slot as SlotId, source, epoch, seq, isStale: source.snapshot.missed.includes(slot) };
      const before = chosen.get(slot as SlotId);
      if (before === undefined || isNewer(slot, choice, before)) chosen.set(slot as SlotId, choice);
    }
  const missed = [...new Set(sources.flatMap(({ snapshot }) => snapshot.missed))].toSorted();
  const isFile = (name: string): boolean => name.includes("/files/");
  const missing = missed.filter((name) => !isFile(name) && !chosen.has(name as SlotId));
  return { chosen, missing, missingFiles: missed.filter(isFile) };
}
