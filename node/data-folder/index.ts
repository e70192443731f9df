/** The data folder before anything in it is opened: whether it is a node's, or may become one's.
 *
 *      creating        a node is being made of this folder: nothing in it has been promised to anybody
 *      journal/        everything the node holds, without
 *      blobs/          what is too large for it (`blobs/store.ts`)
 *      shards/         shards of the holders here, which are larger still (`node/bulk/shards`); beside them the heads
 *                      of backups and their keys
 *      search/         the full-text index of the slots here, made anew when it is lost (`node/search`)
 *      models/         models that were pulled (`runtimes/store`)
 *      journal.mark    how much that was (`platform/level-mark.ts`)
 *      drill/          a restore that is rehearsed, while one is (`node/backup/restore/rehearsal.ts`)
 *      settings.json   what the cluster has set of the configuration, for the next start
 *                      (`node/cluster/facts/node-settings.ts`)
 *      quality.json    how good the answers of models were (`node/inference/quality`)
 *      tasks.json      long acts, like loads of models, that this node does or has done lately
 *      trials.json     which files of models were tried in a process of their own, and the result
 *                      (`runtimes/host/tried.ts`)
 *      node.key        who the node is
 *      disk.key.sealed the same, as the recovery kit opens it
 *      disk.key        what the journal and the blobs are encrypted with, where they are (`node/keys`)
 *
 *  A folder that lacks what it had is not a new one: a node that began anew there would be another node, of another
 *  cluster, and what it writes would replace what could still be saved. So `creating` is on the disk before anything
 *  else is, and goes when the journal says whose folder it is; only with it, or where there is no trace of a node, one
 *  is begun. */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { chmod, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { failure, PlexusError } from "../../protocols/index.ts";
import { hearUnsynced, syncFolder } from "../../runtimes/folders.ts";
import { makeFolder } from "../platform/index.ts";
import type { Log } from "../ports/index.ts";

/** Where things lie in a data folder. */
export const journalFolder = (data: string): string => join(data, "journal");
export const blobFolder = (data: string): string => join(data, "blobs");
export const shardFolder = (data: string): string => join(data, "shards");
/** Keys that endpoints of the cluster name; the operator puts them there. */
export const keyFolder = (data: string): string => join(data, "keys");
export const modelFolder = (data: string): string => join(data, "models");
export const qualityFile = (data: string): string => join(data, "quality.json");
export const trialsFile = (data: string): string => join(data, "trials.json");
export const tasksFile = (data: string): string => join(data, "tasks.json");
export const settingsFile = (data: string): string => join(data, "settings.json");
/** The key of an encrypted disk, where the configuration names no other file. */
export const diskKeyFile = (data: string): string => join(data, "disk.key");
/** The same key, sealed to the cluster's recovery kit. */
export const escrowFile = (data: string): string => join(data, "disk.key.sealed");
/** Where a scheduled drill restores a backup; empty but for the time that one runs. */
export const drillFolder = (data: string): string => join(data, "drill");
/** The index of what was said; it may be removed while the node is stopped. */
export const searchFile = (data: string): string => join(data, "search", "index.sqlite");
export const markFile = (data: string): string => join(data, "journal.mark");
const keyFile = (data: string): string => join(data, "node.key");
const creatingFile = (data: string): string => join(data, "creating");

interface DataFolder {
  /** A node may be begun here. */
  readonly isNew: boolean;
  readonly hasKey: boolean;
  /** The journal says whose folder it is now. */
  begun(): Promise<void>;
}

/** Makes the folder where it is absent, and looks at what is in it. Errors: DATA_DAMAGED (the key is none),
 *  CONFIG_INVALID (others can read the key, or other things than a node's are in it); the system's. */
export async function openDataFolder(data: string, log: Log): Promise<DataFolder> {
  hearUnsynced(({ folder, code }) =>
    log.warn("folder.sync.missing", { folder, code, help: "docs/backup/backups.md, Shares that do not sync folders" }),
  );
  await makeFolder(data);
  const hasKey = await checkKey(data);
  await narrow(data, log);
  const had = await tracesOf(data);
  if (!had.creating && !had.node) await refuseOthers(data);
  if (!had.creating && had.node) return { isNew: false, hasKey, begun: () => Promise.resolve() };
  if (!had.creating && (await begin(data)) && (await tracesOf(data)).node) {
    // Another process was faster, and is through.
    await end(data);
    return { isNew: false, hasKey, begun: () => Promise.resolve() };
  }
  return { isNew: true, hasKey, begun: () => end(data) };
}

/** Whether nothing of a node is there yet: then a start may still be refused without a trace. Errors: the system's. */
export async function isUntouched(data: string): Promise<boolean> {
  const { creating, node } = await tracesOf(data);
  return !creating && !node;
}

/** What a folder lacks that is a node's and is not new, as a failure of the start. */
export const notNew = (data: string): PlexusError =>
  new PlexusError(
    failure("DATA_DAMAGED", {
      file: journalFolder(data),
      reason: "nothing in it says which node this folder belongs to, and the folder is not a new one",
    }),
  );

// --- a new one -------------------------------------------------------------------------------------------------------

/** Names in `journal/` that only a store leaves there. */
const ofStore = /^(?:CURRENT|MANIFEST.*|.*\.(?:ldb|log))$/;

/** Whether a node was begun in a folder, and whether that was finished. Errors: the system's. */
export async function tracesOf(data: string): Promise<{ readonly creating: boolean; readonly node: boolean }> {
  const names = await readdir(data).catch(whereNone);
  const inJournal = await readdir(journalFolder(data)).catch(whereNone);
  const own = ["node.key", "journal.mark"].some((name) => names.includes(name));
  return { creating: names.includes("creating"), node: own || inJournal.some((name) => ofStore.test(name)) };
}

/** Names in a data folder that are a node's, or that an operator puts there before the first start. */
const ownNames = new Set(
  (
    "journal blobs shards models keys drill creating control.json settings.json quality.json tasks.json trials.json " +
    "disk.key disk.key.sealed plexus.yaml lost+found"
  ).split(" "),
);
/** So many of the others are named. */
const namedMax = 3;

/** A folder with other things in it, such as a home, is not spread over. What begins with a dot is passed over: systems
 *  leave that anywhere. */
async function refuseOthers(data: string): Promise<void> {
  const names = await readdir(data).catch(whereNone);
  // A start that came as far as this was told nothing before: its folder goes on being one.
  if (names.includes("journal")) return;
  const others = names.filter((name) => !ownNames.has(name) && !name.startsWith(".")).toSorted();
  if (others.length === 0) return;
  const named = others.slice(0, namedMax).join(", ");
  const more = others.length > namedMax ? ` and ${others.length - namedMax} more` : "";
  throw new PlexusError({
    ...failure("CONFIG_INVALID", { field: "data", value: data, reason: `it has ${named}${more} in it` }),
    message:
      `${data} has other things in it (${named}${more}), and a new node would spread among them. Name an empty ` +
      `folder, or one that is not there yet: --data ${data}/plexus`,
  });
}

function whereNone(error: NodeJS.ErrnoException): string[] {
  if (error.code === "ENOENT") return [];
  throw error;
}

/** Says that a node is being made. False: somebody else has said so. */
async function begin(data: string): Promise<boolean> {
  try {
    const file = await open(creatingFile(data), "wx", 0o600);
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  await syncFolder(data);
  return true;
}

async function end(data: string): Promise<void> {
  await rm(creatingFile(data), { force: true });
  await syncFolder(data);
}

// --- who may read it -------------------------------------------------------------------------------------------------

const forOthers = 0o077;
const writableByOthers = 0o022;
/** As chmod takes it. */
export const describeMode = (mode: number): string => (mode & 0o777).toString(8).padStart(3, "0");

/** Whether somebody else can read or change what is in a data folder, with what to do; undefined: nobody can. */
export async function exposureOf(data: string): Promise<{ readonly says: string; readonly hint: string } | undefined> {
  const mode = await modeOf(data);
  if (mode === undefined || (mode & forOthers) === 0) return undefined;
  const can = (mode & writableByOthers) === 0 ? "look into it" : "change what is in it";
  return { says: `mode ${describeMode(mode)}: other users can ${can}`, hint: `chmod 700 ${data}` };
}

const modeOf = async (path: string): Promise<number | undefined> => (await stat(path).catch(() => undefined))?.mode;

/** The journal is this node's alone, so it is closed to others again. The folder around it may be somebody's who has
 *  more in it, or a mount: what is open there is told. */
async function narrow(data: string, log: Log): Promise<void> {
  const exposed = await exposureOf(data);
  if (exposed) log.warn("data.folder.exposed", { folder: data, says: exposed.says, help: exposed.hint });
  const journal = journalFolder(data);
  const mode = await modeOf(journal);
  if (mode === undefined || (mode & forOthers) === 0) return;
  const closed = await chmod(journal, 0o700).then(
    () => true,
    () => false,
  );
  log.warn("data.folder.exposed", {
    folder: journal,
    says:
      `mode ${describeMode(mode)}: other users could read messages and password ` +
      `hashes${closed ? "; it is 700 now" : ""}`,
    ...(!closed && { help: `chmod 700 ${journal}` }),
  });
}

// --- the key ---------------------------------------------------------------------------------------------------------

/** How libp2p writes an Ed25519 key: two fields, type and data. The data are seed and public key. */
const keyHead = Buffer.from("08011240", "hex");
const seedBytes = 32;
/** The same seed as `node:crypto` takes it: DER of PKCS #8. */
const seedHead = Buffer.from("302e020100300506032b657004220420", "hex");

const withoutKey = "put the file back from a backup; without one: docs/operate/trouble.md, Damaged journal";

/** One of many nodes is known to the others by its key. */
export const keyGone = (data: string): PlexusError =>
  new PlexusError(
    failure("DATA_DAMAGED", {
      file: keyFile(data),
      reason: "it is missing, and the other nodes recognise this node by it",
      hint: withoutKey,
    }),
  );

/** Looks at the key, if there is one, without what the mesh needs to use it: a start that cannot succeed ends here.
 *  Errors: DATA_DAMAGED, CONFIG_INVALID; the system's. */
async function checkKey(data: string): Promise<boolean> {
  const file = keyFile(data);
  const mode = await modeOf(file);
  if (mode === undefined) return false;
  if ((mode & forOthers) !== 0)
    throw new PlexusError({
      ...failure("CONFIG_INVALID", {
        field: "data",
        reason: `other users can read ${file} (mode ${describeMode(mode)}): with it they can pass for this node`,
        hint: "If somebody may have copied it: evict this node and join with an empty folder.",
      }),
      message: `Other users of this machine can read the node's key. Close it: chmod 600 ${file}`,
    });
  const stored = await readFile(file);
  if (!isKey(stored))
    throw new PlexusError(
      failure("DATA_DAMAGED", {
        file,
        reason: "this is not a node key",
        hint: withoutKey,
      }),
    );
  return true;
}

/** The key in a data folder; undefined where none is, or what is there is none. Errors: the system's. */
export async function readKey(data: string): Promise<Uint8Array | undefined> {
  const stored = await readFile(keyFile(data));
  return isKey(stored) ? stored : undefined;
}

function isKey(stored: Buffer): boolean {
  const seed = stored.subarray(keyHead.length, keyHead.length + seedBytes);
  if (stored.length !== keyHead.length + 2 * seedBytes || !stored.subarray(0, keyHead.length).equals(keyHead))
    return false;
  const der = createPublicKey(
    createPrivateKey({ key: Buffer.concat([seedHead, seed]), format: "der", type: "pkcs8" }),
  ).export({ format: "der", type: "spki" });
  return der.subarray(-seedBytes).equals(stored.subarray(-seedBytes));
}
