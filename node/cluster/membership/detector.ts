/** Which members are up: an opinion formed from connections, the rhythm of heartbeats, and how this process itself is
 *  doing.
 *
 *      connected ──► up ── connection closed ──► (grace) ──► down
 *                    ▲ └── silent beyond its rhythm ───────► down
 *                    └────────── connected again, or heard ────┘
 *
 *  Silence is judged by phi accrual (Hayashibara et al. 2004): the gaps between a peer's beats are taken as normally
 *  distributed, and it is down once a gap this long had a chance below 10⁻⁸. Solved for the gap that is a timeout,
 *  `mean + 5.61 deviations`, with a floor and a ceiling.
 *
 *  A process that was itself stopped, or is short of its own time, knows nothing about others: what they sent lies
 *  unread in its sockets, and connections that closed were closed because of it. After such a stall every peer has its
 *  full time again, and until that is over a closed connection counts as mere silence. Smaller lags lengthen every
 *  timeout. */
import type { NodeId } from "../../ports/index.ts";
import type { MembershipLimits } from "./limits.ts";

/** Deviations at which the upper tail of a normal distribution is 10⁻⁸. */
const deviations = 5.61;
/** How fast a lag of this process is forgiven, per heartbeat: halved in about 7 of them. */
const lagDecay = 0.9;

/** Why an opinion changed. */
type Evidence = "connected" | "closed" | "silent" | "heard";

export interface Verdict {
  readonly peer: NodeId;
  readonly up: boolean;
  readonly why: Evidence;
}

interface Peer {
  up: boolean;
  connected: boolean;
  /** While not connected: the opinion of before holds until this time. */
  forgivenUntilMs: number;
  heardMs: number;
  /** The next gap says nothing: the peer has just connected, or this process was stopped. */
  skip: boolean;
  incarnation: number;
  readonly gaps: number[];
  next: number;
}

/** Holds the observations; time is an argument, milliseconds that never go back. */
export class Detector {
  readonly #limits: MembershipLimits;
  readonly #peers = new Map<NodeId, Peer>();
  #stretch = 1;
  /** When this process was last seen to run. */
  #aliveMs: number;
  #tickMs: number;
  #lagMs = 0;
  /** Before this, closed connections prove nothing. */
  #calmFromMs = -Infinity;

  constructor(limits: MembershipLimits, nowMs: number) {
    this.#limits = limits;
    this.#aliveMs = nowMs;
    this.#tickMs = nowMs;
  }

  /** The time from one heartbeat to the next, for a cluster of this size. */
  get heartbeatMs(): number {
    return this.#limits.heartbeatMs * this.#stretch;
  }

