/** What keeps backups in order: what they refer to, whether it is there and right, and giving up what no snapshot
 *  needs. */
import { failure, failureOf, PlexusError, type BackupHold, type Failure } from "../../../protocols/index.ts";
import type { NodeLink, Snapshot, StripeName } from "../../../runtimes/backup/index.ts";
import { heldSnapshots } from "./holds.ts";
import { isGone, type BackupPorts } from "../ports.ts";
import type { BackupState, Repository } from "../repository.ts";
import { leftIn, removeLeft } from "./leftovers.ts";
import { repack, repackable, type RepackReport } from "./repacking.ts";
import { keptSnapshots, type Kept, type Retention } from "./retention.ts";
import { markStripes } from "../format/marking.ts";

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

interface PruneOptions {
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
  // Before the head is read: what lies there, or is referred to without an end, by then has been led to, so what this
  // head does not lead to nobody needs.
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

/** Removes the snapshots that neither a retention nor a hold keeps, gives up what earlier removals and commits have
 *  left, and writes packs anew in which little is left. Where an earlier turn has removed them, nothing more is
 *  removed, and the report is of that. It needs no free room. Errors: BACKUP_CHANGED, CANCELLED, STRIPE_LOST (of the
 *  list of snapshots), those of nodes that are away and not lost (then nothing is removed), DISK_FULL (not even a few
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
    return {
      kept,
      timeZone,
      removed,
      stripes,
      bytes,
      unheard: 0,
      isTorn,
      leftovers,
      repacked: { packs: 0, freedBytes },
    };
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
    const done = [plan, ...(mark === undefined ? [] : [mark])].find(
      (one) => one.removed.length > 0 && isRemoved(now, one),
    );
    if (done === undefined) throw error;
    if (done !== plan) return await prune(ports, repository, retention, { ...options, mark: done });
  }
  // Behind the commit: until then the snapshots are there, and need all of it.
  await release();
  const unheard = needless.length - heard.size;
  const repacked = isTorn ? { packs: 0, freedBytes: 0 } : await repackAfter(ports, repository, signal);
  return { kept, timeZone, removed, stripes, bytes, unheard, isTorn, leftovers, repacked };
}

/** Makes the head that leaves them out. Where there is no room for it, it is said first that they are leaving, in as
 *  much room as old heads had; then what they alone need goes, and the head comes last; where there is no room for it
 *  still, the next one leaves them out. */
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
async function repackAfter(
  ports: BackupPorts,
  repository: Repository,
  signal: AbortSignal,
): Promise<PruneReport["repacked"]> {
  try {
    return await repack(ports, repository, { signal, pace: () => new Promise((done) => ports.clock.soon(done)) });
  } catch (error) {
    return { packs: 0, freedBytes: 0, error: failureOf(error) };
  }
}

/** Removes what a run has left that was killed. Errors: as of reading the manifest, then nothing is removed;
 *  CANCELLED. */
export async function sweepFolder(ports: BackupPorts, repository: Repository, signal: AbortSignal): Promise<void> {
  const listed = (await ports.stripes.stored?.list()) ?? [];
  const { head, snapshots } = await repository.state();
  const known = await markStripes(repository, snapshots, { signal });
  const left = leftIn(ports, listed, [...known.values(), ...(head ? [head.catalog.stripe] : [])]);
  await removeLeft(ports, left, { headHash: head?.hash, signal });
}
