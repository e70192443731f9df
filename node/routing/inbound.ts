/** What other nodes send here, and the answers that go back to them.
 *
 *  Invariant 7, the receiver's share: of one session of one peer, nothing is served after the first envelope that was not.
 *  The peer begins a new session with that one, so nothing overtakes it.
 *
 *  What there was no room for is answered, and so the session goes on; but the peer may never hear that answer, and then it
 *  sends that envelope again. So until it has said that it heard, the same actor has no room for anything younger either. */
import {
  encodedBytesMax,
  failure,
  refused,
  wireLimits,
  type ActorId,
  type Failure,
  type Result,
  type SlotId,
} from "../../protocols/index.ts";
import type { MeshBody } from "../../protocols/mesh/index.ts";
import type { ReplyTo } from "../../actors/behavior.ts";
import type { NodeId } from "../ports.ts";
import type { RoutingPorts } from "./index.ts";
import type { RoutingLimits } from "./limits.ts";

/** One session of one peer. */
interface Session {
  readonly number: number;
  /** Under which its peer sends everything of it. */
  readonly epoch: number;
  /** Why something of it was not served. */
  refusal: Failure | undefined;
  /** How many there was no room for. */
  refusals: number;
  /** For whom there was none, each with the number of its last refusal, until the peer has heard of that. */
  readonly full: Map<ActorId, number>;
  /** Over which it came. What was asked over one that has ended is not answered: the peer asks again, and in its next life
   *  the number of a sending is somebody else's. */
  readonly connection: Connection;
}

interface Connection {
  ended: boolean;
}

/** Whom to answer, and in which session they asked. Lives in memory only. */
interface SessionReplyTo extends ReplyTo {
  readonly session?: Session;
}

type Answer = MeshBody<"routing.answers">["answers"][number];

interface Waiting {
  readonly answer: Answer;
  readonly session: Session | undefined;
  readonly bytes: number;
}

interface Outbox {
  waiting: Waiting[];
  bytes: number;
  scheduled: boolean;
  /** Answers of this turn of the event loop. */
  given: number;
  /** About half of what a turn gives. */
  half: number;
}

/** Fewer are not worth a packet of their own. */
const halfMin = 32;

export class Inbound {
  readonly #ports: RoutingPorts;
  readonly #limits: RoutingLimits;
  readonly #sessions = new Map<NodeId, Map<SlotId, Session>>();
  readonly #outboxes = new Map<NodeId, Outbox>();
  readonly #connections = new Map<NodeId, Connection>();

