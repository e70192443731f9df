/** One part of a backup: what one node does for slots that it owns. What changed in each since its cursor is cut into
 *  units, sealed, packed and stored; what becomes of the tree is given to the node that makes it, slot by slot.
 *
 *      slot, since its cursor ─► changed actors ─► rows from the first changed key on ─► cut, seal (in the pool)
 *           ├─ a unit as it was: stays where it is
 *           └─ another: packs ─► a change of the tree
 *
 *  Writers are not stopped: each slot is read as it was at one position of its log. A slot that cannot be read is
 *  named, and changes nothing. */
import { failureOf, type ActorId, type Failure, type SlotId, type StripeRef } from "../../../protocols/index.ts";
import {
  cutFromStart,
  KeptPieces,
  RowList,
  stateType,
  tenantOf,
  unitPlace,
  type Cursor,
  type CutAnswer,
  type CutHow,
  type CutTask,
  type CutState,
  type RowSink,
  type KnownUnit,
  type Subject,
  type UnitEntry,
} from "../../../runtimes/backup/index.ts";
import { Batch, SealedParts } from "../format/batch.ts";
import { cutFiles, FileMemory, fileSubject, fileType, ownerOf, type MissedFile } from "../format/files.ts";
import { Packer } from "../format/packer.ts";
import type { BackupPorts } from "../ports.ts";
import type { ChangedActor, SlotSource, SlotView, StoredRow } from "./sources.ts";
import { isLostUnit, tornNodes, type Survey } from "./survey.ts";
import { unitsOf, type Tree, type TreeNodes, type UnitChange } from "../format/tree.ts";

/** How far a part is. */
export interface PartProgress {
  readonly slotsDone: number;
  readonly actors: number;
  readonly units: number;
  readonly bytes: number;
}

/** What a part needs beside the node's ports. */
export interface PartOptions {
  /** Where the nodes of the tree are, and the tree that is changed: what each actor's units were. */
  readonly nodes: Pick<TreeNodes, "load">;
  tree(): Tree;
  /** What may not be referred to again: it is lost, or, with `full`, all of it. */
  readonly ground: Pick<Survey, "lost"> & { readonly full: boolean; readonly isAnew: boolean };
  /** Whether who reads the changes knows of units that are sealed together: the node that makes the snapshot may be of
   *  an older version. */
  readonly together: boolean;
  /** Stores a pack. */
  put(pack: Uint8Array): Promise<StripeRef>;
  /** Takes changes of slots that were read to their ends. */
  change(changes: readonly UnitChange[]): Promise<void>;
  readonly signal: AbortSignal;
  progress(at: PartProgress): void;
  /** Is told of each page that was read, and may hold the part back. */
  pace(bytes: number): Promise<void>;
}

/** Rows of one actor and type on their way. */
interface Pages {
  readonly task: Omit<CutTask, "final">;
  readonly take: (answer: CutAnswer, sealed: SealedParts) => Promise<void>;
  /** Hears that all of them were taken. */
  readonly end: () => void;
}

/** A slot that was not read. */
export interface Missed {
  readonly slot: SlotId;
  readonly error: Failure;
}

/** What a part came to. */
interface PartReport extends PartProgress {
  /** How far the slots were read that were. */
  readonly cursors: ReadonlyMap<SlotId, Cursor>;
  readonly missed: readonly Missed[];
  readonly missedFiles: MissedFiles;
  readonly storedBytes: number;
}

/** Files that were not there to be read: how many, and the first of them. The next run looks for them again. */
export interface MissedFiles {
  readonly total: number;
  readonly named: readonly MissedFile[];
}

/** A slot with one of these is missed; anything else ends the part. */
const missedCodes: ReadonlySet<string> = new Set(["MOVED", "SLOT_UNAVAILABLE", "DATA_DAMAGED"]);

/** Reads slots, each since its cursor. Errors: CANCELLED, those of storing. */
export async function readPart(
  ports: BackupPorts,
  source: Pick<SlotSource, "open">,
  slots: readonly SlotId[],
  cursors: ReadonlyMap<string, Cursor>,
  options: PartOptions,
): Promise<PartReport> {
  return new Part(ports, source, options).read(slots, cursors);
}

