/** Looks at everything in a journal that no node has open, and names each part that is damaged: one must not hide another. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { createEmbeddedDirectory } from "../node/directory/index.ts";
import { createClock, createMetrics, findFileDamage, openLevelStore, type FileDamage } from "../node/platform/index.ts";
import { readHome, type Home } from "../node/home.ts";
import type { Store } from "../node/ports.ts";
import { readFormat, verifyJournal, type Format } from "../node/storage/index.ts";
import { failure, failureOf, PlexusError } from "../protocols/index.ts";
import { counted, describeRefusal } from "./output.ts";
import type { Check } from "./doctor.ts";

type Damage = Readonly<Record<string, unknown>>;

/** Checks the files below the journal, whose it is, every entry and record of every slot, and the directory. Errors:
 *  DATA_FOLDER_IN_USE, DATA_FORMAT_UNKNOWN; the system's, when it refuses to open what is whole. */
export async function journalCheck(data: string): Promise<Check> {
  const name = "Journal";
  const folder = join(data, "journal");
  const exists = (await stat(folder).catch(() => undefined)) !== undefined;
  // Before Level opens them: it may write them anew, and what is wrong in a value then has a checksum that fits.
  const files = exists ? await findFileDamage(folder) : [];
  const inside = !exists
    ? nothing
    : files.some(isDeadly)
      ? unopened("opening it could end the process")
      : await lookInside(folder).catch((thrown: unknown) => {
          // What is wrong with the files must be told all the same.
          if (files.length === 0 || failureOf(thrown).code !== "INTERNAL") throw thrown;
          return unopened(describeRefusal(thrown));
        });
  const damaged: Damage[] = [...inside.damaged, ...files.map(describeFile)];
  if (damaged.length === 0) {
    const says = `${counted(inside.entries, "entry", "entries")} in ${counted(inside.slots, "slot")}, all intact`;
    return { name, state: "good", says };
  }
  const isRowsOnly = files.length === 0 && inside.damaged.every(({ part }) => !wholeFolder.has(part));
  return {
    name,
    state: "bad",
    says: `damaged:\n    ${damaged.map((damage) => JSON.stringify(damage)).join("\n    ")}`,
    hint: `${isRowsOnly ? hints.rows : hints.files} See docs/operating.md, Damaged journal.`,
  };
}

/** Which cluster's node a folder is that no node has open; undefined in one that is new. The errors of `journalCheck`. */
export async function readMember(data: string): Promise<{ readonly node: string; readonly home: Home } | undefined> {
  const folder = join(data, "journal");
  if ((await stat(folder).catch(() => undefined)) === undefined) return undefined;
  const store = await openLevelStore(folder);
  try {
    const [format, home] = [await readFormat(store), await readHome(store)];
    return format && home && { node: format.node, home };
  } finally {
    await store.close();
  }
}

/** Whether to open it may end the process: Level maps files into memory, so that what the disk refuses to read is a signal
 *  and no error; and it takes as much memory as a table says it needs. */
const isDeadly = (damage: FileDamage): boolean =>
  "unreadable" in damage || (damage.file.endsWith(".ldb") && damage.rows === undefined);

function describeFile(damage: FileDamage): Damage {
  if ("unreadable" in damage) return damage;
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
const unopened = (because: string): typeof nothing => ({
  ...nothing,
  damaged: [{ part: parts.all, reason: `not looked at: ${because}` }],
});

/** What a copy made anew overwrites, and what only goes with the whole folder. */
const hints = {
  rows: "One of many nodes gets damaged slots from the others once it runs; alone, restore a backup.",
  files:
    "One of many nodes: evict it, and have it join with an empty folder; not so the one that keeps the directory. " +
    "Alone: restore a backup.",
} as const;

async function lookInside(folder: string): Promise<typeof nothing> {
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
  const store: Store | undefined = await look(parts.all, () => openLevelStore(folder));
  if (store === undefined) return { ...nothing, damaged };
  const metrics = createMetrics();
  try {
    const format = await look(parts.format, () => readFormat(store));
    const home = await look(parts.home, () => readHome(store));
    await look(parts.home, () => checkHome(store, format, home));
    const verified = await look(parts.slots, () =>
      verifyJournal({ store, clock: createClock(), meter: metrics.meter }),
    );
    damaged.push(...(verified?.damaged ?? []));
    await look(parts.directory, async () => {
      await createEmbeddedDirectory({ store }).opened();
      const isHere = home?.directory.kind === "embedded" && home.directory.host === format?.node;
      if (isHere && (await holds(store, "head/")) && !(await holds(store, "directory/"))) throw missing(folder);
    });
    return { entries: verified?.entries ?? 0, slots: verified?.slots ?? 0, damaged };
  } finally {
    metrics.stop();
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