  constructor(ports: RoutingPorts, limits: RoutingLimits) {
    this.#ports = ports;
    this.#limits = limits;
    ports.exchange.on("routing.envelopes", (body, from) => this.#received(body, from));
    ports.exchange.onPeer({
      disconnected: (peer) => {
        // It sends again what is not answered; answers to what it sent before would find nobody.
        this.#sessions.delete(peer);
        const connection = this.#connections.get(peer);
        if (connection) connection.ended = true;
        this.#connections.delete(peer);
        this.#outboxes.delete(peer);
      },
    });
  }

  answer(to: ReplyTo, result: Result<unknown>): void {
    if ((to as SessionReplyTo).session?.connection.ended !== true) this.#queue(to, result, true);
  }

  turnedAway(to: ReplyTo, actor: ActorId, error: Failure): void {
    const { session } = to as SessionReplyTo;
    if (session === undefined || session.connection.ended) return;
    session.refusals += 1;
    session.full.set(actor, session.refusals);
    const { refusingActorsMax } = this.#limits;
    if (session.full.size > refusingActorsMax) session.refusal ??= failure("OVERLOADED", { refusingActorsMax });
    this.#queue(to, refused(error), true, session.refusals);
  }

  unserved(to: ReplyTo, error: Failure): void {
    const { session } = to as SessionReplyTo;
    if (session) session.refusal ??= error;
    if (session?.connection.ended === true) return;
    this.#queue(to, refused(error), false);
  }

  #received({ slot, session: number, epoch, refusals, envelopes }: MeshBody<"routing.envelopes">, from: NodeId): void {
    this.#heard(this.#sessions.get(from)?.get(slot), number, refusals);
    for (const [correlation, to, sender, message, operation, told, chain] of envelopes) {
      const sent = { node: from, correlation, operation };
      const fit = this.#fit(to, slot);
      if (fit === "unknown") {
        this.answer(sent, refused(failure("NOT_FOUND", { actor: to })));
        continue;
      }
      if (fit === "never") {
        this.answer(
          sent,
          refused(failure("BAD_REQUEST", { reason: "this actor is not of this slot", actor: to, slot })),
        );
        continue;
      }
      const session = this.#session(from, slot, number, epoch);
      const replyTo: SessionReplyTo = { ...sent, ...(session && { session }) };
      if (session === undefined) {
        this.unserved(replyTo, failure("OVERLOADED", { sessionsPerPeerMax: this.#limits.sessionsPerPeerMax }));
      } else if (session.refusal) {
        this.unserved(replyTo, session.refusal);
      } else if (fit === "elsewhere") {
        this.unserved(replyTo, failure("MOVED", { slot, actor: to }));
      } else if (session.full.has(to)) {
        this.turnedAway(
          replyTo,
          to,
          failure("MAILBOX_FULL", { actor: to, because: "an earlier message found no room" }),
        );
      } else {
        const envelope = { to, from: sender, message, operation, replyTo, chain, signal: false, epoch };
        this.#ports.kernel().receive(slot, told ? { ...envelope, told } : envelope);
      }
    }
  }

  /** The peer has heard of so many refusals: there is room again behind those. */
  #heard(session: Session | undefined, number: number, refusals: number): void {
    if (session?.number !== number) return;
    for (const [actor, refusal] of session.full) if (refusal <= refusals) session.full.delete(actor);
  }

  /** The session of a slot, begun when it is not. Undefined: there are too many; without one nothing is served. */
  #session(from: NodeId, slot: SlotId, number: number, epoch: number): Session | undefined {
    const ofPeer = this.#sessions.get(from) ?? new Map<SlotId, Session>();
    this.#sessions.set(from, ofPeer);
    const present = ofPeer.get(slot);
    if (present?.number === number) {
      if (present.epoch !== epoch) present.refusal ??= failure("MOVED", { slot, because: "a session has one epoch" });
      return present;
    }
    if (present === undefined && ofPeer.size >= this.#limits.sessionsPerPeerMax) return undefined;
    const connection = this.#connections.get(from) ?? { ended: false };
    this.#connections.set(from, connection);
    const session: Session = { number, epoch, refusal: undefined, refusals: 0, full: new Map(), connection };
    ofPeer.set(slot, session);
    return session;
  }

  /** Whether an actor belongs to a slot: now, at another time (it was pinned or unpinned), or never. */
  #fit(actor: ActorId, slot: SlotId): "here" | "elsewhere" | "never" | "unknown" {
    const mine = this.#ports.slotOf(actor);
    if (mine === undefined) return "unknown";
    if (mine === slot) return "here";
    if ((slot as string) === actor) return "elsewhere";
    // Pinned here, and the peer does not know yet: then it names the slot the actor was split from.
    return this.#ports.table.get(mine)?.record.splitFrom === slot ? "elsewhere" : "never";
  }

  // --- answers -------------------------------------------------------------------------------------------------------

  #queue(replyTo: SessionReplyTo, result: Result<unknown>, served: boolean, refusal = 0): void {
    const { node: to, correlation, session } = replyTo;
    const { answersQueuedMax, answersQueuedBytesMax } = this.#limits;
    const outbox = this.#outboxes.get(to) ?? { waiting: [], bytes: 0, scheduled: false, given: 0, half: halfMin };
    this.#outboxes.set(to, outbox);
    const { answer, bytes } = this.#sendable(correlation, result, served, refusal);
    outbox.waiting.push({ answer, session, bytes });
    outbox.bytes += bytes;
    let dropped = 0;
    for (; outbox.waiting.length - dropped > answersQueuedMax || outbox.bytes > answersQueuedBytesMax; dropped += 1) {
      const oldest = outbox.waiting[dropped] as Waiting;
      outbox.bytes -= oldest.bytes;
      // What its peer does not hear it must send again, in order.
      if (oldest.session) oldest.session.refusal ??= failure("OVERLOADED", { answersQueuedMax, answersQueuedBytesMax });
    }
    if (dropped > 0) {
      outbox.waiting.splice(0, dropped);
      this.#ports.meter.count("routing_answers_dropped", dropped);
    }
    outbox.given += 1;
    // The peer goes on with these while the others are worked out; with all of them at once, one would wait for the other.
    if (outbox.given === outbox.half) this.#write(to, outbox);
    if (outbox.scheduled) return;
    outbox.scheduled = true;
    this.#ports.clock.soon(() => this.#flush(to, outbox));
  }

  /** An answer as it can be sent: one that fits no message would hold up all behind it, so its asker is told that instead. */
  #sendable(correlation: number, result: Result<unknown>, served: boolean, refusal: number): Omit<Waiting, "session"> {
    const { peerMessageBytesMax } = wireLimits;
    const answerBytes = encodedBytesMax(result);
    if (answerBytes <= peerMessageBytesMax)
      return { answer: [correlation, result, served, refusal] as Answer, bytes: answerBytes + 16 };
    this.#ports.meter.count("routing_oversize", 1, { what: "answer" });
    const reason = "the answer is too large to be sent to another node; ask for less at once";
    return this.#sendable(
      correlation,
      refused(failure("TOO_LARGE", { reason, answerBytes, peerMessageBytesMax })),
      served,
      refusal,
    );
  }

  #flush(to: NodeId, outbox: Outbox): void {
    outbox.scheduled = false;
    outbox.half = Math.max(halfMin, outbox.given >> 1);
    outbox.given = 0;
    if (this.#outboxes.get(to) !== outbox || this.#write(to, outbox)) return;
    // The connection's queue is full, or it is gone: then this is thrown away in a moment.
    outbox.scheduled = true;
    this.#ports.clock.after(this.#limits.retryMs, () => this.#flush(to, outbox));
  }

  /** Whether all that waits was sent. */
  #write(to: NodeId, outbox: Outbox): boolean {
    const { batchItemsMax, batchBytesMax } = this.#limits;
    const { waiting } = outbox;
    let at = 0;
    let sent = true;
    while (at < waiting.length) {
      let end = at;
      let bytes = 0;
      for (; end < waiting.length && end - at < batchItemsMax; end += 1) {
        const next = waiting[end]?.bytes ?? 0;
        if (end > at && bytes + next > batchBytesMax) break;
        bytes += next;
      }
      const answers = waiting.slice(at, end).map(({ answer }) => answer);
      sent = this.#ports.exchange.send(to, "routing.answers", { answers });
      if (!sent) break;
      outbox.bytes -= bytes;
      at = end;
    }
    outbox.waiting = waiting.slice(at);
    this.#ports.exchange.flush(to, "routing.answers");
    return sent;
  }
}
