/** Makes a data folder of backups alone, when the cluster is gone: the recovery kit and folders of backups suffice, or
 *  disks of storage nodes.
 *
 *      folders ─► keys.json, opened by the kit ─► head ─► snapshot ─► units ─► actors, folded ─► slots
 *                                                                              ─► a directory that names them
 *
 *  The new node is the only one of a cluster with the old one's name, keys and content. It takes the place of no old
 *  node: it has a name and a key of its own, and all slots in epochs that no owner had. Numbers that clients and other
 *  actors remember leap (`actors/restored-numbers.ts`). What was bound to nodes is not there: `leftOut` names it.
 *
 *  `restoring` is in the folder until all of it is; the row that says whose the folder is comes last. So a restore that
 *  was broken off does not start, and begins again. */
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  failure,
  failureOf,
  PlexusError,
  type ActorId,
  type BackupResults,
  type Failure,
  type SlotId,
} from "../../../protocols/index.ts";
import { createSealer } from "../../../runtimes/backup/index.ts";
import { namesPut } from "../../../runtimes/folders.ts";
import { fileType, recall, type BackupKeys, commandLimits } from "../index.ts";
import { actorBlobPrefix, blobLimits, openBlobStore, openOwnedBlobs } from "../../bulk/blobs/index.ts";
import { isRow, policyKey, slotKey, type Policy } from "../../cluster/facts/records.ts";
import { blobFolder, journalFolder, markFile } from "../../data-folder/index.ts";
import { homeRow } from "../../data-folder/home.ts";
import { createEmbeddedDirectory } from "../../cluster/directory/index.ts";
import type { RootKeys } from "../../keys/index.ts";
import { openFiles, openLevelStore } from "../../platform/index.ts";
import type { BlobStore, Clock, Directory, Log, Random, Store, StoreOp } from "../../ports/index.ts";
import { formatRow, restoredHead, verifyJournal } from "../../storage/index.ts";
import { noMeter, openBackupFolder } from "../places/index.ts";
import { checkRestored, type RestoreCheck, type RestoredIndex, type WrongUnit } from "./check.ts";
import { findCarried, openNewest, readingKeys, writeKeys, type NewFolder, type RefusedKeys } from "./keys.ts";
import { openHolderFolder, openHolders, type HolderFolder, type HoldersUsed } from "./holders.ts";
import { chooseSlots, openSource, type BackupPlace, type Choice, type RestoreRequest, type Source } from "./sources.ts";
import { RestoredActors, settingsSlot, type RestorePlace, type WrittenStates } from "../content/index.ts";

export { findCarried, type FoundKeys } from "./keys.ts";
export { describeUnreadable, reasonOf } from "./holders.ts";
export type { RestoreRequest } from "./sources.ts";

/** How far a restored slot's epoch is from that of the backup: farther than its owners can have come since. */
const epochLeap = 1_000_000;
/** In a folder that is being restored, or rehearsed in. */
export const beganFile = "restoring";

/** A unit that is not in the new folder. */
interface UnrestoredUnit {
  readonly thread: string;
  readonly type: string;
  readonly bucket: string;
  readonly part: number;
  readonly error: Failure;
}

/** How much came back, as a rehearsal tells it too. */
type Counts = Pick<BackupResults["drill"], "slots" | "actors" | "rows" | "files" | "bytes" | "settings">;

export interface Restored extends Counts {
  readonly cluster: string;
  readonly node: string;
  readonly snapshots: readonly { readonly name: string; readonly number: number; readonly atMs: number }[];
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
  /** What disks of lost nodes gave, and what not. */
  readonly holders?: HoldersUsed;
  /** Folders with keys that the kit does not open, where those of another one were taken. */
  readonly refusedKeys: readonly RefusedKeys[];
  /** What was read back and compared with the backup. */
  readonly checked: RestoreCheck;
  /** What a node that is started on the folder can be asked for. */
  readonly index: RestoredIndex;
  /** What the new journal's own check found wrong: nothing, always. */
  readonly damaged: readonly Readonly<Record<string, unknown>>[];
}

interface RestorePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal?: AbortSignal;
  progress(done: { readonly units: number; readonly unitsOf: number; readonly bytes: number }): void;
}

/** Builds the folder. `root`: of the kit. Errors: those of `findCarried`; KEY_REFUSED (another kit), NOT_FOUND (no such
 *  snapshot), CONFIG_INVALID (`to` is not empty), DISK_FULL; the system's. */
