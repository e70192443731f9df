/** One voter of a replicated directory: a core, its disk, its clock and its lines to the others. The leader is a
 *  Directory like any other, which the other nodes ask as they ask the one that a single node keeps (`serveDirectory`,
 *  `createRemoteDirectory`).
 *
 *      change ─► propose ─► Core ─► write, synced ─► stored ─► applied: answer, watches
 *                            ▲ └──► messages ═══► the other voters
 *      read ─► a majority says that this node leads ─► everything until then is applied ─► answer
 *
 *  A disk that fails ends the voter's life: what it holds is unknown, so the voter forgets everything and reads the
 *  disk anew. */
import { failure, PlexusError } from "../../../../protocols/index.ts";
import type { Clock, Directory, DirectoryRow, Log, NodeId, Store, StoreOp } from "../../../ports/index.ts";
import type { Change } from "../deciding.ts";
import { directoryLimits, type DirectoryLimits } from "../limits.ts";
import {
  checkKey,
  encodeValue,
  full,
  moved,
  unavailable,
  unavailableWhere,
  type EtcdHome,
  type KeptSize,
} from "../row.ts";
import { select, Watches } from "../watches.ts";
import { createAgain, type Again } from "./again.ts";
import { Core } from "./core.ts";
import { foundVoter, keepingOps, loadVoter, VoterDisk, type Founding } from "./disk.ts";
import type { Addressed, Entry, Mark, Members, Ready } from "./messages.ts";
import { LeaderRoom } from "./leader-room.ts";
import { ReplicatedRows, type Asked, type RowsImage } from "./rows.ts";
import { isTaken } from "./shape.ts";
import type { VoterMessage } from "./voter-message.ts";

export interface VoterListener {
  receive(from: NodeId, message: VoterMessage): void;
  lost(node: NodeId): void;
}

/** The lines to the other voters. Messages may be lost, late or doubled. */
export interface VoterLines {
  send(to: NodeId, message: VoterMessage): void;
  /** Where messages go from now on. `lost`: a line is broken, and may come again. */
  listen(listener: VoterListener): void;
}

export interface VoterPorts {
  readonly node: NodeId;
  readonly store: Store;
  readonly lines: VoterLines;
  readonly clock: Pick<Clock, "after">;
  readonly log: Log;
  /** For the lengths of waits. */
  readonly seed: number;
  readonly limits?: DirectoryLimits;
  /** Told of every change of a row in the order in which they were decided; after a start, of some again. Without a
   *  value: removed. */
  readonly decided?: (key: string, revision: number, value: unknown) => void;
}

/** What a voter knows of the others. */
export interface VoterState {
  readonly role: "follower" | "candidate" | "leader";
  readonly term: number;
  readonly leader: NodeId | undefined;
  readonly members: Members;
  /** The place in the log since which these count, or a later one before the next change. */
  readonly since: number;
  /** Whether the last change of members is settled. */
  readonly settled: boolean;
  /** A leader's word on each of the others: heard of lately, and how many entries behind. */
  readonly others: readonly { readonly node: NodeId; readonly heard: boolean; readonly behind: number }[];
}

