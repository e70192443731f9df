/** A backup of the whole cluster: the owners of all slots are asked for their parts, some slots at a time; each part's
 *  list is kept in the task's checkpoint; then they become one snapshot.
 *
 *      slots, by owner ─ backup.part ─► part lists (pieces of the task) ─► one tree ─► the mark (checkpoint) ─► head
 *
 *  Before the first question, and again before the head, holders are asked whether they have what the newest snapshot
 *  refers to (`survey.ts`): what is lost the owners store again.
 *
 *  A runner that takes over asks for the slots that no piece has, and goes on. If the newest snapshot carries this
 *  run's mark, the previous runner committed it. */
import {
  failure,
  failureOf,
  passingCodes,
  PlexusError,
  type BackupResults,
  type Failure,
  type Result,
  type SlotId,
  type StripeRef,
} from "../../../protocols/index.ts";
import type { MeshAnswer, MeshBody } from "../../../protocols/mesh/index.ts";
import type { Cursor, Snapshot } from "../../../runtimes/backup/index.ts";
import type { Clock, Log, NodeId } from "../../ports/index.ts";
import { within } from "../../waiting.ts";
import type { RunnerLimits } from "../limits.ts";
import { openPartList, type OpenedList, type SealedList } from "../format/part-list.ts";
import type { Missed, MissedFiles, PartProgress } from "./part.ts";
import type { BackupPorts } from "../ports.ts";
import { catalogTenant, openRepository, type Repository } from "../repository.ts";
import { renewUnits } from "../upkeep/renewal.ts";
import { beginSnapshot, groundOf, type Committed, type Ground, type SnapshotDraft } from "./run.ts";
import { isHandedOn, type TaskAt } from "./runner.ts";
import { lostUnitsOf, surveyStripes, type SurveyOptions } from "./survey.ts";
import type { UnitChange } from "../format/tree.ts";

interface ClusterRunPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: RunnerLimits;
  /** The slots of the cluster that are backed up, and who owns them. */
  slots(): Iterable<{ readonly slot: SlotId; readonly owner: NodeId }>;
  nameOf(node: NodeId): string;
  call(to: NodeId, asked: MeshBody<"backup.part">): Promise<Result<MeshAnswer<"backup.part">>>;
  end(to: NodeId, name: MeshBody<"backup.end">): void;
}

/** A part that is done, as a piece of the task has it. */
interface DonePart extends Sums {
  readonly turn: number;
  readonly part: string;
  readonly slots: readonly SlotId[];
  /** The slots were read from their beginnings, and nothing that was lost then is trusted. */
  readonly anew?: boolean;
  readonly missedFiles: MissedFiles;
  readonly list: SealedList;
}

interface Sums {
  readonly actors: number;
  readonly units: number;
  readonly bytes: number;
  readonly storedBytes: number;
}

interface Checkpoint {
  /** The snapshot that the run began from; 0: none. */
  readonly base: number;
  /** What a snapshot of this run alone has, for each time that one was about to be committed: one of them may be
   *  there. */
  readonly marks: readonly string[];
}

/** Failures of a whole part after which its slots are asked for again; the others end the run. A node that is still
 *  starting says BAD_REQUEST: it has no answer yet. */
const againCodes: ReadonlySet<string> = new Set([
  ...passingCodes,
  "UNREACHABLE",
  "OVERLOADED",
  "BAD_FRAME",
  "BAD_REQUEST",
]);
/** Those after which they are missing: the node cannot do it. */
const unableCodes: ReadonlySet<string> = new Set(["KIT_MISSING", "KEY_MISSING", "VERSION_UNSUPPORTED", "FORBIDDEN"]);
/** As many as turns that a task has, and some. */
const marksKept = 64;
/** Failures of a list that is made anew. */
const lostCodes: ReadonlySet<string> = new Set(["STRIPE_LOST", "BACKUP_DAMAGED", "KEY_MISSING", "KEY_REFUSED"]);

/** Takes it. Errors: BACKUP_CHANGED, CANCELLED, those of storing. */
export async function runCluster(
  at: TaskAt<"run">,
  backup: BackupPorts,
  ports: ClusterRunPorts,
): Promise<BackupResults["run"]> {
  return new ClusterRun(at, backup, ports).run();
}

