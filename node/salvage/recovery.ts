/** Begins the directory anew at one voter when a majority of the voters is lost for good.
 *
 *      folder ─► what it has: all rows, with every entry of its log ─► what is left out ─► somebody agrees
 *                                                                            ─► generation + 1, in one batch
 *
 *  What the lost majority committed and this voter had not yet is gone. So nothing that rests on it may go on: every
 *  row has a new revision and every slot a new epoch, above all that earlier generations gave out, and the voters of
 *  those do not hear this one. Slots go to copies that were in sync; those that have none any more begin again with
 *  what their new owner has. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { failure, PlexusError, type SlotId } from "../../protocols/index.ts";
import { floorOf } from "../cluster/facts/generation.ts";
import { asInvitation, asMember, asSlot, memberKey, slotPrefix, type SlotRow } from "../cluster/facts/records.ts";
import { rankNodes, roleOf } from "../cluster/facts/slot-table.ts";
import { homeRow, readHome, withMembers, type Home } from "../data-folder/home.ts";
import { journalFolder, markFile, tracesOf } from "../data-folder/index.ts";
import { foundVoter, readLastKnown, type LastKnown } from "../cluster/directory/index.ts";
import { openSealedStore, readDiskKey } from "../keys/index.ts";
import { openLevelStore } from "../platform/index.ts";
import type { DirectoryRow, MemberRecord, NodeId, SlotRecord, Store } from "../ports/index.ts";
import { headKey, readFormat } from "../storage/index.ts";

/** The nodes that are left out beside the other voters, and which of those are not; names or ids. */
interface RecoveryChoice {
  readonly lost: readonly string[];
  readonly kept: readonly string[];
}

/** What a recovery would begin with. */
export interface RecoveryPlan {
  readonly cluster: string;
  readonly node: string;
  /** What the cluster calls this node. */
  readonly name: string;
  /** The generation that ends. */
  readonly generation: number;
  readonly term: number;
  /** The last entry of this voter's log. */
  readonly entry: number;
  /** It was still learning what the others knew. */
  readonly learning: boolean;
  /** All by name. */
  readonly voters: readonly string[];
  readonly leftOut: readonly string[];
  readonly stay: readonly string[];
  /** When the folder was written last; undefined: it is not known. */
  readonly writtenAtMs: number | undefined;
  readonly slots: number;
  /** Slots whose every copy in sync was at nodes that are left out. `older`: the new owner has a copy that was not. */
  readonly lostSlots: readonly { readonly slot: SlotId; readonly older: boolean }[];
}

