/** Invariant 9, as far as it shows from outside: what a node holds, writes and says, against its limits. A node alone
 *  and a node of many are looked at in the same way. What only a part itself knows is left to the tests of that
 *  part. */
import type { ActorId } from "../../protocols/index.ts";
import { kernelLimits, type Kernel, type KernelLimits } from "../../node/kernel/index.ts";
import { directoryLimits } from "../../node/cluster/directory/limits.ts";
import type { Channel, Meter, NodeId, StoreOp } from "../../node/ports/index.ts";
import { replicationLimits, type ReplicationLimits } from "../../node/replication/index.ts";
import { routingLimits, type RoutingLimits } from "../../node/routing/index.ts";
import { type Journal } from "../../node/storage/index.ts";
import { journalLimits, type JournalLimits } from "../../node/storage/limits.ts";
import { entriesIn } from "./checkers.ts";
import type { Pulse, World } from "../world/index.ts";

/** What a plan has changed of the limits. */
export interface PlannedLimits {
  readonly kernel?: Partial<KernelLimits>;
  readonly journal?: Partial<JournalLimits>;
  readonly replication?: Partial<ReplicationLimits>;
  readonly routing?: Partial<RoutingLimits>;
}

/** Pieces that a replica was sent and has not acknowledged. */
interface Unacked {
  readonly epoch: number;
  readonly incarnation: number;
  readonly pieces: { readonly seq: number; readonly bytes: number }[];
}

/** The bodies that are looked at, as far as they are. */
interface Body {
  readonly slot?: string;
  readonly epoch?: number;
  readonly incarnation?: number;
  readonly from?: { readonly seq: number };
  readonly chunks?: readonly (readonly [firstSeq: number, bytes: Uint8Array])[];
  readonly at?: { readonly seq: number };
  readonly gap?: boolean;
  readonly watch?: number;
  readonly number?: number;
  readonly sending?: number;
  readonly data?: Uint8Array;
  readonly last?: boolean;
  readonly [list: string]: unknown;
}

export class BoundsWatch {
  readonly #world: World;
  readonly #kernel: KernelLimits;
  readonly #journal: JournalLimits;
  readonly #replication: ReplicationLimits;
  readonly #routing: RoutingLimits;
  /** The largest value that each node has put into its store. */
  readonly #largest = new Map<NodeId, number>();
  readonly #unacked = new Map<string, Unacked>();
  /** Bytes of a value that travels in parts. */
  readonly #parts = new Map<string, { readonly sending: number; bytes: number }>();
  /** The last push that a watcher of the directory has confirmed. */
  readonly #seen = new Map<string, number>();

  constructor(world: World, { kernel, journal, replication, routing }: PlannedLimits) {
    this.#world = world;
    this.#kernel = { ...kernelLimits, ...kernel };
    this.#journal = { ...journalLimits, ...journal };
    this.#replication = { ...replicationLimits, ...replication };
    this.#routing = { ...routingLimits, ...routing };
  }

  // --- what a node holds ---------------------------------------------------------------------------------------------

  /** Looks at a life: at any moment. */
  holds(node: NodeId, kernel: Kernel): void {
    const { active, slotsOpen } = kernel.status();
    const { activationsMax } = this.#kernel;
    // Pending work and compaction bring actors in without asking, one at a time for each slot.
    this.#most(active - slotsOpen, activationsMax, () => `${node}: actors in memory, beside one for each open slot`);
  }

  /** Looks at its actors, as an admin does. */
  async actors(node: NodeId, kernel: Kernel, look: (actor: ActorId) => boolean): Promise<readonly ActorId[]> {
    const { rows } = await kernel.listActors({ limit: 100 });
    const looked: ActorId[] = [];
    for (const { actor, mailbox, status } of rows) {
      this.#most(mailbox, this.#kernel.mailboxMessagesMax, () => `${node}: messages in the mailbox of ${actor}`);
      if (status === "quarantined" || look(actor as ActorId)) looked.push(actor as ActorId);
    }
    return looked;
  }

  deadLetters(actor: ActorId, count: number): void {
    this.#most(count, this.#kernel.deadLettersMax, () => `dead letters of ${actor}`);
  }

