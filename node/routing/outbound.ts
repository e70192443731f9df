/** What this node sends to actors elsewhere: one outbox of envelopes for each slot, in which each stays until it is
 *  answered.
 *
 *      send ─► outbox: [ sent, sent, sent │ unsent, unsent ] ─► target, in one session
 *                                         ▲
 *              not served / peer lost / owner changed: all go back behind this mark, and a new session begins
 *
 *  Invariant 7 holds through every move because of four rules. An outbox has one target at a time, and a session one
 *  epoch. When anything of a session was not served, its connection ended, or a new epoch is known, all that is
 *  unanswered is sent again, oldest first, before anything new. The receiver serves nothing of a session after the
 *  first that it did not serve (`inbound.ts`), so that what was already under way cannot overtake. And it serves
 *  nothing that was sent under an earlier epoch than its own: while that was under way the slot may have been elsewhere
 *  and served what is younger. (Nor under a later one, of which it has not heard yet, so that an answer is never of an
 *  earlier epoch than the one its asker knows of.) What waits at the receiver for its slot is looked at only when that
 *  is served: so all of a session must fare alike.
 *
 *  What was not served because its sender is not proven to be here (`identity.ts`) holds up that sender alone: the
 *  session goes on for all others, and ends a moment later, when the proof may have been shown.
 *
 *  What was turned away for want of room (MAILBOX_FULL) is settled by that answer and holds nothing up. A move may lose
 *  the answer, and then it is sent again; so until this node has said that it heard, nothing younger finds room there.
 *
 *  Sending again is safe because every envelope names its operation: the node that handled it gives the first answer
 *  again. */
import {
  actorOf,
  assert,
  encodedBytesMax,
  failure,
  refused,
  wireLimits,
  type Failure,
  type Result,
  type SlotId,
} from "../../protocols/index.ts";
import { backoffMs, withJitter } from "../waiting.ts";
import type { OpenAsk, Routing } from "../kernel/api.ts";
import type { NodeId } from "../ports/index.ts";
import type { Identities } from "./identity.ts";
import { fromWire, toWire } from "./inbound.ts";
import type { RoutingPorts } from "./ports.ts";
import type { RoutingLimits } from "./limits.ts";
import { ownerAway, ownerless, Targets, type Aimed, type Waiting } from "./targets.ts";

/** One envelope, until it is settled. */
interface Entry extends Waiting {
  /** The outbox that it is in: another one when its actor gets a slot of its own, or loses it. */
  outbox: Outbox;
  readonly deadlineMs: number;
  readonly bytes: number;
  settle: ((result: Result<unknown>) => void) | undefined;
  readonly attempts: Attempt[];
  /** The last attempt, unless the envelope has changed its outbox since. */
  latest: Attempt | undefined;
  /** Attempts that may still have had, or have, an effect. */
  undecided: number;
  /** Why it was last not served. */
  refusal: Failure | undefined;
}

interface Outbox extends Aimed {
  readonly entries: Set<Entry>;
  unsent: Entry[];
  /** Where the session goes; undefined: a new one must begin. */
  target: NodeId | undefined;
  /** Its number, which no other session of this node has; 0: a new one must begin. */
  session: number;
  /** Of the session: under which everything of it is sent. */
  epoch: number;
  /** Of the session: the last refusal for want of room that was heard. */
  refusals: number;
  hops: number;
  tries: number;
  /** Cancels the pause under way. */
  pause: (() => void) | undefined;
  /** Cancels the end of a session in which a sender was not proven. */
  proving: (() => void) | undefined;
  /** How often that was so, since it last was not. */
  unproven: number;
}

/** One time that an envelope is sent, or handed to this node's own kernel. */
class Attempt implements OpenAsk {
  readonly number: number;
  readonly entry: Entry;
  readonly target: NodeId;
  /** The session in which it was made. A session after it may have the same target. */
  readonly session: number;
  /** The latest attempt when this one was made. */
  readonly before: Attempt | undefined;
  /** The envelope's deadline holds for all its attempts. */
  readonly deadlineMs = undefined;
  readonly #outbound: Outbound;