export async function restore(
  { from, ...request }: RestoreRequest & { readonly from: readonly string[] },
  root: RootKeys,
  ports: RestorePorts,
): Promise<Restored> {
  const { opened, refused } = await openNewest(await findCarried(from), root);
  const places: BackupPlace[] = [];
  const holders: HolderFolder[] = [];
  for (const name of from) {
    const holder = await openHolderFolder(name);
    if (holder !== undefined) holders.push(holder);
    else {
      const { stripes, heads } = await openBackupFolder(name);
      places.push({ name, stripes, heads });
    }
  }
  const { cluster, epochs } = opened;
  const by = {
    cluster,
    epochs: epochs.length,
    keys: readingKeys(opened),
    writeKeys: (at: NewFolder) => writeKeys(at, opened, ports),
  };
  return { ...(await restoreFrom({ places, holders }, request, by, ports)), refusedKeys: refused };
}

/** With what a restore reads, and what it leaves for the new node. */
interface RestoreBy {
  readonly cluster: string;
  readonly epochs: number;
  readonly keys: BackupKeys;
  /** Absent: the folder gets no keys, and is for nobody to start. */
  writeKeys?(at: NewFolder): Promise<void>;
}

/** Where backups are read from. */
interface RestoreFrom {
  readonly places: readonly BackupPlace[];
  /** Disks of storage nodes that are gone: together they are one place more. */
  readonly holders?: readonly HolderFolder[];
}

/** Builds the folder of what is there. Errors: as of `restore`. */
export async function restoreFrom(
  { places, holders = [] }: RestoreFrom,
  request: RestoreRequest,
  by: RestoreBy,
  ports: RestorePorts,
): Promise<Restored> {
  const { clock, random } = ports;
  const { to } = request;
  const sealer = createSealer({ threads: commandLimits.sealerThreads, idleMs: commandLimits.sealerIdleMs });
  try {
    const reading = { ...ports, cluster: by.cluster, keys: by.keys, sealer };
    const surviving = holders.length === 0 ? undefined : await openHolders(holders, request, reading);
    const sources = surviving === undefined ? [] : [surviving.source];
    for (const place of places) sources.push(await openSource(place, request, reading));
    const { chosen, missing, missingFiles } = chooseSlots(sources);
    await begin(
      to,
      sources.reduce((sum, { snapshot }) => sum + snapshot.bytes, 0),
    );
    const target = await openLevelStore(journalFolder(to), { mark: markFile(to) }).catch((error: unknown) => {
      throw unfit(to, error);
    });
    try {
      const directory = createEmbeddedDirectory({ store: target });
      await directory.opened();
      const blobs = await openBlobStore({ files: await openFiles(blobFolder(to)), meter: noMeter });
      const { written, checking } = await writeUnits({ target, blobs, sources, chosen, directory, ports });
      const node = Buffer.from(random.bytes(8)).toString("hex");
      const slots = await writeSlots({ target, directory, node, chosen, incarnation: clock.nowMs() });
      await by.writeKeys?.({ to, target, directory });
      const { cluster, epochs } = by;
      const { checked, index } = await checkRestored({ target, blobs }, checking, written.states);
      const home = {
        cluster,
        directory: { kind: "embedded", host: node } as const,
        members: [],
        starts: 0,
        began: true as const,
      };
      const format = formatRow({ cluster, node, createdAtMs: clock.nowMs() });
      await target.batch([homeRow(home), format], { sync: true });
      const { damaged } = await verifyJournal(target);
      const stale = [...chosen].flatMap(([slot, { isStale }]) => (isStale ? [slot] : []));
      const snapshots = sources.map(({ name, snapshot: { number, atMs } }) => ({ name, number, atMs }));
      const { states: _, ...sums } = written;
      const used = surviving && { holders: surviving.used() };
      return {
        cluster,
        node,
        snapshots,
        slots,
        ...sums,
        epochs,
        stale,
        missing,
        missingFiles,
        ...used,
        refusedKeys: [],
        checked,
        index,
        damaged,
      };
    } finally {
      await target.close();
    }
  } finally {
    await sealer.close();
  }
}

/** Whether everything that there was is there, but for what was erased. */
export const isWhole = ({ lost, missing, missingFiles, stale, checked, damaged, holders }: Restored): boolean =>
  lost.length + missing.length + missingFiles.length + stale.length + checked.wrong.length + damaged.length === 0 &&
  // A later snapshot than the one that came back.
  (holders?.unreadable.length ?? 0) === 0;

/** The folder is a node's from now on. */
export async function endRestore(to: string): Promise<void> {
  await rm(join(to, beganFile), { force: true });
  await (await openFiles(to)).sync("");
}

/** A new folder has no data that could be damaged: its disk does not take a journal. */
function unfit(to: string, error: unknown): unknown {
  const { code, details } = failureOf(error);
  if (code !== "DATA_DAMAGED") return error;
  const reason = String(details?.["reason"]);
  const hint = "Choose a folder on another disk: --data.";
  const message = `${to} cannot hold a node's journal: ${reason}.`;
  return new PlexusError({ ...failure("CONFIG_INVALID", { field: "data", reason, hint }), message }, error);
}