class ClusterRun {
  readonly #at: TaskAt<"run">;
  readonly #backup: BackupPorts;
  readonly #ports: ClusterRunPorts;
  readonly #repository: Repository;
  /** By the keys of their pieces. */
  readonly #parts = new Map<string, DonePart>();
  /** How far the parts under way are. */
  readonly #running = new Map<string, PartProgress & { readonly workPercent?: number }>();
  readonly #missed = new Map<SlotId, Missed>();
  /** Slots that a node is asked for. One that moves meanwhile is not asked for elsewhere: two parts of it would not fit
   *  together. */
  readonly #busy = new Set<SlotId>();
  #slots = 0;
  #asked = 0;
  /** Stripes of other nodes: another runner may need them, so only the commit and the end of the task decide about
   *  them. */
  readonly #adopted = new Set<string>();
  /** Of each actor that parts have changed the last list that has it. One that moved to another slot is in two of them:
   *  each says what became of the units of the snapshot before, and units that one has put together the other may have
   *  left as they were. */
  readonly #lastOf = new Map<string, OpenedList>();
  #isCommitted = false;
  #mayBeCommitted = false;

  constructor(at: TaskAt<"run">, backup: BackupPorts, ports: ClusterRunPorts) {
    this.#at = at;
    this.#backup = backup;
    this.#ports = ports;
    this.#repository = openRepository(backup, { begins: true });
  }

  async run(): Promise<BackupResults["run"]> {
    try {
      const { snapshots } = await this.#repository.state();
      const { base, marks } = await this.#begin(snapshots.at(-1)?.number ?? 0);
      this.#mayBeCommitted = marks.length > 0;
      const made = marked(snapshots, marks);
      if (made !== undefined) return await this.#end(await this.#lookAgain(made));
      const ground = await groundOf(this.#backup, this.#repository, {
        ...this.#survey,
        full: this.#at.task.wish.full ?? false,
      });
      await this.#forget(ground);
      for (let merges = 1; ; merges += 1) {
        await this.#ask(base, ground);
        const lists = await this.#open();
        if (lists !== undefined) return await this.#end(await this.#merge({ base, marks }, lists, ground));
        if (merges >= this.#ports.limits.mergesMax)
          throw new PlexusError(failure("BACKUP_DAMAGED", { object: "part" }));
      }
    } catch (error) {
      await this.#giveUp(error);
      throw error;
    }
  }

