/** Whether a new journal has what the backup has: read back from its disk, unit by unit, and compared with the hashes
 *  of the manifest. */
import type { ActorId, SlotId } from "../../../protocols/index.ts";
import { encodeRows, hashOfUnit, type Row, type Snapshot, type UnitEntry } from "../../../runtimes/backup/index.ts";
import { fileType, unitsFor, type Repository, commandLimits } from "../index.ts";
import type { BlobStore, Store } from "../../ports/index.ts";
import { unseal } from "../../data-folder/seal.ts";
import { sideKey } from "../../storage/index.ts";
import { hashOfState, isRestored, stateType, type WrittenStates } from "../content/index.ts";

/** A unit of which something else is there than the backup has. */
export interface WrongUnit {
  readonly thread: string;
  readonly type: string;
  readonly bucket: string;
  readonly part: number;
}

export interface RestoreCheck {
  /** Units of records and files that were compared, and states of actors. */
  readonly units: number;
  readonly states: number;
  readonly wrong: readonly WrongUnit[];
}

/** What a node that is started on the new folder can be asked for: some of the accounts, and the newest message of
 *  some of the rooms. */
export interface RestoredIndex {
  readonly accounts: readonly string[];
  readonly rooms: Readonly<Record<string, number>>;
}

/** Notes it while all units go by: so many accounts and rooms. */
function createIndex() {
  const { drillAccountsMax, drillRoomsMax } = commandLimits;
  const accounts = new Set<string>();
  const rooms = new Map<string, number>();
  return {
    /** `isThere`: false of a unit that is known to lack, and what the newest message is then nobody knows. */
    note({ name: { thread, type }, last }: UnitEntry, isThere: boolean): void {
      if (!thread.startsWith("room/") || type !== "message") return;
      const room = thread.slice("room/".length);
      const newest = isThere ? Number(last.slice("message/".length)) : Infinity;
      if (rooms.size < drillRoomsMax || rooms.has(room)) rooms.set(room, Math.max(newest, rooms.get(room) ?? 0));
    },
    noteAccount(actor: string): void {
      if (actor.startsWith("user/") && accounts.size < drillAccountsMax) accounts.add(actor.slice("user/".length));
    },
    all: (): RestoredIndex => ({
      accounts: [...accounts].toSorted(),
      rooms: Object.fromEntries([...rooms].filter(([, newest]) => newest !== Infinity)),
    }),
  };
}

/** Compares. `slotOf`: where an actor of this source was written; undefined: nowhere. `lacks`: the unit could not be
 *  brought back, which is known. */
export async function checkRestored(
  { target, blobs }: { readonly target: Store; readonly blobs: BlobStore },
  sources: readonly {
    readonly repository: Repository;
    readonly snapshot: Snapshot;
    readonly slotOf: (actor: ActorId) => SlotId | undefined;
    readonly lacks: (unit: WrongUnit) => boolean;
  }[],
  states: WrittenStates,
): Promise<{ readonly checked: RestoreCheck; readonly index: RestoredIndex }> {
  const wrong: WrongUnit[] = [];
  const index = createIndex();
  let units = 0;
  for (const { repository, snapshot, slotOf, lacks } of sources)
    for await (const unit of unitsFor(repository, snapshot, {})) {
      const { thread, type, bucket, part } = unit.name;
      const name = { thread, type, bucket, part };
      const slot = isRestored(unit.name) ? slotOf(thread as ActorId) : undefined;
      if (slot === undefined || type === stateType) continue;
      const isThere = !lacks(name);
      index.note(unit, isThere);
      if (!isThere) continue;
      units += 1;
      if (type === fileType) {
        if (part === 0 && !(await blobs.check(bucket).catch(() => false))) wrong.push(name);
        continue;
      }
      const base = sideKey("record", slot, thread as ActorId, "");
      const stored = await target.range({ gte: base + unit.first, lt: `${base}${unit.last}\0`, limit: unit.rows + 1 });
      const rows = stored.map(([key, value]): Row => [key.slice(base.length), unseal(key, value, target.location)]);
      if (hashOfUnit(encodeRows(rows)) !== unit.hash) wrong.push(name);
    }
  for (const [key, hash] of states) {
    const stored = await target.get(key);
    // The key is snap/<slot>/<actor>.
    const thread = key.split("/").slice(-2).join("/");
    index.noteAccount(thread);
    if (stored === undefined || hashOfState(stored) !== hash)
      wrong.push({ thread, type: stateType, bucket: "", part: 0 });
  }
  return { checked: { units, states: states.size, wrong }, index: index.all() };
}