  /** What the node says of its own queues. */
  meter(node: NodeId): Meter {
    const known: Readonly<Record<string, number>> = { routing_envelopes_waiting: this.#routing.envelopesMax };
    return {
      count: () => undefined,
      gauge: (name, value) => this.#most(value, known[name] ?? Infinity, () => `${node}: ${name}`),
      observeMs: () => undefined,
    };
  }

  /** The journal's queue, when a batch has left it. Turns pause beyond its limit; what a visit to one actor still
   *  appends, and the snapshots of a compaction, come on top. `copies`: what other owners may have sent here beside
   *  it. */
  queue(node: NodeId, journal: Journal, copies = 0): void {
    const above = (turnsPerVisit + snapshotsAtOnce) * (this.#largest.get(node) ?? 0);
    const max = this.#journal.pendingBytesMax + above + copies * (this.#replication.unackedBytesMax + above);
    this.#most(journal.queuedBytes, max, () => `${node}: bytes that wait for the disk`);
  }

  // --- what it writes ------------------------------------------------------------------------------------------------

  written(node: NodeId, ops: readonly StoreOp[]): void {
    const { commitEntriesMax, commitBytesMax, entryBytesMax } = this.#journal;
    for (const op of ops) {
      if (op.type !== "put") continue;
      this.#largest.set(node, Math.max(this.#largest.get(node) ?? 0, op.value.length));
      const slot = /^log\/(.+)\/[0-9]+$/.exec(op.key)?.[1];
      if (slot === undefined) continue;
      // A chunk is what one batch of its owner added to one slot.
      const entries = entriesIn(slot, op.value);
      const sizes = entries.map(({ payload }) => payload.length);
      this.#most(entries.length, commitEntriesMax, () => `${node}: entries in ${op.key}`);
      this.#most(Math.max(...sizes), entryBytesMax, () => `${node}: bytes of an entry in ${op.key}`);
      const bytes = sizes.length > 1 ? sizes.reduce((sum, size) => sum + size, 0) : 0;
      this.#most(bytes, commitBytesMax, () => `${node}: bytes of the entries in ${op.key}`);
    }
  }

  // --- what it says --------------------------------------------------------------------------------------------------

  sent(from: NodeId, to: NodeId, channel: Channel, message: unknown, by: Pulse): void {
    const [name, , body] = message as [string, number, Body | undefined];
    const told = (what: string) => (): string => `${from} to ${to}, ${name} on ${channel}: ${what}`;
    if (body === undefined || body === null) return;
    const { batchItemsMax } = this.#routing;
    const { leavesPerQuestionMax, confirmSlotsMax, partBytesMax } = this.#replication;
    const list = (field: string, max: number): void =>
      this.#most((body[field] as readonly unknown[] | undefined)?.length ?? 0, max, told(field));
    switch (name) {
      case "routing.envelopes":
        return list("envelopes", batchItemsMax);
      case "routing.answers":
        return list("answers", batchItemsMax);
      case "routing.events":
        return list("events", batchItemsMax);
      case "routing.follow":
      case "routing.unfollow":
        return list("topics", batchItemsMax);
      case "replica.confirm":
        return list("slots", confirmSlotsMax);
      case "transfer.compare":
        return list("leaves", leavesPerQuestionMax);
      case "replica.snapshot":
      case "transfer.rows":
        this.#most(body.data?.length ?? 0, partBytesMax, told("bytes of a part"));
        return this.#assembled(`${name} ${from} ${by.life} ${to} ${body.slot}`, body);
      case "replica.query":
      case "transfer.begin":
        return void this.#unacked.delete(`${from} ${by.life} ${to} ${body.slot}`);
      case "replica.append":
        list("chunks", this.#journal.pieceChunksMax);
        return this.#appended(`${from} ${by.life} ${to} ${body.slot}`, body);
      case "directory.changed": {
        list("changes", directoryLimits.pageRowsMax);
        const unseen = (body.number ?? 0) - (this.#seen.get(`${from} ${by.life} ${to} ${body.watch}`) ?? 0);
        this.#most(unseen, directoryLimits.pushesUnseenMax, told("pushes not confirmed"));
      }
    }
  }

  received(from: NodeId, to: NodeId, _channel: Channel, message: unknown, by: Pulse): void {
    const [name, , body] = message as [string, number, Body | undefined];
    if (body === undefined || body === null) return;
    const watch = `${to} ${by.life} ${from} ${body.watch}`;
    if (name === "directory.watch") this.#seen.delete(watch);
    else if (name === "directory.seen") this.#seen.set(watch, Math.max(this.#seen.get(watch) ?? 0, body.number ?? 0));
    else if (name === "replica.synced" || name === "replica.refused")
      this.#acknowledged(`${to} ${by.life} ${from} ${body.slot}`, body, name);
  }

  /** An owner stops sending once more than the limit is not acknowledged: what it sent before this piece was within
   *  it. */
  #appended(key: string, { epoch = 0, incarnation = 0, from, chunks = [] }: Body): void {
    const known = this.#unacked.get(key);
    const unacked =
      known?.epoch === epoch && known.incarnation === incarnation ? known : { epoch, incarnation, pieces: [] };
    this.#unacked.set(key, unacked);
    const waiting = unacked.pieces.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#most(waiting, this.#replication.unackedBytesMax, () => `${key}: bytes not acknowledged when more is sent`);
    const bytes = chunks.reduce((sum, [, chunk]) => sum + chunk.length, 0);
    const first = chunks.at(-1)?.[0];
    const seq = first === undefined ? (from?.seq ?? 0) : Math.max((from?.seq ?? 0) + 1, first);
    unacked.pieces.push({ seq, bytes });
  }

  #acknowledged(key: string, { epoch, incarnation, at, gap }: Body, name: string): void {
    const unacked = this.#unacked.get(key);
    if (unacked === undefined || unacked.epoch !== epoch) return;
    if (name === "replica.refused" || gap === true) return void this.#unacked.delete(key);
    if (unacked.incarnation !== incarnation) return;
    while (unacked.pieces[0] !== undefined && unacked.pieces[0].seq <= (at?.seq ?? -1)) unacked.pieces.shift();
  }

  #assembled(key: string, { sending = 0, data, last }: Body): void {
    const known = this.#parts.get(key);
    const parts = known?.sending === sending ? known : { sending, bytes: 0 };
    parts.bytes += data?.length ?? 0;
    this.#most(parts.bytes, this.#replication.partsBytesMax, () => `${key}: bytes of all parts`);
    if (last === true) this.#parts.delete(key);
    else this.#parts.set(key, parts);
  }

  #most(value: number, max: number, what: () => string): void {
    if (value > max) this.#world.violate("bounds-held", `${what()}: ${value} of at most ${max}`);
  }
}

/** Turns that one actor takes at a time, whatever waits for the disk. */
const turnsPerVisit = 16;
/** Snapshots that a slot asks for without waiting for the disk. */
const snapshotsAtOnce = 8;
