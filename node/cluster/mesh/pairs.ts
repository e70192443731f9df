/** Which peers are connected, which are dialled when, and which of two links of a pair stands.
 *
 *  The node with the lower peer id dials. The other does too when nothing has come of that for a moment, so that a pair
 *  of which only one can reach the other still meets. When both dial at once, the link dialled by the lower one stands:
 *  it refuses the other's hello, the other drops its own attempt. A link that becomes ready replaces an older one that
 *  was: the peer would not have dialled unless it had lost that. Only an earlier start of the node has to wait until
 *  the link of the later one is over, and is told that it is a duplicate once that proves to live. */
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { multiaddr, type Multiaddr } from "@multiformats/multiaddr";
import { failure, type Failure } from "../../../protocols/index.ts";
import { backoffMs, withJitter } from "../../waiting.ts";
import type {
  Channel,
  Clock,
  Log,
  MemberRecord,
  MembershipEnd,
  Meter,
  NodeId,
  Random,
  TransportListener,
} from "../../ports/index.ts";
import type { Gate } from "./gate.ts";
import {
  controlKind,
  duplicate,
  endIn,
  evicted,
  generationIn,
  judge,
  leftOut,
  preceded,
  type Hello,
  type Introduction,
} from "./handshake.ts";
import { Lane } from "./lane.ts";
import type { MeshLimits } from "./limits.ts";
import { cut, textOf } from "./swarm.ts";
import { Link, type LinkListener } from "./link.ts";

/** The protocol of each channel. The number changes only with the handshake, which every version must understand. */
export const channelProtocols: Readonly<Record<Channel, string>> = {
  control: "/plexus/control/1",
  message: "/plexus/message/1",
  bulk: "/plexus/bulk/1",
};

interface Pair {
  member: MemberRecord;
  established: Link | undefined;
  candidate: Link | undefined;
  dialling: boolean;
  failures: number;
  dueAtMs: number;
  lastFailure: Failure | undefined;
  /** The last time that one of the two refused the other for its version, whichever had dialled. */
  refused: { readonly reason: Failure; readonly atMs: number } | undefined;
  /** Why its hello was last refused here, since they were last connected: it comes again and again. */
  turnedAway: Failure["code"] | undefined;
}

/** One member as the mesh sees it. */
export interface PairStatus {
  readonly node: NodeId;
  readonly connected: boolean;
  /** Attempts since the last connection that held. */
  readonly failures: number;
  readonly queuedBytes: number;
  readonly lastFailure?: Failure;
}

interface PairsOptions {
  readonly self: Introduction;
  readonly peer: string;
  readonly swarm: Libp2p;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits: MeshLimits;
  /** Addresses of a peer beyond those of its member record. */
  addressesOf(peer: string): readonly string[];
  /** A peer answered at an address and belongs here. */
  reached(peer: string, address: string): void;
  /** Whether a peer that is no member was evicted. */
  wasEvicted(peer: string): boolean;
  /** A member says that this process is not its node any more. */
  expelled(by: NodeId, why: MembershipEnd, generation?: number): void;
  /** See `MeshOptions`. */
  recoveredWithout(peer: string): number | undefined;
}

export class Pairs {
  readonly #options: PairsOptions;
  readonly #pairs = new Map<NodeId, Pair>();
  readonly #byPeer = new Map<string, Pair>();
  readonly #closing = new Set<Promise<void>>();
  /** The link that began on a connection. */
  readonly #byControl = new WeakMap<Connection, Link>();
  readonly #links: LinkListener;
  #listener: TransportListener | undefined;
  #dialsUnderWay = 0;
  #stopped = false;
  #cancelTimer: () => void = () => undefined;
  #cancelSweep: () => void = () => undefined;

