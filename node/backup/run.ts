/** One backup: what has changed since the snapshot before is cut into units, sealed, packed and stored; then the tree names it.
 *
 *      slot, since its cursor ─► changed actors ─► rows from the first changed key on ─► cut, seal (in the pool)
 *           ├─ a unit as it was: stays where it is
 *           └─ another: packs ─► entry of the tree
 *
 *  Writers are not stopped: each slot is read as it was at one position of its log. A slot that cannot be read is named in the snapshot, and
 *  stays there as in the one before. */
import {
  failure,
  failureOf,
  parseActorId,
  PlexusError,
  type ActorId,
  type Failure,
  type SlotId,
} from "../../protocols/index.ts";
import {
  cutFromStart,
  join,
  parted,
  tenantOf,
  unitPlace,
  type Cursor,
  type CutAnswer,
  type CutState,
  type NodeLink,
  type Snapshot,
  type Subject,
  type TreeNode,
  type UnitEntry,
} from "../../runtimes/backup/index.ts";
import { Packer } from "./packer.ts";
import type { BackupPorts } from "./ports.ts";
import type { Repository } from "./repository.ts";
import type { SlotSource, SlotView, StoredRow } from "./sources.ts";
import { changeTree, unitsOf, walkTree, type Tree, type UnitChange } from "./tree.ts";

/** How far a run is. */
export interface RunProgress {
  readonly slots: number;
  readonly slotsDone: number;
  readonly actors: number;
  readonly units: number;
  readonly bytes: number;
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
  readonly missed: readonly { readonly slot: SlotId; readonly error: Failure }[];
}

/** Type of the unit that has an actor's state. A type of records is the first part of their keys, and has no dot. */
const stateType = ".state";

/** Takes a backup of what the source has. Errors: BACKUP_CHANGED, CANCELLED, those of storing. */
export async function runBackup(
  ports: BackupPorts,
  repository: Repository,
  source: SlotSource,
  options: RunOptions,
): Promise<RunReport> {
  try {
    return await new Run(ports, repository, source, options).run();
  } catch (error) {
    await repository.abandon();
    throw error;
  }
}

class Run {
  readonly #ports: BackupPorts;
  readonly #repository: Repository;
  readonly #source: SlotSource;
  readonly #options: RunOptions;
  readonly #packer: Packer;
  /** Changes by slots that were read to their ends. A list may still grow: packs are on their way. */
  #changes: UnitChange[][] = [];
  /** Of the slot that is being read. */
  #own: UnitChange[] = [];
  #tree: Tree = null;
  #progress = { slots: 0, slotsDone: 0, actors: 0, units: 0, bytes: 0 };
  #storedBytes = 0;

