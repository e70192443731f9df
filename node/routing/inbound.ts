/** What other nodes send here, and the answers that go back to them.
 *
 *  Invariant 7, the receiver's share: of one session of one peer, nothing is served after the first envelope that was
 *  not. The peer begins a new session with that one, so nothing overtakes it. Where the peer has not proven whom an
 *  envelope is from, this holds for that sender alone: the question that proves it may be behind the envelope.
 *
 *  What there was no room for is answered, and so the session goes on; but the peer may never hear that answer, and
 *  then it sends that envelope again. So until it has said that it heard, the same actor has no room for anything
 *  younger either. */
import {
  actorOf,
  assert,
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
import type { Undelivered } from "../kernel/api.ts";
import type { NodeId } from "../ports/index.ts";
import type { Identities } from "./identity.ts";
import type { RoutingPorts } from "./ports.ts";
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
  /** Actors without room, each with the number of its last refusal, until the peer has heard of that. */
  readonly full: Map<ActorId, number>;
  /** Whom the peer has not proven to be there: nothing of them is served in this session. */
  readonly unproven: Set<string>;
  /** The connection over which it came. A request of an ended connection is not answered: the peer asks again, and in
   *  its next process the number of an attempt belongs to another request. */
  readonly connection: Connection;
}

interface Connection {
  ended: boolean;
}

/** The node to answer, and the session in which it asked. Lives in memory only. */
interface SessionReplyTo extends ReplyTo {
  readonly session?: Session;
}

type Answer = MeshBody<"routing.answers">["answers"][number];

interface Waiting {
  readonly answer: Answer;
  readonly session: Session | undefined;
  readonly bytes: number;
}

interface AnswerQueue {
  waiting: Waiting[];
  bytes: number;
  scheduled: boolean;
  /** Answers of this turn of the event loop. */
  given: number;
  /** About half of the messages of a turn. */
  half: number;
}

/** A number of the table of open asks as it is written between nodes: below zero, where earlier versions look for
 *  it. */
export const toWire = (number: number): number => -number;
export const fromWire = (number: number): number => -number;

/** Fewer are not worth a packet of their own. */
const halfMin = 32;

export class Inbound {
  readonly #ports: RoutingPorts;
  readonly #limits: RoutingLimits;
  readonly #identities: Identities;
  readonly #sessions = new Map<NodeId, Map<SlotId, Session>>();
  readonly #answers = new Map<NodeId, AnswerQueue>();
  readonly #connections = new Map<NodeId, Connection>();

  constructor(ports: RoutingPorts, limits: RoutingLimits, identities: Identities) {
    this.#ports = ports;
    this.#limits = limits;
    this.#identities = identities;
    ports.exchange.on("routing.envelopes", (body, from) => this.#received(body, from));
    ports.exchange.onPeer({
      disconnected: (peer) => {
        // The peer sends unanswered messages again; answers to its earlier messages would find no ask.
        this.#sessions.delete(peer);
        const connection = this.#connections.get(peer);
        if (connection) connection.ended = true;
        this.#connections.delete(peer);
        this.#answers.delete(peer);
      },
    });
  }

  answer(to: ReplyTo, result: Result<unknown>): void {
    if ((to as SessionReplyTo).session?.connection.ended !== true) this.#queue(to, result, true);
  }

  undelivered(to: ReplyTo, actor: ActorId, why: Undelivered, error: Failure): void {
    switch (why) {
      case "refused":
        this.answer(to, refused(error));
        return;
      case "noRoom":
        this.#noRoom(to, actor, error);
        return;
      case "unserved":
        this.#unserved(to, error);
        return;
    }
  }

  #noRoom(to: SessionReplyTo, actor: ActorId, error: Failure): void {
    const { session } = to;
    if (session === undefined || session.connection.ended) return;
    session.refusals += 1;
    session.full.set(actor, session.refusals);
    const { refusingActorsMax } = this.#limits;
    if (session.full.size > refusingActorsMax) session.refusal ??= failure("OVERLOADED", { refusingActorsMax });
    this.#queue(to, refused(error), true, session.refusals);
  }

