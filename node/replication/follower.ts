/** One other node that holds a slot, as the slot's owner sees it: what it has, what it was sent, and what to send next.
 *
 *      asking ──► behind ──► streaming          behind: is sent what the disk has; streaming: gets each batch as it is
 *        ▲  │        ▲           │              written
 *        │  └─► other └──────────┘ (a gap, a full queue)
 *        └───────────────────────── (connection lost, refused)
 *
 *  `other`: its log is not the beginning of the owner's, or damaged, or too far back. Only a transfer helps, and only
 *  outside the set of those in sync. */
import { assert, failure, failureOf, PlexusError, type ActorId, type Failure } from "../../protocols/index.ts";
import type { MeshBody, Standing } from "../../protocols/mesh/index.ts";
import { backoffMs } from "../waiting.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import type { Clock, NodeId } from "../ports/index.ts";
import type { Piece, Position, SlotLog } from "../storage/index.ts";
import type { ReplicationLimits } from "./limits.ts";
import { samePosition } from "./rules.ts";

type FollowerState = "asking" | "behind" | "streaming" | "other" | "transferring";

export interface FollowerPorts {
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly limits: ReplicationLimits;
  readonly log: SlotLog;
  readonly epoch: number;
  readonly isUp: (node: NodeId) => boolean;
  /** A number that no other sending of this process has. */
  readonly nextSending: () => number;
  /** The piece that is being written to this disk. */
  underWay(): Piece | undefined;
  /** It acknowledged something, or its state changed. */
  changed(): void;
  /** It knows a higher epoch. */
  fenced(fence: number): void;
  /** Steps of traces that wait for entries after `from`, up to `to`. Absent: nothing is traced. */
  traced?(from: number, to: number): string[];
  /** The entries that the copy lacks cannot be read here. */
  unreadable(error: Failure): void;
}

export class Follower {
  readonly node: NodeId;
  state: FollowerState = "asking";
  /** How it stood when it was last asked; undefined until it answered in this epoch. */
  standing: Standing | undefined;
  /** Its log up to here is on its disk, as the beginning of this epoch's log. */
  acked: Position | undefined;
  /** Why it cannot go on. */
  trouble: Failure | undefined;
  /** Nothing is sent before the owner's log of the epoch is fixed. */
  #mayFeed = false;
  #sent: Position | undefined;
  #unacked: { readonly seq: number; readonly bytes: number }[] = [];
  #unackedBytes = 0;
  #waitingSinceMs: number | undefined;
  #asking = false;
  #askedAtMs = 0;
  #transfersFailed = 0;
  #transferAfterMs = 0;
  #pumping = false;
  #sendingSnapshots = false;
  #snapshotsDue = false;
  #ended = false;
  readonly #ports: FollowerPorts;
  /** Actors whose stored snapshots it gets apart from the stream, without which it could not trim, and the seq that
   *  each must be of at least: those whose entries it was sent from disk, those with a large snapshot, and those it has
   *  named itself. */
  #fed = new Map<ActorId, number>();

  constructor(node: NodeId, ports: FollowerPorts) {
    this.node = node;
    this.#ports = ports;
    this.#waitingSinceMs = ports.clock.monotonicMs();
  }

  /** Whether it has been silent about something for longer than it may. */
  overdueBy(limitMs: number): boolean {
    const since = this.#waitingSinceMs;
    return since !== undefined && this.#ports.clock.monotonicMs() - since > limitMs;
  }

  /** It has acknowledged all it was sent. */
  get isQuiet(): boolean {
    return this.state === "streaming" && this.#waitingSinceMs === undefined;
  }

  /** Only a transfer helps it, and the last one that failed is long enough ago. */
  get mayTransfer(): boolean {
    return this.state === "other" && this.#ports.clock.monotonicMs() >= this.#transferAfterMs;
  }

  /** Each failure in a row doubles the pause: every try begins the copy anew. */
  failedTransfer(): void {
    const { limits, clock } = this.#ports;
    const { transferRetryMs: firstMs, transferRetryMaxMs: maxMs } = limits;
    this.#transferAfterMs = clock.monotonicMs() + backoffMs(this.#transfersFailed, { firstMs, maxMs });
    this.#transfersFailed += 1;
    this.state = "asking";
    this.lost();
  }

