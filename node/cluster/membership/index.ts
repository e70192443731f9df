/** Membership: who belongs to the cluster, and who of them is here.
 *
 *      directory  member/…  ──watch──►  the list, with a number ─┐
 *      exchange   connections, beats ──►  detector (an opinion) ─┴──►  members(), isUp(), onChange()
 *
 *  The list is what the directory says: a node belongs while its row is there. Its number, the view, is the highest
 *  revision of a change to it, so that nodes can compare. While the directory is away the last known list stands; at
 *  start that is the `seed` the node kept. A node that finds its own row gone was evicted, and is told so, if others
 *  are still there: an empty member list cannot come from this cluster, because the evicting node would be in it. A
 *  directory with an empty list counts as away. A node that finds in its row a later start than its own is not this
 *  node any more: another process is, on a copy of its data folder. The directory counts starts, and the last one
 *  holds; no clock and no answer could tell an earlier one that hangs from one that ended.
 *
 *  Which members are up is an opinion (`detector.ts`) that every node forms for itself and that may be wrong: it
 *  decides when a failover is tried, never whether it is safe. Every node beats to every member it is connected with. A
 *  beat carries the sender's incarnation, so that one from before its restart is ignored, that its process stops when
 *  it does, and now and then what it is busy with.
 *
 *  Two nodes that moved while each was down know only where the other was. Then the list does not help: the directory
 *  may be one of the two. So a node has the members that it is connected with pass on where it listens (`whereabouts`),
 *  to those it is not connected with.
 *
 *  Nor does the list help a node that was away when others were admitted, if one of those leads the directory now: it
 *  would not let in the only one that could tell it so. So a member that passes on where one listens says who that is,
 *  and until the directory has told the list once, a node takes it for a member.
 *
 *  `join` writes this node's own row anew at each start: a higher incarnation, new addresses. What admins decided
 *  stays: whether it drains, its roles, unless it was started with others than the last time, and the labels of its
 *  invitation, except those that it names itself. */
import { failure, failureOf, ok, refused, type Result } from "../../../protocols/index.ts";
import type { MeshBody } from "../../../protocols/mesh/index.ts";
import type { Exchange } from "../exchange/index.ts";
import { asMember, isRow, listMembers, memberKey, memberPrefix, sameSet } from "../facts/records.ts";
import type {
  Clock,
  Directory,
  DirectoryRow,
  Log,
  MemberRecord,
  Membership,
  MembershipEnd,
  Meter,
  NodeId,
} from "../../ports/index.ts";
import { Detector, type Verdict } from "./detector.ts";
import { membershipLimits, type MembershipLimits } from "./limits.ts";
import { judgeDisks, slowOnes, type DiskOpinions } from "./slow-disks.ts";
import { passWhereabouts, type ByWord } from "./whereabouts.ts";

export { announce } from "./announcing.ts";
export { createEnding, noteEviction, type Ending } from "./ending.ts";
export { membershipLimits, type MembershipLimits } from "./limits.ts";
export { placeFor, placesOf, webAddressFor } from "./web-address.ts";
export type { ByWord } from "./whereabouts.ts";

/** A node's report of itself in its beats. */
export type NodeLoad = NonNullable<MeshBody<"beat">["load"]>;

/** The last that was heard of a node. */
interface Heard {
  /** How long ago, by this node's clock. */
  readonly agoMs: number;
  /** Number of the member list as the other node has it. */
  readonly view: number;
  readonly load: NodeLoad | undefined;
}

/** The fields of its row that a node writes when it starts. */
export type OwnRecord = Omit<
  MemberRecord,
  "incarnation" | "state" | "rolesConfigured" | "labelsConfigured" | "storage"
>;

