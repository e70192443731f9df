/** What this node sends to actors elsewhere: one line of envelopes a slot, kept until each is answered.
 *
 *      send ─► line: [ sent, sent, sent │ unsent, unsent ] ─► target, in one session
 *                                       ▲
 *              not served / peer lost / owner changed: all go back behind this mark, and a new session begins
 *
 *  Invariant 7 holds through every move because of four rules. A line has one target at a time, and a session one epoch.
 *  When anything of a session was not served, its connection ended, or a new epoch is known, all that is unanswered is sent
 *  again, oldest first, before anything new. The receiver serves nothing of a session after the first that it did not serve
 *  (`inbound.ts`), so that what was already under way cannot overtake. And it serves nothing that was sent under an earlier
 *  epoch than its own: while that was under way the slot may have been elsewhere and served what is younger. (Nor under a
 *  later one, of which it has not heard yet, so that an answer is never of an earlier epoch than the one its asker knows of.)
 *  What waits at the receiver for its slot is looked at only when that is served: so all of a session must fare alike.
 *
 *  What was turned away for want of room (MAILBOX_FULL) is settled by that answer and holds nothing up. A move may lose the
 *  answer, and then it is sent again; so until this node has said that it heard, nothing younger finds room there.
 *
 *  Sending again is safe because every envelope names its operation: whoever handled it gives the first answer again. */
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
import { backoffMs, withJitter } from "../backoff.ts";
import type { Envelope, Routing } from "../kernel/api.ts";
import type { Membership, NodeId } from "../ports.ts";
import type { RoutingPorts } from "./index.ts";
import type { RoutingLimits } from "./limits.ts";

interface Entry {
  readonly envelope: Envelope;
  readonly sinceMs: number;
  readonly deadlineMs: number;
  readonly bytes: number;
  settle: ((result: Result<unknown>) => void) | undefined;
  /** Every sending of it, the latest last. */
  readonly sendings: number[];
  /** Sendings that may still have had, or have, an effect. */
  open: number;
  /** Why it was last not served. */
  refusal: Failure | undefined;
}

/** What a MOVED said. */
interface Hint {
  readonly owner: NodeId;
  readonly epoch: number;
  /** Of the slot's row in the table when it was said. */
  readonly revision: number | undefined;
}

interface Line {
  readonly slot: SlotId;
  readonly entries: Set<Entry>;
  unsent: Entry[];
  /** Where the session goes; undefined: a new one must begin. */
  target: NodeId | undefined;
  session: number;
  /** Of the session: under which everything of it is sent. */
  epoch: number;
  /** Of the session: the last refusal for want of room that was heard. */
  refusals: number;
  /** Newer than the slot table when it was said. See `#hint`. */
  hint: Hint | undefined;
  hops: number;
  tries: number;
  /** Cancels the pause under way. */
  pause: (() => void) | undefined;
}

export class Lines {
  readonly #ports: RoutingPorts;
  readonly #limits: RoutingLimits;
  readonly #lines = new Map<SlotId, Line>();
  readonly #sendings = new Map<number, { readonly line: Line; readonly entry: Entry; readonly target: NodeId }>();
  readonly #connected = new Set<NodeId>();
  readonly #dirty = new Set<Line>();
  #entries = 0;
  #bytes = 0;
  #lastSending = 0;
  #lastSession = 0;
  #sweeping: (() => void) | undefined;
  readonly #stops: (() => void)[];