  /** Takes exactly these peers into view. */
  follow(peers: ReadonlySet<NodeId>): void {
    for (const peer of this.#peers.keys()) if (!peers.has(peer)) this.#peers.delete(peer);
    for (const peer of peers) {
      if (this.#peers.has(peer)) continue;
      const unknown = { up: false, connected: false, forgivenUntilMs: -Infinity, heardMs: -Infinity };
      this.#peers.set(peer, { ...unknown, skip: true, incarnation: 0, gaps: [], next: 0 });
    }
    this.#stretch = Math.max(1, (peers.size + 1) / this.#limits.membersAtFullRate);
  }

  connected(name: NodeId, nowMs: number): void {
    this.#alive(nowMs);
    const peer = this.#peers.get(name);
    if (peer === undefined) return;
    peer.connected = true;
    peer.heardMs = nowMs;
    peer.skip = true;
    // A node that connects is the one that is there, whichever start of it was heard before: a node that came back on
    // an older copy of its folder counts fewer starts, and is up all the same.
    peer.incarnation = 0;
  }

  disconnected(name: NodeId, nowMs: number): void {
    this.#alive(nowMs);
    const peer = this.#peers.get(name);
    if (peer?.connected !== true) return;
    peer.connected = false;
    const patienceMs = nowMs < this.#calmFromMs ? this.#timeoutMs(peer) : this.#limits.reconnectGraceMs;
    peer.forgivenUntilMs = nowMs + patienceMs;
  }

  /** Takes a beat. False: it is from an earlier life of the peer than was heard since it connected, and nothing was
   *  learned. */
  heard(name: NodeId, incarnation: number, nowMs: number): boolean {
    this.#alive(nowMs);
    const peer = this.#peers.get(name);
    if (peer === undefined || incarnation < peer.incarnation) return false;
    if (incarnation > peer.incarnation) {
      peer.incarnation = incarnation;
      peer.gaps.length = 0;
      peer.next = 0;
      peer.skip = true;
    }
    if (!peer.skip) {
      // A longer gap would only say once more that it was down.
      peer.gaps[peer.next] = Math.min(nowMs - peer.heardMs, this.#limits.silenceMaxMs * this.#stretch);
      peer.next = (peer.next + 1) % this.#limits.beatWindow;
    }
    peer.skip = false;
    peer.heardMs = nowMs;
    return true;
  }

  /** Called at each heartbeat of this process: the time between two of them shows whether it runs as it should. */
  tick(nowMs: number): void {
    const lateMs = Math.max(0, nowMs - this.#tickMs - this.heartbeatMs);
    this.#tickMs = nowMs;
    const stalled = this.#alive(nowMs);
    // `#alive` forgives the time of a stall in full; here only the rest counts.
    this.#lagMs = Math.max(stalled ? 0 : lateMs, this.#lagMs * lagDecay);
  }

  /** Forms the opinion anew. Returns the changes. */
  judge(nowMs: number): readonly Verdict[] {
    this.#alive(nowMs);
    const verdicts: Verdict[] = [];
    for (const [name, peer] of this.#peers) {
      const silent = nowMs - peer.heardMs >= this.#timeoutMs(peer);
      const up = peer.connected ? !silent : peer.up && nowMs < peer.forgivenUntilMs;
      if (up === peer.up) continue;
      peer.up = up;
      const why = up ? (peer.skip ? "connected" : "heard") : peer.connected ? "silent" : "closed";
      verdicts.push({ peer: name, up, why });
    }
    return verdicts;
  }

  /** The opinion of the last judgement. */
  isUp(peer: NodeId): boolean {
    return this.#peers.get(peer)?.up === true;
  }

  /** How long a peer may be silent now. */
  timeoutMs(peer: NodeId): number | undefined {
    const known = this.#peers.get(peer);
    return known && this.#timeoutMs(known);
  }

  /** Notes that this process runs. True: it did not for a while, and knows nothing about the others. */
  #alive(nowMs: number): boolean {
    const pauseMs = nowMs - this.#aliveMs;
    this.#aliveMs = nowMs;
    if (pauseMs <= this.heartbeatMs + this.#limits.stallMs) return false;
    for (const peer of this.#peers.values()) {
      peer.skip = true;
      if (peer.connected) peer.heardMs = nowMs;
      else if (peer.up) peer.forgivenUntilMs = nowMs + this.#timeoutMs(peer);
    }
    this.#calmFromMs = nowMs + this.#limits.silenceMaxMs * this.#stretch;
    return true;
  }

  #timeoutMs({ gaps }: Peer): number {
    const { silenceMinMs, silenceMaxMs, beatWindowMin } = this.#limits;
    const rhythmMs = Math.min(silenceMaxMs * this.#stretch, rhythm(gaps, beatWindowMin));
    return Math.max(silenceMinMs * this.#stretch, rhythmMs) + 2 * this.#lagMs;
  }
}

/** The gap that ends doubt; endless while too little is known. */
function rhythm(gaps: readonly number[], least: number): number {
  if (gaps.length < least) return Infinity;
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
  return mean + deviations * Math.sqrt(variance);
}
