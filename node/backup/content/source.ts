/** The slots of this node as a backup reads them: each at one committed position of its log. */
import { decode, type ActorId, type SlotId } from "../../../protocols/index.ts";
import { unpacedReads, type ChangedActor, type ReadPacing, type SlotSource, type SlotView } from "../index.ts";
import type { ActorBlobs, StorePage, StoreRange, StoreView } from "../../ports/index.ts";
import { SlotExtract, type Cut } from "../../storage/index.ts";
import { behaviorOf, stateOf } from "./backed-up-actor.ts";

/** Where slots are read from: this node's replication. */
export interface SlotCuts {
  owned(): Promise<readonly SlotId[]>;
  cut(slot: SlotId): Promise<Cut>;
}

/** A record's type is the first part of its key. */
const typeOf = (key: string): string => key.split("/", 1)[0] as string;
/** Behind every key that begins with a type and a slash: "0" follows it. */
const typeEnd = (type: string): string => `${type}0`;
/** Keys are ASCII. */
const everyKey = "\u007F";

/** The slots that this node owns, and the files of their actors. */
export function journalSource(replication: SlotCuts, blobs: Pick<ActorBlobs, "read">): SlotSource {
  return {
    slots: () => replication.owned(),
    async open(slot, pacing = unpacedReads) {
      const cut = await pacing.piece(() => replication.cut(slot));
      try {
        const extract = await SlotExtract.of({ ...cut, view: pacedView(cut.view, pacing) });
        return viewOf(slot, extract, { read: (actor, hash) => pacing.piece(() => blobs.read(actor, hash)) });
      } catch (error) {
        await cut.view.close();
        throw error;
      }
    },
  };
}

const bytesOf = (page: StorePage): number => page.reduce((sum, row) => sum + row[1].length, 0);

/** A view each of whose reads is a piece. Nothing of what reads it may be one. */
function pacedView(view: StoreView, pacing: ReadPacing): StoreView {
  return {
    get: (key) => pacing.piece(() => view.get(key)),
    range: (range) => pacing.piece(() => view.range(range)),
    ...(view.scan !== undefined && { scan: (range, most) => pacedScan(view, pacing, range, most) }),
    close: () => view.close(),
  };
}

/** The pages of a scan, each a part of it. */
async function* pacedScan(
  view: StoreView,
  pacing: ReadPacing,
  range: Pick<StoreRange, "gte" | "lt">,
  most: number,
): AsyncGenerator<StorePage, void> {
  let wanted = most;
  const pages = view.scan?.(range, most, () => wanted);
  const next = async (bytes: number): Promise<StorePage> => {
    wanted = bytes;
    const { value } = (await pages?.next()) ?? {};
    return value ?? [];
  };
  const part = (): Promise<StorePage> => pacing.part(most, next, bytesOf);
  try {
    for (let page = await part(); page.length > 0; page = await part()) yield page;
  } finally {
    await pages?.return();
  }
}

/** Whether no backup has such records: they say where something lies in this cluster. */
const isOfPlace = (actor: ActorId, type: string): boolean => behaviorOf(actor)?.placeRecords === type;

const allOf = (actor: ActorId): ChangedActor => ({ actor, records: undefined });

/** Blobs that a state names beside those of records: of files that are not posted yet. A state that cannot be folded is
 *  backed up as it is, without these. */
function inState(read: () => readonly string[]): readonly string[] {
  try {
    return read();
  } catch {
    return [];
  }
}

function viewOf(slot: SlotId, extract: SlotExtract, blobs: Pick<ActorBlobs, "read">): SlotView {
  return {
    slot,
    at: extract.at,
    async changed(since) {
      const entries = since === undefined ? undefined : extract.after(since);
      if (entries === undefined) {
        const actors = await extract.actors();
        return { whole: true, actors: actors.map(allOf) };
      }
      const actors = new Map<ActorId, Map<string, string>>();
      for (const { actor, side } of entries) {
        const types = actors.get(actor) ?? new Map<string, string>();
        actors.set(actor, types);
        const touched = (key: string): void => {
          if (isOfPlace(actor, typeOf(key))) return;
          const first = types.get(typeOf(key));
          if (first === undefined || key < first) types.set(typeOf(key), key);
        };
        for (const op of side) {
          // An actor that has left for a slot of its own is read whole there.
          if ("split" in op) continue;
          if ("drop" in op) types.clear();
          else if (op.space === "record") touched("put" in op ? op.put : "delete" in op ? op.delete : op.deleteFrom);
        }
        const left = side.some((op) => "drop" in op);
        if (left) actors.delete(actor);
      }
      const changed = [...actors].map(([actor, records]): ChangedActor => ({ actor, records }));
      return { whole: false, actors: changed.toSorted((one, other) => (one.actor < other.actor ? -1 : 1)) };
    },
    passedBy: async () => (await extract.passedBy()).map(allOf),
    state: (actor) => extract.state(actor),
    async *types(actor) {
      const found = new Set<string>();
      for (let from = ""; ;) {
        const key = await extract.firstRecord(actor, { from, to: everyKey });
        if (key === undefined) return;
        const type = typeOf(key);
        if (!found.has(type) && !isOfPlace(actor, type)) yield type;
        found.add(type);
        // A key that is the type alone stands before others, which may be of other types.
        from = key === type ? `${type}\0` : typeEnd(type);
      }
    },
    async records(actor, type, from, page, into) {
      // A key that is the type alone stands before others, which may be of other types.
      if (from <= type) await extract.records(actor, { from: type, to: `${type}\0`, ...page }, into);
      const start = from > `${type}/` ? from : `${type}/`;
      await extract.records(actor, { from: start, to: typeEnd(type), ...page }, into);
    },
    async blobs(actor, state) {
      const behavior = behaviorOf(actor);
      if (behavior?.blobs === undefined) return [];
      const rows = state.map(([key, value]) => [key, decode(value)] as const);
      const { blobRecords: type } = behavior;
      if (type === undefined) return behavior.blobs(stateOf(actor, rows));
      const named = [...inState(() => behavior.blobs?.(stateOf(actor, rows)) ?? [])];
      const [first, to] = [`${type}/`, typeEnd(type)];
      for (let from = first; ;) {
        const key = await extract.firstRecord(actor, { from, to });
        if (key === undefined) return named;
        named.push(key.slice(first.length));
        from = `${key}\0`;
      }
    },
    blob: (actor, hash) => blobs.read(actor, hash),
    close: () => extract.close(),
  };
}