export interface MembershipPart extends Membership {
  /** Resolves when the directory has told the list once. */
  ready(): Promise<void>;
  /** Whether this start is in the directory. */
  readonly joined: boolean;
  /** For how long the directory has told nothing of this list; undefined while it does. */
  silentMs(): number | undefined;
  /** The last beat of a member; for this node, the beat it would send now. Undefined: none yet. */
  heard(node: NodeId): Heard | undefined;
  /** Writes this node's own row for this start of its process, and asks again while the directory is away or has
   *  nonsense there. `found`: it may make the row, being the first node of a new cluster; others got theirs when they
   *  were admitted. Errors: NOT_A_PEER (there is no row), STOPPING. */
  join(record: OwnRecord, options?: { readonly found?: boolean }): Promise<Result<MemberRecord>>;
  /** Changes fields of this node's own row, and asks again while the directory is away or others keep changing it:
   *  nobody would say them anew before the next start. A join that comes later has them, too. Errors: NOT_A_PEER,
   *  DATA_DAMAGED (it is nonsense), STOPPING. */
  update(change: Partial<Omit<MemberRecord, "node" | "incarnation">>): Promise<Result<MemberRecord>>;
  /** Tells all others that this process stops. */
  stopping(): void;
  stop(): void;
}

export interface MembershipOptions extends ByWord {
  readonly node: NodeId;
  readonly directory: Directory;
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: Partial<MembershipLimits>;
  /** The list as this node last knew it: the nodes it may talk to before the directory has answered. */
  readonly seed?: readonly MemberRecord[];
  /** This node's load; asked about once a second. */
  load?(): NodeLoad;
  /** Called before a start is written to the own row: `next` is the incarnation it gets, `last` the one it had. */
  starting?(next: number, last: number): Promise<void>;
  /** This process is not this member any more. Called once. */
  ended?(why: MembershipEnd): void;
}

