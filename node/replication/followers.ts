/** The copies of one slot as its owner sees them: which nodes have one, which entries they are sent, and which copies
 *  count. */
import type { NodeId, SlotRecord } from "../ports/index.ts";
import type { Piece } from "../storage/index.ts";
import { Follower, type FollowerPorts } from "./follower.ts";
import type { FollowerView } from "./rules.ts";

interface FollowersPorts extends Omit<FollowerPorts, "underWay" | "fenced"> {
  /** The owner. */
  readonly node: NodeId;
  /** The node's disk is far slower than those of the others. */
  readonly isSlow: (node: NodeId) => boolean;
  /** The node was up at some time since this one started. */
  readonly wasUp: (node: NodeId) => boolean;
  /** The node was up, and is not any more. */
  isGone(node: NodeId): boolean;
  /** A copy says that it knows a later epoch. */
  fenced(copy: NodeId, fence: number): void;
}

export class Followers {
  readonly #all = new Map<NodeId, Follower>();
  readonly #ports: FollowersPorts;
  #underWay: Piece | undefined;
  /** The longest log of the set is the owner's by now: copies are sent that log. */
  #feeding = false;

  constructor(ports: FollowersPorts) {
    this.#ports = ports;
  }

  get all(): ReadonlyMap<NodeId, Follower> {
    return this.#all;
  }

  get(node: NodeId): Follower | undefined {
    return this.#all.get(node);
  }

  /** Those of these nodes that have a copy. */
  of(nodes: readonly NodeId[]): readonly Follower[] {
    return nodes.flatMap((node) => this.#all.get(node) ?? []);
  }

  /** Follows the nodes of a record from now on, and no other. */
  adopt({ inSync, learners }: Pick<SlotRecord, "inSync" | "learners">): void {
    const nodes = new Set([...inSync, ...learners]);
    nodes.delete(this.#ports.node);
    for (const [node, follower] of this.#all) {
      if (nodes.has(node)) continue;
      follower.end();
      this.#all.delete(node);
    }
    for (const node of nodes) {
      if (this.#all.has(node)) continue;
      // Learners wait until the slot is served: which log they are sent is not decided before.
      if (!this.#feeding && !inSync.includes(node)) continue;
      const follower = new Follower(node, {
        ...this.#ports,
        underWay: () => this.#underWay,
        fenced: (fence) => this.#ports.fenced(node, fence),
      });
      this.#all.set(node, follower);
      if (this.#feeding) follower.feed();
      follower.ask();
    }
  }

  /** Sends the owner's log to every copy, and then each entry that is added. */
  feed(record: Pick<SlotRecord, "inSync" | "learners">): void {
    this.#feeding = true;
    this.adopt(record);
    for (const follower of this.#all.values()) follower.feed();
  }

  /** The owner is about to write `piece`. */
  write(piece: Piece): void {
    this.#underWay = piece;
    for (const follower of this.#all.values()) follower.write(piece);
  }

  /** The owner's entries are on its own disk. */
  durable(): void {
    this.#underWay = undefined;
    for (const follower of this.#all.values()) follower.pump();
  }

  /** How the owner's rules see a copy. `floor`: everything up to there may have been acknowledged. */
  viewOf(follower: Follower, record: Pick<SlotRecord, "inSync">, floor: number): FollowerView {
    const { limits, wasUp } = this.#ports;
    const { node } = follower;
    const patienceMs = !this.#feeding && wasUp(node) ? limits.reconcileTimeoutMs : limits.replicaTimeoutMs;
    const failing =
      this.#ports.isGone(node) ||
      follower.overdueBy(patienceMs) ||
      follower.trouble !== undefined ||
      (record.inSync.includes(node) && follower.state === "other");
    const slow = this.#ports.isSlow(node);
    return { node, failing, slow, caughtUp: follower.state === "streaming" && (follower.seq ?? -1) >= floor };
  }

  /** The connection with a peer came or went, or it has refused something. A transfer has an end of its own. */
  lost(peer: NodeId): Follower | undefined {
    const follower = this.#all.get(peer);
    if (follower === undefined || follower.state === "transferring") return undefined;
    follower.lost();
    return follower;
  }

  /** Every copy has acknowledged all that it was sent: no deadline runs against any of them. */
  get isQuiet(): boolean {
    for (const follower of this.#all.values()) if (!follower.isQuiet) return false;
    return true;
  }

  /** This process was stopped for a while: see `Follower.forgive`. */
  forgive(): void {
    for (const follower of this.#all.values()) follower.forgive();
  }

  /** Looks after copies whose acknowledgement is overdue. */
  tick(): void {
    for (const follower of this.#all.values()) follower.tick();
  }

  end(): void {
    for (const follower of this.#all.values()) follower.end();
    this.#all.clear();
  }
}
