/** What keeps backups in order: what they refer to, whether it is there and right, and giving up what no snapshot needs. */
import { failure, failureOf, PlexusError, type BackupHold, type Failure, type Losses, type StripeHealth, type StripeRef } from "../../protocols/index.ts"; // prettier-ignore
import type { NodeLink, Snapshot, StripeName, TreeNode, UnitName } from "../../runtimes/backup/index.ts";
import { heldSnapshots } from "./holds.ts";
import type { BackupPorts } from "./ports.ts";
import { asStored, openUnits, PackCache } from "./packs.ts";
import type { BackupState, Repository } from "./repository.ts";
import { noteLosses } from "./known-losses.ts";
import { leftIn, removeLeft } from "./leftovers.ts";
import { LossList } from "./losses.ts";
import { repack, repackable, type RepackReport } from "./repacking.ts";
import { keptSnapshots, type Kept, type Retention } from "./retention.ts";
import { isGone, lostUnitsOf } from "./survey.ts";
import { markStripes } from "./marking.ts";

/** What removing snapshots comes to. */
export interface PruneReport {
  readonly kept: Kept;
  /** Whose days were counted. */
  readonly timeZone: string;
  readonly removed: readonly number[];
  /** Stripes that nobody refers to any more, and their bytes. */
  readonly stripes: number;
  readonly bytes: number;
  /** Stripes whose holders did not hear of it: the next removal tells them again. */
  readonly unheard: number;
  /** A snapshot that stays has lost nodes: what nobody leads to stays with it, since they may have led there. */
  readonly isTorn: boolean;
  /** What killed runs and removals have left in a folder. */
  readonly leftovers: { readonly files: number; readonly bytes: number };
  /** What is waste in packs that are written anew: before that what may be freed, afterwards what was. */
  readonly repacked: RepackReport & { readonly error?: Failure };
}

export interface PruneOptions {
  /** Without it the report only says what would go. */
  readonly apply: boolean;
  /** Counts until the snapshots are gone; what they alone needed is given up to the end. */
  readonly signal: AbortSignal;
  readonly progress: (at: { readonly stripes: number; readonly stripesDone: number }) => void;
  /** What is kept whatever the retention says. */
  readonly holds?: readonly BackupHold[];
  /** Whose days the retention counts; absent: UTC. */
  readonly timeZone?: string | undefined;
  /** What an earlier turn of the same removal was about to remove. */
  readonly mark?: PruneMark | undefined;
  /** Remembers what is about to be removed. Its error ends the removal before anything is gone. */
  keep?(mark: PruneMark): Promise<void>;
}

/** What a removal is about to remove: by the head it is known later whether it has. */
export interface PruneMark {
  /** The number of the head before it. */
  readonly head: number;
  readonly removed: readonly number[];
  readonly stripes: number;
  readonly bytes: number;
}

/** Whether the snapshots of a mark are gone: only one removes at a time, so then it was this removal. */
const isRemoved = ({ head, snapshots }: BackupState, mark: PruneMark): boolean =>
  (head?.number ?? 0) > mark.head && !snapshots.some(({ number }) => mark.removed.includes(number));

