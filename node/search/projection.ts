/** The index of this node follows the logs of the slots that it owns.
 *
 *      commit ─► wake(slot) ─► read what is committed beyond the index ─► apply, with the position, in one transaction
 *                                    │                                     (with what other slots did, decision 0272)
 *                                    │ the index is not the beginning of this log, or the log begins later by now
 *                                    ▼
 *                     made anew: cleared, all records of a committed cut, then its position
 *
 *  The log is the queue: an index that is slow holds nothing but its position. What is not committed is never in it, so
 *  nothing has to be taken back. A slot that this node does not own any more is cleared. */
import { failureOf, isRoleSlot, type ActorId, type SlotId } from "../../protocols/index.ts";
import type { Clock, Log, Meter } from "../ports/index.ts";
import type { Cut, Piece } from "../storage/index.ts";
import { backoffMs } from "../waiting.ts";
import { searchLimits, type SearchLimits } from "./limits.ts";
import type { Index } from "./place.ts";
import type { Position } from "./query.ts";
import { IndexFull, IndexLost, type Rows } from "./worker.ts";

/** The log of a slot that this node serves, as far as it is committed. */
export interface CommittedLog {
  readonly epoch: number;
  /** The last entry that is committed. */
  readonly seq: number;
  /** Whether a log that ends there is the beginning of this one, and the entries behind it are still there. */
  holds(at: Position): boolean;
  /** How far behind `at` there is nothing that could be in the index, known unread; undefined: there may be. */
  withoutRecords(at: Position): Position | undefined;
  read(at: Position, bytesMax: number): Promise<Piece | undefined>;
  /** Asks whether this node still owns the slot; undefined: it did after this call. */
  confirm(done: (error: unknown) => void): void;
}

/** The slots as the index needs them. */
export interface SlotFeed {
  /** Undefined: this node does not serve it now. */
  committed(slot: SlotId): CommittedLog | undefined;
  /** See `committedCut`. */
  cut(slot: SlotId): Promise<Cut>;
  /** Whether another node owns it, as far as is known. */
  isElsewhere(slot: SlotId): boolean;
}

interface ProjectionPorts {
  readonly index: Index;
  readonly slots: SlotFeed;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: Partial<SearchLimits>;
}

/** How far a slot is in the index. */
interface Followed {
  /** Undefined: it has to be made anew. */
  at: Position | undefined;
  busy: boolean;
  /** Something was committed since it was last looked at. */
  woken: boolean;
  /** How often in a row its log could not be read. */
  failures: number;
  /** Set while it waits to be tried again; ends that. */
  endWait: (() => void) | undefined;
  readonly waiting: Set<() => void>;
}

/** A log, and where the index stands in it. */
interface Behind {
  readonly log: CommittedLog;
  readonly from: Position;
}

/** Keeps an index current. */
export class Projection {
  readonly #ports: ProjectionPorts;
  readonly #limits: SearchLimits;
  readonly #slots = new Map<SlotId, Followed>();
  /** Slots whose turn has not come. */
  readonly #queue = new Set<SlotId>();
  #running = 0;
  #opened: Promise<void> | undefined;
  /** How often the index failed since it last had all that there was. */
  #failures = 0;
  /** Set while nothing is indexed after a failure; ends that. */
  #endPause: (() => void) | undefined;
  /** How often in a row there was no room for more. */
  #fulls = 0;
  /** Messages that cannot be read, as was last said. */
  #unread = 0;
  #delayed: (() => void) | undefined;
  #stopSweep: (() => void) | undefined;
  #stopCleaning: (() => void) | undefined;
  #ended = false;

  constructor(ports: ProjectionPorts) {
    this.#ports = ports;
    this.#limits = { ...searchLimits, ...ports.limits };
  }