  constructor(ports: RoutingPorts, limits: RoutingLimits) {
    this.#ports = ports;
    this.#limits = limits;
    const { exchange, table, membership } = ports;
    for (const peer of exchange.peers()) this.#connected.add(peer);
    exchange.onPeer({
      connected: (peer) => {
        this.#connected.add(peer);
        for (const line of this.#lines.values()) if (line.pause && this.#owner(line) === peer) this.#wake(line);
      },
      disconnected: (peer) => {
        this.#connected.delete(peer);
        for (const line of this.#lines.values()) {
          if (line.target !== peer) continue;
          this.#beginAnew(line);
          this.#pause(line);
        }
      },
    });
    this.#stops = [
      table.onChange((slot) => this.#slotChanged(slot)),
      membership.onChange(() => {
        for (const line of this.#lines.values()) if (line.pause) this.#wake(line);
      }),
    ];
  }

  /** See `Routing.takes`. What was handed to this node's own kernel is in order there. */
  takes(slot: SlotId, here: boolean): boolean {
    const { node } = this.#ports;
    if (this.#lines.size > 0) {
      const line = this.#lines.get(slot);
      if (line !== undefined && (line.target !== node || line.unsent.length > 0)) return true;
    }
    return !here && this.#knownOwner(slot) !== node;
  }

  /** See `Routing.send`. */
  readonly send: Routing["send"] = (slot, envelope, deadlineMs, settle, after) => {
    const { lineEnvelopesMax, envelopesMax, envelopesBytesMax } = this.#limits;
    const line = this.#lines.get(slot) ?? this.#open(slot);
    const messageBytes = encodedBytesMax(envelope.message);
    const bytes = messageBytes + 128;
    const { peerMessageBytesMax } = wireLimits;
    if (messageBytes > peerMessageBytesMax) {
      if (line.entries.size === 0) this.#lines.delete(slot);
      this.#ports.meter.count("routing_oversize", 1, { what: "envelope" });
      settle(
        refused(after?.outcome === "unknown" ? after : failure("TOO_LARGE", { messageBytes, peerMessageBytesMax })),
      );
      return;
    }
    const over = this.#entries >= envelopesMax || this.#bytes + bytes > envelopesBytesMax;
    if (over || line.entries.size >= lineEnvelopesMax) {
      if (line.entries.size === 0) this.#lines.delete(slot);
      settle(
        refused(after ?? failure("OVERLOADED", over ? { envelopesMax, envelopesBytesMax } : { lineEnvelopesMax })),
      );
      return;
    }
    const sinceMs = this.#ports.clock.monotonicMs();
    const entry: Entry = { envelope, sinceMs, deadlineMs, bytes, settle, sendings: [], open: 0, refusal: undefined };
    line.entries.add(entry);
    line.unsent.push(entry);
    this.#entries += 1;
    this.#bytes += bytes;
    this.#sweepLater();
    if (after === undefined) {
      this.#pumpSoon(line);
      return;
    }
    // As if this node had been the target.
    if (after.outcome === "unknown") entry.open += 1;
    entry.refusal = after;
    if (!this.#worthTrying(line, entry, after)) this.#settle(line, entry, this.#verdict(entry, after));
    else if (line.entries.size > 1) this.#pumpSoon(line);
    else this.#follow(line, after);
  };

  /** The answer to one sending. `served` false: it was not handled to its end. `refusal`: see `routing.answers`. */
  answered(sending: number, from: NodeId, result: Result<unknown>, served: boolean, refusal = 0): void {
    const found = this.#sendings.get(sending);
    if (found === undefined || found.target !== from) return;
    const { line, entry } = found;
    const latest = entry.sendings.at(-1) === sending && line.target === from;
    if (served || result.ok) {
      // What an earlier sending achieved stands. What it was refused says nothing: a later one may have been taken.
      if (!latest && !result.ok) return;
      if (refusal > line.refusals) line.refusals = refusal;
      line.hops = 0;
      line.tries = 0;
      // No room for it says nothing of earlier sendings; what a turn answers does, because it knows of operations.
      if (!result.ok && result.error.outcome === "not_started") entry.open -= 1;
      this.#settle(line, entry, result.ok ? result : this.#verdict(entry, result.error));
      return;
    }
    const { error } = result;
    if (error.outcome !== "unknown") entry.open -= 1;
    this.#sendings.delete(sending);
    // One that another of its session was refused before has a word of its own only if it was not sent again since.
    if (!latest && entry.open > 0) return;
    entry.refusal = error;
    if (!this.#worthTrying(line, entry, error)) {
      this.#settle(line, entry, this.#verdict(entry, error));
      return;
    }
    if (!latest) return;
    this.#ports.meter.count("routing_sent_again", 1, { code: error.code });
    this.#beginAnew(line);
    // What has not been sent in this session would hear the same.
    for (const other of line.unsent)
      if (other.open <= 0 && !this.#worthTrying(line, other, error)) this.#settle(line, other, refused(error));
    this.#follow(line, error);
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#sweeping?.();
    for (const line of this.#lines.values())
      for (const entry of line.entries) this.#settle(line, entry, this.#verdict(entry, failure("STOPPING")));
  }

  // --- whom to send to -----------------------------------------------------------------------------------------------

  #knownOwner(slot: SlotId): NodeId | undefined {
    return this.#ports.table.get(slot)?.record.owner ?? this.#ports.firstOwner(slot);
  }

  #owner(line: Line): NodeId | undefined {
    return this.#hint(line)?.owner ?? this.#knownOwner(line.slot);
  }

  #knownEpoch(line: Line): number {
    return this.#hint(line)?.epoch ?? this.#ports.table.get(line.slot)?.record.epoch ?? 0;
  }

  /** What one node has said and nobody has confirmed. It holds until the table says anything new of the slot, the node it
   *  points to is no member or cannot be reached, or that one does not know of it either: who said it may be wrong. */
  #hint(line: Line): Hint | undefined {
    const { hint, slot } = line;
    if (hint === undefined) return undefined;
    if (this.#ports.table.get(slot)?.revision !== hint.revision || !this.#isMember(hint.owner)) line.hint = undefined;
    return line.hint;
  }

  #isMember(node: NodeId): boolean {
    return this.#ports.membership.members().members.some((member) => member.node === node);
  }

  /** Damaged data heals where there is another copy. An owner that is away is replaced in moments, or comes back; what has
   *  none waits for the directory, and somebody who waits for the answer should know that soon. */
  #worthTrying(line: Line, entry: Entry, error: Failure): boolean {
    const { table, clock } = this.#ports;
    const record = table.get(line.slot)?.record;
    if (error.code === "DIRECTORY_AWAY" && record === undefined && entry.envelope.replyTo !== undefined) {
      const { askedMs: told } = error.details ?? {};
      const askedMs = typeof told === "number" ? told : 0;
      return Math.max(askedMs, clock.monotonicMs() - entry.sinceMs) < this.#limits.directoryPatienceMs;
    }
    if (error.details?.["because"] !== "DATA_DAMAGED") return true;
    return (record?.inSync.length ?? 0) > 1;
  }

