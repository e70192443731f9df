/** One backup: parts, which say what changed; one tree of it; then the catalog and the head, which is the commit.
 *
 *      slots ─► part.ts: units, packs ─► changes ─► tree.ts ─► cursors, catalog, head
 *
 *  A slot that could not be read is named in the snapshot, and stays there as in the one before.
 *
 *  Nothing is trusted to be there because an earlier snapshot refers to it: its holders are asked first, what is lost
 *  is stored again where it still lives, and they are asked once more before the head is committed (`survey.ts`).
 *  Decision 0120. */
import { failure, PlexusError, type RunLosses } from "../../../protocols/index.ts";
import type { Cursor, NodeLink, Snapshot, TreeNode } from "../../../runtimes/backup/index.ts";
import { readPart, type Missed, type MissedFiles, type PartProgress } from "./part.ts";
import type { BackupPorts } from "../ports.ts";
import { renewUnits } from "../upkeep/renewal.ts";
import { noteLosses } from "../upkeep/known-losses.ts";
import type { Repository } from "../repository.ts";
import type { SlotSource } from "./sources.ts";
import { allWell, lostUnitsOf, surveyStripes, tornNodes, type Survey, type SurveyOptions } from "./survey.ts";
import { changeTree, unitsOf, walkTree, type Tree, type UnitChange } from "../format/tree.ts";

/** How far a run is. */
interface RunProgress extends PartProgress {
  readonly slots: number;
}

interface RunOptions {
  readonly signal: AbortSignal;
  progress(at: RunProgress): void;
  /** Is told of each page that was read, and may hold the run back. */
  pace(bytes: number): Promise<void>;
  /** Everything is stored anew, also what is there. */
  readonly full?: boolean;
}

/** What a run came to. */
export interface RunReport {
  readonly snapshot: Snapshot;
  readonly changedUnits: number;
  readonly changedBytes: number;
  readonly storedBytes: number;
  readonly missed: readonly Missed[];
  readonly missedFiles: MissedFiles;
  readonly lost: RunLosses;
}

/** What a run begins from, and may not trust. */
export interface Ground extends Survey {
  readonly full: boolean;
  /** Slots are read from their beginnings: something of what is there cannot be referred to again. */
  readonly isAnew: boolean;
  /** The list of snapshots is lost: this one begins another. */
  readonly isListLost: boolean;
}

/** Looks what of the newest snapshot is still there. Errors: those of `Repository.state`, CANCELLED. */
export async function groundOf(
  ports: Pick<BackupPorts, "stripes" | "heads" | "limits">,
  repository: Repository,
  { full = false, ...options }: SurveyOptions & { readonly full?: boolean },
): Promise<Ground> {
  const { snapshots, isListLost = false } = await repository.state();
  const newest = snapshots.at(-1);
  const found = newest === undefined ? allWell : await surveyStripes(ports, repository, [newest], options);
  return { ...found, full, isAnew: full || found.lost.size > 0, isListLost };
}

/** Takes a backup of what the source has, as one part. Errors: BACKUP_CHANGED, CANCELLED, those of storing. */
export async function runBackup(
  ports: BackupPorts,
  repository: Repository,
  source: SlotSource,
  options: RunOptions,
): Promise<RunReport> {
  try {
    const ground = await groundOf(ports, repository, options);
    const draft = await beginSnapshot(ports, repository, ground);
    const slots = await source.slots();
    options.progress({ slots: slots.length, slotsDone: 0, actors: 0, units: 0, bytes: 0 });
    const read = await readPart(ports, source, slots, draft.cursors, {
      nodes: repository,
      ground,
      together: true,
      tree: () => draft.tree,
      put: (pack) => repository.put(pack, "pack"),
      change: (changes) => draft.change(changes),
      signal: options.signal,
      progress: (at) => options.progress({ slots: slots.length, ...at }),
      pace: (size) => options.pace(size),
    });
    const { cursors, missed, missedFiles, units, bytes, storedBytes } = read;
    await renewUnits(ports, repository, draft, options);
    const { snapshot, lost } = await draft.commit(ports, cursors, missed, {
      files: missedFiles.named,
      survey: options,
    });
    return { snapshot, changedUnits: units, changedBytes: bytes, storedBytes, missed, missedFiles, lost };
  } catch (error) {
    await repository.abandon();
    throw error;
  }
}

/** The next snapshot while it is made: it begins as the newest one. */
export interface SnapshotDraft {
  /** The number of the snapshot that it begins as; 0: there is none. */
  readonly base: number;
  readonly tree: Tree;
  /** How far the one before read each slot; nothing, where everything is read from its beginning. */
  readonly cursors: ReadonlyMap<string, Cursor>;
  change(changes: readonly UnitChange[]): Promise<void>;
  /** Asks whether all of it is there, and makes it the newest. Errors: BACKUP_CHANGED (another snapshot came
   *  meanwhile), CANCELLED, those of storing. */
  commit(
    ports: Pick<BackupPorts, "clock" | "stripes" | "heads" | "limits" | "log">,
    cursors: ReadonlyMap<string, Cursor>,
    missed: readonly Pick<Missed, "slot">[],
    beside: {
      readonly survey: SurveyOptions;
      readonly files?: MissedFiles["named"];
      /** Hears the name of a stripe that this snapshot alone has, before it is there. */
      readonly committing?: (mark: string) => Promise<void>;
    },
  ): Promise<Committed>;
}

