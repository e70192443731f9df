/** Makes a data folder of backups alone, when the cluster is gone: backup folders and the recovery kit suffice.
 *
 *      folders ─► keys.json, opened by the kit ─► head ─► snapshot ─► units ─► actors, folded ─► slots ─► a directory that names them
 *
 *  The new node is the only one of a cluster with the old one's name, keys and content. It takes the place of no old node: it has a name and a key
 *  of its own, and all slots in epochs that no owner had. Numbers that clients and other actors remember leap (`actors/leap.ts`). What was bound
 *  to nodes is not there: `leftOut` names it.
 *
 *  `restoring` is in the folder until all of it is; the row that says whose the folder is comes last. So a restore that was broken off does
 *  not start, and begins again. */
import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { failure, failureOf, PlexusError, type ActorId, type Failure, type SlotId } from "../../protocols/index.ts";
import { createSealer, type Snapshot } from "../../runtimes/backup/index.ts";
import { backupLimits, openRepository, recall, snapshotFor, type BackupKeys, type BackupPorts, type Repository } from "../backup/index.ts"; // prettier-ignore
import { actorBlobPrefix, blobLimits, openBlobStore, openOwnedBlobs } from "../blobs/index.ts";
import { isRow, policyKey, slotKey, type Policy } from "../cluster/records.ts";
import { blobFolder, diskKeyFile, journalFolder, markFile } from "../data-folder/index.ts";
import { homeRow } from "../data-folder/home.ts";
import { createEmbeddedDirectory } from "../directory/index.ts";
import {
  createClusterKeys,
  createUnitKeys,
  isHeadSigned,
  openCarried,
  readCarried,
  readDiskKey,
  readOrMakeDiskKey,
  sealEpochTo,
  type CarriedKeys,
  type OpenedKeys,
  type RootKeys,
} from "../keys/index.ts";
import { openFiles, openLevelStore } from "../platform/index.ts";
import type { Clock, Directory, Log, Random, Store, StoreOp } from "../ports.ts";
import { formatRow, restoredHead, verifyJournal } from "../storage/index.ts";
import { noMeter, openBackupFolder } from "./backup-folder.ts";
import { settingsSlot } from "./backup-settings.ts";
import { commandLimits } from "./limits.ts";
import { RestoredActors, type RestorePlace } from "./restored-actors.ts";

/** How far a restored slot's epoch is from that of the backup: farther than its owners can have come since. */
const epochLeap = 1_000_000;
const beganFile = "restoring";

export interface RestoreWish {
  readonly from: readonly string[];
  readonly to: string;
  /** That one, the newest at that time, or the newest. */
  readonly snapshot?: number;
  readonly atMs?: number;
}

/** A unit that is not in the new folder. */
export interface UnrestoredUnit {
  readonly thread: string;
  readonly type: string;
  readonly bucket: string;
  readonly part: number;
  readonly error: Failure;
}

export interface Restored {
  readonly cluster: string;
  readonly node: string;
  readonly snapshots: readonly { readonly folder: string; readonly number: number; readonly atMs: number }[];
  readonly slots: number;
  readonly actors: number;
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
  readonly settings: number;
  /** What the old cluster wanted of every slot: the new node's configuration says that anew. */
  readonly policy?: Policy;
  readonly epochs: number;
  /** Slots of which there is what an older snapshot had. */
  readonly stale: readonly string[];
  /** Slots of which no folder has anything. */
  readonly missing: readonly string[];
  /** Files that were gone when the backup was made, by actor and name. */
  readonly missingFiles: readonly string[];
  readonly lost: readonly UnrestoredUnit[];
  /** Units whose keys were destroyed on purpose, and of how many people, rooms and agents. */
  readonly erased: { readonly units: number; readonly tenants: number };
  readonly leftOut: { readonly holders: number };
  /** What the new journal's own check found wrong: nothing, always. */
  readonly damaged: readonly Readonly<Record<string, unknown>>[];
}

export interface RestorePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal?: AbortSignal;
  progress(done: { readonly units: number; readonly unitsOf: number; readonly bytes: number }): void;
}