/** What a restore left that was broken off goes; anything else stays, and refuses. */
async function begin(to: string, bytes: number): Promise<void> {
  const files = await openFiles(to);
  const names = await namesPut(to);
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

type Sums = Pick<
  Restored,
  "actors" | "rows" | "files" | "bytes" | "settings" | "policy" | "lost" | "erased" | "leftOut"
>;

async function writeUnits(at: {
  readonly target: Store;
  readonly blobs: BlobStore;
  readonly sources: readonly Source[];
  readonly chosen: Map<SlotId, Choice>;
  readonly directory: Directory;
  readonly ports: RestorePorts;
}): Promise<{
  readonly written: Sums & { readonly states: WrittenStates };
  readonly checking: Parameters<typeof checkRestored>[1];
}> {
  const { ports, sources, chosen, directory } = at;
  const keep = await keepFiles(at);
  const signal = ports.signal ?? new AbortController().signal;
  const lost: UnrestoredUnit[] = [];
  const lacking = new Set<string>();
  const erased = { units: 0, tenants: new Set<string>() };
  const unitsOf = sources.reduce((sum, { snapshot }) => sum + snapshot.units, 0);
  const checking: Parameters<typeof checkRestored>[1][number][] = [];
  const states: WrittenStates = new Map();
  let settings: readonly (readonly [string, unknown])[] = [];
  let before = { units: 0, bytes: 0 };
  const written = { actors: 0, rows: 0, files: 0, bytes: 0, holders: 0 };
  const lackOf = (name: WrongUnit): string => JSON.stringify([name.thread, name.type, name.bucket, name.part]);
  for (const source of sources) {
    const placeOf = (slot: SlotId): RestorePlace | undefined => {
      // A backup that lacked a file of a slot says nothing of how far it read the slot.
      const choice = chosen.get(slot) ?? { slot, source, epoch: 0, seq: 0, isStale: false };
      chosen.set(slot, choice);
      return choice.source === source ? choice : undefined;
    };
    const actors = new RestoredActors(at.target, { placeOf, hasOwn: (slot) => chosen.has(slot), keep }, states);
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
    const options: Parameters<typeof recall>[4] = {
      signal,
      progress: ({ units, bytes }) =>
        ports.progress({ units: before.units + units, unitsOf, bytes: before.bytes + bytes }),
      lost({ name }, error) {
        // The new folder, not the backup.
        if (broken !== undefined) throw broken.error;
        const why = failureOf(error);
        const { person, thread, type, bucket, part } = name;
        if (why.code === "KEY_MISSING" && why.details?.["tenant"] !== undefined) {
          erased.units += 1;
          erased.tenants.add(person === "" ? thread : person);
        } else lost.push({ thread, type, bucket, part, error: why });
        lacking.add(lackOf(name));
        actors.lack(name);
      },
    };
    const query = { snapshot: source.snapshot.number };
    const done = await recall(source.ports, source.repository, query, { write }, options);
    before = { units: before.units + done.units, bytes: before.bytes + done.bytes };
    await actors.finish();
    for (const { name, error } of actors.unusable) {
      lost.push({ ...name, error });
      lacking.add(lackOf(name));
    }
    if (chosen.get(settingsSlot)?.source === source) settings = actors.settings;
    for (const key of ["actors", "rows", "files", "bytes", "holders"] as const) written[key] += actors.sums[key];
    const slotOf = (actor: ActorId): SlotId | undefined => placeOf(actors.slotOf(actor))?.slot;
    const { repository, snapshot } = source;
    // Of a file with a lost piece nothing is there.
    const lacks = (name: WrongUnit): boolean =>
      lacking.has(lackOf(name)) ||
      (name.type === fileType &&
        [...Array(name.part + 1).keys()].some((part) => lacking.has(lackOf({ ...name, part }))));
    checking.push({ repository, snapshot, slotOf, lacks });
  }
  const kept = settings.filter(([key, value]) => key !== policyKey && isRow(key, value));
  for (const [key, value] of kept) await directory.compareAndSet(key, value, 0);
  const policy = settings.find(([key]) => key === policyKey)?.[1] as Policy | undefined;
  const { holders, ...sums } = written;
  return {
    written: {
      ...sums,
      states,
      settings: kept.length,
      ...(policy !== undefined && { policy }),
      lost,
      erased: { units: erased.units, tenants: erased.tenants.size },
      leftOut: { holders },
    },
    checking,
  };
}

/** Keeps files of actors as a node does, however many: the folder gets what many nodes had. */
export async function keepFiles({
  target,
  blobs,
  ports,
}: {
  readonly target: Store;
  readonly blobs: BlobStore;
  readonly ports: Pick<RestorePorts, "clock">;
}) {
  const owned = await openOwnedBlobs({
    blobs,
    store: target,
    clock: ports.clock,
    prefix: actorBlobPrefix,
    limits: { ...blobLimits, referencesMax: Infinity },
  });
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
