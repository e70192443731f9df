/** Looks at everything in a journal that no node has open, and names each part that is damaged: one must not hide another. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { createEmbeddedDirectory } from "../node/directory/index.ts";
import { createClock, createMetrics, findFileDamage, openLevelStore, type FileDamage } from "../node/platform/index.ts";
import type { Store } from "../node/ports.ts";
import { verifyJournal } from "../node/storage/index.ts";
import { failureOf } from "../protocols/index.ts";
import { counted } from "./output.ts";
import type { Check } from "./doctor.ts";

type Damage = Readonly<Record<string, unknown>>;

/** Checks the files below the journal, every entry and record of every slot, and the directory. Errors:
 *  DATA_FOLDER_IN_USE, DATA_FORMAT_UNKNOWN. */
export async function journalCheck(data: string): Promise<Check> {
  const name = "Journal";
  const folder = join(data, "journal");
  const exists = (await stat(folder).catch(() => undefined)) !== undefined;
  // Before Level opens them: it may write them anew, and what is wrong in a value then has a checksum that fits.
  const files = exists ? await findFileDamage(folder) : [];
  const inside = files.some(isDeadly)
    ? unopened
    : exists
      ? await lookInside(folder)
      : { entries: 0, slots: 0, damaged: [] };
  const damaged: Damage[] = [...inside.damaged, ...files.map(describeFile)];
  if (damaged.length === 0) {
    const says = `${counted(inside.entries, "entry", "entries")} in ${counted(inside.slots, "slot")}, all intact`;
    return { name, state: "good", says };
  }
  const isRowsOnly = files.length === 0 && inside.damaged.every(({ part }) => part !== parts.all);
  return {
    name,
    state: "bad",
    says: `damaged:\n    ${damaged.map((damage) => JSON.stringify(damage)).join("\n    ")}`,
    hint: `${isRowsOnly ? hints.rows : hints.files} See docs/operating.md, Damaged journal.`,
  };
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
const parts = { all: "all", slots: "list of slots", directory: "directory" } as const;

const unopened = {
  entries: 0,
  slots: 0,
  damaged: [{ part: parts.all, reason: "not looked at: opening it could end the process" }] as Damage[],
};

/** What a copy made anew overwrites, and what only goes with the whole folder. */
const hints = {
  rows: "One of many nodes gets damaged slots from the others once it runs; alone, restore a backup.",
  files:
    "One of many nodes: evict it, and have it join with an empty folder; not so the one that keeps the directory. " +
    "Alone: restore a backup.",
} as const;

async function lookInside(folder: string) {
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
  if (store === undefined) return { entries: 0, slots: 0, damaged };
  const metrics = createMetrics();
  try {
    const verified = await look(parts.slots, () =>
      verifyJournal({ store, clock: createClock(), meter: metrics.meter }),
    );
    damaged.push(...(verified?.damaged ?? []));
    await look(parts.directory, () => createEmbeddedDirectory({ store }).opened());
    return { entries: verified?.entries ?? 0, slots: verified?.slots ?? 0, damaged };
  } finally {
    metrics.stop();
    await store.close();
  }
}
