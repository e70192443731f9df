/** One backup: parts, which say what changed; one tree of it; then the catalog and the head, which is the commit.
 *
 *      slots ─► part.ts: units, packs ─► changes ─► tree.ts ─► cursors, catalog, head
 *
 *  A slot that could not be read is named in the snapshot, and stays there as in the one before. */
import { failure, PlexusError } from "../../protocols/index.ts";
import type { Cursor, NodeLink, Snapshot, TreeNode } from "../../runtimes/backup/index.ts";
import { readPart, type Missed, type MissedFiles, type PartProgress } from "./part.ts";
import type { BackupPorts } from "./ports.ts";
import { renewUnits } from "./renewal.ts";
import type { Repository } from "./repository.ts";
import type { SlotSource } from "./sources.ts";
import { changeTree, walkTree, type Tree, type UnitChange } from "./tree.ts";

/** How far a run is. */
export interface RunProgress extends PartProgress {
  readonly slots: number;
}

export interface RunOptions {
  readonly signal: AbortSignal;
  progress(at: RunProgress): void;
  /** Is told of each page that was read, and may hold the run back. */
  pace(bytes: number): Promise<void>;
}

/** What a run came to. */
export interface RunReport {
  readonly snapshot: Snapshot;
  readonly changedUnits: number;
  readonly changedBytes: number;
  readonly storedBytes: number;
  readonly missed: readonly Missed[];
  readonly missedFiles: MissedFiles;
}

/** Takes a backup of what the source has, as one part. Errors: BACKUP_CHANGED, CANCELLED, those of storing. */
export async function runBackup(
  ports: BackupPorts,
  repository: Repository,
  source: SlotSource,
  options: RunOptions,
): Promise<RunReport> {
  try {
    const draft = await beginSnapshot(repository);
    const slots = await source.slots();
    options.progress({ slots: slots.length, slotsDone: 0, actors: 0, units: 0, bytes: 0 });
    const read = await readPart(ports, source, slots, draft.cursors, {
      nodes: repository,
      tree: () => draft.tree,
      put: (pack) => repository.put(pack, "pack"),
      change: (changes) => draft.change(changes),
      signal: options.signal,
      progress: (at) => options.progress({ slots: slots.length, ...at }),
      pace: (size) => options.pace(size),
    });
    const { cursors, missed, missedFiles, units, bytes, storedBytes } = read;
    await renewUnits(ports, repository, draft, options);
    const snapshot = await draft.commit(ports, cursors, missed, { files: missedFiles.named });
    return { snapshot, changedUnits: units, changedBytes: bytes, storedBytes, missed, missedFiles };
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
  /** How far the one before read each slot. */
  readonly cursors: ReadonlyMap<string, Cursor>;
  change(changes: readonly UnitChange[]): Promise<void>;
  /** Errors: BACKUP_CHANGED (another snapshot came meanwhile), those of storing. */
  commit(
    ports: Pick<BackupPorts, "clock">,
    cursors: ReadonlyMap<string, Cursor>,
    missed: readonly Pick<Missed, "slot">[],
    beside?: {
      readonly files?: MissedFiles["named"];
      /** Hears the name of a stripe that this snapshot alone has, before it is there. */
      readonly committing?: (mark: string) => Promise<void>;
    },
  ): Promise<Snapshot>;
}

/** The tree of a snapshot; without one there is nothing in it. */
export const treeOf = (snapshot: Snapshot | undefined): Tree =>
  snapshot?.root ? { link: snapshot.root, units: snapshot.units, bytes: snapshot.bytes } : null;

/** Errors: those of `Repository.state`. */
export async function beginSnapshot(repository: Repository): Promise<SnapshotDraft> {
  await repository.settle();
  const { snapshots } = await repository.state();
  const base = snapshots.at(-1);
  const before = base === undefined ? new Map<string, Cursor>() : await repository.loadCursors(base.cursors);
  let tree = treeOf(base);
  return {
    base: base?.number ?? 0,
    get tree() {
      return tree;
    },
    cursors: before,
    async change(changes) {
      tree = await changeTree(repository, tree, changes);
    },
    async commit({ clock }, cursors, missed, { files = [], committing } = {}) {
      await dropNeedless(repository, tree);
      const link = await repository.saveCursors(new Map([...before, ...cursors]));
      const { units = 0, bytes = 0 } = tree ?? {};
      const made = {
        atMs: clock.nowMs(),
        root: tree?.link ?? null,
        cursors: link,
        units,
        bytes,
        missed: [...missed.map(({ slot }) => slot), ...files.map(({ actor, hash }) => `${actor}/files/${hash}`)],
      };
      await committing?.(link.stripe.id);
      const { snapshots: after } = await repository.commit((state, number) => {
        // What was left as it was is in the base: if that was removed meanwhile, it may be gone.
        if (state.snapshots.at(-1)?.number !== base?.number) throw new PlexusError(failure("BACKUP_CHANGED"));
        return [...state.snapshots, { number, ...made }];
      });
      return after.at(-1) as Snapshot;
    },
  };
}

/** Gives up what was stored and is not in the tree: nodes that later changes of the same run have replaced, packs of slots that could not be
 *  read to their ends. */
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