  /** The transfer has made it whole. */
  transferred(standing: Standing): void {
    this.#transfersFailed = 0;
    this.state = "asking";
    this.heard(standing);
  }

  /** The copy's log cannot be used. */
  failed(error: Failure): void {
    this.trouble = error;
    this.#leaveStream("other");
    this.#ports.changed();
  }

  get seq(): number | undefined {
    return this.acked?.seq;
  }

  end(): void {
    this.#ended = true;
  }

  /** From now on the copy may be sent the entries that it lacks. */
  feed(): void {
    this.#mayFeed = true;
    // From here on it owes an acknowledgement, and only that ends the wait.
    this.#waitingSinceMs ??= this.#ports.clock.monotonicMs();
    if (this.standing && this.state === "asking") this.#judge(this.standing);
    else this.pump();
  }

  /** Asks how it stands. Repeated by `tick` until it answers. */
  ask(): void {
    if (this.#asking || this.#ended || this.state === "transferring") return;
    this.#asking = true;
    this.#askedAtMs = this.#ports.clock.monotonicMs();
    this.#leaveStream("asking");
    this.standing = undefined;
    this.acked = undefined;
    this.#waitingSinceMs ??= this.#ports.clock.monotonicMs();
    const { exchange, limits, log, epoch } = this.#ports;
    void exchange.call(this.node, "replica.query", { slot: log.slot, epoch }, limits.queryTimeoutMs).then((answer) => {
      this.#asking = false;
      if (this.#ended) return;
      if (answer.ok) {
        this.heard(answer.value);
      } else if (answer.error.code === "FENCED") {
        this.#ports.fenced(Number(answer.error.details?.["fence"] ?? 0));
      } else if (answer.error.code === "DATA_DAMAGED") {
        this.failed(answer.error);
      }
    });
  }

  /** It answered how it stands. */
  heard(standing: Standing): void {
    this.standing = standing;
    this.trouble = undefined;
    if (!this.#mayFeed) this.#waitingSinceMs = undefined;
    if (this.#mayFeed) this.#judge(standing);
    this.#ports.changed();
  }

  /** Asks a copy that has been silent for long. Called now and then. */
  tick(): void {
    if (this.#ended || !this.#ports.isUp(this.node)) return;
    // The copy may never acknowledge what it was sent, so it is asked for its position now and then.
    const patienceMs = this.#ports.limits.replicaTimeoutMs;
    if (this.state === "asking" && this.standing === undefined) this.ask();
    else if (this.#isFed && this.overdueBy(patienceMs) && this.#sinceAskedMs > patienceMs) this.ask();
    else if (this.state === "behind") this.pump();
    else if (
      this.state === "other" &&
      (this.trouble !== undefined || this.standing === undefined) &&
      this.#sinceAskedMs > this.#ports.limits.queryTimeoutMs
    )
      this.ask(); // it may have thrown the damaged copy away; or nobody knows how it stands, and its answer was lost
  }

  get #isFed(): boolean {
    return this.state === "streaming" || this.state === "behind";
  }

  get #sinceAskedMs(): number {
    return this.#ports.clock.monotonicMs() - this.#askedAtMs;
  }

  /** This process was stopped: a copy that is waited for has its full time again. */
  forgive(): void {
    if (this.#waitingSinceMs !== undefined) this.#waitingSinceMs = this.#ports.clock.monotonicMs();
  }

  /** The connection ended, or the copy refuses more: whether it has what it was sent is not known. */
  lost(): void {
    this.#leaveStream("asking");
    this.standing = undefined;
    this.acked = undefined;
    this.#waitingSinceMs ??= this.#ports.clock.monotonicMs();
  }

  /** The owner's next batch, on its way to the owner's disk. */
  write(piece: Piece): void {
    if (this.state !== "streaming") return;
    if (this.#sent === undefined || !samePosition(this.#sent, piece.from) || !this.#send(piece)) this.state = "behind";
    else this.#sent = this.#ports.log.writtenPosition;
  }

  /** Its copy is not to be counted on, whatever it says: only a transfer makes it whole. */
  distrust(): void {
    // It is then sent only the entries that it lacks.
    if (this.state !== "transferring") this.#leaveStream("other");
  }

  /** Asks it to keep a view of the slot as it is after all that was sent. False: it is not in the stream now. */
  mark(mark: number): boolean {
    if (this.state !== "streaming" || this.#sent === undefined) return false;
    return this.#send({ from: this.#sent, chunks: [], snapshots: [], trim: 0 }, mark);
  }

  synced(body: MeshBody<"replica.synced">): void {
    if (this.standing === undefined || body.incarnation !== this.standing.incarnation) return;
    if (body.gap) {
      this.standing = { ...this.standing, at: body.at };
      this.#leaveStream("asking");
      this.#judge(this.standing);
      return;
    }
    if (this.acked === undefined || body.at.seq >= this.acked.seq) this.acked = body.at;
    let acked = 0;
    for (const { seq, bytes } of this.#unacked) {
      if (seq > body.at.seq) break;
      acked += 1;
      this.#unackedBytes -= bytes;
    }
    this.#unacked.splice(0, acked);
    assert(this.#unackedBytes >= 0, "no byte is acknowledged twice");
    this.#waitingSinceMs = this.#unacked.length > 0 ? this.#ports.clock.monotonicMs() : undefined;
    for (const actor of body.lacks ?? []) if (!this.#fed.has(actor as ActorId)) this.#fed.set(actor as ActorId, 0);
    this.#ports.changed();
    if (this.state === "behind" || body.lacks !== undefined) this.pump();
  }

  /** Sends the entries of the disk that the copy lacks, then joins the stream. */
  pump(): void {
    if (this.state === "streaming" && this.#fed.size > 0) void this.#sendSnapshots();
    if (this.#pumping || !this.#mayFeed || this.state !== "behind") return;
    this.#pumping = true;
    this.#pump()
      .finally(() => (this.#pumping = false))
      .catch((error: unknown) => this.#ports.unreadable(failureOf(error)));
  }

  async #pump(): Promise<void> {
    const { log, limits } = this.#ports;
    while (this.state === "behind" && !this.#ended && this.#unackedBytes < limits.catchUpUnackedBytesMax) {
      const at = this.#sent;
      if (at === undefined) return;
      if (samePosition(at, log.position)) {
        // Everything on disk is sent. It joins the stream at once, or with the batch under way.
        const underWay = this.#ports.underWay();
        const joins = samePosition(at, log.writtenPosition)
          ? this.#send({ from: at, chunks: [], snapshots: [], trim: 0 })
          : underWay !== undefined && samePosition(underWay.from, at) && this.#send(underWay);
        if (!joins) return;
        this.#sent = log.writtenPosition;
        this.state = "streaming";
        this.#ports.changed();
        void this.#sendSnapshots();
        return;
      }
      const piece = await log.reader.read(at, limits.catchUpBytesMax);
      if (this.state !== "behind" || this.#sent !== at) continue;
      if (piece === undefined || piece.chunks.length === 0) {
        // Trimmed meanwhile: it is too far back, or not the beginning of this log at all.
        this.#leaveStream("other");
        this.#ports.changed();
        return;
      }
      const { at: sent, actors, splits } = log.reader.inspect(piece);
      if (splits) {
        // A slot was split off here, of a state that may be gone by now: only a transfer is sure to be whole.
        this.#leaveStream("other");
        this.#ports.changed();
        return;
      }
      if (!this.#send(piece)) return;
      this.#sent = sent;
      for (const actor of actors) this.#fed.set(actor, Math.max(0, this.#fed.get(actor) ?? 0));
    }
  }

  /** Decides by the copy's position what it is sent next. */
  #judge(standing: Standing): void {
    const { log } = this.#ports;
    if (standing.incomplete || !log.reader.holds(standing.at)) {
      this.#leaveStream("other");
      this.#ports.changed();
      return;
    }
    this.#sent = standing.at;
    this.state = "behind";
    this.pump();
  }

  #leaveStream(state: FollowerState): void {
    this.state = state;
    this.#sent = undefined;
    this.#unacked = [];
    this.#unackedBytes = 0;
    this.#fed.clear();
  }

  /** Makes sure that it has the stored snapshot of an actor, if that is of `atLeast`. Resolves with the seq it is of;
   *  0: there is none. Rejects when the replica does not answer, or nothing can be read here. */
  async giveSnapshot(actor: ActorId, atLeast = 0): Promise<number> {
    let given = 0;
    const { log, exchange, epoch, limits } = this.#ports;
    const stored = await log.reader.storedSnapshots([actor]).catch((error: unknown) => {
      const reason = failureOf(error);
      this.#ports.unreadable(reason);
      throw new PlexusError(reason, error);
    });
    for (const [name, seq, sealed] of stored) {
      if (seq < atLeast) return seq;
      const sending = this.#ports.nextSending();
      for (let offset = 0; offset < sealed.length; offset += limits.partBytesMax) {
        if (this.#ended || this.standing === undefined || this.state !== "streaming")
          throw new PlexusError(failure("SLOT_UNAVAILABLE", { slot: log.slot, because: "a replica is behind" }));
        const part = {
          slot: log.slot,
          epoch,
          incarnation: this.standing.incarnation,
          actor: name,
          seq,
          sending,
          data: sealed.subarray(offset, offset + limits.partBytesMax),
          last: offset + limits.partBytesMax >= sealed.length,
        };
        const answer = await exchange.call(this.node, "replica.snapshot", part, limits.transferTimeoutMs);
        if (!answer.ok) throw new PlexusError(answer.error);
      }
      given = seq;
    }
    return given;
  }

  /** A copy that was fed from disk has all entries, but not the snapshots made meanwhile. The copy names a snapshot
   *  that does not reach it when it next has to keep entries for want of it. */
  async #sendSnapshots(): Promise<void> {
    this.#snapshotsDue = true;
    if (this.#sendingSnapshots) return;
    this.#sendingSnapshots = true;
    try {
      while (this.#snapshotsDue) {
        this.#snapshotsDue = false;
        for (const [actor, atLeast] of this.#fed) {
          const sent = await this.giveSnapshot(actor, atLeast);
          // The one that is asked for may not be on disk yet, or a newer one may have been asked for meanwhile.
          const isGone = sent === 0 && this.#ports.log.durableSeq >= atLeast;
          if (isGone || (sent >= atLeast && this.#fed.get(actor) === atLeast)) this.#fed.delete(actor);
        }
      }
    } catch (error) {
      // Tried again with the next batch.
      if (!(error instanceof PlexusError)) throw error;
    } finally {
      this.#sendingSnapshots = false;
    }
  }

  #send(piece: Piece, mark = 0): boolean {
    const { exchange, log, epoch, clock, limits } = this.#ports;
    if (this.standing === undefined) return false;
    // Sent or not, it lacks these from now on; a mark or the way into the stream it does not miss.
    if (piece.chunks.length > 0) this.#waitingSinceMs ??= clock.monotonicMs();
    if (this.#unackedBytes > limits.unackedBytesMax) return false;
    const small = piece.snapshots.filter(([, , sealed]) => sealed.length <= limits.inlineSnapshotBytesMax);
    const traces = this.#ports.traced?.(piece.from.seq, log.writtenPosition.seq);
    const body = {
      slot: log.slot,
      epoch,
      incarnation: this.standing.incarnation,
      from: piece.from,
      chunks: piece.chunks,
      snapshots: small as [string, number, Uint8Array][],
      trim: piece.trim,
      mark,
      ...(traces !== undefined && traces.length > 0 && { traces }),
    };
    if (!exchange.send(this.node, "replica.append", body)) return false;
    for (const [actor, seq, sealed] of piece.snapshots)
      if (sealed.length > limits.inlineSnapshotBytesMax) this.#fed.set(actor as ActorId, seq);
    const bytes = 200 + piece.chunks.reduce((sum, [, chunk]) => sum + chunk.length, 0);
    const seq =
      piece.chunks.length === 0 ? piece.from.seq : Math.max(piece.from.seq + 1, piece.chunks.at(-1)?.[0] ?? 0);
    this.#unacked.push({ seq, bytes });
    this.#unackedBytes += bytes;
    this.#waitingSinceMs ??= clock.monotonicMs();
    return true;
  }
}
