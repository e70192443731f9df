/** The node's disk, encrypted where an admin has said so: the journal and the blobs. */
import type { Config } from "../../config/index.ts";
import { failure, ok, refused, type DiskStatus, type DiskTask, type Result } from "../../protocols/index.ts";
import { blobFolder, diskKeyFile, escrowFile } from "../data-folder/index.ts";
import {
  createDiskTasks,
  createSealing,
  opensEpochKeys,
  readDiskKey,
  readEscrow,
  readOrMakeDiskKey,
  SealedFiles,
  writeEscrow,
  type DiskControl,
  type DiskKey,
  type RootRecord,
  type StorePart,
} from "./index.ts";
import { openFiles } from "../platform/index.ts";
import type { Files, Store } from "../ports/index.ts";
import { everything, headKey, slotRanges, type Journal } from "../storage/index.ts";
import type { Identity } from "../composition/identity.ts";
import type { Machine } from "../composition/machine.ts";
import type { Stops } from "../stops.ts";

/** Slot by slot; then everything, for what belongs to no slot. */
export const partsOf = async (journal: Pick<Journal, "slots">): Promise<readonly StorePart[]> => [
  ...(await journal.slots()).map((slot) => ({
    name: slot,
    ranges: [{ gte: headKey(slot), lt: `${headKey(slot)}\0` }, ...slotRanges(slot, "all")],
  })),
  { name: "the rest", ranges: [everything] },
];

/** The key that a disk is to be encrypted with: that of the file, or a new one. Error: KEY_MISSING (something is sealed
 *  with a key that is not there: a new one would take its place, and what it had sealed would be lost). */
export async function keyForDisk(at: {
  readonly store: Store;
  readonly cluster: string;
  readonly keyFile: string;
  readonly sealedFile: string;
}): Promise<Result<DiskKey>> {
  const there = await readDiskKey(at.keyFile);
  const former = await readEscrow(at.sealedFile);
  const isFormer = former === undefined || former.key === there?.id;
  if (isFormer && (await opensEpochKeys(at.store, at.cluster, there))) return ok(await readOrMakeDiskKey(at.keyFile));
  return refused({
    ...failure("KEY_MISSING", { file: at.keyFile, ...(former && { key: former.key }), hint: "plexus disk recover" }),
    message:
      `This disk had a key that is not in ${at.keyFile}. Put that file back, or stop the node and make the key ` +
      "again from the recovery kit: plexus disk recover.",
  });
}

interface Disk {
  /** Seals the disk's key to the root of the recovery kit, where there is a key, so that the kit opens this disk. */
  escrow(root: RootRecord): Promise<void>;
  /** The folder of the blobs, as it is without encryption. */
  readonly blobs: Files;
  readonly control: DiskControl;
  readonly tasks: DiskTaskSource;
}

/** What this node does with its disk. */
export interface DiskTaskSource {
  list(): readonly DiskTask[];
  /** Turns it round. Undefined: there is no such task. Error: ALREADY_DONE. */
  cancel(id: string): Result<unknown> | undefined;
  /** Calls back with each that is over. */
  onEnded(listener: (task: DiskTask) => void): void;
}

/** Begins with what was under way when the process ended. */
export async function openDisk(
  config: Config,
  at: { readonly identity: Identity; readonly machine: Machine; readonly stops: Stops },
): Promise<Disk> {
  const { store, journal } = at.identity;
  const { clock, log, meter } = at.machine;
  const raw = await openFiles(blobFolder(config.data));
  const blobs = new SealedFiles(raw, { key: store.key, seals: store.state === "sealing" || store.state === "sealed" });
  const folders = async (): Promise<readonly string[]> =>
    (await raw.names("")).filter((name) => /^[0-9a-f]{2}$/.test(name));
  const sealing = createSealing({ store, files: blobs, parts: () => partsOf(journal), folders, clock, log });
  at.stops.add(() => sealing.stop());
  let ended = (_task: DiskTask): void => undefined;
  const tasks = createDiskTasks({ sealing, clock, ended: (task) => ended(task) });
  const keyFile = config.diskKey ?? diskKeyFile(config.data);
  const sealedFile = escrowFile(config.data);
  const status = (): DiskStatus => {
    const { state, key, parts, fault } = sealing.status();
    meter.gauge("disk_encrypted", state === "sealed" ? 1 : 0);
    return { state, keyFile, ...(key !== undefined && { key }), ...(parts && { parts }), ...(fault && { fault }) };
  };
  const { cluster, node } = at.identity;
  let known: RootRecord | undefined;
  const escrow = async (root = known): Promise<void> => {
    known = root;
    try {
      const key = store.key ?? (await readDiskKey(keyFile));
      if (root !== undefined && key !== undefined) await writeEscrow(sealedFile, { cluster, node }, key, root);
    } catch (error) {
      log.error("disk.key.unsealed", { error });
    }
  };
  /** Resolves when it is under way, with when it is begun. */
  const change = async (encrypted: boolean, by?: string): Promise<Result<{ readonly begun?: Promise<void> }>> => {
    const to = encrypted ? "sealed" : "plain";
    if (sealing.wanted === to) return ok({});
    // The key is on the disk before anything is encrypted with it.
    const own =
      encrypted && store.key === undefined ? await keyForDisk({ store, cluster, keyFile, sealedFile }) : undefined;
    if (own?.ok === false) return own;
    const key = store.key ?? own?.value ?? (await readDiskKey(keyFile));
    if (key === undefined) return refused(failure("KEY_MISSING", { file: keyFile }));
    await escrow();
    const begun = sealing.begin(to, key);
    tasks.begun(by);
    return ok({ begun });
  };
  let changing: Promise<unknown> = Promise.resolve();
  return {
    blobs,
    escrow,
    control: {
      status,
      async set(encrypted, by) {
        // In the order in which they ask: the last one has its way.
        const mine = changing.then(() => change(encrypted, by));
        changing = mine.catch(() => undefined);
        const changed = await mine;
        if (!changed.ok) return changed;
        await changed.value.begun;
        return ok(status());
      },
    },
    tasks: {
      list: () => tasks.list(),
      cancel(id) {
        const task = tasks.list().find((one) => one.id === id);
        if (task === undefined) return undefined;
        if (task.state !== "running") return refused(failure("ALREADY_DONE", { task: id }));
        const turned = changing.then(() => change(task.to === "plain"));
        changing = turned.catch((error: unknown) => log.error("disk.task.uncancelled", { error }));
        return ok({});
      },
      onEnded: (listener) => void (ended = listener),
    },
  };
}