export interface Voter {
  /** Its operations end with DIRECTORY_UNAVAILABLE wherever this node does not lead. */
  readonly directory: Directory;
  /** A row for a change that is asked for when it is here: what this node has applied. Nobody is asked whether it still
   *  leads. If it does not, the change does not come about; if it does, no newer row was told to anybody. Errors:
   *  DIRECTORY_UNAVAILABLE, it does not lead; DIRECTORY_MOVED. */
  readToChange(key: string): Promise<DirectoryRow | undefined>;
  state(): VoterState | undefined;
  /** Of the last change that it knows to be decided. */
  revision(): number;
  /** What its rows are; undefined before it has read them. */
  size(): KeptSize | undefined;
  /** What is wrong with its disk. */
  trouble(): string | undefined;
  /** Calls back when another node leads, or none, when others count, and when that is agreed on. */
  onLeader(listener: (leader: NodeId | undefined) => void): void;
  /** Changes who counts, by one voter; resolves when it is settled. Error: DIRECTORY_UNAVAILABLE. */
  changeMembers(members: Members): Promise<void>;
  /** Lets another voter lead, if this node does and the other has everything. */
  handOver(to: NodeId): void;
  /** Gives the rows away for good, if this node leads. Changes wait while `copy` runs; if it fails, things go on as
   *  before. From the entry on that says so every operation ends with DIRECTORY_MOVED. Errors: those of `copy`;
   *  ALREADY_DONE, the directory is being moved; DIRECTORY_MOVED; DIRECTORY_UNAVAILABLE: another leads, and it is moved
   *  or not. */
  depart(home: EtcdHome, copy: (rows: readonly DirectoryRow[], revision: number) => Promise<void>): Promise<void>;
  /** Calls back when it is known here that the rows were moved; at once if that was long ago. */
  onMoved(listener: (home: EtcdHome) => void): void;
  /** Ends it, when what is being written is on the disk. */
  stop(): Promise<void>;
}

type Answer = Awaited<ReturnType<Directory["compareAndSet"]>>;