/** Starts to watch the list and to beat. */
export function createMembership(options: MembershipOptions): MembershipPart {
  const { node, directory, exchange, clock, log, meter } = options;
  const limits: MembershipLimits = { ...membershipLimits, ...options.limits };
  const detector = new Detector(limits, clock.monotonicMs());
  const listeners = new Set<() => void>();
  const heard = new Map<NodeId, Omit<Heard, "agoMs"> & { readonly atMs: number; readonly stopping: boolean }>();
  // Rows that a node kept, or was given when it was admitted, were written by other nodes, too.
  const seed = (options.seed ?? []).filter((one) => isRow(memberKey(one.node), one));
  let members: ReadonlyMap<NodeId, MemberRecord> = new Map(seed.map((one) => [one.node, one]));
  let list: readonly MemberRecord[] = [...members.values()];
  let view = 0;
  let incarnation = members.get(node)?.incarnation ?? 0;
  let belonged = members.has(node);
  let joined = false;
  /** What this process has said of itself since its start: a join that comes after does not take it back. */
  let said: Partial<Omit<MemberRecord, "node" | "incarnation" | "state">> = {};
  /** Since when the directory tells nothing; undefined while it does. */
  let silentSinceMs: number | undefined = clock.monotonicMs();
  /** It told a list of nobody, and none of somebody since. */
  let lost = false;
  /** The highest incarnation that this process has tried to write. */
  let attempted = 0;
  /** The row that `join` wrote last, whether or not the directory has answered: its answer can be lost after it took
   *  the row. */
  let sent: MemberRecord | undefined;
  let beats = 0;
  let disks: DiskOpinions = new Map();
  let slow: ReadonlySet<NodeId> = new Set();
  /** Where this process listens, as far as it has said so. */
  let addresses: readonly string[] = [];
  let ended = false;
  let stopping = false;
  let stopped = false;
  /** Whether the directory has told this process the list. */
  let told = false;
  let markReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => (markReady = resolve));
  const cancels = new Set<() => void>();
  const wakes = new Set<() => void>();

  const after = (delayMs: number, callback: () => void): void => {
    const cancel = clock.after(delayMs, () => {
      cancels.delete(cancel);
      if (!stopped) callback();
    });
    cancels.add(cancel);
  };

  const tellAll = (): void => {
    meter.gauge("membership_members", members.size);
    meter.gauge("membership_up", list.filter((one) => isUp(one.node)).length);
    meter.gauge("membership_view", view);
    for (const listener of listeners) listener();
  };

  // --- which nodes are up --------------------------------------------------------------------------------------------

  const isUp = (other: NodeId): boolean => members.has(other) && (other === node || detector.isUp(other));

  const report = (verdicts: readonly Verdict[]): void => {
    for (const { peer, up, why } of verdicts) {
      if (!up) meter.count("membership_suspicions", 1, { why });
      log.info(up ? "membership.up" : "membership.down", { node: peer, why });
    }
    if (verdicts.length > 0) tellAll();
  };
  const judge = (): void => {
    if (!stopped) report(detector.judge(clock.monotonicMs()));
  };

  exchange.onPeer({
    connected(peer) {
      detector.connected(peer, clock.monotonicMs());
      judge();
      // Perhaps it is the one that keeps the directory.
      for (const wake of wakes) wake();
    },
    disconnected(peer) {
      detector.disconnected(peer, clock.monotonicMs());
      judge();
      // Timers may come a little early by this clock; a millisecond more makes sure that the grace is over.
      if (!stopped) after(limits.reconnectGraceMs + 1, judge);
    },
  });
  exchange.on("beat", (body, from) => {
    if (stopped || !members.has(from)) return;
    const nowMs = clock.monotonicMs();
    if (!detector.heard(from, body.incarnation, nowMs)) return;
    const before = heard.get(from);
    const stops = body.stopping === true;
    heard.set(from, { atMs: nowMs, view: body.view, load: body.load ?? before?.load, stopping: stops });
    if (!detector.isUp(from)) judge();
    if (stops !== (before?.stopping ?? false)) tellAll();
  });

  const sayAll = (load?: NodeLoad): void => {
    const body = { incarnation, view, ...(stopping && { stopping }), ...(load && { load }) };
    for (const peer of exchange.peers()) if (members.has(peer)) exchange.send(peer, "beat", body);
  };
  /** Compares what the nodes say of their disks. */
  const lookAtDisks = (own: NodeLoad): void => {
    const figures = new Map<NodeId, number>();
    if (own.syncMs !== undefined) figures.set(node, own.syncMs);
    for (const [other, { load }] of heard)
      if (isUp(other) && load?.syncMs !== undefined) figures.set(other, load.syncMs);
    disks = judgeDisks(disks, figures, limits);
    const before = slow;
    slow = slowOnes(disks);
    for (const one of slow) if (!before.has(one)) log.warn("disk.slow", { node: one, syncMs: figures.get(one) });
    for (const one of before) if (!slow.has(one)) log.info("disk.well", { node: one, syncMs: figures.get(one) });
    meter.gauge("membership_slow_disks", slow.size);
    if (slow.size !== before.size || [...slow].some((one) => !before.has(one))) tellAll();
  };
  const beat = (): void => {
    after(detector.heartbeatMs, beat);
    detector.tick(clock.monotonicMs());
    const load = beats % limits.loadEveryBeats === 0 ? options.load?.() : undefined;
    beats += 1;
    if (load !== undefined) lookAtDisks(load);
    sayAll(load);
    if (beats % limits.seekEveryBeats === 0) seek();
    judge();
  };

  const seek = passWhereabouts({
    node,
    exchange,
    limits,
    log,
    byWord: options,
    members: () => members,
    addresses: () => addresses,
    isOpen: () => !stopped && !told,
    introduce: (record) => take(new Map(members).set(record.node, record), view),
  });

  // --- the list ------------------------------------------------------------------------------------------------------

  const end = (why: MembershipEnd): void => {
    if (ended) return;
    ended = true;
    options.ended?.(why);
  };

  const isSent = (row: MemberRecord): boolean => sent !== undefined && JSON.stringify(row) === JSON.stringify(sent);
  const take = (next: ReadonlyMap<NodeId, MemberRecord>, revision: number): void => {
    const known = members;
    members = next;
    list = [...next.values()].sort((one, other) => (one.node < other.node ? -1 : 1));
    // After a migration of the directory revisions begin anew; the view goes on rising.
    view = Math.max(view + 1, revision);
    const own = next.get(node);
    if (own !== undefined && attempted > 0 && own.incarnation > attempted && belonged) {
      log.error("membership.duplicate", { incarnation: attempted, other: own.incarnation });
      attempted = Infinity;
      end("duplicate");
    } else if (own !== undefined) {
      incarnation = Math.max(incarnation, own.incarnation);
      joined ||= isSent(own);
    }
    const others = new Set(next.keys());
    others.delete(node);
    detector.follow(others);
    // A peer may have connected before its row arrived here.
    for (const peer of exchange.peers())
      if (others.has(peer) && !known.has(peer)) detector.connected(peer, clock.monotonicMs());
    for (const gone of heard.keys()) if (!others.has(gone)) heard.delete(gone);
    report(detector.judge(clock.monotonicMs()));
    tellAll();
    if (own !== undefined) belonged = true;
    else if (belonged) {
      belonged = false;
      // Not before all of it is told: others may go in the same change.
      clock.soon(() => {
        if (stopped || belonged || members.has(node)) return;
        log.warn("membership.evicted", { view });
        end("evicted");
      });
    }
  };
  const hear = (from: "silent" | "told"): void => {
    silentSinceMs = from === "told" ? undefined : (silentSinceMs ?? clock.monotonicMs());
    meter.gauge("directory_answers", from === "told" ? 1 : 0);
  };
  /** An empty list, told to a node that knows members: the known members stand. */
  const isLost = (next: ReadonlyMap<NodeId, MemberRecord>): boolean => {
    if (next.size > 0 || members.size === 0) return false;
    log.error("membership.list.lost", { view, known: members.size });
    belonged = true;
    lost = true;
    hear("silent");
    return true;
  };
  /** A malformed row says nothing: a member that was known by it stays as it was, a node that was not does not
   *  belong. */
  const recordOf = (row: DirectoryRow): MemberRecord | undefined =>
    asMember(row) ?? members.get(row.key.slice(memberPrefix.length));

  const endWatch = directory.watch(memberPrefix, {
    reset(rows) {
      const records = rows.flatMap((row) => recordOf(row) ?? []);
      const next = new Map(records.map((record) => [record.node, record]));
      if (isLost(next)) return;
      hear("told");
      told = true;
      const revision = rows.reduce((most, row) => Math.max(most, row.revision), 0);
      if (lost || !sameList(members, next)) take(next, revision);
      lost = false;
      markReady();
    },
    changed: (row) => {
      hear("told");
      const record = asMember(row);
      if (record !== undefined) take(new Map(members).set(record.node, record), row.revision);
    },
    removed(key, revision) {
      const next = new Map(members);
      if (next.delete(key.slice(memberPrefix.length)) && !isLost(next)) take(next, revision);
    },
    stale() {
      log.info("membership.list.stale", { view });
      hear("silent");
    },
  });
  hear("silent");

  detector.follow(new Set([...members.keys()].filter((one) => one !== node)));
  for (const peer of exchange.peers()) detector.connected(peer, clock.monotonicMs());
  // Not at once: the parts that `load` looks at may be put together after this.
  clock.soon(() => {
    if (!stopped) beat();
  });

  // --- this node's own row -------------------------------------------------------------------------------------------

  /** Reads the own row, makes the next one of it, and writes that if nothing came between. */
  const change = async (
    next: (row: MemberRecord | undefined) => MemberRecord | undefined,
  ): Promise<Result<MemberRecord>> => {
    const key = memberKey(node);
    for (let attempt = 0; attempt < limits.rowAttemptsMax; attempt += 1) {
      const row = await directory.read(key);
      const before = row && asMember(row);
      // How often the node has started is not known then, and a guess might make it the double of another process.
      if (row !== undefined && before === undefined)
        return refused(failure("DATA_DAMAGED", { row: key, reason: "it is not a member's row" }));
      const record = next(before);
      if (record === undefined) return refused(failure("NOT_A_PEER", { node }));
      const last = before?.incarnation ?? 0;
      if (record.incarnation !== last) {
        await options.starting?.(record.incarnation, last);
        attempted = Math.max(attempted, record.incarnation);
        sent = record;
      }
      const changed = await directory.compareAndSet(key, record, row?.revision ?? 0);
      if (changed.applied) return ok(record);
    }
    return refused(failure("OVERLOADED", { row: key }));
  };

  /** Ends early when the membership stops. */
  const sleep = (delayMs: number): Promise<void> =>
    new Promise((resolve) => {
      if (stopped) return resolve();
      wakes.add(resolve);
      after(delayMs, () => {
        wakes.delete(resolve);
        resolve();
      });
    });

  return {
    self: node,
    members: () => ({ view, members: list }),
    isUp,
    isStaying: (other) => isUp(other) && !(other === node ? stopping : heard.get(other)?.stopping === true),
    isSlow: (other) => slow.has(other),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ready: () => ready,
    get joined() {
      return joined;
    },
    silentMs: () => (silentSinceMs === undefined ? undefined : clock.monotonicMs() - silentSinceMs),
    heard(other) {
      if (other === node) return { agoMs: 0, view, load: options.load?.() };
      const last = heard.get(other);
      return last && { agoMs: clock.monotonicMs() - last.atMs, view: last.view, load: last.load };
    },
    async join(record, { found = false } = {}) {
      addresses = record.addresses;
      let pauseMs = limits.joinRetryMs;
      while (!stopped) {
        try {
          const written = await change((row) => {
            if (row === undefined && !found) return undefined;
            return row !== undefined && isSent(row) ? row : startedAgain({ ...record, ...said }, row);
          });
          if (written.ok) {
            incarnation = written.value.incarnation;
            joined = true;
            return written;
          }
          if (written.error.code === "NOT_A_PEER" && (await listMembers(directory)).length > 0) return written;
          log.info("membership.join.waits", { code: written.error.code, pauseMs });
        } catch (error) {
          const { code, details } = failureOf(error);
          if (code !== "DIRECTORY_UNAVAILABLE" && code !== "DIRECTORY_FULL") throw error;
          log.info("membership.join.waits", { code, ...details, pauseMs });
        }
        await sleep(pauseMs);
        pauseMs = Math.min(limits.joinRetryMaxMs, pauseMs * 2);
      }
      return refused(failure("STOPPING"));
    },
    async update(fields) {
      addresses = fields.addresses ?? addresses;
      said = { ...said, ...fields };
      for (let pauseMs = limits.joinRetryMs; !stopped; pauseMs = Math.min(limits.joinRetryMaxMs, pauseMs * 2)) {
        try {
          const written = await change((row) => row && { ...row, ...fields });
          if (written.ok || written.error.code !== "OVERLOADED") return written;
        } catch (error) {
          if (failureOf(error).code !== "DIRECTORY_UNAVAILABLE") throw error;
        }
        await sleep(pauseMs);
      }
      return refused(failure("STOPPING"));
    },
    stopping() {
      stopping = true;
      sayAll();
    },
    stop() {
      stopped = true;
      endWatch();
      for (const cancel of cancels) cancel();
      for (const wake of wakes) wake();
      listeners.clear();
    },
  };
}

/** The row of a node that starts: its own fields, and what admins decided about it before. */
export function startedAgain(record: OwnRecord, row: MemberRecord | undefined): MemberRecord {
  const asBefore = row?.rolesConfigured !== undefined && sameSet(row.rolesConfigured, record.roles);
  const given = Object.entries(row?.labels ?? {}).filter(([name]) => !Object.hasOwn(row?.labelsConfigured ?? {}, name));
  return {
    ...record,
    roles: asBefore ? row.roles : record.roles,
    rolesConfigured: record.roles,
    labels: { ...Object.fromEntries(given), ...record.labels },
    labelsConfigured: record.labels,
    incarnation: (row?.incarnation ?? 0) + 1,
    state: row?.state ?? "active",
    ...(row?.drain && { drain: row.drain }),
    ...(row?.storage && { storage: row.storage }),
  };
}

/** Rows are plain data, written by one function: equal rows have equal text. */
const sameList = (one: ReadonlyMap<NodeId, MemberRecord>, other: ReadonlyMap<NodeId, MemberRecord>): boolean =>
  one.size === other.size &&
  [...other].every(([name, record]) => JSON.stringify(one.get(name)) === JSON.stringify(record));