  #unserved(to: SessionReplyTo, error: Failure): void {
    const { session } = to;
    if (session) session.refusal ??= error;
    if (session?.connection.ended === true) return;
    this.#queue(to, refused(error), false);
  }

  #unproven(session: Session, to: SessionReplyTo, sender: string): void {
    const { unprovenMax } = this.#limits;
    this.#ports.meter.count("routing_identities_unproven");
    session.unproven.add(sender);
    if (session.unproven.size > unprovenMax) session.refusal ??= failure("OVERLOADED", { unprovenMax });
    this.#queue(to, refused(failure("IDENTITY_UNPROVEN", { sender })), false);
  }

  #received(
    { slot, session: number, epoch, refusals, envelopes, traces = [] }: MeshBody<"routing.envelopes">,
    from: NodeId,
  ): void {
    this.#heard(this.#sessions.get(from)?.get(slot), number, refusals);
    const traced = new Map(traces);
    for (const [index, [wireNumber, to, sender, message, operation, told, chain]] of envelopes.entries()) {
      const sent = { node: from, correlation: fromWire(wireNumber), operation };
      const fit = this.#fit(to, slot);
      if (fit === "unknown") {
        this.answer(sent, refused(failure("NOT_FOUND", { actor: to })));
        continue;
      }
      if (fit === "never") {
        const reason = "this actor is not of this slot";
        this.answer(sent, refused(failure("BAD_REQUEST", { reason, actor: to, slot })));
        continue;
      }
      const session = this.#session(from, slot, number, epoch);
      const replyTo: SessionReplyTo = { ...sent, ...(session && { session }) };
      if (session === undefined) {
        this.#unserved(replyTo, failure("OVERLOADED", { sessionsPerPeerMax: this.#limits.sessionsPerPeerMax }));
      } else if (session.refusal) {
        this.#unserved(replyTo, session.refusal);
      } else if (fit === "elsewhere") {
        this.#unserved(replyTo, failure("MOVED", { slot, actor: to }));
      } else if (session.unproven.has(sender) || !this.#identities.maySend(from, sender)) {
        this.#unproven(session, replyTo, sender);
      } else if (session.full.has(to)) {
        const because = "an earlier message found no room";
        this.#noRoom(replyTo, to, failure("MAILBOX_FULL", { actor: to, because }));
      } else {
        assert(session.epoch === epoch && !session.connection.ended, "what is served came in a session that stands");
        const envelope = { to, from: sender, message, operation, epoch, trace: traced.get(index) };
        this.#ports
          .kernel()
          .receive(
            slot,
            told ? { type: "tell", ...envelope, receipt: replyTo } : { type: "ask", ...envelope, replyTo, chain },
          );
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
    const session: Session = {
      number,
      epoch,
      refusal: undefined,
      refusals: 0,
      full: new Map(),
      unproven: new Set(),
      connection,
    };
    ofPeer.set(slot, session);
    return session;
  }

  /** Whether an actor belongs to a slot: now, at another time (it got a slot of its own, or lost it), or never. */
  #fit(actor: ActorId, slot: SlotId): "here" | "elsewhere" | "never" | "unknown" {
    const mine = this.#ports.slotOf(actor);
    if (mine === undefined) return "unknown";
    if (mine === slot) return "here";
    if (actorOf(slot) === actor) return "elsewhere";
    // It has a slot of its own, and the peer does not know yet: then it names the slot the actor was split from.
    return this.#ports.table.get(mine)?.record.splitFrom === slot ? "elsewhere" : "never";
  }

  // --- answers -------------------------------------------------------------------------------------------------------

  #queue(replyTo: SessionReplyTo, result: Result<unknown>, served: boolean, refusal = 0): void {
    const { node: to, correlation, session } = replyTo;
    const { answersQueuedMax, answersQueuedBytesMax } = this.#limits;
    const queue = this.#answers.get(to) ?? { waiting: [], bytes: 0, scheduled: false, given: 0, half: halfMin };
    this.#answers.set(to, queue);
    const { answer, bytes } = this.#sendable(toWire(correlation), result, served, refusal);
    queue.waiting.push({ answer, session, bytes });
    queue.bytes += bytes;
    let dropped = 0;
    for (; queue.waiting.length - dropped > answersQueuedMax || queue.bytes > answersQueuedBytesMax; dropped += 1) {
      const oldest = queue.waiting[dropped] as Waiting;
      queue.bytes -= oldest.bytes;
      // Answers that the peer does not hear must be sent again, in order.
      if (oldest.session) oldest.session.refusal ??= failure("OVERLOADED", { answersQueuedMax, answersQueuedBytesMax });
    }
    if (dropped > 0) {
      queue.waiting.splice(0, dropped);
      this.#ports.meter.count("routing_answers_dropped", dropped);
    }
    queue.given += 1;
    // The peer goes on with these while the others are worked out; with all of them at once, one would wait for the
    // other.
    if (queue.given === queue.half) this.#write(to, queue);
    if (queue.scheduled) return;
    queue.scheduled = true;
    this.#ports.clock.soon(() => this.#flush(to, queue));
  }

  /** An answer as it can be sent: one that fits no message would hold up all behind it, so its asker is told that
   *  instead. */
  #sendable(wireNumber: number, result: Result<unknown>, served: boolean, refusal: number): Omit<Waiting, "session"> {
    const { peerMessageBytesMax } = wireLimits;
    const answerBytes = encodedBytesMax(result);
    if (answerBytes <= peerMessageBytesMax)
      return { answer: [wireNumber, result, served, refusal] as Answer, bytes: answerBytes + 16 };
    this.#ports.meter.count("routing_oversize", 1, { what: "answer" });
    const reason = "the answer is too large to be sent to another node; ask for less at once";
    return this.#sendable(
      wireNumber,
      refused(failure("TOO_LARGE", { reason, answerBytes, peerMessageBytesMax })),
      served,
      refusal,
    );
  }

  #flush(to: NodeId, queue: AnswerQueue): void {
    queue.scheduled = false;
    queue.half = Math.max(halfMin, queue.given >> 1);
    queue.given = 0;
    if (this.#answers.get(to) !== queue || this.#write(to, queue)) return;
    // The connection's queue is full, or it is gone: then this is thrown away in a moment.
    queue.scheduled = true;
    this.#ports.clock.after(this.#limits.retryMs, () => this.#flush(to, queue));
  }

  /** Whether all that waits was sent. */
  #write(to: NodeId, queue: AnswerQueue): boolean {
    const { batchItemsMax, batchBytesMax } = this.#limits;
    const { waiting } = queue;
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
      queue.bytes -= bytes;
      at = end;
    }
    queue.waiting = waiting.slice(at);
    assert(queue.waiting.length > 0 || queue.bytes === 0, "the bytes counted are those of the answers that wait");
    this.#ports.exchange.flush(to, "routing.answers");
    return sent;
  }
}