  /** Goes where a refusal points, or waits. */
  #follow(line: Line, error: Failure): void {
    const { owner, epoch } = (error.details ?? {}) as { owner?: unknown; epoch?: unknown };
    if (error.code === "MOVED" && typeof owner === "string" && isEpoch(epoch)) {
      const isNews = epoch > this.#knownEpoch(line) && this.#isMember(owner);
      line.hint = isNews ? { owner, epoch, revision: this.#ports.table.get(line.slot)?.revision } : undefined;
      if (isNews && line.hops < this.#limits.hopsMax) {
        line.hops += 1;
        this.#wake(line);
        return;
      }
    }
    this.#pause(line);
  }

  #slotChanged(slot: SlotId): void {
    const { table } = this.#ports;
    const from = table.get(slot)?.record.splitFrom;
    for (const changed of from === undefined ? [slot] : [from, slot]) {
      const line = this.#lines.get(changed);
      if (line === undefined) continue;
      this.#moveSplit(line);
      if (line.pause || (line.target !== undefined && this.#owner(line) !== line.target)) this.#wake(line);
    }
    // Behind what lines had: what came to the kernel directly is younger.
    if (from !== undefined) this.#ports.kernel().left(from, slot as string as ActorId);
  }

  /** Hands over envelopes of actors that have a slot of their own now, or no longer. Done in the moment in which the table
   *  says so, before anything new is sent there. */
  #moveSplit(line: Line): void {
    const before = line.entries.size;
    for (const entry of line.entries) {
      const { to } = entry.envelope;
      const slot = this.#ports.slotOf(to);
      if (slot === undefined || slot === line.slot) continue;
      line.entries.delete(entry);
      const next = this.#lines.get(slot) ?? this.#open(slot);
      next.entries.add(entry);
      next.unsent.push(entry);
      for (const sending of entry.sendings) {
        const known = this.#sendings.get(sending);
        if (known) this.#sendings.set(sending, { ...known, line: next });
      }
      // It counts as an earlier sending from now on.
      entry.sendings.push(0);
      this.#pumpSoon(next);
    }
    if (line.entries.size < before) line.unsent = line.unsent.filter((entry) => line.entries.has(entry));
    this.#closeIfEmpty(line);
  }