  /** Something was committed in a slot of this node, or it has just begun to serve it. Cheap. */
  wake(slot: SlotId): void {
    if (this.#ended || !isIndexed(slot)) return;
    const followed = this.#slots.get(slot);
    if (followed) for (const heard of followed.waiting) heard();
    if (followed?.woken === true) return;
    this.#followed(slot).woken = true;
    this.#delayed ??= this.#ports.clock.after(this.#limits.feedDelayMs, () => {
      this.#delayed = undefined;
      for (const [name, one] of this.#slots) if (one.woken) this.#enqueue(name);
    });
  }

  /** Resolves when the index has everything up to `seq`, when it is late, or when the slot is not served here any more;
   *  with where the index stands. Undefined: it is being made anew, is of another log, or this node does not serve the
   *  slot. */
  async reach(slot: SlotId, seq: number, deadlineMs: number): Promise<Position | undefined> {
    const { clock, slots } = this.#ports;
    const followed = this.#followed(slot);
    for (;;) {
      const served = slots.committed(slot);
      const { at } = followed;
      const standing = at !== undefined && served?.holds(at) === true ? at : undefined;
      const leftMs = deadlineMs - clock.monotonicMs();
      if ((standing !== undefined && standing.seq >= seq) || leftMs <= 0 || served === undefined || this.#ended)
        return standing;
      followed.woken = true;
      this.#enqueue(slot);
      await this.#heard(followed, leftMs);
    }
  }

  /** Waits until something is known of a slot, or so long. */
  async served(slot: SlotId, deadlineMs: number): Promise<CommittedLog | undefined> {
    const { clock, slots } = this.#ports;
    for (;;) {
      const log = slots.committed(slot);
      const leftMs = deadlineMs - clock.monotonicMs();
      if (log !== undefined || leftMs <= 0 || this.#ended) return log;
      await this.#heard(this.#followed(slot), leftMs);
    }
  }

  /** Another node owns a slot: it goes from the index. */
  moved(slot: SlotId): void {
    const followed = this.#slots.get(slot);
    if (followed === undefined) return;
    followed.endWait?.();
    this.#enqueue(slot);
  }

  /** After a failure the index is empty: all slots are made anew, after a while. One that is full stands still. False:
   *  it was none of the index. */
  failed(error: unknown): boolean {
    if (error instanceof IndexFull) {
      this.#standStill(error.message);
      this.#takenBack();
      return true;
    }
    if (!(error instanceof IndexLost)) return false;
    for (const one of this.#slots.values()) [one.at, one.woken] = [undefined, true];
    this.#opened = undefined;
    // All that it was asked fails at once: that is one failure.
    if (this.#endPause !== undefined) return true;
    const { log, meter } = this.#ports;
    meter.count("search_index_failures");
    log.error("search.index.failed", { error });
    this.#failures += 1;
    this.#pause(backoffMs(this.#failures - 1, { firstMs: this.#limits.retryMs, maxMs: this.#limits.retryMsMax }));
    return true;
  }

  /** Begins to compare the index with what this node owns, again and again. */
  start(): void {
    const again = (): void => {
      this.#stopSweep = this.#ports.clock.after(this.#limits.sweepMs, () => {
        for (const [slot, one] of this.#slots)
          if (this.#ports.slots.isElsewhere(slot) || one.woken) this.#enqueue(slot);
        // Also where nothing happens: what was deleted leaves the disk, and all of it does when that is encrypted.
        if (this.#opened !== undefined) this.#clean();
        again();
      });
    };
    again();
    // Also where this node serves nothing any more: what lies there is of slots that are elsewhere.
    if (this.#ports.index.isThere?.() === true) this.#whole().catch((error: unknown) => this.failed(error));
  }

  async stop(): Promise<void> {
    this.#ended = true;
    this.#stopSweep?.();
    this.#stopCleaning?.();
    this.#delayed?.();
    this.#endPause?.();
    for (const { waiting, endWait } of this.#slots.values()) {
      endWait?.();
      for (const heard of waiting) heard();
    }
    await this.#ports.index.close();
  }

  #heard({ waiting }: Followed, timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        waiting.delete(done);
        cancel();
        resolve();
      };
      const cancel = this.#ports.clock.after(timeoutMs, done);
      waiting.add(done);
    });
  }

  #followed(slot: SlotId): Followed {
    const known = this.#slots.get(slot);
    if (known !== undefined) return known;
    const made: Followed = {
      at: undefined,
      busy: false,
      woken: false,
      failures: 0,
      endWait: undefined,
      waiting: new Set(),
    };
    this.#slots.set(slot, made);
    return made;
  }

  #enqueue(slot: SlotId): void {
    const followed = this.#slots.get(slot);
    if (this.#ended || followed?.busy === true || followed?.endWait !== undefined) return;
    this.#queue.add(slot);
    this.#next();
  }

  #next(): void {
    while (this.#endPause === undefined && this.#running < this.#limits.feedsMax) {
      const [slot] = this.#queue;
      if (slot === undefined) return;
      this.#queue.delete(slot);
      const followed = this.#followed(slot);
      if (followed.busy || followed.endWait !== undefined) continue;
      followed.busy = true;
      this.#running += 1;
      this.#follow(slot, followed)
        .then(
          () => {
            followed.failures = 0;
            // One slot that fits says nothing of the others.
            if (this.#running === 1 && this.#queue.size === 0 && this.#endPause === undefined) this.#failures = 0;
          },
          (error: unknown) => {
            followed.woken = true;
            if (!this.failed(error)) this.#waits(slot, followed, error);
          },
        )
        .finally(() => {
          this.#running -= 1;
          followed.busy = false;
          for (const heard of followed.waiting) heard();
          if (followed.woken) this.#enqueue(slot);
          this.#next();
        });
    }
  }

  /** The slot moved, waits for its copies or cannot be read: nothing is wrong with the index. */
  #waits(slot: SlotId, followed: Followed, error: unknown): void {
    const { log, clock } = this.#ports;
    log.debug("search.slot.waits", { slot, failure: failureOf(error) });
    followed.failures += 1;
    const times = { firstMs: this.#limits.retryMs, maxMs: this.#limits.retryMsMax };
    const cancel = clock.after(backoffMs(followed.failures - 1, times), () => {
      followed.endWait = undefined;
      this.#enqueue(slot);
    });
    followed.endWait = () => {
      followed.endWait = undefined;
      cancel();
    };
  }

  /** Nothing is indexed for so long; then all slots are looked at. */
  #pause(waitMs: number): void {
    const cancel = this.#ports.clock.after(waitMs, () => {
      this.#endPause = undefined;
      for (const name of this.#slots.keys()) this.#enqueue(name);
    });
    this.#endPause = () => {
      this.#endPause = undefined;
      cancel();
    };
  }

  /** Nothing is indexed until there is room. What is in the index is found, and searches say how far it is behind. */
  #standStill(reason: string): void {
    if (this.#endPause !== undefined || this.#ended) return;
    const { log, meter } = this.#ports;
    if (this.#fulls === 0) log.warn("search.index.full", { reason });
    meter.gauge("search_paused", 1);
    const { roomLookMs: firstMs, roomLookMsMax: maxMs } = this.#limits;
    this.#pause(backoffMs(this.#fulls, { firstMs, maxMs }));
    this.#fulls += 1;
  }

  /** What was not committed yet, of any slot, is not in the index. */
  #takenBack(): void {
    this.#ports.index.ask("open", {}).then(
      (standing) => {
        for (const [slot, one] of this.#slots) if (one.at !== undefined) one.at = standing.get(slot);
      },
      (error: unknown) => error instanceof IndexFull || this.failed(error),
    );
  }

  #needsRoom(): void {
    if (this.#ports.index.hasRoom?.() === false) throw new IndexFull("the disk has too little room");
  }

  /** Opens the index with the first slot that needs it. */
  #whole(): Promise<void> {
    this.#opened ??= this.#open();
    const opened = this.#opened;
    // One that could not be opened is opened again.
    opened.catch(() => this.#opened === opened && (this.#opened = undefined));
    return opened;
  }

  async #open(): Promise<void> {
    for (const [slot, at] of await this.#ports.index.ask("open", {})) {
      const followed = this.#followed(slot);
      followed.at ??= at;
      // What was half made is made, or goes where the slot is elsewhere.
      if (at === undefined) this.wake(slot);
    }
    this.#cleanLater();
  }

  async #follow(slot: SlotId, followed: Followed): Promise<void> {
    const { slots } = this.#ports;
    await this.#whole();
    for (let remade = 0; ;) {
      if (this.#endPause !== undefined) {
        followed.woken = true;
        return;
      }
      followed.woken = false;
      const log = slots.committed(slot);
      if (log === undefined) {
        if (slots.isElsewhere(slot)) await this.#clear(slot, followed);
        return;
      }
      if (followed.at === undefined || !log.holds(followed.at)) {
        // Its records are as committed as its log: beyond them there is no chunk that was read before.
        if (remade > 0) throw new Error("a part of the log cannot be read, and its records end before it");
        remade += 1;
        await this.#remake(slot, followed);
      }
      const from = followed.at;
      if (this.#ended || (from !== undefined && from.seq >= log.seq)) return;
      if (from === undefined) continue;
      followed.at = await this.#apply(slot, { log, from });
      // A chunk is committed as a whole: the rest comes with the next news.
      if (followed.at?.seq === from.seq) return;
      for (const heard of followed.waiting) heard();
    }
  }

  /** Applies the next piece of a log, and answers with where the slot stands then. Undefined: it is to be made anew.
   *  While there is no room for what is said, what is deleted or edited goes all the same. Errors: IndexFull. */
  async #apply(slot: SlotId, at: Behind): Promise<Position | undefined> {
    const { log, from } = at;
    // After there was no room, only what is committed says that there is some.
    const commits = this.#fulls > 0 ? { commits: true as const } : {};
    try {
      this.#needsRoom();
      const to = log.withoutRecords(from);
      if (to !== undefined) {
        const passed = await this.#ports.index.ask("pass", { slot, from, to, ...commits });
        this.#goesOn();
        this.#cleanLater();
        return passed;
      }
      const piece = await log.read(from, this.#limits.pieceBytesMax);
      if (piece === undefined) return undefined;
      const asks = { slot, from, chunks: piece.chunks, through: log.seq, ...commits };
      const reached = await this.#ports.index.ask("apply", asks);
      this.#goesOn();
      this.#cleanLater();
      return reached;
    } catch (error) {
      if (error instanceof IndexFull) await this.#forget(slot, at);
      throw error;
    }
  }

  async #forget(slot: SlotId, { log, from }: Behind): Promise<void> {
    for (let at = from; at.seq < log.seq;) {
      const piece = await log.read(at, this.#limits.pieceBytesMax);
      if (piece === undefined) return;
      const through = log.seq;
      const end = await this.#ports.index.ask("forget", { slot, from: at, chunks: piece.chunks, through });
      this.#cleanLater();
      if (end.seq === at.seq) return;
      at = end;
    }
  }

  /** What was deleted leaves the disk. */
  #cleanLater(): void {
    this.#stopCleaning ??= this.#ports.clock.after(this.#limits.cleanAfterMs, () => {
      this.#stopCleaning = undefined;
      this.#clean();
    });
  }

  #clean(): void {
    this.#ports.index.ask("clean", {}).then(
      ({ more, unread }) => {
        const { log, meter } = this.#ports;
        if (unread > this.#unread) log.warn("search.messages.unread", { messages: unread });
        this.#unread = unread;
        meter.gauge("search_unread_messages", unread);
        if (more && !this.#ended) this.#clean();
      },
      (error: unknown) => this.failed(error),
    );
  }

  /** Something was written: there is room. */
  #goesOn(): void {
    if (this.#fulls === 0) return;
    this.#fulls = 0;
    this.#ports.log.info("search.index.room");
    this.#ports.meter.gauge("search_paused", 0);
  }

  /** The slot goes from the index, some rows at a time. */
  async #clear(slot: SlotId, followed: Followed): Promise<void> {
    followed.at = undefined;
    while (await this.#ports.index.ask("clear", { slot }));
    this.#cleanLater();
    if (followed.waiting.size === 0 && !followed.woken) this.#slots.delete(slot);
  }

  /** All rows of a slot from its records, as of one committed position. */
  async #remake(slot: SlotId, followed: Followed): Promise<void> {
    const { index, slots, clock, log, meter } = this.#ports;
    const sinceMs = clock.monotonicMs();
    followed.at = undefined;
    while (await index.ask("clear", { slot }));
    this.#needsRoom();
    await index.ask("begin", { slot });
    const cut = await slots.cut(slot);
    let count = 0;
    try {
      for await (const rows of recordsOf(cut, this.#limits.rowsAtOnce)) {
        if (this.#ended) return;
        this.#needsRoom();
        if (!(await index.ask("add", { slot, rows }))) return;
        count += rows.length;
      }
    } finally {
      await cut.view.close();
    }
    const { lastEpoch: epoch, lastSeq: seq, lastChecksum: checksum } = cut.head;
    const at = { epoch, seq, checksum };
    if (!(await index.ask("settle", { slot, at }))) return;
    followed.at = at;
    this.#goesOn();
    this.#cleanLater();
    meter.count("search_slots_indexed");
    log.debug("search.slot.indexed", { slot, seq, records: count, tookMs: Math.round(clock.monotonicMs() - sinceMs) });
  }
}