/** A snapshot that is the newest now, and what of it cannot be brought back. */
export interface Committed {
  readonly snapshot: Snapshot;
  readonly lost: RunLosses;
}

/** The tree of a snapshot; without one there is nothing in it. */
export const treeOf = (snapshot: Snapshot | undefined): Tree =>
  snapshot?.root ? { link: snapshot.root, units: snapshot.units, bytes: snapshot.bytes } : null;

/** Errors: those of `Repository.state`. */
export async function beginSnapshot(
  ports: Pick<BackupPorts, "limits">,
  repository: Repository,
  ground: Ground,
): Promise<SnapshotDraft> {
  await repository.settle();
  const { snapshots } = await repository.state();
  const base = snapshots.at(-1);
  const before =
    base === undefined || ground.isTorn ? new Map<string, Cursor>() : await repository.loadCursors(base.cursors);
  let tree = ground.isTorn ? await treeOfRest(repository, treeOf(base), ports.limits.changesMax) : treeOf(base);
  return {
    base: base?.number ?? 0,
    get tree() {
      return tree;
    },
    cursors: ground.isAnew ? new Map() : before,
    async change(changes) {
      tree = await changeTree(repository, tree, changes);
    },
    async commit(ports, cursors, missed, { files = [], committing, survey }) {
      await dropNeedless(repository, tree);
      const link = await repository.saveCursors(new Map([...before, ...cursors]));
      const { units = 0, bytes = 0 } = tree ?? {};
      const made = {
        atMs: ports.clock.nowMs(),
        root: tree?.link ?? null,
        cursors: link,
        units,
        bytes,
        missed: [...missed.map(({ slot }) => slot), ...files.map(({ actor, hash }) => `${actor}/files/${hash}`)],
      };
      const found = await surveyStripes(ports, repository, [made], survey);
      await committing?.(link.stripe.id);
      const { snapshots: after } = await repository.commit((state, number) => {
        // What was left as it was is in the base: if that was removed meanwhile, it may be gone.
        if (state.snapshots.at(-1)?.number !== base?.number) throw new PlexusError(failure("BACKUP_CHANGED"));
        // Its packs may have been written anew: what was left as it was is elsewhere then.
        const now = state.snapshots.at(-1);
        if (now?.number === base?.number && now?.root?.stripe.id !== base?.root?.stripe.id)
          throw new PlexusError(failure("BACKUP_CHANGED"));
        return [...state.snapshots, { number, ...made }];
      });
      const snapshot = after.at(-1) as Snapshot;
      return {
        snapshot,
        lost: await lossesIn(ports, repository, { snapshot, all: after, before: ground, now: found }),
      };
    },
  };
}

/** What is left of a tree that has lost some of its nodes, as a tree. */
async function treeOfRest(repository: Repository, torn: Tree, changesMax: number): Promise<Tree> {
  let tree: Tree = null;
  let waiting: UnitChange[] = [];
  for await (const entry of unitsOf(tornNodes(repository), torn)) {
    waiting.push({ type: "put", entry });
    if (waiting.length < changesMax) continue;
    tree = await changeTree(repository, tree, waiting);
    waiting = [];
  }
  return changeTree(repository, tree, waiting);
}

/** What of a snapshot that was just made cannot be brought back; it is noted, of the older ones as well where something
 *  was lost before. */
async function lossesIn(
  ports: Pick<BackupPorts, "heads" | "limits" | "log">,
  repository: Repository,
  { snapshot, all, before, now }: { snapshot: Snapshot; all: readonly Snapshot[]; before: Ground; now: Survey },
): Promise<RunLosses> {
  const unread = new Set([...now.lost, ...now.away]);
  const own = await lostUnitsOf(repository, [snapshot], unread);
  const gone = new Set([...before.lost, ...now.lost]);
  const units = gone.size === 0 ? own : new Map([...(await lostUnitsOf(repository, all, gone)), ...own]);
  await noteLosses(ports, { units, lost: gone, looked: (stripe) => gone.has(stripe) }, all);
  const [sum = 0] = own.values();
  return { before: before.lost.size, units: sum, stripes: unread.size, ...(before.isListLost && { list: true }) };
}

/** Gives up what was stored and is not in the tree: nodes that later changes of the same run have replaced, packs of
 *  slots that could not be read to their ends. */
async function dropNeedless(repository: Repository, tree: Tree): Promise<void> {
  const made = new Set(repository.unfinished.map(({ id }) => id));
  const needed = new Set<string>();
  const visit = {
    skip: ({ stripe }: NodeLink) => !made.has(stripe.id),
    node({ stripe }: NodeLink, node: TreeNode) {
      needed.add(stripe.id);
      if ("units" in node)
        for (const { fragments } of node.units) for (const place of fragments) needed.add(place.stripe.id);
    },
  };
  if (tree !== null) await walkTree(repository, tree.link, visit);
  await repository.abandon(({ id }) => !needed.has(id));
}