  constructor(ports: BackupPorts, repository: Repository, source: SlotSource, options: RunOptions) {
    this.#ports = ports;
    this.#repository = repository;
    this.#source = source;
    this.#options = options;
    this.#packer = new Packer(ports, async (bytes) => {
      const stripe = await repository.put(bytes, "pack");
      this.#storedBytes += bytes.length;
      return stripe;
    });
  }

  async run(): Promise<RunReport> {
    const { snapshots } = await this.#repository.state();
    const base = snapshots.at(-1);
    if (base?.root) this.#tree = { link: base.root, units: base.units, bytes: base.bytes };
    const cursors = new Map(base === undefined ? [] : await this.#repository.loadCursors(base.cursors));
    const missed: { slot: SlotId; error: Failure }[] = [];
    const slots = await this.#source.slots();
    this.#tell({ slots: slots.length });
    for (const slot of slots) {
      this.#options.signal.throwIfAborted();
      try {
        cursors.set(slot, await this.#slot(slot, cursors.get(slot)));
      } catch (error) {
        const { code } = failureOf(error);
        if (code !== "MOVED" && code !== "SLOT_UNAVAILABLE" && code !== "DATA_DAMAGED") throw error;
        missed.push({ slot, error: failureOf(error) });
      }
      this.#tell({ slotsDone: this.#progress.slotsDone + 1 });
    }
    await this.#packer.finish();
    await this.#writeTree();
    await this.#dropNeedless();
    const link = await this.#repository.saveCursors(cursors);
    const atMs = this.#ports.clock.nowMs();
    const { units = 0, bytes = 0 } = this.#tree ?? {};
    const made = {
      atMs,
      root: this.#tree?.link ?? null,
      cursors: link,
      units,
      bytes,
      missed: missed.map(({ slot }) => slot),
    };
    const { snapshots: after } = await this.#repository.commit((state, number) => {
      // What this run left as it was is in the base: if that was removed meanwhile, it may be gone.
      if (state.snapshots.at(-1)?.number !== base?.number) throw new PlexusError(failure("BACKUP_CHANGED"));
      return [...state.snapshots, { number, ...made }];
    });
    const { units: changedUnits, bytes: changedBytes } = this.#progress;
    return { snapshot: after.at(-1) as Snapshot, changedUnits, changedBytes, storedBytes: this.#storedBytes, missed };
  }

  #tell(change: Partial<RunProgress>): void {
    this.#progress = { ...this.#progress, ...change };
    this.#options.progress(this.#progress);
  }

  /** Nothing of a slot that cannot be read to its end is taken over. */
  async #slot(slot: SlotId, since: Cursor | undefined): Promise<Cursor> {
    this.#own = [];
    const cursor = await this.#read(slot, since);
    this.#changes.push(this.#own);
    const waiting = this.#changes.reduce((sum, { length }) => sum + length, 0);
    if (waiting >= this.#ports.limits.changesMax) await this.#writeTree();
    return cursor;
  }

  async #read(slot: SlotId, since: Cursor | undefined): Promise<Cursor> {
    const view = await this.#source.open(slot);
    try {
      if (since?.epoch === view.at.epoch && since.seq === view.at.seq) return view.at;
      const { actors } = await view.changed(since);
      const people = actors.map(({ actor }) => tenantOf(subjectOf(this.#ports.cluster, actor, "")));
      await this.#ports.keys.ensure(people);
      for (const { actor, records } of actors) {
        await this.#actor(view, actor, records);
        this.#tell({ actors: this.#progress.actors + 1 });
      }
      return view.at;
    } finally {
      await view.close();
    }
  }

  async #actor(view: SlotView, actor: ActorId, changed: ReadonlyMap<string, string> | undefined): Promise<void> {
    const subject = (type: string): Subject => subjectOf(this.#ports.cluster, actor, type);
    const { person, thread } = subject("");
    const before = new Map<string, UnitEntry[]>();
    for await (const entry of unitsOf(this.#repository, this.#tree, { person, thread })) {
      const same = before.get(entry.name.type) ?? [];
      same.push(entry);
      before.set(entry.name.type, same);
    }
    const state = await view.state(actor);
    const once = async (from: string): Promise<readonly StoredRow[]> => state.filter(([key]) => key >= from);
    await this.#type(subject(stateType), before.get(stateType) ?? [], "", once);
    const types = new Set([...(await view.types(actor)), ...before.keys()]);
    types.delete(stateType);
    const page = { rows: this.#ports.limits.pageRows, bytes: this.#ports.limits.pageBytes };
    for (const type of types) {
      const from = changed === undefined ? "" : changed.get(type);
      if (from === undefined) continue;
      await this.#type(subject(type), before.get(type) ?? [], from, (start) => view.records(actor, type, start, page));
    }
  }

  /** Brings the units of one actor's rows of one type to what they are now. Rows before `from` are as they were. */
  async #type(
    subject: Subject,
    before: readonly UnitEntry[],
    from: string,
    read: (from: string) => Promise<readonly StoredRow[]>,
  ): Promise<void> {
    const { limits, keys, sealer } = this.#ports;
    const inOrder = before.toSorted((one, other) => (one.first < other.first ? -1 : 1));
    // The last unit before the change is cut anew: it may take more rows.
    const untouched = inOrder.filter(({ last }) => last < from).slice(0, -1);
    const gone = new Map(inOrder.slice(untouched.length).map((entry) => [unitPlace(entry.name), entry]));
    const known = Object.fromEntries([...gone].map(([place, { hash }]) => [place, hash]));
    let state = untouched.reduce(afterUnit, cutFromStart);
    // Rows may have come before what was the first one.
    let next = untouched.length === 0 ? "" : (inOrder[untouched.length]?.first ?? "");
    let open: readonly StoredRow[] = [];
    for (let final = false; !final;) {
      this.#options.signal.throwIfAborted();
      const page = await read(next);
      const bytes = page.reduce((sum, [, value]) => sum + value.length, 0);
      final = page.length < limits.pageRows && bytes < limits.pageBytes;
      const rows = [...open, ...page];
      if (rows.length === 0) break;
      next = `${(rows.at(-1) as StoredRow)[0]}\0`;
      const answer = await sealer.cut({
        subject,
        keys: rows.map(([key]) => key),
        values: join(rows.map(([, value]) => value)),
        state,
        unitBytes: limits.unitBytes,
        final,
        known,
        epoch: keys.epoch,
        fragments: limits.fragments,
      });
      state = answer.state;
      // The rows of the unit that is still open are given again, with those after them.
      open = rows.slice(answer.taken);
      await this.#take(answer, gone);
      await this.#options.pace(bytes);
    }
    for (const { name } of gone.values()) this.#own.push({ type: "drop", name });
  }

  async #take({ units, fragments: made }: CutAnswer, gone: Map<string, UnitEntry>): Promise<void> {
    const { keys } = this.#ports;
    const all = parted(made);
    let next = 0;
    for (const { name, sealed, ...unit } of units) {
      gone.delete(unitPlace(name));
      if (sealed === undefined) continue;
      const { id, key, fragments } = sealed;
      const sealedKey = keys.seal({ tenant: tenantOf(name), unit: id, epoch: keys.epoch }, key);
      const entry = { name, ...unit, id, epoch: keys.epoch, sealedKey };
      const changes = this.#own;
      const sealedFragments = all.slice(next, (next += fragments));
      await this.#packer.add(sealedFragments, (places) => {
        changes.push({ type: "put", entry: { ...entry, fragments: places } });
      });
      this.#tell({ units: this.#progress.units + 1, bytes: this.#progress.bytes + unit.bytes });
    }
  }

  /** Gives up what was stored and is not in the tree: nodes that later changes of the same run have replaced, packs of slots that could not be
   *  read to their ends. */
  async #dropNeedless(): Promise<void> {
    const made = new Set(this.#repository.unfinished.map(({ id }) => id));
    const needed = new Set<string>();
    const visit = {
      skip: ({ stripe }: NodeLink) => !made.has(stripe.id),
      node({ stripe }: NodeLink, node: TreeNode) {
        needed.add(stripe.id);
        if ("units" in node)
          for (const { fragments } of node.units) for (const place of fragments) needed.add(place.stripe.id);
      },
    };
    if (this.#tree !== null) await walkTree(this.#repository, this.#tree.link, visit);
    await this.#repository.abandon(({ id }) => !needed.has(id));
  }

  async #writeTree(): Promise<void> {
    // A unit whose packs are still on their way comes with the next batch of changes.
    const changes = this.#changes.flatMap((list) => list.splice(0));
    this.#tree = await changeTree(this.#repository, this.#tree, changes);
  }
}

/** Whose units an actor's are. */
export function subjectOf(cluster: string, actor: ActorId, type: string): Subject {
  const { kind, key } = parseActorId(actor) ?? { kind: "", key: "" };
  const person = kind === "user" || kind === "ledger" ? `user/${key}` : "";
  return { cluster, person, thread: actor, type };
}

/** Where cutting goes on behind a unit that there is. */
const afterUnit = ({ parts }: CutState, { name }: UnitEntry): CutState => ({
  bucket: name.bucket,
  parts: { ...parts, [name.bucket]: Math.max(parts[name.bucket] ?? 0, name.part + 1) },
});
