/** Looks at everything in a journal that no node has open, and names each part that is damaged: one must not hide
 *  another. */
import { createEmbeddedDirectory, loadVoter } from "../../node/cluster/directory/index.ts";
import { diskKeyFile, journalFolder, markFile, tracesOf } from "../../node/data-folder/index.ts";
import { openSealedStore, readDiskKey } from "../../node/keys/index.ts";
import { findFileDamage, findLoss, openLevelReader, type FileDamage } from "../../node/platform/index.ts";
import { readHome, type Home } from "../../node/data-folder/home.ts";
import type { Store } from "../../node/ports/index.ts";
import { readFormat, verifyJournal, type Format } from "../../node/storage/index.ts";
import { failure, failureOf, PlexusError } from "../../protocols/index.ts";
import { counted, describeRefusal } from "../terminal/output.ts";
import type { Check } from "./check.ts";

type Damage = Readonly<Record<string, unknown>>;

/** Checks the files below the journal, whose it is, every entry and record of every slot, and the directory. Nothing is
 *  opened for writing. Errors: DATA_FORMAT_UNKNOWN; the system's, when it refuses to open what is whole. */
export async function journalCheck(data: string, keyFile = diskKeyFile(data)): Promise<Check> {
  const name = "Journal";
  const { creating, node } = await tracesOf(data).catch(() => ({ creating: false, node: false }));
  if (!node && !creating) return { name, state: "good", says: "there is none yet" };
  if (creating)
    return {
      name,
      state: "good",
      says: "the first start was interrupted: nothing is in it, and the next one begins again",
    };
  const found = await findAll(data, keyFile);
  const { damaged } = found;
  if (damaged.length === 0) {
    const says = `${counted(found.entries, "entry", "entries")} in ${counted(found.slots, "slot")}, all intact`;
    return { name, state: "good", says };
  }
  // A node that starts or runs changes its files.
  if (JSON.stringify((await findAll(data, keyFile)).damaged) !== JSON.stringify(damaged))
    return { name, state: "skipped", says: "it changes while it is read: a node is using it" };
  const isRowsOnly = !found.inFiles && damaged.every(({ part }) => !wholeFolder.has(part));
  return {
    name,
    state: "bad",
    says: `damaged:\n    ${damaged.map((damage) => JSON.stringify(damage)).join("\n    ")}`,
    hint: `${isRowsOnly ? hints.rows : hints.files} See docs/operate/trouble.md, Damaged journal.`,
  };
}

async function findAll(data: string, keyFile: string): Promise<typeof nothing & { readonly inFiles: boolean }> {
  const folder = journalFolder(data);
  const files = await findFileDamage(folder);
  const loss = await findLoss(folder, markFile(data));
  // What is damaged inside a file was found with its place.
  const lost = loss === undefined || files.some(({ file }) => file === loss.file) ? [] : [loss];
  const inside = await lookInside(folder, keyFile).catch((thrown: unknown) => {
    // What is wrong with the files must be told all the same.
    if (files.length + lost.length === 0 || failureOf(thrown).code !== "INTERNAL") throw thrown;
    return { ...nothing, damaged: [{ part: parts.all, reason: `not looked at: ${describeRefusal(thrown)}` }] };
  });
  const damaged = [
    ...inside.damaged,
    ...files.map(describeFile),
    ...lost.map(({ file, reason }): Damage => ({ file, reason })),
  ];
  return { ...inside, damaged, inFiles: files.length + lost.length > 0 };
}

/** Which cluster's node a folder is that no node has open; undefined in one that is new. The errors of
 *  `journalCheck`. */
export async function readMember(
  data: string,
  keyFile = diskKeyFile(data),
): Promise<{ readonly node: string; readonly home: Home } | undefined> {
  if (!(await tracesOf(data)).node) return undefined;
  const raw = await openLevelReader(journalFolder(data));
  const store = await openSealedStore(raw, () => readDiskKey(keyFile));
  const [format, home] = [await readFormat(store), await readHome(store)];
  return format && home && { node: format.node, home };
}

