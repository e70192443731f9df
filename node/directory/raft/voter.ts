/** One voter of a replicated directory: a core, its disk, its clock and its lines to the others. Whoever leads is a Directory like any other, which the
 *  other nodes ask as they ask the one that a single node keeps (`serveDirectory`, `createRemoteDirectory`).
 *
 *      change ─► propose ─► Core ─► write, synced ─► stored ─► applied: answer, watches
 *                            ▲ └──► messages ═══► the other voters
 *      read ─► a majority says that this node leads ─► everything until then is applied ─► answer
 *
 *  A disk that fails ends the voter's life: what it holds is unknown, so the voter forgets everything and reads the disk anew. */
import { failureOf } from "../../../protocols/index.ts";
import type { Clock, Directory, DirectoryRow, Log, NodeId, Store, StoreOp } from "../../ports.ts";
import type { Change } from "../deciding.ts";
import { directoryLimits, type DirectoryLimits } from "../limits.ts";
import { checkKey, encodeValue, full, unavailable } from "../row.ts";
import { select, Watches } from "../watches.ts";
import { Core } from "./core.ts";
import { foundingOps, loadVoter, VoterDisk } from "./disk.ts";
import type { Addressed, Entry, Mark, Members, RaftMessage, Ready } from "./messages.ts";
import { ReplicatedRows, type RowsImage } from "./rows.ts";

export type VoterMessage = RaftMessage<Change, RowsImage>;

/** The lines to the other voters. Messages may be lost, late or doubled. */
export interface VoterLines {
  send(to: NodeId, message: VoterMessage): void;
  /** Where messages go from now on. */
  listen(receive: (from: NodeId, message: VoterMessage) => void): void;
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
}

/** What a voter knows of the others. */
export interface VoterState {
  readonly role: "follower" | "candidate" | "leader";
  readonly term: number;
  readonly leader: NodeId | undefined;
  readonly members: Members;
  /** Whether the last change of members is settled. */
  readonly settled: boolean;
  /** A leader's word on each of the others: heard of lately, and how many entries behind. */
  readonly others: readonly { readonly node: NodeId; readonly heard: boolean; readonly behind: number }[];
}

export interface Voter {
  /** Its operations end with DIRECTORY_UNAVAILABLE wherever this node does not lead. */
  readonly directory: Directory;
  state(): VoterState | undefined;
  /** Calls back when another node leads, or none. */
  onLeader(listener: (leader: NodeId | undefined) => void): void;
  /** Changes who counts, by one voter; resolves when it is settled. Error: DIRECTORY_UNAVAILABLE. */
  changeMembers(members: Members): Promise<void>;
  /** Lets another voter lead, if this node does and the other has everything. */
  handOver(to: NodeId): void;
  /** Ends it, when what is being written is on the disk. */
  stop(): Promise<void>;
}

/** What a node is to begin with where its store never was a voter's. */
export interface Founding {
  readonly generation: number;
  readonly members: Members;
  readonly image: RowsImage;
}

type Answer = Awaited<ReturnType<Directory["compareAndSet"]>>;