interface Waiting {
  readonly term: number;
  readonly resolve: (answer: Answer | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Opens it, and founds it where the store is not a voter's of this generation. Errors: DATA_DAMAGED,
 *  DATA_FORMAT_UNKNOWN; those of the store. */
export async function openVoter(ports: VoterPorts, founding: Founding): Promise<Voter> {
  const voter = new RunningVoter(ports, founding);
  await voter.open();
  return voter;
}

class RunningVoter implements Voter {
  readonly directory: Directory;
  readonly #ports: VoterPorts;
  readonly #limits: DirectoryLimits;
  readonly #founding: Founding;
  readonly #watches = new Watches();
  readonly #listeners = new Set<(leader: NodeId | undefined) => void>();
  readonly #movedListeners = new Set<(home: EtcdHome) => void>();
  #life: Life | undefined;
  #stopped = false;
  #leader: NodeId | undefined;
  #members: Members | undefined;
  /** Whether they are agreed on. */
  #settled = false;
  readonly #again: Again;
  #cancelTick: () => void = () => undefined;

  constructor(ports: VoterPorts, founding: Founding) {
    this.#ports = ports;
    this.#limits = ports.limits ?? directoryLimits;
    this.#founding = founding;
    this.#again = createAgain({ clock: ports.clock, log: ports.log, limits: this.#limits });
    this.directory = this.#asDirectory();
    ports.lines.listen({
      receive: (from, message) => this.#life?.receive(from, message),
      lost: (other) => this.#life?.core.lost(other),
    });
  }

  /** `again`: after a write that failed. */
  async open({ again = false } = {}): Promise<void> {
    const { store, node, seed } = this.#ports;
    let loaded = await loadVoter(store);
    if (loaded === undefined || loaded.head.generation < this.#founding.generation) {
      await foundVoter(store, this.#founding);
      loaded = await loadVoter(store);
    } else if (again) await store.batch(keepingOps(loaded.restored), { sync: true });
    if (loaded === undefined || this.#stopped) throw unavailable("the store does not keep what is written");
    const { head, restored, image } = loaded;
    const rows = new ReplicatedRows(image);
    const core = new Core<Asked, RowsImage>(
      {
        node,
        electionTicks: this.#limits.electionTicks,
        heartbeatTicks: this.#limits.heartbeatTicks,
        entriesPerMessageMax: this.#limits.entriesPerMessageMax,
        messagesOnWayMax: this.#limits.messagesOnWayMax,
        seed,
        snapshot: () => rows.image,
      },
      restored,
    );
    const disk = new VoterDisk(store, head, restored.entries.length);
    this.#life = new Life(
      { core, rows, disk, store, limits: this.#limits },
      {
        send: (to, message) => this.#ports.lines.send(to, message),
        tell: (key, revision, row) => {
          this.#ports.decided?.(key, revision, row?.value);
          this.#watches.tell(key, revision, row);
        },
        turned: (life) => this.#turned(life),
        departed: (home) => {
          this.#watches.stale();
          for (const listener of this.#movedListeners) listener(home);
        },
        failed: (error) => this.#failed(error),
      },
    );
    this.#tick();
    this.#life.schedule();
  }

  revision(): number {
    return this.#life?.rows.revision ?? 0;
  }

  size(): KeptSize | undefined {
    return this.#life?.rows;
  }

  trouble(): string | undefined {
    return this.#again.trouble("this node");
  }

  state(): VoterState | undefined {
    const core = this.#life?.core;
    if (core === undefined) return undefined;
    const { role, term, leader, members, settled } = core;
    const others = [...members.voters, ...members.learners]
      .filter((node) => node !== this.#ports.node)
      .map((node) => ({ node, heard: core.hears(node), behind: core.behind(node) ?? Infinity }));
    return { role, term, leader, members, since: core.log.members.index, settled, others };
  }

  onLeader(listener: (leader: NodeId | undefined) => void): void {
    this.#listeners.add(listener);
  }

  async readToChange(key: string): Promise<DirectoryRow | undefined> {
    const life = this.#leading();
    // Before an entry of its term is applied, what an earlier leader has acknowledged may not be.
    if (!life.leads) await life.read();
    return life.here.get(key);
  }

  async changeMembers(members: Members): Promise<void> {
    await this.#leading().changeMembers(members);
  }

  handOver(to: NodeId): void {
    this.#life?.core.handOver(to);
    this.#life?.schedule();
  }

  async depart(home: EtcdHome, copy: Parameters<Voter["depart"]>[1]): Promise<void> {
    await this.#leading().depart(home, copy);
  }

  onMoved(listener: (home: EtcdHome) => void): void {
    this.#movedListeners.add(listener);
    const home = this.#life?.rows.home;
    if (home !== undefined) listener(home);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#again.reset();
    this.#cancelTick();
    const life = this.#life;
    this.#life = undefined;
    this.#watches.stale();
    await life?.end();
  }

  #leading(): Life {
    const life = this.#life;
    // Final, under every leader.
    if (life?.rows.home !== undefined) throw moved(life.rows.home);
    if (life?.core.role === "leader") return life;
    throw unavailableWhere(this.#again.trouble() ?? "this node does not lead");
  }

  #tick(): void {
    this.#cancelTick = this.#ports.clock.after(this.#limits.tickMs, () => {
      this.#life?.tick();
      if (!this.#stopped) this.#tick();
    });
  }

  /** After each turn of the core. */
  #turned(life: Life): void {
    if (life !== this.#life) return;
    if (life.serves) this.#watches.beginAll(life.rows.all);
    else this.#watches.stale();
    const { leader, members, settled } = life.core;
    if (leader === this.#leader && members === this.#members && settled === this.#settled) return;
    this.#leader = leader;
    this.#members = members;
    this.#settled = settled;
    for (const listener of this.#listeners) listener(leader);
  }

  /** What the disk holds is unknown: nothing in memory counts any more. */
  #failed(error: unknown): void {
    this.#life = undefined;
    this.#cancelTick();
    this.#watches.stale();
    if (!this.#stopped) this.#again.failed(error, () => void this.#reopen());
  }

  async #reopen(): Promise<void> {
    try {
      await this.open({ again: true });
      this.#again.done();
    } catch (error) {
      this.#failed(error);
    }
  }

  #asDirectory(): Directory {
    return {
      read: async (key) => {
        checkKey(key);
        const life = this.#leading();
        await life.read();
        return life.here.get(key);
      },
      list: async (prefix) => {
        const life = this.#leading();
        await life.read();
        return select(life.here, prefix);
      },
      compareAndSet: async (key, value, revision, guard) => {
        const bytes = encodeValue(key, value);
        // A caller that has read a row gives all of it as the guard; in the log is what counts.
        const only = guard && { key: guard.key, revision: guard.revision };
        return this.#leading().change({ key, bytes, revision, guard: only });
      },
      watch: (prefix, watcher) => {
        const watch = this.#watches.add(prefix, watcher);
        queueMicrotask(() => {
          if (this.#life?.serves === true) this.#watches.begin(watch, this.#life.rows.all);
        });
        return () => void this.#watches.delete(watch);
      },
    };
  }
}

/** A row that is not there is not deleted. */
const nothing: Change = { key: "nothing", bytes: undefined, revision: 0, guard: undefined };

/** What a life tells its voter. */
interface LifeEvents {
  send(to: NodeId, message: VoterMessage): void;
  tell(key: string, revision: number, row: DirectoryRow | undefined): void;
  turned(life: Life): void;
  departed(home: EtcdHome): void;
  failed(error: unknown): void;
}

/** Something for the disk, in order: what is to be written, and what is done then. */
interface Job {
  ops(): Promise<readonly StoreOp[]> | readonly StoreOp[];
  /** It reads the store first: what is before it has to be there. */
  readonly reads?: true;
  readonly sync: boolean;
  done(): void;
}

/** A voter between two readings of its disk. */
class Life {
  readonly core: Core<Asked, RowsImage>;
  readonly rows: ReplicatedRows;
  readonly #disk: VoterDisk;
  readonly #store: Store;
  readonly #limits: DirectoryLimits;
  readonly #room: LeaderRoom;
  readonly #events: LifeEvents;
  /** Those who asked, by the place of what they asked for. */
  readonly #changes = new Map<number, Waiting>();
  readonly #questions = new Map<number, { readonly resolve: () => void; readonly reject: (error: unknown) => void }>();
  #answerable: { readonly id: number; readonly index: number }[] = [];
  #lastQuestion = 0;
  #applied: number;
  /** What the rows on disk have. */
  #written: number;
  #jobs: Job[] = [];
  #writing: Promise<void> | undefined;
  #scheduled = false;
  #over = false;
  /** While the rows are being copied to another place. */
  #departing: Promise<void> | undefined;
  #held = 0;

  constructor(
    parts: {
      readonly core: Core<Asked, RowsImage>;
      readonly rows: ReplicatedRows;
      readonly disk: VoterDisk;
      readonly store: Store;
      readonly limits: DirectoryLimits;
    },
    events: LifeEvents,
  ) {
    this.core = parts.core;
    this.rows = parts.rows;
    this.#disk = parts.disk;
    this.#store = parts.store;
    this.#limits = parts.limits;
    this.#room = new LeaderRoom(parts.limits);
    this.#events = events;
    this.#applied = this.#written = parts.core.commit;
  }

  /** Whether it leads and has applied all that is committed before its time. */
  get leads(): boolean {
    return !this.#over && this.core.role === "leader" && this.core.log.termAt(this.#applied) === this.core.term;
  }

  /** Whether its rows are the directory's. */
  get serves(): boolean {
    return this.leads && this.rows.home === undefined;
  }

  /** Error: DIRECTORY_MOVED. */
  get here(): ReadonlyMap<string, DirectoryRow> {
    if (this.rows.home !== undefined) throw moved(this.rows.home);
    return this.rows.all;
  }

  tick(): void {
    this.core.tick();
    this.schedule();
  }

  receive(from: NodeId, message: VoterMessage): void {
    if (this.#over) return;
    this.core.receive(from, message);
    this.schedule();
  }

  async change(change: Change): Promise<Answer> {
    if (this.#changes.size + this.#held >= this.#limits.changesWaitingMax)
      throw unavailable("too many changes wait", undefined, { asked: false });
    if (this.#departing !== undefined) {
      this.#held += 1;
      await this.#departing.finally(() => (this.#held -= 1));
      if (this.rows.home !== undefined) throw moved(this.rows.home);
      if (this.#over) throw unavailable("the node stops", undefined, { asked: false });
    }
    if (this.core.role === "leader" && this.#isFull(change)) throw full(this.rows, this.#limits);
    return this.#ask(change) as Promise<Answer>;
  }

  #isFull(change: Change): boolean {
    const { term, log } = this.core;
    return this.#room.isFull({ term, log, rows: this.rows, applied: this.#applied }, change);
  }

  async depart(home: EtcdHome, copy: Parameters<Voter["depart"]>[1]): Promise<void> {
    if (this.#departing !== undefined)
      throw new PlexusError(failure("ALREADY_DONE", { reason: "the directory is being moved" }));
    let done = (): void => undefined;
    this.#departing = new Promise((resolve) => (done = resolve));
    try {
      // A change of nothing: when it has come about, so have all that were asked for before it.
      await this.#ask(nothing);
      const rows = select(this.here, "");
      const { revision } = this.rows;
      await copy(rows, revision);
      const answer = await this.#ask({ home, revision });
      // A leader in between has changed rows that were not copied.
      if (answer?.applied === false) throw unavailable("the rows changed while they were copied");
    } finally {
      this.#departing = undefined;
      done();
    }
  }

  async changeMembers(members: Members): Promise<void> {
    await this.#propose(() => this.core.changeMembers(members));
  }

  async #ask(asked: Asked): Promise<Answer | undefined> {
    if (!isTaken(asked))
      throw new PlexusError(failure("BAD_REQUEST", { reason: "the other voters would not take it" }));
    return this.#propose(() => this.core.propose(asked));
  }

  #propose(propose: () => Mark | undefined): Promise<Answer | undefined> {
    const mark = propose();
    if (mark === undefined) throw unavailable("the leader takes no changes now", undefined, { asked: false });
    return new Promise((resolve, reject) => {
      this.#changes.set(mark.index, { term: mark.term, resolve, reject });
      this.schedule();
    });
  }

  async read(): Promise<void> {
    if (this.#questions.size >= this.#limits.changesWaitingMax)
      throw unavailable("too many reads wait", undefined, { asked: false });
    await new Promise<void>((resolve, reject) => {
      this.#lastQuestion += 1;
      this.#questions.set(this.#lastQuestion, { resolve, reject });
      this.core.read(this.#lastQuestion);
      this.schedule();
    });
  }

  /** What was asked for in one go shares messages and writes. */
  schedule(): void {
    if (this.#scheduled || this.#over) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (!this.#over) this.#turn();
    });
  }

  async end(): Promise<void> {
    this.#give("the node stops");
    await this.#writing;
  }

  #turn(): void {
    const ready = this.core.take();
    // What may wait comes with the next change or heartbeat: it is half of all messages, and would be waited for.
    for (const { to, message, mayWait } of ready.send) if (mayWait !== true) this.#events.send(to, message);
    if (ready.restore !== undefined) {
      this.rows.restore(ready.restore.state);
      if (this.rows.home !== undefined) this.#events.departed(this.rows.home);
      this.#applied = this.#written = ready.restore.index;
    }
    if (ready.write !== undefined || ready.sendStored.length > 0) this.#write(ready);
    for (const entry of ready.apply) this.#apply(entry);
    this.#answer(ready);
    this.#keepRows();
    this.#events.turned(this);
  }

  #write({ write, sendStored, restore }: Ready<Asked, RowsImage>): void {
    const send = ({ to, message }: Addressed<Asked, RowsImage>): void => this.#events.send(to, message);
    const ops = write === undefined ? [] : this.#disk.writeOps(write);
    // All rows are new: those that the disk has are deleted in the same batch.
    const { rows } = restore === undefined ? { rows: [] } : this.rows.takeUnwritten();
    const { revision, home } = this.rows;
    const head = restore && {
      applied: restore.index,
      revision,
      base: { index: restore.index, term: restore.term },
      members: restore.members,
      ...(home && { home }),
    };
    this.#do({
      sync: true,
      ...(head && { reads: true }),
      ops: async () => {
        if (head === undefined) return ops;
        const kept = new Set(rows.map(([key]) => key));
        const gone = (await this.#disk.rowKeys()).filter((key) => !kept.has(key));
        return [...this.#disk.rowsOps(head, rows, gone), ...ops];
      },
      done: () => {
        sendStored.forEach(send);
        if (write !== undefined) this.core.stored(write);
        this.schedule();
      },
    });
  }

  #apply({ index, term, body }: Entry<Asked>): void {
    this.#applied = index;
    const waiting = this.#changes.get(index);
    this.#changes.delete(index);
    // Another leader put something else in its place.
    const asked = waiting?.term === term ? waiting : undefined;
    if (asked === undefined) waiting?.reject(unavailable("another node leads"));
    if (body.type !== "data") return asked?.resolve(undefined);
    const decided = this.rows.apply(body.data);
    if (decided.type === "full") return asked?.reject(full(this.rows, this.#limits));
    if (decided.type === "moved") return asked?.reject(moved(decided.home));
    if (decided.type === "outdated") return asked?.resolve({ applied: false, row: undefined });
    if (decided.type === "departed") {
      asked?.resolve({ applied: true, row: undefined });
      return this.#events.departed(decided.home);
    }
    const { row } = decided;
    const applied = decided.type === "changed" || decided.applied;
    // The answer is a promise: who waits for it runs after the watchers.
    asked?.resolve({ applied, row });
    if (decided.type === "changed" && "key" in body.data) this.#events.tell(body.data.key, decided.revision, row);
  }

  #answer({ reads, dropped }: Ready<Asked, RowsImage>): void {
    this.#answerable.push(...reads);
    const isReady = ({ index }: { readonly index: number }): boolean => index <= this.#applied;
    for (const { id } of this.#answerable.filter(isReady)) {
      this.#questions.get(id)?.resolve();
      this.#questions.delete(id);
    }
    this.#answerable = this.#answerable.filter((read) => !isReady(read));
    for (const id of dropped) {
      this.#questions.get(id)?.reject(unavailable("this node does not lead any more"));
      this.#questions.delete(id);
    }
    if (this.core.role === "leader" || this.#changes.size === 0) return;
    for (const { reject } of this.#changes.values()) reject(unavailable("this node does not lead any more"));
    this.#changes.clear();
  }

  /** Writes the rows from time to time, so that the log does not grow for ever. */
  #keepRows(): void {
    if (this.#applied - this.#written < this.#limits.entriesPerImage) return;
    this.#written = this.#applied;
    this.core.compact(this.#applied - this.#limits.entriesKept);
    const { base, members } = { base: this.core.log.base, members: this.core.log.membersAt(this.core.log.base.index) };
    const { rows } = this.rows.takeUnwritten();
    const { revision, home } = this.rows;
    const ops = this.#disk.rowsOps({ applied: this.#applied, revision, base, members, ...(home && { home }) }, rows);
    // Lost with its log, or not at all: a later synced write takes it along.
    this.#do({ sync: false, ops: () => ops, done: () => undefined });
  }

  #do(job: Job): void {
    this.#jobs.push(job);
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#jobs.length > 0 && !this.#over) {
        const next = this.#jobs.findIndex(({ reads }, at) => reads === true && at > 0);
        const jobs = this.#jobs.splice(0, next === -1 ? Infinity : next);
        const ops: StoreOp[] = [];
        for (const job of jobs) ops.push(...(await job.ops()));
        if (ops.length > 0) await this.#store.batch(ops, { sync: jobs.some(({ sync }) => sync) });
        if (this.#over) return;
        for (const job of jobs) job.done();
      }
    } catch (error) {
      if (this.#over) return;
      this.#give("the store refused a write");
      this.#events.failed(error);
    } finally {
      this.#writing = undefined;
    }
  }

  #give(because: string): void {
    this.#over = true;
    for (const { reject } of [...this.#changes.values(), ...this.#questions.values()]) reject(unavailable(because));
    this.#changes.clear();
    this.#questions.clear();
  }
}