function describeFile(damage: FileDamage): Damage {
  if (!("offset" in damage)) return damage;
  const { rows, ...place } = damage;
  return { ...place, reason: "checksum mismatch", ...rows };
}

/** What is damaged where no slot can be named. */
const parts = {
  all: "all",
  format: "format mark",
  home: "home",
  slots: "list of slots",
  directory: "directory",
} as const;

/** Without these a node does not start. */
const wholeFolder: ReadonlySet<unknown> = new Set([parts.all, parts.format, parts.home, parts.directory]);

const nothing = { entries: 0, slots: 0, damaged: [] as readonly Damage[] };
/** What a copy made anew overwrites, and what only goes with the whole folder. */
const hints = {
  rows: "One of many nodes gets damaged slots from the others once it runs; alone, restore a backup.",
  files:
    "One of many nodes: evict it, and have it join with an empty folder; not so the one that alone keeps the " +
    "directory. " +
    "Alone: restore a backup; without one, plexus salvage saves what can be read.",
} as const;

async function lookInside(folder: string, keyFile: string): Promise<typeof nothing> {
  const damaged: Damage[] = [];
  /** Undefined when it is damaged. */
  const look = async <T>(part: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (thrown) {
      const { code, details } = failureOf(thrown);
      if (code !== "DATA_DAMAGED") throw thrown;
      damaged.push({ part, ...details });
      return undefined;
    }
  };
  // Damage in the files is reported by the file check; entries behind it may still be readable.
  const rest = await openLevelReader(folder, () => undefined);
  const reader = (await look(parts.all, () => openLevelReader(folder))) ?? rest;
  // The directory of a folder from before there were many nodes is converted when it is read: in memory, here.
  const sealed = (read: Store): Promise<Store> =>
    openSealedStore({ ...read, batch: () => Promise.resolve() }, () => readDiskKey(keyFile));
  const store = await sealed(reader);
  try {
    const format = await look(parts.format, () => readFormat(store));
    const home = await look(parts.home, () => readHome(store));
    await look(parts.home, () => checkHome(store, format, home));
    const verified = (await look(parts.slots, () => verifyJournal(store))) ?? (await verifyJournal(await sealed(rest)));
    damaged.push(...verified.damaged);
    await look(parts.directory, async () => {
      await createEmbeddedDirectory({ store }).opened();
      await loadVoter(store);
      const isHere = home?.directory.kind === "embedded" && home.directory.host === format?.node;
      if (isHere && (await holds(store, "head/")) && !(await holds(store, "directory/"))) throw missing(folder);
    });
    return { entries: verified.entries, slots: verified.slots, damaged };
  } finally {
    await store.close();
  }
}

/** A folder that has a format mark and slots also knows its cluster, and it is the same one. Error: DATA_DAMAGED. */
async function checkHome(store: Store, format: Format | undefined, home: Home | undefined): Promise<void> {
  if (format === undefined) return;
  if (home === undefined) {
    // Folders from before there were many nodes have rows of a directory without a head, and never had a home.
    const isOld = (await holds(store, "directory/")) && !(await holds(store, "directory/head"));
    if (!isOld && ((await holds(store, "head/")) || (await holds(store, "directory/")))) throw missing(store.location);
  } else if (home.cluster !== format.cluster) {
    const reason = `it is of cluster ${home.cluster}, and the format mark of cluster ${format.cluster}`;
    throw new PlexusError(failure("DATA_DAMAGED", { file: store.location, reason }));
  }
}

const holds = async (store: Store, prefix: string): Promise<boolean> =>
  (await store.keys({ gte: prefix, lt: `${prefix}~`, limit: 1 })).length > 0;

const missing = (file: string): PlexusError =>
  new PlexusError(failure("DATA_DAMAGED", { file, reason: "missing, and other rows are there" }));