/** What the folders say of the keys: the newest of them. Errors: BAD_REQUEST (no backups, of several clusters), BACKUP_DAMAGED, NOT_FOUND. */
export async function findCarried(folders: readonly string[]): Promise<CarriedKeys> {
  let newest: CarriedKeys | undefined;
  for (const folder of folders) {
    const opened = await openBackupFolder(folder, undefined, true);
    const bytes = await opened.readKeys();
    const carried = bytes && valueOf(readCarried(bytes));
    const cluster = carried?.cluster ?? opened.mark.cluster;
    if (newest !== undefined && newest.cluster !== cluster)
      throw new PlexusError(failure("BAD_REQUEST", { field: "--from", reason: "these are backups of several clusters" })); // prettier-ignore
    if (carried !== undefined && (newest?.madeAtMs ?? -1) < carried.madeAtMs) newest = carried;
  }
  if (newest !== undefined) return newest;
  const reason = "no keys.json is there: only a snapshot that was made since backups carry their keys opens without the old cluster"; // prettier-ignore
  throw new PlexusError(failure("NOT_FOUND", { folder: folders[0], reason }));
}

const valueOf = <Value>(result: { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: Failure }): Value => {
  if (!result.ok) throw new PlexusError(result.error);
  return result.value;
}; // prettier-ignore

/** Reads with keys that a kit has opened. Nothing is ever made with them. */
function readingKeys({ keys, ring, epochs }: OpenedKeys): BackupKeys {
  const never = (): never => {
    throw new TypeError("a restore only reads backups");
  };
  const epoch = epochs.length;
  const units = createUnitKeys(keys, epoch, ring);
  return {
    epoch,
    ensure: never,
    seal: never,
    open: (context, sealed) => units.open(context, sealed),
    head: {
      sign: never,
      verify: (bytes, signature, of) => epochs[of - 1] !== undefined && isHeadSigned(epochs[of - 1]!, bytes, signature),
    },
  };
}

/** One folder, with the snapshot that is taken of it. */
interface Source {
  readonly folder: string;
  readonly ports: BackupPorts;
  readonly repository: Repository;
  readonly snapshot: Snapshot;
  readonly cursors: ReadonlyMap<string, { readonly epoch: number; readonly seq: number }>;
}

/** Where a slot is taken from. */
interface Choice extends RestorePlace {
  readonly source: Source;
  readonly isStale: boolean;
}

/** Builds the folder. `root`: of the kit. Errors: those of `findCarried`; KEY_REFUSED (another kit), NOT_FOUND (no such snapshot), CONFIG_INVALID
 *  (`to` is not empty), DISK_FULL; the system's. */
export async function restore(wish: RestoreWish, root: RootKeys, ports: RestorePorts): Promise<Restored> {
  const opened = valueOf(await openCarried(await findCarried(wish.from), root));
  return restoreWith(wish, opened, ports);
}

/** The same with keys that are open. */
export async function restoreWith(wish: RestoreWish, opened: OpenedKeys, ports: RestorePorts): Promise<Restored> {
  const { clock, random } = ports;
  const sealer = createSealer({ threads: commandLimits.sealerThreads, idleMs: commandLimits.sealerIdleMs });
  try {
    const sources = await openSources(wish, opened, { ...ports, sealer });
    const { chosen, missing, missingFiles } = chooseSlots(sources);
    const needed = sources.reduce((sum, { snapshot }) => sum + snapshot.bytes, 0);
    await begin(wish.to, needed);
    const target = await openLevelStore(journalFolder(wish.to), { mark: markFile(wish.to) });
    try {
      const directory = createEmbeddedDirectory({ store: target });
      await directory.opened();
      const keep = await openFilesIn(wish.to, target, ports);
      const written = await writeUnits({ target, sources, chosen, directory, keep, ports });
      const node = Buffer.from(random.bytes(8)).toString("hex");
      const slots = await writeSlots({ target, directory, node, chosen, incarnation: clock.nowMs() });
      await writeKeys({ to: wish.to, target, directory, opened, ports });
      const { cluster } = opened;
      const home = { cluster, directory: { kind: "embedded", host: node } as const, members: [], starts: 0, began: true as const }; // prettier-ignore
      const format = formatRow({ cluster, node, createdAtMs: clock.nowMs() });
      await target.batch([homeRow(home), format], { sync: true });
      const { damaged } = await verifyJournal(target);
      const stale = [...chosen].flatMap(([slot, { isStale }]) => (isStale ? [slot] : []));
      const snapshots = sources.map(({ folder, snapshot: { number, atMs } }) => ({ folder, number, atMs }));
      return {
        cluster,
        node,
        snapshots,
        slots,
        ...written,
        epochs: opened.epochs.length,
        stale,
        missing,
        missingFiles,
        damaged,
      };
    } finally {
      await target.close();
    }
  } finally {
    await sealer.close();
  }
}