/** What people say is in slots of the role `chat`, and in own slots of rooms and agents. */
const isIndexed = (slot: SlotId): boolean =>
  isRoleSlot(slot) ? slot.startsWith("chat/") : slot.startsWith("room/") || slot.startsWith("agent/");

/** Records of rooms and of conversations that may be in an index, in pieces. */
async function* recordsOf({ slot, view }: Cut, rows: number): AsyncGenerator<Rows, void> {
  const prefix = `side/record/${slot}/`;
  for (const [kind, space, rowsMax] of [
    ["room", "message", rows],
    ["agent", "turn", rows],
    // Behind the messages that have the files.
    ["room", "text", searchLimits.textsAtOnce],
  ] as const) {
    // From each actor to the next, past what else it keeps.
    for (let gte = `${prefix}${kind}/`; ;) {
      const [first] = await view.range({ gte, lt: `${prefix}${kind}0`, limit: 1 });
      if (first === undefined) break;
      const name = first[0].slice(prefix.length + kind.length + 1).split("/")[0] ?? "";
      const actor = `${kind}/${name}` as ActorId;
      const own = `${prefix}${actor}/`;
      yield* rowsOf(view, { actor, own, space, rowsMax });
      gte = `${prefix}${actor}0`;
    }
  }
}

async function* rowsOf(
  view: Cut["view"],
  at: { readonly actor: ActorId; readonly own: string; readonly space: string; readonly rowsMax: number },
): AsyncGenerator<Rows, void> {
  const { actor, own, space, rowsMax } = at;
  for (let gte = `${own}${space}/`; ;) {
    const rows = await view.range({ gte, lt: `${own}${space}0`, limit: rowsMax });
    if (rows.length > 0) yield rows.map(([stored, bytes]) => [actor, stored.slice(own.length), stored, bytes] as const);
    const last = rows.at(-1);
    if (last === undefined || rows.length < rowsMax) return;
    gte = `${last[0]}\0`;
  }
}
