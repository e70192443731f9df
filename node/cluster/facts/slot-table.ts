/** The owners of all slots as this node knows them: one watch of the directory, shared by all parts. The table may be
 *  behind; code that acts on it finds out by a MOVED, a FENCED or a failed compare-and-set. */
import { hash32, ownSlot, slotOf, type ActorId, type Role, type SlotId } from "../../../protocols/index.ts";
import type { Directory, DirectoryRow, MemberRecord, Membership, NodeId, SlotRecord } from "../../ports/index.ts";
import { asSlot, readSlot, slotPrefix, type SlotRow } from "./records.ts";

export interface SlotTable {
  get(slot: SlotId): SlotRow | undefined;
  rows(): IterableIterator<SlotRow>;
  /** Takes over a row that came otherwise, such as a compare-and-set's answer, if it is newer. */
  learn(row: SlotRow): void;
  /** Resolves when the watch has told of everything up to this revision. Rows that came otherwise may be ahead of
   *  it. */
  reached(revision: number): Promise<void>;
  /** Resolves when the directory has been read once. */
  ready(): Promise<void>;
  /** False while the directory cannot be watched: the rows here may be old. */
  readonly current: boolean;
  /** Calls back for every row that changed or went away (`row` undefined), after it is in the table. */
  onChange(listener: (slot: SlotId, row: SlotRow | undefined) => void): () => void;
  /** A slot of which the directory tells an older row now than it told before: it lies on an older copy of its data.
   *  Undefined: none is known. */
  older(): SlotId | undefined;
  /** Calls back whenever all rows have been read anew, after they are in the table. */
  onRead(listener: () => void): void;
  stop(): void;
}

/** Starts watching. */
export function watchSlots(directory: Directory): SlotTable {
  const rows = new Map<SlotId, SlotRow>();
  const listeners = new Set<(slot: SlotId, row: SlotRow | undefined) => void>();
  const readers = new Set<() => void>();
  let current = false;
  let markReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => (markReady = resolve));

  const tell = (slot: SlotId, row: SlotRow | undefined): void => {
    for (const listener of listeners) listener(slot, row);
  };
  const learn = (row: SlotRow): void => {
    const { slot } = row.record;
    if ((rows.get(slot)?.revision ?? 0) >= row.revision) return;
    rows.set(slot, row);
    tell(slot, row);
  };
  /** The newest revision that the watch has told of. Whatever is not newer was told already, or has been replaced or
   *  removed since. Revisions rise over all rows, also when the directory is moved. */
  let told = 0;
  /** Slots of which the watch has told a newer row before, with its revision. */
  const behind = new Map<SlotId, number>();
  const waiting = new Map<() => void, number>();
  const tellReached = (revision: number): void => {
    told = Math.max(told, revision);
    for (const [resolve, awaited] of waiting) {
      if (awaited > told) continue;
      waiting.delete(resolve);
      resolve();
    }
  };
  /** A row that is no record is as good as none: it must not keep the others from being known. */
  const learnRow = (row: DirectoryRow): void => {
    const known = asSlot(row);
    if (known) learn(known);
  };
  const forget = (slot: SlotId): void => {
    if (rows.delete(slot)) tell(slot, undefined);
  };

  const stop = directory.watch(slotPrefix, {
    reset(all) {
      const present = new Set(all.map(({ key }) => key.slice(slotPrefix.length)));
      behind.clear();
      for (const { key, revision } of all) {
        const slot = key.slice(slotPrefix.length) as SlotId;
        const known = rows.get(slot)?.revision ?? 0;
        // What an answer told may be newer than this; what the watch itself told is not, unless the directory has gone
        // back.
        if (revision < known && known <= told) behind.set(slot, known);
      }
      const newest = all.reduce((most, { revision }) => Math.max(most, revision), 0);
      for (const [slot, { revision }] of rows) {
        if (present.has(slot)) continue;
        // A directory that was recovered has forgotten it, and is newer; one that has no revision so new never had it.
        if (revision > newest && revision <= told) behind.set(slot, revision);
        else forget(slot);
      }
      for (const row of all) learnRow(row);
      tellReached(newest);
      current = true;
      markReady();
      for (const reader of readers) reader();
    },
    changed(row) {
      const slot = row.key.slice(slotPrefix.length) as SlotId;
      if (row.revision >= (behind.get(slot) ?? Infinity)) behind.delete(slot);
      learnRow(row);
      tellReached(row.revision);
    },
    removed(key, revision) {
      const slot = key.slice(slotPrefix.length) as SlotId;
      behind.delete(slot);
      // A compare-and-set's answer may have told of the slot's next life before the watch tells of this end.
      if ((rows.get(slot)?.revision ?? 0) < revision) forget(slot);
      tellReached(revision);
    },
    stale: () => void (current = false),
  });

  return {
    get: (slot) => rows.get(slot),
    rows: () => rows.values(),
    learn(row) {
      if (row.revision > told) learn(row);
    },
    reached: (revision) =>
      revision <= told ? Promise.resolve() : new Promise((resolve) => void waiting.set(resolve, revision)),
    ready: () => ready,
    get current() {
      return current;
    },
    older: () => behind.keys().next().value,
    onRead: (listener) => void readers.add(listener),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop,
  };
}