class Part {
  readonly #ports: BackupPorts;
  readonly #source: Pick<SlotSource, "open">;
  readonly #options: PartOptions;
  readonly #packer: Packer;
  readonly #batch: Batch;
  /** Changes by slots that were read to their ends. A list may still grow: packs are on their way. */
  #changes: UnitChange[][] = [];
  /** Of the slot that is being read. */
  #own: UnitChange[] = [];
  #progress: PartProgress = { slotsDone: 0, actors: 0, units: 0, bytes: 0 };
  readonly #nodes: Pick<TreeNodes, "load">;
  readonly #fileMemory = new FileMemory();
  /** Sealed keys of units that wait for the manifest. */
  readonly #keys = new KeptPieces();
  #storedBytes = 0;
  #missedFiles: MissedFiles = { total: 0, named: [] };

  constructor(ports: BackupPorts, source: Pick<SlotSource, "open">, options: PartOptions) {
    this.#ports = ports;
    this.#source = source;
    this.#options = options;
    this.#nodes = options.ground.isAnew ? tornNodes(options.nodes) : options.nodes;
    this.#batch = new Batch(ports.limits, (rows, tasks) => ports.sealer.cut(rows, tasks, this.#how));
    this.#packer = new Packer(ports, async (bytes) => {
      const stripe = await options.put(bytes);
      this.#storedBytes += bytes.length;
      return stripe;
    });
  }

  async read(slots: readonly SlotId[], since: ReadonlyMap<string, Cursor>): Promise<PartReport> {
    const cursors = new Map<SlotId, Cursor>();
    const missed: Missed[] = [];
    for (const slot of slots) {
      this.#options.signal.throwIfAborted();
      try {
        const cursor = await this.#slot(slot, since.get(slot));
        if (cursor !== undefined) cursors.set(slot, cursor);
      } catch (error) {
        const why = failureOf(error);
        if (!missedCodes.has(why.code)) throw error;
        missed.push({ slot, error: why });
      }
      this.#tell({ slotsDone: this.#progress.slotsDone + 1 });
    }
    await this.#packer.finish();
    await this.#give();
    return { ...this.#progress, cursors, missed, missedFiles: this.#missedFiles, storedBytes: this.#storedBytes };
  }

  #tell(change: Partial<PartProgress>): void {
    this.#progress = { ...this.#progress, ...change };
    this.#options.progress(this.#progress);
  }

  /** A unit whose packs are still on their way comes with the next batch of changes. */
  async #give(): Promise<void> {
    await this.#options.change(this.#changes.flatMap((list) => list.splice(0)));
  }

  /** Nothing of a slot that cannot be read to its end is taken over. */
  async #slot(slot: SlotId, since: Cursor | undefined): Promise<Cursor | undefined> {
    this.#own = [];
    const cursor = await this.#read(slot, since);
    this.#changes.push(this.#own);
    const waiting = this.#changes.reduce((sum, { length }) => sum + length, 0);
    if (waiting >= this.#ports.limits.changesMax) await this.#give();
    return cursor;
  }

  /** Whether a unit that is as it was may stay where it is. */
  #stands(entry: UnitEntry): boolean {
    const { full, lost } = this.#options.ground;
    return !full && !isLostUnit(entry, lost);
  }

  /** Up to where the slot was read for good: from before a file that was not there it is read again. */
  async #read(slot: SlotId, since: Cursor | undefined): Promise<Cursor | undefined> {
    const missed = this.#missedFiles.total;
    const view = await this.#source.open(slot);
    try {
      if (since?.epoch === view.at.epoch && since.seq === view.at.seq) return view.at;
      const { actors } = await view.changed(since);
      await this.#actors(view, actors);
      await this.#actors(view, (await view.passedBy?.()) ?? []);
      await this.#batch.finish();
      return this.#missedFiles.total === missed ? view.at : since;
    } finally {
      await this.#batch.clear();
      await view.close();
    }
  }

  async #actors(view: SlotView, actors: readonly ChangedActor[]): Promise<void> {
    const { cluster, keys } = this.#ports;
    const subjects = actors.flatMap(({ actor }) => [subjectOf(cluster, actor, ""), fileSubject(cluster, actor)]);
    if (subjects.length > 0) await keys.ensure(subjects.map(tenantOf));
    for (const { actor, records } of actors) {
      await this.#actor(view, actor, records);
      await this.#batch.between();
      this.#tell({ actors: this.#progress.actors + 1 });
    }
  }

  async #actor(view: SlotView, actor: ActorId, changed: ReadonlyMap<string, string> | undefined): Promise<void> {
    const subject = (type: string): Subject => subjectOf(this.#ports.cluster, actor, type);
    const { person, thread } = subject("");
    const before = new Map<string, UnitEntry[]>();
    for await (const entry of unitsOf(this.#nodes, this.#options.tree(), { person, thread })) {
      const same = before.get(entry.name.type) ?? [];
      same.push(entry);
      before.set(entry.name.type, same);
    }
    const state = await view.state(actor);
    // It is read whole, however much it is.
    await this.#type(subject(stateType), before.get(stateType) ?? [], "", async (from, into) => {
      for (const [key, value] of state) if (key >= from) into.add(key, value);
    });
    const hadFiles = before.get(fileType) ?? [];
    before.delete(stateType);
    before.delete(fileType);
    const page = { rows: this.#ports.limits.pageRows, bytes: this.#ports.limits.pageBytes };
    const read = async (type: string): Promise<void> => {
      const from = changed === undefined ? "" : changed.get(type);
      const own = before.get(type) ?? [];
      before.delete(type);
      if (from === undefined) return;
      await this.#type(subject(type), own, from, (start, into) => view.records(actor, type, start, page, into));
    };
    for await (const type of view.types(actor)) if (type !== stateType && type !== fileType) await read(type);
    for (const type of before.keys()) await read(type);
    const files = fileSubject(this.#ports.cluster, actor);
    if (files.person === person) return this.#files(view, actor, state, hadFiles);
    const had: UnitEntry[] = [];
    for await (const entry of unitsOf(this.#nodes, this.#options.tree(), { person: files.person, thread }))
      had.push(entry);
    return this.#files(view, actor, state, had);
  }

  async #files(view: SlotView, actor: ActorId, state: readonly StoredRow[], had: readonly UnitEntry[]): Promise<void> {
    const before = had.filter((entry) => this.#stands(entry));
    const made = new Set<string>();
    const { missed, gone } = await cutFiles(
      this.#ports,
      view,
      this.#fileMemory,
      { actor, state, before },
      async (cut, sealed) => {
        for (const { name } of cut.units) made.add(unitPlace(name));
        await this.#take(cut, sealed, new Map(), this.#own);
        await this.#options.pace(cut.units.reduce((sum, { bytes }) => sum + bytes, 0));
      },
    );
    for (const { name } of gone.values()) this.#own.push({ type: "drop", name });
    // What may not stay was made anew, or its file is named as missed; else nothing refers to it any more.
    const unread = new Set(missed.map(({ hash }) => hash));
    for (const entry of had)
      if (
        !this.#stands(entry) &&
        !made.has(unitPlace(entry.name)) &&
        !unread.has(entry.name.bucket) &&
        !unread.has("*")
      )
        this.#own.push({ type: "drop", name: entry.name });
    const { total, named } = this.#missedFiles;
    const first = [...named, ...missed].slice(0, this.#ports.limits.missedFilesNamed);
    this.#missedFiles = { total: total + missed.length, named: first };
  }

  /** Brings the units of one actor's rows of one type to what they are now. Rows before `from` are as they were. */
  async #type(
    subject: Subject,
    before: readonly UnitEntry[],
    from: string,
    read: (from: string, into: RowSink) => Promise<void>,
  ): Promise<void> {
    const inOrder = before.toSorted((one, other) => (one.first < other.first ? -1 : 1));
    const untouched = inOrder.slice(0, untouchedOf(inOrder, from, this.#ports.limits.unitBytes));
    const cutAnew = inOrder.slice(untouched.length);
    const gone = new Map(cutAnew.map((entry) => [unitPlace(entry.name), entry]));
    const known = cutAnew.map((entry): KnownUnit => {
      const { bucket, part } = entry.name;
      return { bucket, part, first: entry.first, last: entry.last, hash: this.#stands(entry) ? entry.hash : "" };
    });
    const state = untouched.reduce(afterUnit, cutFromStart);
    const { rows } = this.#batch;
    const [countBefore, bytesBefore] = [rows.count, rows.bytes];
    const last = untouched.at(-1)?.last;
    await read(last === undefined ? "" : `${last}\0`, rows);
    this.#options.signal.throwIfAborted();
    const [count, bytes] = [rows.count - countBefore, rows.bytes - bytesBefore];
    await this.#options.pace(bytes);
    const changes = this.#own;
    const end = (): void => {
      for (const { name } of gone.values()) changes.push({ type: "drop", name });
    };
    if (count === 0) return end();
    const take = (answer: CutAnswer, sealed: SealedParts): Promise<void> => this.#take(answer, sealed, gone, changes);
    const pages = { task: { subject, known, state, rows: count }, take, end };
    if (this.#isLast(count, bytes)) return this.#tail(pages);
    const first = new RowList();
    first.addFrom(rows, countBefore);
    rows.cutTo(countBefore);
    await this.#pages(pages, first, read);
  }

  /** Cuts rows of an actor's type to their end, with those of its other types: what is cut at once is sealed
   *  together. */
  async #tail({ task, take, end }: Pages): Promise<void> {
    await this.#batch.add({
      task: { ...task, final: true },
      async take(answer, sealed) {
        await take(answer, sealed);
        end();
      },
    });
  }

  #isLast(count: number, bytes: number): boolean {
    const { pageRows, pageBytes } = this.#ports.limits;
    return count < pageRows && bytes < pageBytes;
  }

  /** Cuts rows of which there are many, a page at a time; the last two pages with those of the actor's other types,
   *  since these say the same. */
  async #pages(pages: Pages, first: RowList, read: (from: string, into: RowSink) => Promise<void>): Promise<void> {
    const { task, take } = pages;
    let { state } = task;
    let [rows, next, behind, open] = [first, new RowList(), new RowList(), new RowList()];
    /** The page behind some rows. */
    const readOn = async (after: RowList, into: RowList): Promise<void> => {
      into.clear();
      await read(`${after.lastKey}\0`, into);
      this.#options.signal.throwIfAborted();
      await this.#options.pace(into.bytes);
    };
    await readOn(rows, next);
    while (!this.#isLast(next.count, next.bytes)) {
      // The page behind the next one is read while this one is cut.
      const reading = readOn(next, behind);
      reading.catch(() => undefined);
      const own = { ...task, state, rows: rows.count, final: false };
      const { answers, ...made } = await this.#ports.sealer.cut(rows, [own], this.#how);
      const [answer] = answers as readonly [CutAnswer];
      await take(answer, new SealedParts(made));
      await reading;
      state = answer.state;
      // The rows of the unit that is still open are given again, with those after them.
      open.addFrom(rows, answer.taken);
      open.addFrom(next, 0);
      rows.clear();
      [rows, open] = [open, rows];
      [next, behind] = [behind, next];
    }
    const all = this.#batch.rows;
    for (const some of [rows, next]) all.addFrom(some, 0);
    await this.#tail({ ...pages, task: { ...task, state, rows: rows.count + next.count } });
  }

  get #how(): CutHow {
    const { limits, keys } = this.#ports;
    const { unitBytes, fragments } = limits;
    return { unitBytes, epoch: keys.epoch, fragments, together: this.#options.together };
  }

  async #take(
    { units }: CutAnswer,
    all: SealedParts,
    gone: Map<string, UnitEntry>,
    changes: UnitChange[],
  ): Promise<void> {
    const { keys } = this.#ports;
    for (const { name, sealed, ...unit } of units) {
      gone.delete(unitPlace(name));
      if (sealed === undefined) continue;
      const whole = all.add(sealed, (at) => void changes.push({ type: "put", entry: { name, ...unit, ...at } }));
      if (whole !== undefined) {
        const { id, key, fragments, units: puts } = whole;
        const { epoch } = keys;
        const sealedKey = this.#keys.keep(keys.seal({ tenant: tenantOf(name), unit: id, epoch }, key));
        await this.#packer.add(fragments, (places) => {
          for (const put of puts) put({ id, epoch, sealedKey, fragments: places });
        });
      }
      this.#tell({ units: this.#progress.units + 1, bytes: this.#progress.bytes + unit.bytes });
    }
  }
}

/** Whose units an actor's are. */
export function subjectOf(cluster: string, actor: ActorId, type: string): Subject {
  // The records of an agent have a tenant of their own: the agent.
  return { cluster, person: actor.startsWith("agent/") ? "" : ownerOf(actor), thread: actor, type };
}

/** How many units before a change stay as they are without a look. Behind them are those that what is new may become
 *  one with. */
function untouchedOf(inOrder: readonly UnitEntry[], from: string, unitBytes: number): number {
  let count = inOrder.findIndex(({ last }) => last >= from);
  if (count === -1) count = inOrder.length;
  const bucket = inOrder[count - 1]?.name.bucket;
  for (let bytes = 0; count > 0; count -= 1) {
    const { name, bytes: own } = inOrder[count - 1] as UnitEntry;
    bytes += own;
    if (name.bucket !== bucket || bytes > unitBytes) break;
  }
  return count;
}

/** Where cutting goes on behind a unit that there is. */
const afterUnit = ({ parts }: CutState, { name }: UnitEntry): CutState => ({
  bucket: name.bucket,
  parts: { ...parts, [name.bucket]: Math.max(parts[name.bucket] ?? 0, name.part + 1) },
});