  constructor(options: PairsOptions) {
    this.#options = options;
    this.#links = {
      hello: (link, hello) => this.#hello(link, hello),
      welcome: (link, welcome) => this.#welcome(link, welcome),
      ready: (link) => this.#establish(link),
      received: (link, channel, message) => this.#listener?.received(link.node, channel, message),
      ended: (link, reason, theirs) => this.#ended(link, reason, theirs),
    };
  }

  /** From now on there is someone to receive: peers are dialled and let in. */
  listen(listener: TransportListener): void {
    this.#listener = listener;
    this.#sweep();
    this.#dialDue();
  }

  /** Follows the member list. */
  setMembers(members: readonly MemberRecord[]): void {
    const { self, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const listed = new Map(
      members.filter((member) => member.node !== self.node).map((member) => [member.node, member]),
    );
    for (const [node, pair] of this.#pairs) {
      const now = listed.get(node);
      if (now?.peer !== pair.member.peer) this.#remove(pair, now === undefined ? evicted : failure("NOT_A_PEER"));
    }
    for (const member of listed.values()) {
      const pair = this.#pairs.get(member.node);
      if (pair === undefined) {
        const added: Pair = {
          member,
          established: undefined,
          candidate: undefined,
          dialling: false,
          failures: 0,
          dueAtMs: nowMs + this.#graceMs(member.peer),
          lastFailure: undefined,
          refused: undefined,
          turnedAway: undefined,
        };
        this.#pairs.set(member.node, added);
        this.#byPeer.set(member.peer, added);
        continue;
      }
      const moved =
        member.incarnation !== pair.member.incarnation || member.addresses.join() !== pair.member.addresses.join();
      pair.member = member;
      if (!moved) continue;
      pair.failures = 0;
      pair.dueAtMs = Math.min(pair.dueAtMs, nowMs + this.#graceMs(member.peer));
    }
    this.#dialDue();
  }

  isMember(peer: string): boolean {
    return this.#byPeer.has(peer);
  }

  /** An address of a peer was discovered. */
  discovered(peer: string): void {
    const pair = this.#byPeer.get(peer);
    if (pair === undefined || pair.established !== undefined) return;
    pair.dueAtMs = Math.min(pair.dueAtMs, this.#options.clock.monotonicMs() + this.#graceMs(peer));
    this.#dialDue();
  }

  send(to: NodeId, channel: Channel, message: unknown): boolean {
    return this.#pairs.get(to)?.established?.send(channel, message) ?? false;
  }

  flush(to: NodeId, channel: Channel): void {
    this.#pairs.get(to)?.established?.flush(channel);
  }

  connected(): readonly NodeId[] {
    return [...this.#pairs.values()].flatMap(({ member, established }) => (established ? [member.node] : []));
  }

  disconnect(node: NodeId, reason: Failure): void {
    this.#pairs.get(node)?.established?.end(reason);
  }

  status(): readonly PairStatus[] {
    return [...this.#pairs.values()].map(({ member, established, failures, lastFailure }) => ({
      node: member.node,
      connected: established !== undefined,
      failures,
      queuedBytes: established?.queuedBytes ?? 0,
      ...(lastFailure === undefined ? {} : { lastFailure }),
    }));
  }

  /** The members without a link that are there and speak a version which this node does not, with the refusal in this
   *  node's words. One that has not come for as long as silence may last is gone. */
  refusals(): ReadonlyMap<NodeId, Failure> {
    const { clock, limits } = this.#options;
    const sinceMs = clock.monotonicMs() - limits.silenceTimeoutMs;
    return new Map(
      [...this.#pairs].flatMap(([node, { refused }]) =>
        refused !== undefined && refused.atMs >= sinceMs ? [[node, refused.reason]] : [],
      ),
    );
  }

  /** Ends every link and waits until the last words are said, which the closing deadline of a link bounds. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    this.#cancelSweep();
    for (const { established, candidate } of this.#pairs.values()) {
      established?.end(failure("STOPPING"));
      candidate?.end(failure("STOPPING"));
    }
    await Promise.all(this.#closing);
  }

  /** A peer opened a control stream: the beginning of a link. */
  acceptControl(stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer.toString();
    const known = this.isMember(peer) || this.#options.wasEvicted(peer);
    if (this.#stopped || this.#listener === undefined || !known) {
      cut(connection, "not a member");
      return;
    }
    const earlier = this.#byControl.get(connection);
    if (earlier !== undefined) {
      earlier.end(failure("BAD_FRAME", { channel: "control", reason: "a second stream" }));
      return;
    }
    const link = this.#newLink(peer, false);
    this.#byControl.set(connection, link);
    this.#options.gate.claimed(connection);
    link.adopt(this.#newLane("control", stream, link), connection);
  }

  /** A peer opened another stream; its first frame names the link. */
  acceptLane(channel: Channel, stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer.toString();
    // Not counted as a bad frame: the attempt it belonged to may have been given up in the meantime.
    const turnAway = (): void => {
      this.#options.meter.count("mesh_stray_streams");
      cut(connection, "a stream without a link");
    };
    if (this.#stopped || !this.isMember(peer)) {
      turnAway();
      return;
    }
    let link: Link | undefined;
    const lane = new Lane({
      ...this.#laneOptions(channel, stream),
      received: (value, frameBytes) => {
        if (link !== undefined) {
          link.received(channel, value, frameBytes);
          return;
        }
        const { candidate, established } = this.#byPeer.get(peer) ?? {};
        if (candidate === undefined || candidate.dialled || candidate.id === "" || candidate.id !== value) {
          lane.close();
          if (established?.dialled === false && established.id === value)
            established.end(failure("BAD_FRAME", { channel, reason: "a second stream" }));
          turnAway();
          return;
        }
        link = candidate;
        this.#options.gate.claimed(connection);
        link.adopt(lane, connection);
        if (link.complete && link.state === "opening") {
          link.say("control", [controlKind.ready]);
          this.#establish(link);
        }
      },
      broke: (reason) => {
        if (link !== undefined) link.end(reason);
        else turnAway();
      },
    });
  }

  #laneOptions(channel: Channel, stream: Stream) {
    const { clock, meter, limits } = this.#options;
    const labels = { channel };
    return {
      channel,
      stream,
      clock,
      limits: limits.channels[channel],
      frameBytesMax: limits.frameBytesMax,
      sent: (frames: number, bytes: number) => {
        meter.count("mesh_sent_frames", frames, labels);
        meter.count("mesh_sent_bytes", bytes, labels);
      },
    };
  }

  #newLane(channel: Channel, stream: Stream, link: Link): Lane {
    return new Lane({
      ...this.#laneOptions(channel, stream),
      received: (value, frameBytes) => link.received(channel, value, frameBytes),
      broke: (reason) => link.end(reason),
    });
  }

  #newLink(peer: string, dialled: boolean): Link {
    const { clock, meter, limits } = this.#options;
    return new Link({ peer, dialled, clock, meter, limits, listener: this.#links });
  }

  #hello(link: Link, hello: Hello): void {
    const { self, peer, log, meter } = this.#options;
    const pair = this.#byPeer.get(link.peer);
    const verdict = judge(self, hello, pair?.member);
    const refuse = (reason: Failure): void => link.end(reason, false, "refused");
    if (!verdict.ok || pair === undefined) {
      const isOut = pair === undefined && hello.cluster === self.cluster && this.#options.wasEvicted(link.peer);
      const reason = isOut
        ? leftOut(this.#options.recoveredWithout(link.peer))
        : verdict.ok
          ? failure("NOT_A_PEER")
          : verdict.error;
      meter.count("mesh_refused_peers", 1, { code: reason.code });
      const facts = { peer: link.peer, node: hello.node, code: reason.code, details: reason.details };
      log[pair?.turnedAway === reason.code ? "debug" : "warn"]("mesh.peer.refused", facts);
      if (pair !== undefined) {
        pair.turnedAway = reason.code;
        this.#noteRefusal(pair, reason);
      }
      refuse(reason);
      return;
    }
    if (pair.established !== undefined && hello.incarnation < pair.established.incarnation) {
      refuse(pair.established.outlives(hello.incarnation) ? duplicate : preceded);
      return;
    }
    if (pair.candidate?.dialled === true && peer < link.peer) {
      refuse(failure("ALREADY_DONE", { reason: "I am dialling you" }));
      return;
    }
    pair.candidate?.end(failure("ALREADY_DONE", { reason: "another link of this pair goes on" }));
    pair.candidate = link;
    link.introduce(hello, hello.link);
    link.say("control", [controlKind.welcome, self]);
  }

  #welcome(link: Link, welcome: Introduction): void {
    const verdict = judge(this.#options.self, welcome, this.#byPeer.get(link.peer)?.member);
    if (verdict.ok) link.introduce(welcome, link.id);
    else link.end(verdict.error);
  }

  #establish(link: Link): void {
    const pair = this.#byPeer.get(link.peer);
    if (pair?.candidate !== link) return;
    pair.candidate = undefined;
    pair.established?.end(failure("ALREADY_DONE", { reason: "replaced by a newer connection" }));
    pair.established = link;
    pair.lastFailure = undefined;
    pair.refused = undefined;
    pair.turnedAway = undefined;
    link.open();
    this.#gauge();
    this.#options.log.info("mesh.connected", { node: link.node, peer: link.peer, dialled: link.dialled });
    this.#listener?.connected(link.node);
  }

  #ended(link: Link, reason: Failure, theirs: boolean): void {
    const { clock, limits, log, meter } = this.#options;
    this.#closing.add(link.closed);
    void link.closed.then(() => this.#closing.delete(link.closed));
    if (reason.code === "BAD_FRAME" && !theirs) meter.count("mesh_bad_frames");
    const pair = this.#byPeer.get(link.peer);
    if (pair === undefined) return;
    const end = theirs ? endIn(reason) : undefined;
    if (end !== undefined) this.#options.expelled(pair.member.node, end, generationIn(reason));
    if (pair.established === link) {
      pair.established = undefined;
      pair.failures = clock.monotonicMs() - link.readyAtMs >= limits.stableMs ? 0 : pair.failures + 1;
      this.#gauge();
      log.info("mesh.disconnected", { node: link.node, code: reason.code, theirs, details: reason.details });
      this.#postpone(pair, reason);
      this.#listener?.disconnected(link.node);
    } else if (pair.candidate === link) {
      pair.candidate = undefined;
      if (reason.code !== "ALREADY_DONE") pair.failures += 1;
      this.#failed(pair, reason, theirs);
    } else {
      // A hello that was refused, or nothing came of it: the pair is as it was.
      return;
    }
    this.#dialDue();
  }

  #failed(pair: Pair, reason: Failure, theirs: boolean): void {
    const { log } = this.#options;
    const facts = { node: pair.member.node, code: reason.code, theirs, details: reason.details };
    if (pair.lastFailure?.code === reason.code || reason.code === "ALREADY_DONE")
      log.debug("mesh.attempt.failed", facts);
    else log.warn("mesh.attempt.failed", facts);
    this.#noteRefusal(pair, reason);
    this.#postpone(pair, reason);
  }

  #noteRefusal(pair: Pair, reason: Failure): void {
    if (reason.code === "VERSION_UNSUPPORTED") pair.refused = { reason, atMs: this.#options.clock.monotonicMs() };
  }

  /** When to try again: later with each failure, and never in step with others. */
  #postpone(pair: Pair, reason: Failure): void {
    const { clock, random, limits } = this.#options;
    pair.lastFailure = reason;
    const waitMs = backoffMs(pair.failures, { firstMs: limits.backoffMinMs, maxMs: limits.backoffMaxMs });
    pair.dueAtMs = clock.monotonicMs() + withJitter(waitMs, random) + this.#graceMs(pair.member.peer);
  }

  #graceMs(peer: string): number {
    return this.#options.peer < peer ? 0 : this.#options.limits.dialGraceMs;
  }

  #remove(pair: Pair, reason: Failure): void {
    const { node, peer } = pair.member;
    this.#pairs.delete(node);
    // While it is still known by its peer id, so that its end is told like any other.
    pair.candidate?.end(reason);
    pair.established?.end(reason);
    if (this.#byPeer.get(peer) === pair) this.#byPeer.delete(peer);
    this.#options.gate.evict(peer);
  }

  #gauge(): void {
    this.#options.meter.gauge("mesh_peers", this.connected().length);
  }

  #sweep(): void {
    const { clock, limits } = this.#options;
    this.#cancelSweep = clock.after(limits.sweepMs, () => {
      for (const { established } of this.#pairs.values()) established?.sweep();
      if (!this.#stopped) this.#sweep();
    });
  }

  /** Dials peers that are due, a few at a time, and comes back when the next one is. */
  #dialDue(): void {
    const { clock, limits } = this.#options;
    this.#cancelTimer();
    if (this.#stopped || this.#listener === undefined) return;
    const nowMs = clock.monotonicMs();
    let nextMs = Infinity;
    for (const pair of this.#pairs.values()) {
      if (!this.#lacksLink(pair) || pair.dialling) continue;
      if (pair.dueAtMs > nowMs) {
        nextMs = Math.min(nextMs, pair.dueAtMs);
        continue;
      }
      // Without an address there is nothing to try before one is learnt, which is told.
      const addresses = this.#dialsUnderWay < limits.dialsAtOnce ? this.#addresses(pair) : [];
      if (addresses.length > 0) void this.#dial(pair, addresses);
    }
    if (nextMs < Infinity) this.#cancelTimer = clock.after(nextMs - nowMs, () => this.#dialDue());
  }

  #lacksLink(pair: Pair): boolean {
    return pair.established === undefined && pair.candidate === undefined;
  }

  async #dial(pair: Pair, addresses: Multiaddr[]): Promise<void> {
    const { clock, limits } = this.#options;
    const aborted = new AbortController();
    const cancel = clock.after(limits.dialTimeoutMs, () => aborted.abort());
    pair.dialling = true;
    this.#dialsUnderWay += 1;
    try {
      await this.#attempt(pair, addresses, aborted.signal);
    } catch (error) {
      if (this.#lacksLink(pair)) {
        pair.failures += 1;
        this.#failed(pair, failure("UNREACHABLE", { reason: textOf(error) }), false);
      }
    } finally {
      cancel();
      pair.dialling = false;
      this.#dialsUnderWay -= 1;
      // A removed pair changes nothing any more.
      if (this.#lacksLink(pair)) pair.dueAtMs = Math.max(pair.dueAtMs, clock.monotonicMs() + limits.backoffMinMs);
      this.#dialDue();
    }
  }

  /** One attempt, from the first connection to `ready`. A link that ends on the way says why itself. */
  async #attempt(pair: Pair, addresses: Multiaddr[], signal: AbortSignal): Promise<void> {
    const { swarm, gate, random, self } = this.#options;
    const first = await swarm.dial(addresses, { force: true, signal });
    gate.claimed(first);
    if (this.#stopped || this.#byPeer.get(pair.member.peer) !== pair || !this.#lacksLink(pair)) {
      cut(first, "not needed any more");
      return;
    }
    const link = this.#newLink(pair.member.peer, true);
    link.id = Buffer.from(random.bytes(16)).toString("hex");
    pair.candidate = link;
    let second: Connection | undefined;
    try {
      const control = await first.newStream(channelProtocols.control, { signal });
      link.adopt(this.#newLane("control", control, link), first);
      link.say("control", [controlKind.hello, { ...self, link: link.id }]);
      await link.welcomed;
      if (link.state === "ended") return;
      const message = await first.newStream(channelProtocols.message, { signal });
      link.adopt(this.#newLane("message", message, link), first);
      link.say("message", link.id);
      second = await swarm.dial(first.remoteAddr, { force: true, signal });
      gate.claimed(second);
      const bulk = await second.newStream(channelProtocols.bulk, { signal });
      link.adopt(this.#newLane("bulk", bulk, link), second);
      link.say("bulk", link.id);
      await link.settled;
      if (pair.established === link)
        this.#options.reached(pair.member.peer, first.remoteAddr.toString().split("/p2p/")[0] ?? "");
    } catch (error) {
      link.end(failure("PEER_LOST", { because: textOf(error) }));
      cut(first, "the attempt failed");
      if (second !== undefined) cut(second, "the attempt failed");
    }
  }

  /** Where a peer may be, each address with the id that must answer there. Each is the first to be tried in its turn:
   *  one where nothing answers, not even a refusal, takes the time of those behind it. */
  #addresses(pair: Pair): Multiaddr[] {
    const { log, limits } = this.#options;
    const { addresses, peer, node } = pair.member;
    const known = [...new Set([...addresses, ...this.#options.addressesOf(peer)])];
    const first = known.length === 0 ? 0 : pair.failures % known.length;
    const found: Multiaddr[] = [];
    for (const text of [...known.slice(first), ...known.slice(0, first)]) {
      if (found.length === limits.addressesMax) break;
      const [plain = "", claimed] = text.split("/p2p/");
      if (claimed !== undefined && claimed !== peer) continue;
      try {
        found.push(multiaddr(`${plain}/p2p/${peer}`));
      } catch (error) {
        log.warn("mesh.address.invalid", { node, address: text, reason: String(error) });
      }
    }
    return found;
  }
}
