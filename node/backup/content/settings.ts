/** What the cluster's directory says that is no node's: budgets, prices, routes, servers with models, the models that
 *  are wanted. A backup reads it as one more slot, with one actor whose records are the rows. */
import { createHash } from "node:crypto";
import {
  encode,
  failure,
  failureOf,
  PlexusError,
  refused,
  type ActorId,
  type SlotId,
} from "../../../protocols/index.ts";
import type { SlotSource, SlotView } from "../index.ts";
import type { Directory, DirectoryRow } from "../../ports/index.ts";

/** The actor that a backup has them under. No kind of actors is named so. */
export const settingsActor: ActorId = "directory/settings";
/** The same as a slot. */
export const settingsSlot = settingsActor as SlotId;

/** What is a node's, or of one life of the cluster: who is a member and who owns what; keys are carried apart
 *  (`keys/backup-keys.ts`); the head of backups is where the backup itself is; stripes of models are at holders that
 *  another cluster does not have. */
const nodeBound = ["slot/", "member/", "invitation/", "group/", "keys/", "backup/", "model/"] as const;

const isSetting = ({ key }: DirectoryRow): boolean => !nodeBound.some((prefix) => key.startsWith(prefix));
const typeOf = (key: string): string => key.split("/", 1)[0] as string;

/** A source with the settings beside its slots. */
export const withSettings = (source: SlotSource, directory: Pick<Directory, "list">): SlotSource => ({
  slots: async () => [...(await source.slots()), settingsSlot],
  open: (slot, pacing) => (slot === settingsSlot ? viewOf(directory) : source.open(slot, pacing)),
});

async function viewOf(directory: Pick<Directory, "list">): Promise<SlotView> {
  const rows = (await listed(directory)).filter(isSetting).toSorted((one, other) => (one.key < other.key ? -1 : 1));
  const stored = rows.map(({ key, value }) => [key, encode(value)] as const);
  const hash = createHash("sha256");
  for (const [key, value] of stored) hash.update(key).update(value);
  return {
    slot: settingsSlot,
    // No position: it says whether anything changed.
    at: { epoch: 1, seq: hash.digest().readUIntBE(0, 6) },
    changed: async () => ({ whole: true, actors: [{ actor: settingsActor, records: undefined }] }),
    state: async () => [],
    async *types() {
      yield* new Set(rows.map(({ key }) => typeOf(key)));
    },
    async records(_, type, from, page, into) {
      const own = stored.filter(([key]) => typeOf(key) === type && key >= from);
      for (const [key, value] of own.slice(0, page.rows)) into.add(key, value);
    },
    blobs: async () => [],
    blob: async (_, hash) => refused(failure("NOT_FOUND", { blob: hash })),
    close: async () => undefined,
  };
}

/** Where the directory does not answer, the settings are a slot that was not read. */
async function listed(directory: Pick<Directory, "list">): Promise<readonly DirectoryRow[]> {
  try {
    return await directory.list("");
  } catch (error) {
    const { code } = failureOf(error);
    if (code !== "DIRECTORY_UNAVAILABLE") throw error;
    throw new PlexusError(failure("SLOT_UNAVAILABLE", { slot: settingsSlot, because: code }), error);
  }
}