/** The folder is a node's from now on. */
export async function endRestore(to: string): Promise<void> {
  await rm(join(to, beganFile), { force: true });
  await (await openFiles(to)).sync("");
}

/** What a restore left that was broken off goes; anything else stays, and refuses. */
async function begin(to: string, bytes: number): Promise<void> {
  const files = await openFiles(to);
  const names = await readdir(to);
  if (names.includes(beganFile)) {
    for (const name of names) if (name !== beganFile) await rm(join(to, name), { recursive: true });
  } else if (names[0] !== undefined) {
    const reason = `${to} is not empty: ${names[0]} is in it`;
    throw new PlexusError({
      ...failure("CONFIG_INVALID", { field: "data", reason }),
      message: `The new data folder must be empty or absent: ${to} has ${names[0]} in it.`,
    });
  } else {
    const file = await open(join(to, beganFile), "wx", 0o600);
    await file.close();
    await files.sync("");
  }
  if (!files.hasRoom(bytes)) throw new PlexusError(failure("DISK_FULL", { folder: to, bytes }));
}

async function openSources(
  { from, snapshot, atMs }: RestoreWish,
  opened: OpenedKeys,
  ports: RestorePorts & Pick<BackupPorts, "sealer">,
): Promise<readonly Source[]> {
  const { cluster } = opened;
  const { clock, random, log, sealer } = ports;
  const sources: Source[] = [];
  for (const folder of from) {
    const { stripes, heads } = await openBackupFolder(folder, undefined, true);
    const of: BackupPorts = { cluster, owner: "backup/folder", stripes, heads, keys: readingKeys(opened), sealer, clock, random, log, limits: backupLimits }; // prettier-ignore
    const repository = openRepository(of);
    const { snapshots } = await repository.state();
    const query = { ...(snapshot !== undefined && { snapshot }), ...(atMs !== undefined && { atMs }) };
    const taken = snapshotFor(snapshots, query);
    sources.push({ folder, ports: of, repository, snapshot: taken, cursors: await repository.loadCursors(taken.cursors) }); // prettier-ignore
  }
  return sources;
}