interface Recovery {
  readonly plan: RecoveryPlan;
  /** Does it. All of it is on the disk then, or nothing. */
  begin(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the folder of a node that is stopped, and says what a recovery would do. Nothing is changed by it. Errors:
 *  NOT_FOUND (no node's folder, no such member), CONFIG_INVALID (it cannot be recovered here; the details say what to
 *  do), DATA_FOLDER_IN_USE, DATA_DAMAGED, KEY_MISSING; the system's. */
export async function openRecovery(data: string, choice: RecoveryChoice, keyFile: string): Promise<Recovery> {
  if (!(await tracesOf(data)).node)
    throw new PlexusError(failure("NOT_FOUND", { folder: data, reason: "this folder is not a node's data folder" }));
  // To open it writes it.
  const writtenAtMs = await lastWritten(journalFolder(data));
  const raw = await openLevelStore(journalFolder(data), { mark: markFile(data), mustExist: true });
  try {
    const store = await openSealedStore(raw, () => readDiskKey(keyFile));
    const { plan, begin } = await planRecovery(store, choice, writtenAtMs);
    return { plan, begin, close: () => raw.close() };
  } catch (error) {
    await raw.close();
    throw error;
  }
}

/** The same for a store that is open. */
export async function planRecovery(
  store: Store,
  choice: RecoveryChoice,
  writtenAtMs?: number,
): Promise<Omit<Recovery, "close">> {
  const home = await readHome(store);
  const node = (await readFormat(store))?.node;
  if (home === undefined || node === undefined)
    throw new PlexusError(
      failure("NOT_FOUND", { folder: store.location, reason: "nothing in this folder says which node it belongs to" }),
    );
  const known = await lastKnownOf(store, home, node);
  const members = known.image.rows.flatMap((row) => asMember(row) ?? []);
  const nameOf = (one: NodeId): string =>
    [...members, ...home.members].find((member) => member.node === one)?.name ?? one;
  const idOf = (typed: string): NodeId => idIn(members, typed);
  const kept = new Set([node, ...choice.kept.map(idOf)]);
  const lost = new Set([...known.members.voters.filter((one) => !kept.has(one)), ...choice.lost.map(idOf)]);
  const both = [...lost].find((one) => kept.has(one));
  if (both !== undefined) throw unrecoverable(`${nameOf(both)} cannot be lost and stay`, "Name it once.");
  const { voters } = known.members;
  const left = voters.filter((one) => !lost.has(one));
  if (left.length > voters.length / 2)
    throw unrecoverable(
      `${left.length} of ${voters.length} voters are left (${left.map(nameOf).join(", ")}): that is a ` +
        "majority, so the directory goes on by itself",
      "Start them.",
    );

  const holds = new Set<SlotId>();
  for (const row of known.image.rows) {
    const slot = slotIn(row)?.record.slot;
    if (slot !== undefined && (await store.get(headKey(slot))) !== undefined) holds.add(slot);
  }
  const generation = known.generation + 1;
  const begun = beginAnew(known, { node, generation, lost, holds });
  const stay = begun.rows.flatMap((row) => asMember(row) ?? []);
  const plan: RecoveryPlan = {
    cluster: home.cluster,
    node,
    name: nameOf(node),
    generation: known.generation,
    term: known.term,
    entry: known.last.index,
    learning: !voters.includes(node),
    voters: voters.map(nameOf),
    leftOut: [...lost].map(nameOf),
    stay: stay.map(({ name }) => name),
    writtenAtMs,
    slots: begun.rows.filter((row) => slotIn(row) !== undefined).length,
    lostSlots: begun.lostSlots,
  };
  const isListed = ({ node: one }: MemberRecord): boolean => members.some((member) => member.node === one);
  const next: Home = {
    ...home,
    ...withMembers({ ...home, members: [...members, ...home.members.filter((one) => !isListed(one))] }, stay),
    directory: { kind: "replicated", generation, voters: [node] },
    recovered: { generation, without: members.filter((one) => lost.has(one.node)).map(({ peer }) => peer) },
  };
  const image = { revision: begun.revision, rows: begun.rows };
  return {
    plan,
    begin: () =>
      foundVoter(store, {
        generation,
        begun: { members: { voters: [node], learners: [] }, image },
        beside: [homeRow(next)],
      }),
  };
}

/** The slot that a row is of. */
const slotIn = (row: DirectoryRow): SlotRow | undefined => (row.key.startsWith(slotPrefix) ? asSlot(row) : undefined);

/** The rows of the new generation. Pure. */
export function beginAnew(
  { image }: Pick<LastKnown, "image">,
  at: {
    /** The voter that is left. */
    readonly node: NodeId;
    readonly generation: number;
    readonly lost: ReadonlySet<NodeId>;
    /** Slots of which this node has any copy. */
    readonly holds: ReadonlySet<SlotId>;
  },
): {
  readonly revision: number;
  readonly rows: readonly DirectoryRow[];
  readonly lostSlots: RecoveryPlan["lostSlots"];
} {
  const { node, lost, holds } = at;
  const floor = floorOf(at.generation);
  const stays = image.rows.flatMap((row) => asMember(row) ?? []).filter((member) => !lost.has(member.node));
  const lostSlots: { slot: SlotId; older: boolean }[] = [];
  const valueOf = (row: DirectoryRow): unknown => {
    const record = slotIn(row)?.record;
    if (record !== undefined) {
      const next = withoutLost(record, { node, floor, lost, stays });
      if (record.inSync.every((one) => lost.has(one)))
        lostSlots.push({ slot: record.slot, older: next.owner === node && holds.has(record.slot) });
      return next;
    }
    const invitation = asInvitation(row);
    // Nobody comes in again with what a lost node came in with.
    if (invitation?.used !== undefined && lost.has(invitation.used.node))
      return { ...invitation, used: { ...invitation.used, admitted: true } };
    return row.value;
  };
  let revision = Math.max(floor, image.revision);
  const gone = new Set([...lost].map(memberKey));
  const rows = image.rows
    .filter(({ key }) => !gone.has(key))
    .map((row) => ({ key: row.key, value: valueOf(row), revision: (revision += 1) }));
  return { revision, rows, lostSlots: lostSlots.sort((one, other) => (one.slot < other.slot ? -1 : 1)) };
}

/** A slot among those that stay, under an epoch that nobody has had. */
function withoutLost(
  record: SlotRecord,
  at: {
    readonly node: NodeId;
    readonly floor: number;
    readonly lost: ReadonlySet<NodeId>;
    readonly stays: readonly MemberRecord[];
  },
): SlotRecord {
  const { node, floor, lost, stays } = at;
  const { want: _want, held, home, abandoned: _abandoned, ...kept } = record;
  const epoch = Math.max(floor, record.epoch) + 1;
  const isHere = (one: NodeId): boolean => !lost.has(one);
  const common = {
    ...kept,
    epoch,
    ...(held !== undefined && isHere(held) && { held }),
    ...(home !== undefined && isHere(home) && { home }),
  };
  const role = roleOf(record);
  const able = rankNodes(
    record.slot,
    stays.filter((member) => member.roles.includes(role)),
  ).map((member) => member.node);
  /** This node is there; whether others are, is not known. */
  const best = (among: readonly NodeId[]): NodeId | undefined => {
    const fit = able.filter((one) => among.includes(one));
    return fit.includes(node) ? node : (fit[0] ?? (among.includes(node) ? node : among[0]));
  };
  const inSync = record.inSync.filter(isHere);
  const heir = isHere(record.owner) ? record.owner : best(inSync);
  if (heir !== undefined)
    return {
      ...common,
      owner: heir,
      inSync,
      learners: record.learners.filter(isHere),
      ...stillAbandoned(record, epoch),
    };
  const owner = best([...able, node]) ?? node;
  return { ...common, owner, inSync: [owner], learners: [], abandoned: epoch };
}

/** A slot that was given up may not have been begun by its new owner yet. */
const stillAbandoned = ({ abandoned, epoch: before }: SlotRecord, epoch: number): Pick<SlotRecord, "abandoned"> =>
  abandoned === before ? { abandoned: epoch } : {};

/** What this node's voter has. Error: CONFIG_INVALID, it has none that counts. */
async function lastKnownOf(store: Store, home: Home, node: NodeId): Promise<LastKnown> {
  const { directory } = home;
  const nameOf = (one: NodeId): string => home.members.find((member) => member.node === one)?.name ?? one;
  const ofItsOwn = "If its folder is lost: plexus salvage makes a cluster of its own of each other folder.";
  if (directory.kind === "etcd")
    throw unrecoverable(
      "the cluster's directory is in etcd",
      "Restore etcd: docs/operate/directory.md, etcd lost or restored.",
    );
  if (directory.kind === "embedded")
    throw directory.host === node
      ? unrecoverable(
          "this node alone keeps the directory, so no majority of nodes can be lost",
          "Start it: plexus up.",
        )
      : unrecoverable(
          `the directory is at ${nameOf(directory.host)}, and this node has no copy of it`,
          `Start that node. ${ofItsOwn}`,
        );
  const known = await readLastKnown(store);
  const { voters, generation } = directory;
  const counts =
    known !== undefined &&
    known.generation === generation &&
    (voters.includes(node) || known.members.learners.includes(node));
  if (counts) return known;
  const names = voters.map(nameOf).join(", ");
  throw unrecoverable(
    known === undefined
      ? "this node was never a voter, so it has no copy of the directory"
      : "this node is no longer a voter, so its copy of the directory is old",
    `Recover at one of the voters that were known last (${names}). If no folder of those is left: plexus ` +
      "salvage makes a cluster of its own of each other folder.",
  );
}

const unrecoverable = (reason: string, hint: string): PlexusError =>
  new PlexusError({
    ...failure("CONFIG_INVALID", { field: "data", reason, hint }),
    message: `The directory cannot be recovered here: ${reason}.`,
  });

function idIn(members: readonly MemberRecord[], typed: string): NodeId {
  const found = members.find((member) => member.name === typed || member.node === typed);
  if (found === undefined)
    throw new PlexusError(failure("NOT_FOUND", { node: typed, members: members.map(({ name }) => name).join(", ") }));
  return found.node;
}

/** When anything in a folder was written last. */
async function lastWritten(folder: string): Promise<number | undefined> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.(?:ldb|log)$/.test(name));
  const times = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).mtimeMs));
  return times.length === 0 ? undefined : Math.max(...times);
}