/** What a removal comes to, before anything is done. */
async function look(
  ports: BackupPorts,
  repository: Repository,
  retention: Retention,
  { signal, holds = [], mark, timeZone = "UTC" }: PruneOptions,
) {
  // Before the head is read: what lies there, or is referred to without an end, by then has been led to, so what this head does not lead to nobody needs.
  const listed = (await ports.stripes.stored?.list()) ?? [];
  const referred: StripeName[] = [];
  for await (const stripe of ports.stripes.referred?.(ports.owner) ?? []) referred.push(stripe);
  const state = await repository.state();
  const { snapshots, head } = state;
  const before = mark !== undefined && isRemoved(state, mark) ? mark : undefined;
  const held = await heldSnapshots(repository, snapshots, holds);
  const kept = keptSnapshots(snapshots, retention, ports.clock.nowMs(), { held, timeZone });
  const stays = ({ number }: Snapshot): boolean => before !== undefined || kept.has(number);
  const staying = snapshots.filter(stays);
  const going = snapshots.filter((one) => !stays(one));
  let isTorn = false;
  const demandGone = (error: unknown): void => {
    if (!isGone(failureOf(error))) throw error;
  };
  const tears = (_: NodeLink, error: unknown): void => {
    demandGone(error);
    isTorn = true;
  };
  const needed = await markStripes(repository, staying, { signal, lost: tears });
  // What only lost nodes of these led to is among what is referred to.
  const known = await markStripes(repository, going, { signal, lost: (_, error) => demandGone(error) });
  // Where a snapshot that stays lacks nodes, what nobody leads to may be what these led to.
  if (!isTorn) for (const stripe of referred) known.set(stripe.id, stripe);
  const needless = [...known.values()].filter(({ id }) => !needed.has(id) && id !== head?.catalog.stripe.id);
  const led = [...needed.values(), ...known.values(), ...(head ? [head.catalog.stripe] : [])];
  const left = isTorn ? [] : leftIn(ports, listed, led);
  const plan: PruneMark = before ?? {
    head: head?.number ?? 0,
    removed: going.map(({ number }) => number),
    stripes: needless.length,
    bytes: needless.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
  return { head, kept, staying, going, needless, left, plan, isTorn };
}

/** Removes the snapshots that neither a retention nor a hold keeps, gives up what earlier removals and commits have left, and writes packs anew in
 *  which little is left. Where an earlier turn has removed them, nothing more is removed, and the report is of that. It needs no free room. Errors:
 *  BACKUP_CHANGED, CANCELLED, STRIPE_LOST (of the list of snapshots), those of nodes that are away and not lost (then nothing is removed), DISK_FULL (not even a few
 *  hundred bytes can be written). */
export async function prune(
  ports: BackupPorts,
  repository: Repository,
  retention: Retention,
  options: PruneOptions,
): Promise<PruneReport> {
  const { apply, signal, progress, mark, timeZone = "UTC" } = options;
  await repository.settle();
  const found = await look(ports, repository, retention, options);
  const { head, kept, staying, needless, left, plan, isTorn } = found;
  const leftovers = { files: left.length, bytes: left.reduce((sum, { bytes }) => sum + bytes, 0) };
  const { removed, stripes, bytes } = plan;
  if (!apply) {
    const freedBytes = isTorn ? 0 : await repackable(ports, repository, staying, signal);
    return { kept, timeZone, removed, stripes, bytes, unheard: 0, isTorn, leftovers, repacked: { packs: 0, freedBytes } };
  }
  signal.throwIfAborted();
  // The first room that is made.
  await removeLeft(ports, left, { headHash: head?.hash, signal });
  const heard = new Set<string>();
  const release = async (): Promise<void> => {
    for (const stripe of needless) {
      if (!heard.has(stripe.id) && (await ports.stripes.release(stripe, ports.owner)).ok) heard.add(stripe.id);
      progress({ stripes: needless.length, stripesDone: heard.size });
    }
  };
  try {
    await removeSnapshots(ports, repository, found, { ...options, release });
  } catch (error) {
    // Its answer was lost, or the turn before was heard late: what is so stands in the head.
    const now = await repository.state().catch(() => Promise.reject(error));
    const done = [plan, ...(mark === undefined ? [] : [mark])].find((one) => one.removed.length > 0 && isRemoved(now, one));
    if (done === undefined) throw error;
    if (done !== plan) return await prune(ports, repository, retention, { ...options, mark: done });
  }
  // Behind the commit: until then the snapshots are there, and need all of it.
  await release();
  const unheard = needless.length - heard.size;
  const repacked = isTorn ? { packs: 0, freedBytes: 0 } : await repackAfter(ports, repository, signal);
  return { kept, timeZone, removed, stripes, bytes, unheard, isTorn, leftovers, repacked };
} // prettier-ignore

/** Makes the head that leaves them out. Where there is no room for it, it is said first that they are leaving, in as much room as old heads had;
 *  then what they alone need goes, and the head comes last; where there is no room for it still, the next one leaves them out. */
async function removeSnapshots(
  { heads: { leaving } }: BackupPorts,
  repository: Repository,
  { head, going, staying, plan }: Awaited<ReturnType<typeof look>>,
  { keep, release }: Pick<PruneOptions, "keep"> & { readonly release: () => Promise<void> },
): Promise<void> {
  // An earlier removal may not have come to its head.
  const said = (await leaving?.read()) ?? [];
  if (going.length === 0 && said.length === 0) return;
  if (going.length > 0) await keep?.(plan);
  const commit = () =>
    repository.commit((now) => {
      // What a snapshot refers to that came meanwhile is not known here.
      if (now.head?.number !== head?.number) throw new PlexusError(failure("BACKUP_CHANGED"));
      return staying;
    });
  try {
    await commit();
  } catch (error) {
    if (leaving === undefined || failureOf(error).code !== "DISK_FULL") throw error;
    await leaving.write([...new Set([...said, ...plan.removed])], plan.head);
    await release();
    // What holders give up makes room days later: until there is a head, the word counts.
    await commit().catch((again: unknown) =>
      failureOf(again).code === "DISK_FULL" ? undefined : Promise.reject(again),
    );
  }
}

/** The snapshots are gone already, whatever comes of this. */
async function repackAfter(ports: BackupPorts, repository: Repository, signal: AbortSignal): Promise<PruneReport["repacked"]> {
  try {
    return await repack(ports, repository, { signal, pace: () => new Promise((done) => ports.clock.soon(done)) });
  } catch (error) {
    return { packs: 0, freedBytes: 0, error: failureOf(error) };
  }
} // prettier-ignore

/** Removes what a run has left that was killed. Errors: as of reading the manifest, then nothing is removed; CANCELLED. */
export async function sweepFolder(ports: BackupPorts, repository: Repository, signal: AbortSignal): Promise<void> {
  const listed = (await ports.stripes.stored?.list()) ?? [];
  const { head, snapshots } = await repository.state();
  const known = await markStripes(repository, snapshots, { signal });
  const left = leftIn(ports, listed, [...known.values(), ...(head ? [head.catalog.stripe] : [])]);
  await removeLeft(ports, left, { headHash: head?.hash, signal });
}

/** How deep a check goes: `manifest` reads all that leads to the data, and asks whether the shards are there; `shards` has each shard read and
 *  compared where it is; `data` reads and decrypts everything as a recall does. */
export type VerifyDepth = "manifest" | "shards" | "data";

/** What a check found. Of what is lost it names the first. */
export interface VerifyReport {
  readonly snapshots: number;
  /** Of those that have lost any, how many units cannot be brought back. */
  readonly damaged: readonly { readonly snapshot: number; readonly units: number }[];
  readonly units: number;
  readonly stripes: number;
  readonly bytes: number;
  /** Stripes that can be read, but lack shards. */
  readonly weak: number;
  /** Stripes that cannot be read. */
  readonly lost: Losses<{ readonly stripe: string; readonly error: Failure }>;
  /** Units that cannot be brought back. */
  readonly lostUnits: Losses<{ readonly name: UnitName; readonly error: Failure }>;
}

export interface VerifyOptions {
  readonly depth: VerifyDepth;
  readonly signal: AbortSignal;
  readonly progress: (at: { readonly stripes: number; readonly stripesDone: number }) => void;
  readonly pace: (bytes: number) => Promise<void>;
}

/** Checks snapshots, each object once however many share it. Errors: BACKUP_DAMAGED (of head or catalog: nothing can be said of the rest). */
export async function verify(
  ports: BackupPorts,
  repository: Repository,
  snapshots: readonly Snapshot[],
  { depth, signal, progress, pace }: VerifyOptions,
): Promise<VerifyReport> {
  let weak = 0;
  const lost = new LossList<{ stripe: string; error: Failure }>(ports.limits.lossesNamed);
  const unread = new Map<string, Failure>();
  const lose = (stripe: string, error: Failure): void => {
    lost.push({ stripe, error });
    unread.set(stripe, error);
  };
  const lostUnits = new LossList<{ name: UnitName; error: Failure }>(ports.limits.lossesNamed);
  const packs = new PackCache(repository, ports.limits.packsKept);
  let [units, bytes] = [0, 0];
  const node = async (one: TreeNode): Promise<void> => {
    if (!("units" in one)) return;
    units += one.units.length;
    bytes += one.units.reduce((sum, unit) => sum + unit.bytes, 0);
    if (depth !== "data") return;
    for await (const opened of openUnits(ports, packs, asStored(one.units, ports.limits))) {
      signal.throwIfAborted();
      const { name } = opened.unit;
      if ("error" in opened) lostUnits.push({ name, error: failureOf(opened.error) });
      await pace(opened.unit.bytes);
    }
  };
  const stripes = await markStripes(repository, snapshots, {
    signal,
    node,
    // Its shards are looked at below, too; that it does not open is known here only.
    lost: ({ stripe }, error) => lose(stripe.id, failureOf(error)),
  });
  let stripesDone = 0;
  for (const stripe of stripes.values()) {
    signal.throwIfAborted();
    const health = await ports.stripes.inspect(stripe as StripeRef, depth !== "manifest");
    if (!health.ok) lose(stripe.id, health.error);
    else if (health.value.well < health.value.enough) {
      const error = await faultOf(ports, stripe as StripeRef, health.value);
      if (error === undefined) weak += 1;
      else lose(stripe.id, error);
    } else if (health.value.well < health.value.shards.length) weak += 1;
    stripesDone += 1;
    progress({ stripes: stripes.size, stripesDone });
    await pace(depth === "manifest" ? 0 : stripe.sizeBytes);
  }
  const gone = new Set([...unread].filter(([, error]) => isGone(error)).map(([id]) => id));
  const lostOf = await lostUnitsOf(repository, snapshots, gone);
  const { snapshots: all } = await repository.state();
  await noteLosses(ports, { units: lostOf, lost: gone, looked: (stripe) => depth !== "manifest" && stripes.has(stripe) }, all); // prettier-ignore
  return {
    snapshots: snapshots.length,
    damaged: [...lostOf].filter(([, count]) => count > 0).map(([snapshot, count]) => ({ snapshot, units: count })),
    units,
    stripes: stripes.size,
    bytes,
    weak,
    lost: lost.rows,
    lostUnits: lostUnits.rows,
  };
}

/** Why a stripe of which too few shards are well cannot be read; undefined: it can. */
async function faultOf(
  { stripes }: Pick<BackupPorts, "stripes">,
  stripe: StripeRef,
  { shards, enough, well }: StripeHealth,
): Promise<Failure | undefined> {
  const bad = shards.filter(({ state }) => state === "missing" || state === "damaged").length;
  if (shards.length - bad < enough) return failure("STRIPE_LOST", { stripe: stripe.id, needed: enough, well });
  // Who does not answer now is away, and what it has is not lost.
  const read = await stripes.read(stripe);
  return read.ok ? undefined : read.error;
}