  /** What the turns before have left; the first one says what it begins from. */
  async #begin(newest: number): Promise<Checkpoint> {
    const { checkpoint } = this.#at.task;
    for await (const { key, value } of this.#at.pieces()) {
      const part = pieceIn(value);
      if (part !== undefined) this.#parts.set(key, part);
    }
    if (checkpoint !== undefined) return JSON.parse(checkpoint) as Checkpoint;
    const begun: Checkpoint = { base: newest, marks: [] };
    await this.#at.keep({ checkpoint: JSON.stringify(begun) });
    return begun;
  }

  /** People come first. */
  get #survey(): SurveyOptions {
    const { clock } = this.#ports;
    return { signal: this.#at.signal, pace: () => new Promise((done) => clock.soon(done)) };
  }

  /** Parts of an earlier turn that trusted what is lost are asked for again. */
  async #forget({ isAnew }: Ground): Promise<void> {
    if (!isAnew) return;
    for (const [key, { anew = false }] of this.#parts) {
      if (anew) continue;
      this.#parts.delete(key);
      await this.#at.keep({ pieces: [{ key, value: lostPiece }] });
    }
  }

  /** A snapshot that an earlier turn has committed, with what of it cannot be brought back. */
  async #lookAgain(snapshot: Snapshot): Promise<Committed> {
    const { lost, away } = await surveyStripes(this.#backup, this.#repository, [snapshot], this.#survey);
    const unread = new Set([...lost, ...away]);
    const units = (await lostUnitsOf(this.#repository, [snapshot], unread)).get(snapshot.number) ?? 0;
    return { snapshot, lost: { before: 0, units, stripes: unread.size } };
  }

  #tell(): void {
    const works = [...this.#running.values()].map(({ workPercent = 100 }) => workPercent);
    const workPercent = Math.min(100, ...works);
    const far = [
      ...this.#running.values(),
      ...[...this.#parts.values()].map(({ slots, ...sums }) => ({ ...sums, slotsDone: slots.length })),
    ];
    const sum = (field: keyof PartProgress): number => far.reduce((total, one) => total + one[field], 0);
    this.#at.progress({
      slots: this.#slots,
      slotsDone: sum("slotsDone") + this.#missed.size,
      actors: sum("actors"),
      units: sum("units"),
      bytes: sum("bytes"),
      ...(workPercent < 100 && { workPercent }),
    });
  }

  // --- parts ---------------------------------------------------------------------------------------------------------

  /** Asks until each slot is in a part, or could not be read for too long. */
  async #ask(base: number, ground: Ground): Promise<void> {
    const { clock, limits } = this.#ports;
    const busy = new Map<NodeId, Promise<void>>();
    /** Slots that were refused: when first, and when they may be asked for again. */
    const refusals = new Map<SlotId, { readonly sinceMs: number; readonly againMs: number }>();
    const failed: { readonly error: unknown }[] = [];
    const refuse = (slots: readonly SlotId[], error: Failure, isFinal: boolean): void => {
      const nowMs = clock.monotonicMs();
      for (const slot of slots) {
        const { sinceMs = nowMs } = refusals.get(slot) ?? {};
        refusals.set(slot, { sinceMs, againMs: nowMs + limits.slotPauseMs });
        const isLate = nowMs - sinceMs >= limits.slotWaitMs;
        // That its owner or its holders have too much to do says nothing of the slot.
        if (isLate && error.code === "OVERLOADED") failed.push({ error: new PlexusError(error) });
        if (isFinal || isLate) this.#missed.set(slot, { slot, error });
      }
    };
    try {
      for (;;) {
        this.#at.signal.throwIfAborted();
        if (failed[0] !== undefined) throw failed[0].error;
        const left = this.#left();
        if (left.length === 0 && busy.size === 0) return;
        const nowMs = clock.monotonicMs();
        const free = left.filter(({ slot, owner }) => !busy.has(owner) && (refusals.get(slot)?.againMs ?? 0) <= nowMs);
        for (const [owner, rows = []] of Object.entries(Object.groupBy(free, (row) => row.owner))) {
          if (busy.size >= limits.partsAtOnce) break;
          const slots = rows.slice(0, limits.partSlots).map(({ slot }) => slot);
          for (const slot of slots) this.#busy.add(slot);
          const work = this.#part(owner, base, slots, { ground, refuse })
            .catch((error: unknown) => void failed.push({ error }))
            .finally(() => {
              busy.delete(owner);
              for (const slot of slots) this.#busy.delete(slot);
            });
          busy.set(owner, work);
        }
        await within(
          clock,
          limits.slotPauseMs,
          busy.size === 0 ? new Promise(() => undefined) : Promise.race(busy.values()),
        );
        this.#tell();
      }
    } finally {
      // They notice that the task has ended, or have.
      await Promise.all(busy.values());
    }
  }

  /** The slots of now that are in no part. */
  #left(): readonly { readonly slot: SlotId; readonly owner: NodeId }[] {
    const done = new Set([...this.#parts.values()].flatMap(({ slots }) => slots));
    const all = [...this.#ports.slots()];
    this.#slots = all.length;
    return all.filter(({ slot }) => !done.has(slot) && !this.#missed.has(slot) && !this.#busy.has(slot));
  }

  async #part(
    owner: NodeId,
    base: number,
    slots: readonly SlotId[],
    {
      ground,
      refuse,
    }: {
      readonly ground: Ground;
      readonly refuse: (slots: readonly SlotId[], error: Failure, isFinal: boolean) => void;
    },
  ): Promise<void> {
    const { task, signal } = this.#at;
    const part = String((this.#asked += 1));
    const name = { task: task.id, turn: task.turn, part };
    const isOver = (): boolean => signal.aborted;
    const anew = anewOf(ground, this.#ports.limits.lostTold);
    try {
      for (;;) {
        const answer = await this.#ports.call(owner, { ...name, base, slots: [...slots], together: true, ...anew });
        if (isOver()) return;
        if (!answer.ok) {
          const { code } = answer.error;
          const isAgain = againCodes.has(code);
          if (!isAgain && !unableCodes.has(code)) throw new PlexusError(answer.error);
          return refuse(slots, answer.error, !isAgain);
        }
        const { progress, done } = answer.value;
        this.#running.set(part, progress);
        this.#tell();
        if (done === undefined) continue;
        const away = new Set(done.missed.map(({ slot }) => slot));
        for (const { slot, error } of done.missed) refuse([slot], error, error.code === "DATA_DAMAGED");
        const { actors, units, bytes, storedBytes, missedFiles, list } = done;
        const read = slots.filter((slot) => !away.has(slot));
        const made: DonePart = {
          turn: task.turn,
          part,
          slots: read,
          anew: ground.isAnew,
          list,
          actors,
          units,
          bytes,
          storedBytes,
          missedFiles,
        };
        const key = `${String(task.turn).padStart(4, "0")}.${part.padStart(6, "0")}`;
        await this.#at.keep({ pieces: [{ key, value: pieceOf(made) }] });
        this.#parts.set(key, made);
        return;
      }
    } finally {
      this.#running.delete(part);
      this.#ports.end(owner, name);
    }
  }

  // --- the snapshot --------------------------------------------------------------------------------------------------

  /** The lists of all parts; undefined: some are lost, and their slots are asked for again. */
  async #open(): Promise<readonly OpenedList[] | undefined> {
    const lists: OpenedList[] = [];
    let isWhole = true;
    const { keys } = this.#backup;
    // The keys that the parts' nodes have made are known here from now on.
    await keys.ensure([catalogTenant]);
    // Those of an epoch that began meanwhile are known to the next turn.
    if ([...this.#parts.values()].some(({ list }) => list.epoch > keys.epoch))
      throw new PlexusError(failure("FENCED", { reason: "the keys have changed: the task goes on with the new ones" }));
    this.#lastOf.clear();
    // In the order in which they were asked for, whichever was done first.
    for (const [key, { turn, part, list }] of [...this.#parts].sort(([one], [other]) => (one < other ? -1 : 1))) {
      this.#at.signal.throwIfAborted();
      try {
        const name = { task: this.#at.task.id, turn, part };
        const opened = await openPartList(this.#backup, this.#repository, name, list);
        // Each change is looked at here, so that making the tree does not end half way.
        for await (const changes of opened.changes()) {
          this.#adopt(stripesOf(changes));
          for (const change of changes) this.#lastOf.set(threadOf(change), opened);
        }
        lists.push(opened);
      } catch (error) {
        if (!lostCodes.has(failureOf(error).code)) throw error;
        this.#ports.log.warn("backup.part.lost", {
          task: `backup.${this.#at.task.id}`,
          part,
          failure: failureOf(error),
        });
        isWhole = false;
        this.#parts.delete(key);
        await this.#at.keep({ pieces: [{ key, value: lostPiece }] });
      }
    }
    return isWhole ? lists : undefined;
  }

  #adopt(stripes: readonly StripeRef[]): void {
    const news = stripes.filter(({ id }) => !this.#adopted.has(id));
    for (const { id } of news) this.#adopted.add(id);
    this.#repository.adopt(news);
  }

  async #merge({ base, marks }: Checkpoint, lists: readonly OpenedList[], ground: Ground): Promise<Committed> {
    const draft = await beginSnapshot(this.#backup, this.#repository, ground);
    if (draft.base !== base) throw new PlexusError(failure("BACKUP_CHANGED", { base }));
    const cursors = new Map<string, Cursor>();
    for (const list of lists) {
      for (const [slot, cursor] of list.cursors) cursors.set(slot, cursor);
      const counts = (change: UnitChange): boolean => this.#lastOf.get(threadOf(change)) === list;
      await applyChanges(draft, list, counts, { max: this.#backup.limits.changesMax, signal: this.#at.signal });
    }
    await renewUnits(this.#backup, this.#repository, draft, this.#survey);
    try {
      const committing = async (mark: string): Promise<void> => {
        const checkpoint: Checkpoint = { base, marks: [...marks, mark].slice(-marksKept) };
        await this.#at.keep({ checkpoint: JSON.stringify(checkpoint) });
        this.#at.signal.throwIfAborted();
        this.#mayBeCommitted = true;
      };
      const missed = [...this.#missed.values()];
      const committed = await draft.commit(this.#backup, cursors, missed, {
        survey: this.#survey,
        files: this.#missedFiles().named,
        committing,
      });
      this.#isCommitted = true;
      // What nobody hears of expires.
      for (const { own } of lists)
        for (const stripe of own) await this.#backup.stripes.release(stripe, this.#backup.owner);
      return committed;
    } catch (error) {
      if (failureOf(error).code !== "BACKUP_CHANGED") throw error;
      // The turn before may have been faster, with the same parts.
      const made = marked((await this.#repository.state()).snapshots, marks);
      if (made === undefined) throw error;
      await this.#repository.abandon(({ id }) => !this.#adopted.has(id));
      return this.#lookAgain(made);
    }
  }

  /** Of all parts. */
  #missedFiles(): MissedFiles {
    const all = [...this.#parts.values()].map(({ missedFiles }) => missedFiles);
    const named = all.flatMap((files) => files.named).slice(0, this.#ports.limits.missedNamed);
    return { total: all.reduce((sum, { total }) => sum + total, 0), named };
  }

  async #end({ snapshot, lost }: Committed): Promise<BackupResults["run"]> {
    this.#isCommitted = true;
    const parts = [...this.#parts.values()];
    const sum = (field: keyof Sums): number => parts.reduce((total, part) => total + part[field], 0);
    const owners = new Map([...this.#ports.slots()].map(({ slot, owner }) => [slot, this.#ports.nameOf(owner)]));
    const named = [...this.#missed.values()].slice(0, this.#ports.limits.missedNamed);
    const { number, atMs, units, bytes, missed } = snapshot;
    this.#tell();
    return {
      snapshot: { number, atMs, units, bytes, missed },
      changedUnits: sum("units"),
      changedBytes: sum("bytes"),
      storedBytes: sum("storedBytes"),
      missed: named.map(({ slot, error }) => {
        const owner = owners.get(slot);
        return { slot, error, ...(owner !== undefined && { owner }) };
      }),
      missedFiles: this.#missedFiles(),
      lost,
    };
  }

  /** Gives up what this turn has stored; where the task ends with it, what the parts have, too. */
  async #giveUp(error: unknown): Promise<void> {
    if (this.#isCommitted) return;
    // Somebody may go on with it, unless another snapshot came meanwhile. What nobody goes on with expires.
    const isLeft = this.#at.task.leaves === true && failureOf(error).code !== "BACKUP_CHANGED";
    // Once a commit was tried, the head may lead to what the parts have, however late that is heard. Without it they
    // expire.
    if (this.#mayBeCommitted || isLeft || isHandedOn(this.#at, error))
      return this.#repository.abandon(({ id }) => !this.#adopted.has(id));
    for (const { turn, part, list } of this.#parts.values()) {
      try {
        const name = { task: this.#at.task.id, turn, part };
        const opened = await openPartList(this.#backup, this.#repository, name, list);
        for await (const changes of opened.changes()) this.#adopt(stripesOf(changes));
        this.#adopt(opened.own);
      } catch (unread) {
        // What it has expires.
        this.#ports.log.debug("backup.part.lost", { part, failure: failureOf(unread) });
      }
    }
    await this.#repository.abandon();
  }
}

const marked = (snapshots: readonly Snapshot[], marks: readonly string[]): Snapshot | undefined =>
  snapshots.findLast(({ cursors }) => marks.includes(cursors.stripe.id));

const threadOf = (change: UnitChange): string => (change.type === "put" ? change.entry.name : change.name).thread;

const stripesOf = (changes: readonly UnitChange[]): readonly StripeRef[] =>
  changes.flatMap((change) => (change.type === "put" ? change.entry.fragments.map(({ stripe }) => stripe) : []));

/** What an owner of slots is told of what is lost; of too much that it is all. */
function anewOf({ isAnew, full, lost }: Ground, max: number): Pick<MeshBody<"backup.part">, "anew"> {
  if (!isAnew) return {};
  return { anew: { full: full || lost.size > max, lost: lost.size > max ? [] : [...lost] } };
}

/** Brings a list's changes into the tree, many at a time: each time writes the nodes on the way to them anew. */
async function applyChanges(
  draft: SnapshotDraft,
  list: OpenedList,
  counts: (change: UnitChange) => boolean,
  { max, signal }: { readonly max: number; readonly signal: AbortSignal },
): Promise<void> {
  let waiting: UnitChange[] = [];
  for await (const changes of list.changes()) {
    signal.throwIfAborted();
    waiting.push(...changes.filter(counts));
    if (waiting.length < max) continue;
    await draft.change(waiting);
    waiting = [];
  }
  await draft.change(waiting);
}

const lostPiece = "lost";

const pieceOf = ({ list, ...part }: DonePart): string =>
  JSON.stringify({ ...part, list: { ...list, sealedKey: Buffer.from(list.sealedKey).toString("base64") } });

function pieceIn(value: string): DonePart | undefined {
  if (value === lostPiece) return undefined;
  const { list, ...part } = JSON.parse(value) as Omit<DonePart, "list"> & {
    readonly list: Omit<SealedList, "sealedKey"> & { readonly sealedKey: string };
  };
  return { ...part, list: { ...list, sealedKey: new Uint8Array(Buffer.from(list.sealedKey, "base64")) } };
}
