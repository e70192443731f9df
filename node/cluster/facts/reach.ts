/** Whether this node reaches what it needs, for the people who are connected to it.
 *
 *      slot table, membership, directory ──► serviceOf, for each slot ──► sight ──► next (with patience) ──► degraded?
 *
 *  What counts is service and not company: of the two sides of a cut the one with the directory takes the slots over
 *  and serves them, be it one node of five, and on the other most of what is asked for waits, however many its nodes
 *  are. So a node is degraded while more than half of the slots that people need are served by nobody that it reaches.
 *  After a failover, or once the members that are gone were evicted, it is not. Whether others are better off it cannot
 *  know; its clients find out.
 *
 *  Nothing that must never be wrong rests on it: a node that is told needlessly looks around and stays. */
import { failure, type Failure } from "../../../protocols/index.ts";
import type { Clock, Log, Membership, Meter, NodeId, SlotRecord } from "../../ports/index.ts";
import { roleOf, type SlotTable } from "./slot-table.ts";

/** How long a node has been without before it says so: a failover that takes its time is no news, and a person waits
 *  longer than this before he wonders. */
export const degradedAfterMs = 500;
/** How long the node has been well again before it says so: a client that comes back at once should not be sent away
 *  again. */
export const restoredAfterMs = 2_000;
/** Facts that change without an event, such as the state of the directory, are looked at this often. */
export const lookEveryMs = 250;
/** Names in one failure. */
const namedMax = 8;

/** Whether a slot is served, as far as this node can see. `down`: its owner is. `blocked`: its owner cannot have what
 *  it writes acknowledged by the copies that must have it, nor leave out those that are down, or too few copies are
 *  left. */
type Service = "served" | "blocked" | "down";

/** The facts that decide whether a slot is served. */
interface Surrounding {
  isUp(node: NodeId): boolean;
  /** Whether records can be changed. */
  readonly directoryAnswers: boolean;
  readonly minInSync: number;
}

export function serviceOf({ owner, inSync }: Pick<SlotRecord, "owner" | "inSync">, at: Surrounding): Service {
  if (!at.isUp(owner)) return "down";
  const safe = inSync.filter((node) => at.isUp(node)).length;
  return safe < at.minInSync || (safe < inSync.length && !at.directoryAnswers) ? "blocked" : "served";
}

/** A node's view at one moment. */
export interface Sight {
  /** There are other members: alone it needs nobody. */
  readonly amongMany: boolean;
  /** It joined since it started, and has the slots from the directory. Before, it does not know what is served. */
  readonly joined: boolean;
  readonly directoryAnswers: boolean;
  readonly slots: number;
  /** Slots that no reachable node serves. */
  readonly unserved: number;
  /** Names of the members that it does not reach. */
  readonly away: readonly string[];
}

/** The slots that people need: managers' have what the cluster keeps of itself (roles, alerts, usage, backups), and who
 *  talks goes on without. Where there are no others, those count. */
export function neededOf<Row extends Pick<SlotRecord, "slot" | "splitFrom">>(records: readonly Row[]): readonly Row[] {
  const others = records.filter((record) => roleOf(record) !== "manager");
  return others.length > 0 ? others : records;
}

/** A node's opinion of itself, and since when it has seen the opposite. */
export interface Reach {
  readonly degraded: boolean;
  readonly doubtSinceMs: number | undefined;
}

export const wellReached: Reach = { degraded: false, doubtSinceMs: undefined };

/** Whether a sight by itself would make a node say that it is degraded; `degraded`: it says so now. Back takes more
 *  than there: with half of the slots lost and found in turn it would go back and forth. */
export function lacks({ amongMany, joined, slots, unserved }: Sight, degraded: boolean): boolean {
  if (!amongMany) return false;
  if (!joined) return true;
  return unserved > slots * (degraded ? 0.25 : 0.5);
}

/** The opinion after another look. */
export function next(before: Reach, sight: Sight, nowMs: number): Reach {
  if (lacks(sight, before.degraded) === before.degraded) return { degraded: before.degraded, doubtSinceMs: undefined };
  const doubtSinceMs = before.doubtSinceMs ?? nowMs;
  const patienceMs = before.degraded ? restoredAfterMs : degradedAfterMs;
  if (nowMs - doubtSinceMs < patienceMs) return { degraded: before.degraded, doubtSinceMs };
  return { degraded: !before.degraded, doubtSinceMs: undefined };
}

/** A degraded node's report of itself. */
export function reasonOf({ joined, directoryAnswers, slots, unserved, away }: Sight): Failure {
  return failure("NODE_DEGRADED", {
    ...(joined ? { slots, unserved } : { joined }),
    ...(!directoryAnswers && { directory: "does not answer" }),
    ...(away.length > 0 && { away: away.toSorted().slice(0, namedMax) }),
  });
}

export interface ReachWatch {
  /** NODE_DEGRADED while this node does not reach what it needs. */
  degraded(): Failure | undefined;
  /** Calls back when that begins and when it ends. */
  onChange(listener: () => void): () => void;
  stop(): void;
}

/** Looks again whenever somebody comes or goes, and from time to time. */
export function watchReach(ports: {
  readonly table: SlotTable;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  joined(): boolean;
  directoryAnswers(): boolean;
  minInSync(): number;
}): ReachWatch {
  const { table, membership, clock, log, meter } = ports;
  const listeners = new Set<() => void>();
  let reach = wellReached;
  let reason: Failure | undefined;
  let cancel = (): void => undefined;
  let stopped = false;

  const sight = (): Sight => {
    const { members } = membership.members();
    const up = new Set(members.flatMap(({ node }) => (membership.isUp(node) ? [node] : [])));
    const directoryAnswers = ports.directoryAnswers();
    const at = { isUp: (node: NodeId) => up.has(node), directoryAnswers, minInSync: ports.minInSync() };
    const needed = neededOf([...table.rows()].map(({ record }) => record));
    const slots = needed.length;
    const unserved = needed.filter((record) => serviceOf(record, at) !== "served").length;
    const away = members.filter(({ node }) => !up.has(node)).map(({ name }) => name);
    return { amongMany: members.length > 1, joined: ports.joined(), directoryAnswers, slots, unserved, away };
  };
  const look = (): void => {
    cancel();
    if (stopped) return;
    const seen = sight();
    const before = reach.degraded;
    reach = next(reach, seen, clock.monotonicMs());
    // As it is now: what began it may be over, and something else keep it up.
    reason = reach.degraded ? reasonOf(seen) : undefined;
    if (reach.degraded !== before) {
      meter.gauge("node_degraded", reach.degraded ? 1 : 0);
      if (reason === undefined) log.info("node.restored");
      else log.warn("node.degraded", reason.details);
      for (const listener of listeners) listener();
    }
    cancel = clock.after(lookEveryMs, look);
  };
  meter.gauge("node_degraded", 0);
  const endWatch = membership.onChange(look);
  cancel = clock.after(lookEveryMs, look);

  return {
    degraded: () => reason,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop() {
      stopped = true;
      cancel();
      endWatch();
      listeners.clear();
    },
  };
}