/** Of each slot the newest that any folder has: the higher epoch, and of one epoch the longer log. The settings are those of the newest snapshot. */
function chooseSlots(sources: readonly Source[]): {
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

async function writeUnits(at: {
  readonly target: Store;
  readonly sources: readonly Source[];
  readonly chosen: Map<SlotId, Choice>;
  readonly directory: Directory;
  readonly keep: (actor: ActorId, hash: string, bytes: Uint8Array) => Promise<void>;
  readonly ports: RestorePorts;
}): Promise<
  Pick<Restored, "actors" | "rows" | "files" | "bytes" | "settings" | "policy" | "lost" | "erased" | "leftOut">
> {
  const { ports, sources, chosen, directory } = at;
  const signal = ports.signal ?? new AbortController().signal;
  const lost: UnrestoredUnit[] = [];
  const erased = { units: 0, tenants: new Set<string>() };
  const unitsOf = sources.reduce((sum, { snapshot }) => sum + snapshot.units, 0);
  let settings: readonly (readonly [string, unknown])[] = [];
  let before = { units: 0, bytes: 0 };
  const written = { actors: 0, rows: 0, files: 0, bytes: 0, holders: 0 };
  for (const source of sources) {
    const placeOf = (slot: SlotId): RestorePlace | undefined => {
      // A backup that lacked a file of a slot says nothing of how far it read the slot.
      const choice = chosen.get(slot) ?? { slot, source, epoch: 0, seq: 0, isStale: false };
      chosen.set(slot, choice);
      return choice.source === source ? choice : undefined;
    };
    const actors = new RestoredActors(at.target, { placeOf, hasOwn: (slot) => chosen.has(slot), keep: at.keep });
    let broken: { readonly error: unknown } | undefined;
    const write: Parameters<typeof recall>[3]["write"] = async (unit, content) => {
      try {
        await actors.take(unit, content);
      } catch (error) {
        // What is not what its name says is the backup's fault, not the folder's.
        if (failureOf(error).code !== "BACKUP_DAMAGED") broken = { error };
        throw error;
      }
    };
    const done = await recall(
      source.ports,
      source.repository,
      { snapshot: source.snapshot.number },
      { write },
      {
        signal,
        progress: ({ units, bytes }) => ports.progress({ units: before.units + units, unitsOf, bytes: before.bytes + bytes }), // prettier-ignore
        lost({ name }, error) {
          // The new folder, not the backup.
          if (broken !== undefined) throw broken.error;
          const why = failureOf(error);
          const { person, thread, type, bucket, part } = name;
          if (why.code === "KEY_MISSING" && why.details?.["tenant"] !== undefined) {
            erased.units += 1;
            erased.tenants.add(person === "" ? thread : person);
          } else lost.push({ thread, type, bucket, part, error: why });
          actors.lack(name);
        },
      },
    );
    before = { units: before.units + done.units, bytes: before.bytes + done.bytes };
    await actors.finish();
    for (const { name, error } of actors.unusable) lost.push({ ...name, error });
    if (chosen.get(settingsSlot)?.source === source) settings = actors.settings;
    for (const key of ["actors", "rows", "files", "bytes", "holders"] as const) written[key] += actors.sums[key];
  }
  const kept = settings.filter(([key, value]) => key !== policyKey && isRow(key, value));
  for (const [key, value] of kept) await directory.compareAndSet(key, value, 0);
  const policy = settings.find(([key]) => key === policyKey)?.[1] as Policy | undefined;
  const { holders, ...sums } = written;
  return {
    ...sums,
    settings: kept.length,
    ...(policy !== undefined && { policy }),
    lost,
    erased: { units: erased.units, tenants: erased.tenants.size },
    leftOut: { holders },
  };
}

/** Where files of actors are kept. */
async function openFilesIn(to: string, store: Store, { clock }: RestorePorts) {
  const blobs = await openBlobStore({ files: await openFiles(blobFolder(to)), meter: noMeter });
  const owned = await openOwnedBlobs({ blobs, store, clock, prefix: actorBlobPrefix, limits: blobLimits });
  async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  return (actor: ActorId, hash: string, bytes: Uint8Array): Promise<void> =>
    owned.take([hash, actor], once(bytes), blobLimits.copyBytesMax);
}

/** The heads of all slots, and a directory in which the node owns each of them. */
async function writeSlots(at: {
  readonly target: Store;
  readonly directory: Directory;
  readonly node: string;
  readonly chosen: ReadonlyMap<SlotId, Choice>;
  readonly incarnation: number;
}): Promise<number> {
  const { target, directory, node, chosen, incarnation } = at;
  const heads: StoreOp[] = [];
  const records: { readonly slot: SlotId; readonly epoch: number }[] = [];
  for (const [slot, { epoch, seq }] of chosen) {
    if (slot === settingsSlot || RestoredActors.isLeftOut(slot)) continue;
    heads.push(restoredHead(slot, { epoch: epoch + epochLeap, seq, incarnation }));
    records.push({ slot, epoch: epoch + epochLeap });
  }
  await target.batch(heads, { sync: true });
  await Promise.all(
    records.map(({ slot, epoch }) => {
      const splitFrom = RestoredActors.splitFrom(slot);
      const record = { slot, epoch, owner: node, inSync: [node], learners: [] };
      return directory.compareAndSet(slotKey(slot), splitFrom === undefined ? record : { ...record, splitFrom }, 0);
    }),
  );
  return records.length;
}

/** The cluster's keys, at this node as well: backups go on with the same kit. */
async function writeKeys(at: {
  readonly to: string;
  readonly target: Store;
  readonly directory: Directory;
  readonly opened: OpenedKeys;
  readonly ports: RestorePorts;
}): Promise<void> {
  const { cluster, root, epochs, keys, ring } = at.opened;
  const file = diskKeyFile(at.to);
  const diskKey = { read: () => readDiskKey(file), make: () => readOrMakeDiskKey(file) };
  const own = createClusterKeys({ cluster, directory: at.directory, store: at.target, diskKey, clock: at.ports.clock, log: at.ports.log }); // prettier-ignore
  const sealed = [...keys].map(([epoch, key]) => {
    const bytes = sealEpochTo(cluster, own.receiver, epoch, key);
    return { epoch, sealed: Buffer.from(bytes).toString("base64url") };
  });
  valueOf(await own.restore({ root, epochs: [...epochs], keys: sealed } as Parameters<typeof own.restore>[0]));
  valueOf(await own.takeRing(ring));
}
