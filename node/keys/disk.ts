/** The node's disk, encrypted where an admin has said so: the journal and the blobs. */
import { failure, ok, refused, type DiskStatus, type DiskTask, type Result } from "../../protocols/index.ts";
import type { Clock, Files, Log, Meter, Store } from "../ports/index.ts";
import { readDiskKey, readOrMakeDiskKey, type DiskKey } from "./disk-key.ts";
import { createDiskTasks } from "./disk-tasks.ts";
import type { RootRecord } from "./epochs.ts";
import { readEscrow, writeEscrow } from "./escrow.ts";
import type { DiskControl } from "./operations.ts";
import { opensEpochKeys } from "./own-keys.ts";
import { SealedFiles } from "./sealed-files.ts";
import type { SealedStore, StorePart } from "./sealed-store.ts";
import { createSealing } from "./sealing.ts";

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
  stop(): Promise<void>;
}

/** What this node does with its disk. */
interface DiskTaskSource {
  list(): readonly DiskTask[];
  /** Turns it round. Undefined: there is no such task. Error: ALREADY_DONE. */
  cancel(id: string): Result<unknown> | undefined;
  /** Calls back with each that is over. */
  onEnded(listener: (task: DiskTask) => void): void;
}

/** Begins with what was under way when the process ended. */
export function openDisk(at: {
  readonly identity: { readonly node: string; readonly cluster: string; readonly store: SealedStore };
  readonly machine: { readonly clock: Clock; readonly log: Log; readonly meter: Meter };
  /** The folder of the blobs. */
  readonly files: Files;
  /** What the store is encrypted in: one after the other. */
  readonly parts: () => Promise<readonly StorePart[]>;
  /** Where the key is, and where it is sealed to the recovery kit. */
  readonly keyFile: string;
  readonly sealedFile: string;
}): Disk {
  const { store } = at.identity;
  const { clock, log, meter } = at.machine;
  const { files: raw, keyFile, sealedFile } = at;
  const blobs = new SealedFiles(raw, { key: store.key, seals: store.state === "sealing" || store.state === "sealed" });
  const folders = async (): Promise<readonly string[]> =>
    (await raw.names("")).filter((name) => /^[0-9a-f]{2}$/.test(name));
  const sealing = createSealing({ store, files: blobs, parts: at.parts, folders, clock, log });
  const listeners = new Set<(task: DiskTask) => void>();
  const tasks = createDiskTasks({ sealing, clock, ended: (task) => listeners.forEach((listener) => listener(task)) });
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
    stop: () => sealing.stop(),
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
      onEnded: (listener) => void listeners.add(listener),
    },
  };
}
