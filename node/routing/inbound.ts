/** What other nodes send here, and the answers that go back to them.
 *
 *  Invariant 7, the receiver's share: of one session of one peer, nothing is served after the first envelope that was not.
 *  The peer begins a new session with that one, so nothing overtakes it. */
import { failure, refused, type ActorId, type Failure, type Result, type SlotId } from "../../protocols/index.ts";
import type { MeshBody } from "../../protocols/mesh/index.ts";
import type { ReplyTo } from "../../actors/behavior.ts";
import type { NodeId } from "../ports.ts";
import type { RoutingPorts } from "./index.ts";
import type { RoutingLimits } from "./limits.ts";
import { weigh } from "./weight.ts";

/** One session of one peer. */
interface Session {
  readonly number: number;
  /** Why something of it was not served. */
  refusal: Failure | undefined;
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

type Answer = readonly [sending: number, result: Result<unknown>, served: boolean];

interface Outbox {
  answers: Answer[];
  scheduled: boolean;
}

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
    if ((to as SessionReplyTo).session?.connection.ended !== true) this.#queue(to.node, [to.correlation, result, true]);
  }

  unserved(to: ReplyTo, error: Failure): void {
    const { session } = to as SessionReplyTo;
    if (session) session.refusal ??= error;
    if (session?.connection.ended === true) return;
    this.#queue(to.node, [to.correlation, refused(error), false]);
  }

  #received({ slot, session: number, epoch, envelopes }: MeshBody<"routing.envelopes">, from: NodeId): void {
    const session = this.#session(from, slot, number);
    for (const [correlation, to, sender, message, operation, told, chain] of envelopes) {
      const replyTo: SessionReplyTo = { node: from, correlation, operation, session };
      const fit = this.#fit(to, slot);
      if (session.refusal) {
        this.unserved(replyTo, session.refusal);
      } else if (fit === "elsewhere") {
        this.unserved(replyTo, failure("MOVED", { slot, actor: to }));
      } else if (fit === "never") {
        this.answer(
          replyTo,
          refused(failure("BAD_REQUEST", { reason: "this actor is not of this slot", actor: to, slot })),
        );
      } else {
        const envelope = { to, from: sender, message, operation, replyTo, chain, signal: false, epoch };
        this.#ports.kernel().receive(slot, told ? { ...envelope, told } : envelope);
      }
    }
  }

  #session(from: NodeId, slot: SlotId, number: number): Session {
    const ofPeer = this.#sessions.get(from) ?? new Map<SlotId, Session>();
    this.#sessions.set(from, ofPeer);
    const present = ofPeer.get(slot);
    if (present?.number === number) return present;
    const connection = this.#connections.get(from) ?? { ended: false };
    this.#connections.set(from, connection);
    const session = { number, refusal: undefined, connection };
    ofPeer.set(slot, session);
    return session;
  }

  /** Whether an actor belongs to a slot: now, at another time (it was pinned or unpinned), or never. */
  #fit(actor: ActorId, slot: SlotId): "here" | "elsewhere" | "never" {
    const mine = this.#ports.slotOf(actor);
    // Of an unknown kind: the kernel says so.
    if (mine === undefined || mine === slot) return "here";
    if ((slot as string) === actor) return "elsewhere";
    // Pinned here, and the peer does not know yet: then it names the slot the actor was split from.
    return this.#ports.table.get(mine)?.record.splitFrom === slot ? "elsewhere" : "never";
  }

  // --- answers -------------------------------------------------------------------------------------------------------

  #queue(to: NodeId, answer: Answer): void {
    const outbox = this.#outboxes.get(to) ?? { answers: [], scheduled: false };
    this.#outboxes.set(to, outbox);
    outbox.answers.push(answer);
    if (outbox.answers.length > this.#limits.answersQueuedMax) {
      outbox.answers.shift();
      this.#ports.meter.count("routing_answers_dropped");
    }
    if (outbox.scheduled) return;
    outbox.scheduled = true;
    this.#ports.clock.soon(() => this.#flush(to, outbox));
  }

  #flush(to: NodeId, outbox: Outbox): void {
    outbox.scheduled = false;
    if (this.#outboxes.get(to) !== outbox) return;
    const { batchItemsMax, batchBytesMax, retryMs } = this.#limits;
    const { answers } = outbox;
    let at = 0;
    while (at < answers.length) {
      let end = at;
      for (let bytes = 0; end < answers.length && end - at < batchItemsMax; end += 1) {
        bytes += weigh(answers[end]);
        if (end > at && bytes > batchBytesMax) break;
      }
      const batch = answers.slice(at, end) as unknown as MeshBody<"routing.answers">["answers"];
      if (!this.#ports.exchange.send(to, "routing.answers", { answers: batch })) {
        // Its queue is full, or it is gone: then this is thrown away in a moment.
        outbox.answers = answers.slice(at);
        outbox.scheduled = true;
        this.#ports.clock.after(retryMs, () => this.#flush(to, outbox));
        return;
      }
      at = end;
    }
    outbox.answers = [];
  }
}