  constructor(
    outbound: Outbound,
    number: number,
    { entry, target }: { readonly entry: Entry; readonly target: NodeId },
  ) {
    this.#outbound = outbound;
    this.number = number;
    this.entry = entry;
    this.before = entry.latest;
    this.target = target;
    this.session = entry.outbox.session;
  }

  answered(result: Result<unknown>, refusals: number): void {
    this.#outbound.answered(this, result, refusals);
  }

  unserved(error: Failure): void {
    this.#outbound.unserved(this, error);
  }
}

export class Outbound {
  readonly #ports: RoutingPorts;
  readonly #limits: RoutingLimits;
  readonly #targets: Targets;
  readonly #identities: Identities;
  readonly #outboxes = new Map<SlotId, Outbox>();
  readonly #connected = new Set<NodeId>();
  readonly #dirty = new Set<Outbox>();
  #entries = 0;
  #bytes = 0;
  #lastSession = 0;
  #sweeping: (() => void) | undefined;
  readonly #stops: (() => void)[];

  constructor(ports: RoutingPorts, limits: RoutingLimits, identities: Identities) {
    this.#ports = ports;
    this.#limits = limits;
    this.#identities = identities;
    this.#targets = new Targets(ports, limits);
    const { exchange, table, membership, asks } = ports;
    for (const peer of exchange.peers()) this.#connected.add(peer);
    exchange.on("routing.answers", ({ answers }, from) => {
      for (const [wireNumber, result, served, refusals] of answers) {
        const ask = asks.find(fromWire(wireNumber));
        // An answer of another node, or a late one, does not count.
        if (ask?.target !== from) continue;
        if (served || result.ok) ask.answered(result, refusals);
        else ask.unserved(result.error);
      }
    });
    exchange.onPeer({
      connected: (peer) => {
        this.#connected.add(peer);
        for (const outbox of this.#outboxes.values())
          if (outbox.pause && this.#targets.owner(outbox) === peer) this.#wake(outbox);
      },
      disconnected: (peer) => {
        this.#connected.delete(peer);
        for (const outbox of this.#outboxes.values()) {
          if (outbox.target !== peer) continue;
          this.#beginAnew(outbox);
          this.#pause(outbox);
        }
      },
    });
    this.#stops = [
      table.onChange((slot) => this.#slotChanged(slot)),
      membership.onChange(() => {
        for (const outbox of this.#outboxes.values()) if (outbox.pause) this.#wake(outbox);
      }),
    ];
  }

  /** See `Routing.takes`. Messages that were handed to this node's own kernel are in order there. */
  takes(slot: SlotId, here: boolean): boolean {
    const { node } = this.#ports;
    if (this.#outboxes.size > 0) {
      const outbox = this.#outboxes.get(slot);
      if (outbox !== undefined && (outbox.target !== node || outbox.unsent.length > 0)) return true;
    }
    return !here && this.#ports.ownerOf(slot) !== node;
  }

  /** See `Routing.send`. */
  readonly send: Routing["send"] = (slot, envelope, deadlineMs, settle, after) => {
    const { outboxEnvelopesMax, envelopesMax, envelopesBytesMax } = this.#limits;
    const outbox = this.#outboxes.get(slot) ?? this.#openOutbox(slot);
    const messageBytes = encodedBytesMax(envelope.message);
    const bytes = messageBytes + 128;
    const { peerMessageBytesMax } = wireLimits;
    if (messageBytes > peerMessageBytesMax) {
      if (outbox.entries.size === 0) this.#outboxes.delete(slot);
      this.#ports.meter.count("routing_oversize", 1, { what: "envelope" });
      settle(
        refused(after?.outcome === "unknown" ? after : failure("TOO_LARGE", { messageBytes, peerMessageBytesMax })),
      );
      return;
    }
    const over = this.#entries >= envelopesMax || this.#bytes + bytes > envelopesBytesMax;
    if (over || outbox.entries.size >= outboxEnvelopesMax) {
      if (outbox.entries.size === 0) this.#outboxes.delete(slot);
      settle(
        refused(after ?? failure("OVERLOADED", over ? { envelopesMax, envelopesBytesMax } : { outboxEnvelopesMax })),
      );
      return;
    }
    const sinceMs = this.#ports.clock.monotonicMs();
    if (envelope.trace !== undefined) {
      const { trace, to, message } = envelope;
      const span = this.#ports.tracer?.under(trace, "route", { actor: to, message: message.type, slot });
      if (span !== undefined) {
        const settled = settle;
        envelope = { ...envelope, trace: span.context };
        settle = (result) => {
          span.end(result.ok ? undefined : result.error.code);
          settled(result);
        };
      }
    }
    const entry: Entry = {
      outbox,
      envelope,
      sinceMs,
      deadlineMs,
      bytes,
      settle,
      attempts: [],
      latest: undefined,
      undecided: 0,
      refusal: undefined,
    };
    outbox.entries.add(entry);
    outbox.unsent.push(entry);
    this.#entries += 1;
    this.#bytes += bytes;
    this.#sweepLater();
    if (after === undefined) {
      this.#pumpSoon(outbox);
      return;
    }
    // As if this node had been the target.
    if (after.outcome === "unknown") entry.undecided += 1;
    entry.refusal = after;
    if (!this.#targets.worthTrying(outbox.slot, entry, after)) this.#settle(entry, this.#verdict(entry, after));
    else if (outbox.entries.size > 1) this.#pumpSoon(outbox);
    else this.#follow(outbox, after);
  };

  /** The answer to one attempt, or that there was no room for it. */
  answered(attempt: Attempt, result: Result<unknown>, refusals: number): void {
    const { entry } = attempt;
    const { outbox } = entry;
    // The effect of an earlier attempt stands. A refusal of it says nothing: a later attempt may have been taken.
    const latest = this.#isLatest(attempt);
    if (!result.ok && !latest) return;
    // Each session has its own count: one of an earlier session would say that refusals of this one were heard.
    if (latest && refusals > outbox.refusals) outbox.refusals = refusals;
    outbox.hops = 0;
    outbox.tries = 0;
    if (entry.refusal?.code === "IDENTITY_UNPROVEN") outbox.unproven = 0;
    // A refusal for want of room says nothing of earlier attempts; the answer of a turn does, because it knows of
    // operations.
    if (!result.ok && result.error.outcome === "not_started") this.#decided(entry);
    this.#settle(entry, result.ok ? result : this.#verdict(entry, result.error));
  }

  /** One attempt was not handled to its end. */
  unserved(attempt: Attempt, error: Failure): void {
    const { entry } = attempt;
    const { outbox } = entry;
    const latest = this.#isLatest(attempt);
    if (error.code === "IDENTITY_UNPROVEN") this.#identities.unproven(attempt.target, entry.envelope.from);
    if (error.outcome !== "unknown") this.#decided(entry);
    this.#ports.asks.close(attempt.number);
    // An attempt that another of its session was refused before has a word of its own only if none was made since.
    if (!latest && entry.undecided > 0) return;
    entry.refusal = error;
    if (!this.#targets.worthTrying(outbox.slot, entry, error)) {
      this.#settle(entry, this.#verdict(entry, error));
      return;
    }
    if (!latest) return;
    this.#ports.meter.count("routing_sent_again", 1, { code: error.code });
    if (error.code === "IDENTITY_UNPROVEN") {
      this.#proveLater(outbox);
      return;
    }
    this.#beginAnew(outbox);
    // Messages that were not sent in this session would get the same answer.
    for (const other of outbox.unsent)
      if (other.undecided === 0 && !this.#targets.worthTrying(outbox.slot, other, error))
        this.#settle(other, refused(error));
    this.#follow(outbox, error);
  }

  /** Whether nothing was tried since: the attempt is the last of its envelope, and its session the one that goes on. */
  #isLatest(attempt: Attempt): boolean {
    return attempt.entry.latest === attempt && attempt.entry.outbox.session === attempt.session;
  }

  /** One attempt had no effect and will have none. */
  #decided(entry: Entry): void {
    entry.undecided -= 1;
    assert(entry.undecided >= 0, "each attempt is decided once");
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#sweeping?.();
    for (const outbox of this.#outboxes.values())
      for (const entry of outbox.entries) this.#settle(entry, this.#verdict(entry, failure("STOPPING")));
  }

  // --- the target ----------------------------------------------------------------------------------------------------

  /** Goes where a refusal points, or waits. */
  #follow(outbox: Outbox, error: Failure): void {
    if (error.code === "MOVED" && this.#targets.learn(outbox, error) && outbox.hops < this.#limits.hopsMax) {
      outbox.hops += 1;
      this.#wake(outbox);
    } else this.#pause(outbox);
  }

  #slotChanged(slot: SlotId): void {
    const { table } = this.#ports;
    const from = table.get(slot)?.record.splitFrom;
    for (const changed of from === undefined ? [slot] : [from, slot]) {
      const outbox = this.#outboxes.get(changed);
      if (outbox === undefined) continue;
      this.#moveSplit(outbox);
      if (outbox.pause || (outbox.target !== undefined && this.#targets.owner(outbox) !== outbox.target))
        this.#wake(outbox);
    }
    // Behind the messages of outboxes: those that came to the kernel directly are younger.
    const actor = actorOf(slot);
    if (from !== undefined && actor !== undefined) this.#ports.kernel().left(from, actor);
  }

  /** Hands over envelopes of actors that have a slot of their own now, or no longer. Done in the moment in which the
   *  table says so, before anything new is sent there. */
  #moveSplit(outbox: Outbox): void {
    const before = outbox.entries.size;
    for (const entry of outbox.entries) {
      const { to } = entry.envelope;
      const slot = this.#ports.slotOf(to);
      if (slot === undefined || slot === outbox.slot) continue;
      outbox.entries.delete(entry);
      const next = this.#outboxes.get(slot) ?? this.#openOutbox(slot);
      next.entries.add(entry);
      next.unsent.push(entry);
      entry.outbox = next;
      // A message that was sent counts as an earlier attempt from now on.
      entry.latest = undefined;
      this.#pumpSoon(next);
    }
    if (outbox.entries.size < before) outbox.unsent = outbox.unsent.filter((entry) => outbox.entries.has(entry));
    this.#closeIfEmpty(outbox);
  }

  // --- sending -------------------------------------------------------------------------------------------------------

  #openOutbox(slot: SlotId): Outbox {
    const outbox: Outbox = {
      slot,
      entries: new Set(),
      unsent: [],
      target: undefined,
      session: 0,
      epoch: 0,
      refusals: 0,
      hint: undefined,
      hops: 0,
      tries: 0,
      pause: undefined,
      proving: undefined,
      unproven: 0,
    };
    this.#outboxes.set(slot, outbox);
    return outbox;
  }

  #closeIfEmpty(outbox: Outbox): void {
    if (outbox.entries.size > 0) return;
    outbox.pause?.();
    outbox.pause = undefined;
    outbox.proving?.();
    outbox.proving = undefined;
    outbox.unsent = [];
    if (this.#outboxes.get(outbox.slot) === outbox) this.#outboxes.delete(outbox.slot);
  }

  /** Everything unanswered is sent again, in order. */
  #beginAnew(outbox: Outbox): void {
    outbox.proving?.();
    outbox.proving = undefined;
    outbox.target = undefined;
    outbox.session = 0;
    outbox.unsent = [...outbox.entries];
  }

  #pause(outbox: Outbox): void {
    if (outbox.pause) return;
    outbox.pause = this.#afterTries(outbox.tries, () => this.#wake(outbox));
    outbox.tries += 1;
  }