interface Waiting {
  readonly term: number;
  readonly resolve: (answer: Answer | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Opens it. Errors: DATA_DAMAGED, DATA_FORMAT_UNKNOWN; those of the store. */
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
  #life: Life | undefined;
  #stopped = false;
  #leader: NodeId | undefined;
  #cancelTick: () => void = () => undefined;

  constructor(ports: VoterPorts, founding: Founding) {
    this.#ports = ports;
    this.#limits = ports.limits ?? directoryLimits;
    this.#founding = founding;
    this.directory = this.#asDirectory();
    ports.lines.listen((from, message) => this.#life?.receive(from, message));
  }

  async open(): Promise<void> {
    const { store, node, seed, log } = this.#ports;
    let loaded = await loadVoter(store);
    if (loaded === undefined) {
      const { generation, members, image } = this.#founding;
      await store.batch(foundingOps(generation, members, image), { sync: true });
      loaded = await loadVoter(store);
    }
    if (loaded === undefined || this.#stopped) throw unavailable("the store does not keep what is written");
    const { head, restored, image } = loaded;
    const rows = new ReplicatedRows(image, this.#limits.rowsMax);
    const core = new Core<Change, RowsImage>(
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
    this.#life = new Life({ core, rows, disk, store, limits: this.#limits }, {
      send: (to, message) => this.#ports.lines.send(to, message),
      tell: (key, revision, row) => this.#watches.tell(key, revision, row),
      turned: (life) => this.#turned(life),
      failed: (error) => {
        log.error("directory.voter.failed", { error });
        this.#reopen();
      },
    }); // prettier-ignore
    this.#tick();
    this.#life.schedule();
  }

  state(): VoterState | undefined {
    const core = this.#life?.core;
    if (core === undefined) return undefined;
    const { role, term, leader, members, settled } = core;
    const others = [...members.voters, ...members.learners]
      .filter((node) => node !== this.#ports.node)
      .map((node) => ({ node, heard: core.hears(node), behind: core.behind(node) ?? Infinity }));
    return { role, term, leader, members, settled, others };
  }

  onLeader(listener: (leader: NodeId | undefined) => void): void {
    this.#listeners.add(listener);
  }

  async changeMembers(members: Members): Promise<void> {
    await this.#leading().changeMembers(members);
  }

  handOver(to: NodeId): void {
    this.#life?.core.handOver(to);
    this.#life?.schedule();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTick();
    const life = this.#life;
    this.#life = undefined;
    this.#watches.stale();
    await life?.end();
  }

  #leading(): Life {
    const life = this.#life;
    if (life?.core.role !== "leader") throw unavailable("this node does not lead", undefined, { asked: false });
    return life;
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
    if (life.leads) this.#watches.beginAll(life.rows.all);
    else this.#watches.stale();
    const { leader } = life.core;
    if (leader === this.#leader) return;
    this.#leader = leader;
    for (const listener of this.#listeners) listener(leader);
  }

  /** What the disk holds is unknown: nothing in memory counts any more. */
  #reopen(): void {
    this.#life = undefined;
    this.#cancelTick();
    this.#watches.stale();
    if (this.#stopped) return;
    this.#cancelTick = this.#ports.clock.after(this.#limits.reloadMs, () => {
      this.open().catch((error: unknown) => {
        const { code } = failureOf(error);
        this.#ports.log.error("directory.voter.unreadable", { error });
        // Damage does not heal by reading again.
        if (code !== "DATA_DAMAGED" && code !== "DATA_FORMAT_UNKNOWN") this.#reopen();
      });
    });
  }

  #asDirectory(): Directory {
    return {
      read: async (key) => {
        checkKey(key);
        const life = this.#leading();
        await life.read();
        return life.rows.all.get(key);
      },
      list: async (prefix) => {
        const life = this.#leading();
        await life.read();
        return select(life.rows.all, prefix);
      },
      compareAndSet: async (key, value, revision, guard) => {
        const bytes = encodeValue(key, value);
        return this.#leading().change({ key, bytes, revision, guard });
      },
      watch: (prefix, watcher) => {
        const watch = this.#watches.add(prefix, watcher);
        queueMicrotask(() => {
          if (this.#life?.leads) this.#watches.begin(watch, this.#life.rows.all);
        });
        return () => void this.#watches.delete(watch);
      },
    };
  }
}

/** What a life tells its voter. */
interface LifeEvents {
  send(to: NodeId, message: VoterMessage): void;
  tell(key: string, revision: number, row: DirectoryRow | undefined): void;
  turned(life: Life): void;
  failed(error: unknown): void;
}

/** Something for the disk, in order: what is to be written, and what is done then. */
interface Job {
  ops(): Promise<readonly StoreOp[]> | readonly StoreOp[];
  readonly sync: boolean;
  done(): void;
}

/** A voter between two readings of its disk. */
class Life {
  readonly core: Core<Change, RowsImage>;
  readonly rows: ReplicatedRows;
  readonly #disk: VoterDisk;
  readonly #store: Store;
  readonly #limits: DirectoryLimits;
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

  constructor(
    parts: {
      readonly core: Core<Change, RowsImage>;
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
    this.#events = events;
    this.#applied = this.#written = parts.core.commit;
  }

  /** Whether it leads and has applied all that is committed before its time. */
  get leads(): boolean {
    return !this.#over && this.core.role === "leader" && this.core.log.termAt(this.#applied) === this.core.term;
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

  change(change: Change): Promise<Answer> {
    if (this.#changes.size >= this.#limits.changesWaitingMax)
      throw unavailable("too many changes wait", undefined, { asked: false });
    return this.#propose(() => this.core.propose(change)) as Promise<Answer>;
  }

  async changeMembers(members: Members): Promise<void> {
    await this.#propose(() => this.core.changeMembers(members));
  }

  #propose(propose: () => Mark | undefined): Promise<Answer | undefined> {
    const mark = propose();
    if (mark === undefined) throw unavailable("the leader takes no changes now", undefined, { asked: false });
    return new Promise((resolve, reject) => {
      this.#changes.set(mark.index, { term: mark.term, resolve, reject });
      this.schedule();
    });
  }

  read(): Promise<void> {
    return new Promise((resolve, reject) => {
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
    for (const { to, message } of ready.send) this.#events.send(to, message);
    if (ready.restore !== undefined) {
      this.rows.restore(ready.restore.state);
      this.#applied = this.#written = ready.restore.index;
    }
    if (ready.write !== undefined || ready.sendStored.length > 0) this.#write(ready);
    for (const entry of ready.apply) this.#apply(entry);
    this.#answer(ready);
    this.#keepRows();
    this.#events.turned(this);
  }

  #write({ write, sendStored, restore }: Ready<Change, RowsImage>): void {
    const send = ({ to, message }: Addressed<Change, RowsImage>): void => this.#events.send(to, message);
    const ops = write === undefined ? [] : this.#disk.writeOps(write);
    // All rows are new: those that the disk has are deleted in the same batch.
    const { rows } = restore === undefined ? { rows: [] } : this.rows.takeUnwritten();
    const { revision } = this.rows;
    const head = restore && { applied: restore.index, revision, base: { index: restore.index, term: restore.term }, members: restore.members }; // prettier-ignore
    this.#do({
      sync: true,
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

  #apply({ index, term, body }: Entry<Change>): void {
    this.#applied = index;
    const waiting = this.#changes.get(index);
    this.#changes.delete(index);
    // Another leader put something else in its place.
    const asked = waiting?.term === term ? waiting : undefined;
    if (asked === undefined) waiting?.reject(unavailable("another node leads"));
    if (body.type !== "data") return asked?.resolve(undefined);
    const decided = this.rows.apply(body.data);
    if (decided.type === "full") return asked?.reject(full(this.#limits));
    const { row } = decided;
    const applied = decided.type === "changed" || decided.applied;
    // The answer is a promise: who waits for it runs after the watchers.
    asked?.resolve({ applied, row });
    if (decided.type === "changed") this.#events.tell(body.data.key, decided.revision, row);
  }

  #answer({ reads, dropped }: Ready<Change, RowsImage>): void {
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
    const ops = this.#disk.rowsOps({ applied: this.#applied, revision: this.rows.revision, base, members }, rows);
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
        const jobs = this.#jobs;
        this.#jobs = [];
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