/** The newest record of a slot: the table may be behind, a read of the directory is not. The table learns of it. */
export async function fetchSlot(directory: Directory, table: SlotTable, slot: SlotId): Promise<SlotRow | undefined> {
  const row = await readSlot(directory, slot);
  if (row !== undefined) table.learn(row);
  return row;
}

/** The slot of an actor as a table has it: its own if there is one, else its share of the role's. */
export function slotOfActor(table: Pick<SlotTable, "get">, role: Role, actor: ActorId): SlotId {
  const own = ownSlot(actor);
  return table.get(own) === undefined ? slotOf(role, actor) : own;
}

/** The role whose nodes may own a slot; an actor's own slot says by its record where it was split from. Of one without
 *  a record this is the actor's kind, and so no node's role. */
export const roleOf = ({ slot, splitFrom }: Pick<SlotRecord, "slot" | "splitFrom">): Role =>
  (splitFrom ?? slot).split("/")[0] as Role;

/** Nodes in the order in which they should hold a slot: weighted rendezvous hashing (Thaler and Ravishankar 1998;
 *  weights by −w / ln h). Adding or removing a node moves only what it gains or loses. */
export function rankNodes<Node extends Pick<MemberRecord, "node" | "weight">>(
  slot: SlotId,
  nodes: readonly Node[],
): readonly Node[] {
  const score = ({ node, weight }: Node): number => -weight / Math.log((hash32(`${node}|${slot}`) + 1) / (2 ** 32 + 1));
  return [...nodes].sort((one, other) => score(other) - score(one) || (one.node < other.node ? -1 : 1));
}

/** So many copies stay, whatever is spared: with fewer, the next death could take what was acknowledged with it. */
export const lastingCopies = (minInSync = 1): number => Math.max(2, minInSync);

/** Whether `others`, all that may own slots of a role beside the node with the embedded directory, are enough for that
 *  node to own none: while it is down no node can take over its slots, and two others stand in for each other. */
export const spareDirectory = (others: number, minInSync = 1): boolean => others >= lastingCopies(minInSync);

/** Where the first message for a slot without a record goes: the owner it would be given. */
export function firstOwner(
  slot: SlotId,
  cluster: {
    readonly members: readonly MemberRecord[];
    readonly membership: Pick<Membership, "isUp" | "isSlow">;
    /** Where the embedded directory is kept. */
    readonly directoryNode?: NodeId | undefined;
  },
): NodeId | undefined {
  const { members, membership, directoryNode } = cluster;
  const may = members.filter(
    ({ node, roles, state }) => state === "active" && roles.includes(roleOf({ slot })) && membership.isUp(node),
  );
  const fast = may.filter(({ node }) => !membership.isSlow(node));
  const able = fast.length > 0 ? fast : may;
  const others = able.filter(({ node }) => node !== directoryNode);
  const lasting = may.filter(({ node }) => node !== directoryNode);
  const spared = others.length > 0 && spareDirectory(lasting.length);
  return rankNodes(slot, spared ? others : able)[0]?.node;
}