  /** Begins a new session soon, and with it what was not proven. */
  #proveLater(outbox: Outbox): void {
    if (outbox.proving) return;
    outbox.proving = this.#afterTries(outbox.unproven, () => {
      this.#beginAnew(outbox);
      this.#pumpSoon(outbox);
    });
    outbox.unproven += 1;
  }

  #afterTries(tries: number, then: () => void): () => void {
    const { clock, random } = this.#ports;
    const { retryMs, retryMaxMs } = this.#limits;
    const waitMs = backoffMs(tries, { firstMs: retryMs, maxMs: retryMaxMs });
    return clock.after(Math.ceil(withJitter(waitMs, random)), then);
  }

  #wake(outbox: Outbox): void {
    outbox.pause?.();
    outbox.pause = undefined;
    this.#pumpSoon(outbox);
  }

  #pumpSoon(outbox: Outbox): void {
    if (outbox.pause) return;
    if (this.#dirty.size === 0) this.#ports.clock.soon(() => this.#pumpAll());
    this.#dirty.add(outbox);
  }

  #pumpAll(): void {
    const outboxes = [...this.#dirty];
    this.#dirty.clear();
    const targets = new Set<NodeId>();
    for (const outbox of outboxes) {
      if (this.#outboxes.get(outbox.slot) !== outbox) continue;
      this.#pump(outbox);
      if (outbox.target !== undefined && outbox.target !== this.#ports.node) targets.add(outbox.target);
    }
    for (const target of targets) this.#ports.exchange.flush(target, "routing.envelopes");
  }

  #pump(outbox: Outbox): void {
    if (outbox.pause) return;
    const { node } = this.#ports;
    // This node's kernel gives the messages back that it has taken when it no longer serves the slot, and with them
    // those that came to it directly and are younger. Until then no message may go elsewhere and overtake them.
    const kept = outbox.target === node && outbox.unsent.length < outbox.entries.size;
    const target = kept ? node : this.#targets.owner(outbox);
    if (target === undefined || (target !== node && !this.#connected.has(target))) {
      if (outbox.target !== undefined) this.#beginAnew(outbox);
      const error =
        target === undefined ? ownerless(outbox.slot, this.#ports) : ownerAway(outbox.slot, target, this.#ports);
      for (const entry of outbox.unsent) entry.refusal = error;
      outbox.hint = undefined;
      this.#pause(outbox);
      return;
    }
    // A node that knows of no record may be heard by the first owner.
    const epoch = Math.max(1, this.#targets.knownEpoch(outbox));
    if (target !== outbox.target || (target !== node && epoch !== outbox.epoch)) {
      this.#beginAnew(outbox);
      outbox.target = target;
      outbox.epoch = epoch;
      this.#lastSession += 1;
      outbox.session = this.#lastSession;
      outbox.refusals = 0;
    }
    if (target === node) this.#deliverHere(outbox);
    else this.#sendBatches(outbox, target);
  }

  #deliverHere(outbox: Outbox): void {
    const { session } = outbox;
    for (const entry of outbox.unsent.splice(0)) {
      // Not served at once: the messages after it must not be either.
      if (outbox.session !== session) return;
      if (entry.settle === undefined) continue;
      const { envelope } = entry;
      const operation = envelope.operation;
      const to = { node: this.#ports.node, correlation: this.#attempt(entry, this.#ports.node), operation };
      this.#ports
        .kernel()
        .receive(outbox.slot, envelope.type === "ask" ? { ...envelope, replyTo: to } : { ...envelope, receipt: to });
    }
  }

  #sendBatches(outbox: Outbox, target: NodeId): void {
    const { batchItemsMax, batchBytesMax } = this.#limits;
    const { slot, session, epoch, refusals } = outbox;
    let at = 0;
    while (at < outbox.unsent.length) {
      const batch: Entry[] = [];
      let bytes = 0;
      for (; at < outbox.unsent.length && batch.length < batchItemsMax; at += 1) {
        const entry = outbox.unsent[at] as Entry;
        if (entry.settle === undefined) continue;
        if (batch.length > 0 && bytes + entry.bytes > batchBytesMax) break;
        bytes += entry.bytes;
        batch.push(entry);
      }
      if (batch.length === 0) break;
      for (const { envelope } of batch) this.#identities.present(target, envelope.from);
      const envelopes = batch.map((entry) => {
        const { type, to, from, message, operation } = entry.envelope;
        const chain = entry.envelope.type === "ask" ? [...entry.envelope.chain] : [];
        return [toWire(this.#attempt(entry, target)), to, from, message, operation, type === "tell", chain] as const;
      });
      const traces = batch.flatMap(({ envelope }, index): [number, string][] =>
        envelope.trace === undefined ? [] : [[index, envelope.trace]],
      );
      const sent = this.#ports.exchange.send(target, "routing.envelopes", {
        ...(traces.length > 0 && { traces }),
        slot,
        session,
        epoch,
        refusals,
        envelopes: envelopes as never,
      });
      if (!sent) {
        // Its queue is full. The session goes on where it stopped; if the connection ends, that is told.
        for (const entry of batch) this.#withdraw(entry);
        outbox.unsent = [...batch, ...outbox.unsent.slice(at)];
        this.#pause(outbox);
        return;
      }
      this.#ports.meter.count("routing_envelopes_sent", batch.length);
    }
    outbox.unsent = [];
  }

  /** Notes that an envelope is sent to a node. Returns the number that its answer will name. */
  #attempt(entry: Entry, target: NodeId): number {
    const { asks } = this.#ports;
    assert(entry.settle !== undefined && entry.outbox.entries.has(entry), "what is sent waits for its answer");
    assert(entry.outbox.session > 0 && entry.outbox.target === target, "what is sent is sent in a session");
    const attempt = new Attempt(this, asks.number(), { entry, target });
    entry.attempts.push(attempt);
    entry.latest = attempt;
    entry.undecided += 1;
    asks.open(attempt.number, attempt);
    return attempt.number;
  }

  /** The last attempt was not sent after all. */
  #withdraw(entry: Entry): void {
    const attempt = entry.attempts.pop();
    assert(attempt !== undefined && attempt === entry.latest, "only the last attempt is withdrawn");
    entry.latest = attempt.before;
    this.#decided(entry);
    this.#ports.asks.close(attempt.number);
  }

  // --- endings -------------------------------------------------------------------------------------------------------

  /** The failure of an entry that goes no further: `error` had no effect, but an earlier attempt may have had one. */
  #verdict(entry: Entry, error: Failure): Result<unknown> {
    if (entry.undecided === 0 || error.outcome !== "not_started") return refused(error);
    return refused(failure("ASK_TIMEOUT", because(error)));
  }

  #settle(entry: Entry, result: Result<unknown>): void {
    const { settle, outbox } = entry;
    if (settle === undefined) return;
    entry.settle = undefined;
    outbox.entries.delete(entry);
    for (const { number } of entry.attempts) this.#ports.asks.close(number);
    this.#entries -= 1;
    this.#bytes -= entry.bytes;
    assert(this.#entries >= 0 && this.#bytes >= 0, "what was counted in is counted out once");
    this.#closeIfEmpty(outbox);
    settle(result);
  }

  #sweepLater(): void {
    this.#sweeping ??= this.#ports.clock.after(this.#limits.sweepIntervalMs, () => {
      this.#sweeping = undefined;
      this.#sweep();
      if (this.#entries > 0) this.#sweepLater();
    });
  }

  #sweep(): void {
    const { clock, meter } = this.#ports;
    const nowMs = clock.monotonicMs();
    for (const outbox of this.#outboxes.values()) {
      for (const entry of outbox.entries) {
        if (entry.deadlineMs > nowMs) continue;
        const { refusal } = entry;
        const known = entry.undecided === 0 && refusal !== undefined;
        this.#settle(
          entry,
          refused(known ? refusal : failure("ASK_TIMEOUT", { slot: outbox.slot, ...because(refusal) })),
        );
      }
      // An entry that ran out may have been waiting to be sent.
      if (outbox.unsent.length > 2 * outbox.entries.size + 64)
        outbox.unsent = outbox.unsent.filter((entry) => entry.settle !== undefined);
    }
    meter.gauge("routing_envelopes_waiting", this.#entries);
  }
}

/** Why nothing of an outcome is known: with the name of the owner where it is that one that does not answer. */
const because = (error: Failure | undefined): { because?: string; node?: unknown } => {
  if (error === undefined) return {};
  const node = error.details?.["node"];
  return { because: error.code, ...(node !== undefined && { node }) };
};