  // --- sending -------------------------------------------------------------------------------------------------------

  #open(slot: SlotId): Line {
    const line: Line = {
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
    };
    this.#lines.set(slot, line);
    return line;
  }

  #closeIfEmpty(line: Line): void {
    if (line.entries.size > 0) return;
    line.pause?.();
    line.pause = undefined;
    line.unsent = [];
    if (this.#lines.get(line.slot) === line) this.#lines.delete(line.slot);
  }

  /** Everything unanswered is sent again, in order. */
  #beginAnew(line: Line): void {
    line.target = undefined;
    line.unsent = [...line.entries];
  }

  #pause(line: Line): void {
    const { clock, random } = this.#ports;
    const { retryMs, retryMaxMs } = this.#limits;
    if (line.pause) return;
    const waitMs = backoffMs(line.tries, { firstMs: retryMs, maxMs: retryMaxMs });
    line.tries += 1;
    line.pause = clock.after(Math.ceil(withJitter(waitMs, random)), () => this.#wake(line));
  }

  #wake(line: Line): void {
    line.pause?.();
    line.pause = undefined;
    this.#pumpSoon(line);
  }

  #pumpSoon(line: Line): void {
    if (line.pause) return;
    if (this.#dirty.size === 0) this.#ports.clock.soon(() => this.#pumpAll());
    this.#dirty.add(line);
  }

  #pumpAll(): void {
    const lines = [...this.#dirty];
    this.#dirty.clear();
    const targets = new Set<NodeId>();
    for (const line of lines) {
      if (this.#lines.get(line.slot) !== line) continue;
      this.#pump(line);
      if (line.target !== undefined && line.target !== this.#ports.node) targets.add(line.target);
    }
    for (const target of targets) this.#ports.exchange.flush(target, "routing.envelopes");
  }

  #pump(line: Line): void {
    if (line.pause) return;
    const { node } = this.#ports;
    // What this node's kernel has taken it gives back when it no longer serves the slot, and with it what came to it
    // directly and is younger. Until then nothing may go elsewhere and overtake that.
    const kept = line.target === node && line.unsent.length < line.entries.size;
    const target = kept ? node : this.#owner(line);
    if (target === undefined || (target !== node && !this.#connected.has(target))) {
      if (line.target !== undefined) this.#beginAnew(line);
      const error =
        target === undefined
          ? failure("NO_CANDIDATE", { slot: line.slot })
          : ownerAway(line.slot, target, this.#ports.membership);
      for (const entry of line.unsent) entry.refusal = error;
      line.hint = undefined;
      this.#pause(line);
      return;
    }
    // Who knows of no record may have been heard by the first owner.
    const epoch = Math.max(1, this.#knownEpoch(line));
    if (target !== line.target || (target !== node && epoch !== line.epoch)) {
      this.#beginAnew(line);
      line.target = target;
      line.epoch = epoch;
      this.#lastSession += 1;
      line.session = this.#lastSession;
      line.refusals = 0;
    }
    if (target === node) this.#deliverHere(line);
    else this.#sendBatches(line, target);
  }

  #deliverHere(line: Line): void {
    const { session } = line;
    for (const entry of line.unsent.splice(0)) {
      // Not served at once: what follows must not be.
      if (line.session !== session || line.target === undefined) return;
      if (entry.settle === undefined) continue;
      const { envelope } = entry;
      const correlation = this.#note(line, entry);
      const replyTo = { node: this.#ports.node, correlation, operation: envelope.operation as string };
      const told = envelope.replyTo === undefined;
      this.#ports.kernel().receive(line.slot, told ? { ...envelope, replyTo, told } : { ...envelope, replyTo });
    }
  }

  #sendBatches(line: Line, target: NodeId): void {
    const { batchItemsMax, batchBytesMax } = this.#limits;
    const { slot, session, epoch, refusals } = line;
    let at = 0;
    while (at < line.unsent.length) {
      const batch: Entry[] = [];
      let bytes = 0;
      for (; at < line.unsent.length && batch.length < batchItemsMax; at += 1) {
        const entry = line.unsent[at] as Entry;
        if (entry.settle === undefined) continue;
        if (batch.length > 0 && bytes + entry.bytes > batchBytesMax) break;
        bytes += entry.bytes;
        batch.push(entry);
      }
      if (batch.length === 0) break;
      const first = this.#lastSending;
      const envelopes = batch.map((entry) => {
        const { to, from, message, operation, replyTo, chain } = entry.envelope;
        const told = replyTo === undefined;
        return [this.#note(line, entry), to, from, message, operation as string, told, [...chain]] as const;
      });
      const sent = this.#ports.exchange.send(target, "routing.envelopes", {
        slot,
        session,
        epoch,
        refusals,
        envelopes: envelopes as never,
      });
      if (!sent) {
        // Its queue is full. The session goes on where it stopped; if the connection ends, that is told.
        for (const entry of batch) this.#unnote(entry);
        this.#lastSending = first;
        line.unsent = [...batch, ...line.unsent.slice(at)];
        this.#pause(line);
        return;
      }
      this.#ports.meter.count("routing_envelopes_sent", batch.length);
    }
    line.unsent = [];
  }

  /** Numbers a sending. Below 0: the kernel's own correlations are above. */
  #note(line: Line, entry: Entry): number {
    this.#lastSending -= 1;
    entry.sendings.push(this.#lastSending);
    entry.open += 1;
    this.#sendings.set(this.#lastSending, { line, entry, target: line.target as NodeId });
    return this.#lastSending;
  }

  #unnote(entry: Entry): void {
    entry.open -= 1;
    this.#sendings.delete(entry.sendings.pop() as number);
  }

  // --- endings -------------------------------------------------------------------------------------------------------

  /** What is said of an entry that goes no further: `error` had no effect, but an earlier sending may have. */
  #verdict(entry: Entry, error: Failure): Result<unknown> {
    if (entry.open <= 0 || error.outcome !== "not_started") return refused(error);
    return refused(failure("ASK_TIMEOUT", because(error)));
  }

  #settle(line: Line, entry: Entry, result: Result<unknown>): void {
    const { settle } = entry;
    if (settle === undefined) return;
    entry.settle = undefined;
    line.entries.delete(entry);
    for (const sending of entry.sendings) this.#sendings.delete(sending);
    this.#entries -= 1;
    this.#bytes -= entry.bytes;
    this.#closeIfEmpty(line);
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
    for (const line of this.#lines.values()) {
      for (const entry of line.entries) {
        if (entry.deadlineMs > nowMs) continue;
        const { refusal } = entry;
        const known = entry.open <= 0 && refusal !== undefined;
        this.#settle(
          line,
          entry,
          refused(known ? refusal : failure("ASK_TIMEOUT", { slot: line.slot, ...because(refusal) })),
        );
      }
      // An entry that ran out may have been waiting to be sent.
      if (line.unsent.length > 2 * line.entries.size + 64)
        line.unsent = line.unsent.filter((entry) => entry.settle !== undefined);
    }
    meter.gauge("routing_envelopes_waiting", this.#entries);
  }
}

/** What a peer says may be anything. */
export const isEpoch = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1;

/** Why nothing of an outcome is known: with the name of the owner where it is that one that does not answer. */
const because = (error: Failure | undefined): { because?: string; node?: unknown } => {
  if (error === undefined) return {};
  const node = error.details?.["node"];
  return { because: error.code, ...(node !== undefined && { node }) };
};

/** What is said while a slot's owner is not there and nobody has taken over: of that node, and not of the one that was
 *  asked. `node` is its name. */
export function ownerAway(slot: SlotId, owner: NodeId, membership: Membership): Failure {
  const node = membership.members().members.find((member) => member.node === owner)?.name ?? owner;
  const reason = membership.isUp(owner)
    ? "there is no connection to the node that has it"
    : "the node that has it is down";
  return failure("SLOT_UNAVAILABLE", { slot, node, reason });
}
