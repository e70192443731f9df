/** Carries plans out: sees who is gone and what should be elsewhere, and changes slot records by compare-and-set.
 *
 *      membership, slot table ──► at once ──► failovers ─┐
 *                             └─► soon  ──► plan ────────┴─► changes, a bounded number at a time ──► directory
 *      every round: load of all nodes ──► plan
 *
 *  It keeps nothing that matters: everything is in the directory, so any node can be the controller at any time, and
 *  two at once only race: the loser of a compare-and-set reads again and plans anew. While the directory cannot be
 *  watched it is quiet, since what it sees may be old.
 *
 *  A fresh controller moves nothing for `settleMs`: connections come up first. It only adds copies where there are too
 *  few. It does not wait with the failover of a node
 *  that this process has seen up; one that it never saw up may simply not be connected yet, and is taken for dead only
 *  after that time, counted from the start of the process.
 *
 *  The node that should act may be up and still not see the directory. So the next in line see to failovers that no
 *  node has seen to for a while. */
import { failureOf, ownSlot, type ActorId, type SlotId } from "../../../protocols/index.ts";
import type { Exchange } from "../exchange/index.ts";
import type { Clock, Directory, Log, Membership, Meter, NodeId, SlotRecord } from "../../ports/index.ts";
import type { ClusterPolicy } from "../facts/policy.ts";
import type { Groups } from "../facts/groups.ts";
import type { Trust } from "../facts/trust.ts";
import { changeSlot, readSlot } from "../facts/records.ts";
import type { SlotTable } from "../facts/slot-table.ts";
import type { PlanInput } from "./candidates.ts";
import { createGrouping } from "./grouping.ts";
import { createTrusting } from "./trusting.ts";
import { placementLimits, type PlacementLimits } from "./limits.ts";
import { LoadBook } from "./load.ts";
import { shardsAmong, type ShardLoad } from "./overview.ts";
import { HolderSizes, Leaving } from "./holder-moves.ts";
import { groupOf } from "./spread.ts";
import { changed, plan, planFailovers, type Plan } from "./plan.ts";
import type { Change } from "./motion.ts";
import { slotOwner } from "../facts/slot-owner.ts";

interface ControllerOptions {
  readonly node: NodeId;
  readonly directory: Directory;
  readonly table: SlotTable;
  readonly membership: Membership;
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly policy: ClusterPolicy;
  readonly groups: Groups;
  readonly trust: Trust;
  /** Whether a shard-holder has nothing; undefined: it does not say. */
  isEmptyHolder?(holder: ActorId): Promise<boolean | undefined>;
  /** What the inventory of a holder says that it takes; undefined: it does not say. */
  holderBytes?(holder: ActorId): Promise<number | undefined>;
  /** What a node said last of its shards; undefined: nothing. */
  shardsAt?(node: NodeId): ShardLoad | undefined;
  readonly limits?: Partial<PlacementLimits>;
  /** This node's place in the line of managers that may act: the first (0) acts, the others stand in for its failovers.
   *  Undefined: never. Asked again before every step. */
  rank(): number | undefined;
  /** The node that keeps the embedded directory; undefined with another directory. */
  directoryNode?(): NodeId | undefined;
}

export interface Controller {
  /** Looks again at once: `rank` may answer otherwise now. */
  wake(): void;
  /** The changes that the last plan left undone; undefined while this node is not the controller. */
  standing(): Pick<Plan, "lost" | "stranded" | "moving" | "waiting"> | undefined;
  stop(): void;
}

/** A change to carry out, with the revision of the record that it was planned for. */
interface Job {
  readonly change: Change;
  readonly revision: number;
}

const nobodyDown = "0 lost, 0 stranded";
const recordsOf = (rows: readonly { readonly record: SlotRecord }[]): readonly SlotRecord[] =>
  rows.map(({ record }) => record);

/** One that acts no more knows of nothing that is lost: another tells it. */
function tellPlan(meter: Meter, told: Plan | undefined): void {
  meter.gauge("placement_moving", told?.moving ?? 0);
  meter.gauge("placement_waiting", told?.waiting ?? 0);
  meter.gauge("placement_late", told?.late ?? 0);
  meter.gauge("placement_lost", told?.lost.length ?? 0);
  meter.gauge("placement_stranded", told?.stranded.length ?? 0);
}

/** Starts a controller. It is made on every node; only the one whose `rank` is 0 acts, the next in line stand in. */
export function createController(options: ControllerOptions): Controller {
  const { node, directory, table, policy, membership, exchange, clock, log, meter } = options;
  const limits: PlacementLimits = { ...placementLimits, ...options.limits };
  const book = new LoadBook();
  const startedMs = clock.monotonicMs();
  const seenUp = new Set<NodeId>();
  const downSinceMs = new Map<NodeId, number>();
  const cancels = new Set<() => void>();
  let controllerSinceMs: number | undefined;
  /** The cluster's policy has the values of this controller's configuration. */
  let published = false;
  let quietUntilMs = -Infinity;
  let pauseMs = limits.retryMs;
  let failoversDue = false;
  let planDue = false;
  let pinnedThisRound = false;
  let asking = false;
  let waiting = false;
  /** The last warning about slots that no node can take over. */
  let down = nobodyDown;
  let standing: ReturnType<Controller["standing"]>;
  let queue: Job[] = [];
  const busy = new Set<SlotId>();
  /** Epochs as last seen, and when a slot was given to a node that this one sees down. */
  const epochs = new Map<SlotId, number>();
  const disputed = new Map<SlotId, number>();
  const sizes = new HolderSizes(async (holder) => options.holderBytes?.(holder), limits.holderAsksMax);
  const leaving = new Leaving();
  /** Slots whose row in the directory is malformed or missing. The table may never learn more of them, so they are not
   *  tried again before the next round. */
  const unread = new Set<SlotId>();
  let stopped = false;

  const after = (delayMs: number, callback: () => void): void => {
    const cancel = clock.after(delayMs, () => {
      cancels.delete(cancel);
      if (!stopped) callback();
    });
    cancels.add(cancel);
  };

  // --- observing -----------------------------------------------------------------------------------------------------

  /** For so long an owner must be dead before this node fails its slots over; undefined: it never does. */
  const patienceMs = (): number | undefined => {
    const rank = stopped ? undefined : options.rank();
    return rank === undefined ? undefined : rank * limits.standInMs;
  };

  /** Whether this node's view of the directory is fresh, and changes arrive. */
  const sees = (): boolean => {
    if (!table.current) waitForTable();
    // What an older copy of the directory tells is not acted on.
    return table.current && table.older() === undefined && clock.monotonicMs() >= quietUntilMs;
  };

  /** Whether this node acts now. */
  const acts = (): boolean => {
    if (patienceMs() !== 0) {
      if (controllerSinceMs !== undefined) tellPlan(meter, undefined);
      controllerSinceMs = undefined;
      published = false;
      standing = undefined;
      return false;
    }
    if (controllerSinceMs === undefined) {
      controllerSinceMs = clock.monotonicMs();
      log.info("placement.controller", { node });
      after(limits.settleMs, look);
      publishPolicy();
    }
    return sees();
  };

  /** Tried again at the next round: until then the row of the other manager holds. */
  function publishPolicy(): void {
    published = true;
    policy.publish().catch((error: unknown) => {
      published = false;
      log.warn("placement.policy.failed", { code: failureOf(error).code });
    });
  }

  /** A table that is current again without a change tells nobody. */
  function waitForTable(): void {
    if (waiting) return;
    waiting = true;
    after(limits.retryMs, () => {
      waiting = false;
      look();
    });
  }

  const noteMembers = (): void => {
    const nowMs = clock.monotonicMs();
    const { members } = membership.members();
    for (const { node: member } of members) {
      if (membership.isUp(member)) {
        seenUp.add(member);
        downSinceMs.delete(member);
      } else if (!downSinceMs.has(member)) {
        downSinceMs.set(member, nowMs);
        // When it is no longer expected back, its copies are made elsewhere.
        after(limits.replaceAfterMs, planSoon);
        const standInMs = patienceMs() ?? 0;
        if (standInMs > 0) after(standInMs, failOverSoon);
      }
    }
    const present = new Set(members.map((member) => member.node));
    for (const gone of downSinceMs.keys()) if (!present.has(gone)) downSinceMs.delete(gone);
    leaving.keep(present);
    book.keep(present);
  };

  const factsOf = (slots: PlanInput["slots"], balance: boolean): PlanInput => {
    const nowMs = clock.monotonicMs();
    const { members } = membership.members();
    // One that stops is as good as gone, and expected back: nothing is given to it.
    const up = new Set(members.flatMap((member) => (membership.isStaying(member.node) ? [member.node] : [])));
    const downFor = (lessMs: number): ReadonlySet<NodeId> => {
      const isDown = (member: NodeId): boolean =>
        !up.has(member) && nowMs - (downSinceMs.get(member) ?? nowMs) < lessMs;
      return new Set(members.flatMap((member) => (isDown(member.node) ? [member.node] : [])));
    };
    const directoryNode = options.directoryNode?.();
    return {
      members,
      up,
      expected: downFor(limits.replaceAfterMs),
      awaited: downFor(limits.homeAfterMs),
      slots,
      holders: [...table.rows()].flatMap(({ record }) => (groupOf(record.slot) === undefined ? [] : [record])),
      policy: policy.current(),
      directoryNode,
      refusing: book.refusing(),
      slow: new Set(members.flatMap(({ node: one }) => (membership.isSlow(one) ? [one] : []))),
      shards: shardsAmong(members, membership, (one) => options.shardsAt?.(one)),
      relieved: leaving.since(nowMs - limits.quotaMoveEveryMs),
      holderBytes: sizes.all,
      load: book.load(up),
      balance,
      limits,
    };
  };

  /** Not up, and not only because this process has just begun to look. */
  const isDead = (member: NodeId): boolean =>
    !membership.isUp(member) && (seenUp.has(member) || clock.monotonicMs() - startedMs >= limits.settleMs);

  // --- deciding ------------------------------------------------------------------------------------------------------

  const failOver = (): void => {
    failoversDue = false;
    const waitMs = patienceMs();
    if (waitMs === undefined || !(waitMs === 0 ? acts() : sees())) return;
    const nowMs = clock.monotonicMs();
    for (const [slot, sinceMs] of disputed) if (nowMs - sinceMs > limits.disputeMs) disputed.delete(slot);
    const isOrphaned = (owner: NodeId): boolean =>
      isDead(owner) && (waitMs === 0 || nowMs - (downSinceMs.get(owner) ?? nowMs) >= waitMs);
    const orphans = [...table.rows()].filter(
      ({ record: { owner, slot } }) => isOrphaned(owner) && !busy.has(slot) && !disputed.has(slot),
    );
    if (orphans.length === 0 && down === nobodyDown) return;
    const facts = factsOf(recordsOf(orphans), false);
    const { changes, lost, stranded } = planFailovers(facts);
    const now = `${lost.length} lost, ${stranded.length} stranded`;
    if (now !== down) log.warn("placement.down", { lost: lost.length, stranded: stranded.length });
    down = now;
    enqueue(changes);
  };

  /** Before this controller has seen which nodes are up: a slot with too few copies, all of them up, gets more.
   *  Otherwise the death of one node could take entries of a cluster's first seconds with it. */
  function growOnly(): void {
    const short = ({ want, inSync }: SlotRecord): boolean =>
      want === undefined && inSync.length < policy.current().replicas && inSync.every((one) => membership.isUp(one));
    const slots = [...table.rows()].flatMap(({ record }) => (short(record) ? [record] : []));
    const grows = (change: Change): boolean => {
      const record = table.get(change.slot)?.record;
      if (change.type !== "want" || record === undefined || change.want.owner !== record.owner) return false;
      return record.inSync.every((one) => change.want.replicas.includes(one));
    };
    enqueue(plan(factsOf(slots, false)).changes.filter(grows));
  }

  const planNow = (): void => {
    planDue = false;
    if (!acts()) return;
    // Changes under way alter the facts; the last of them plans again.
    if (busy.size > 0 || queue.length > 0) return;
    if (clock.monotonicMs() - (controllerSinceMs ?? 0) < limits.settleMs) return growOnly();
    grouping.look();
    trusting.look();
    // Not yet dead; or it stops, and gives them away itself.
    const isLeft = (owner: NodeId): boolean => (membership.isUp(owner) ? !membership.isStaying(owner) : !isDead(owner));
    const slots = [...table.rows()].flatMap(({ record }) => (isLeft(record.owner) ? [] : [record]));
    const next = plan(factsOf(slots, true));
    standing = next;
    tellPlan(meter, next);
    enqueue(next.changes);
  };

  /** Failovers before everything else that the event loop has to do. */
  function failOverSoon(): void {
    if (failoversDue || stopped) return;
    failoversDue = true;
    clock.soon(failOver);
  }
  function planSoon(): void {
    if (planDue || stopped) return;
    planDue = true;
    after(limits.planDelayMs, planNow);
  }
  function look(): void {
    failOverSoon();
    planSoon();
  }

  // --- acting --------------------------------------------------------------------------------------------------------

  const enqueue = (changes: readonly Change[]): void => {
    const jobs: Record<Change["type"], Job[]> = { failover: [], want: [], pin: [] };
    const queued = new Set(queue.map(({ change }) => `${change.type} ${change.slot}`));
    for (const change of changes) {
      const row = table.get(change.slot);
      const doubled = busy.has(change.slot) || queued.has(`${change.type} ${change.slot}`);
      if (row !== undefined && !doubled && !unread.has(change.slot))
        jobs[change.type].push({ change, revision: row.revision });
    }
    queue = [...jobs.failover, ...queue, ...jobs.want];
    // A pin waits for the owner, which may take its time; nothing waits for the pin.
    for (const job of jobs.pin) void carryOut(job);
    pump();
  };

  const pump = (): void => {
    while (busy.size < limits.changesMax && queue.length > 0) {
      const job = queue.shift() as Job;
      const { slot } = job.change;
      if (busy.has(slot)) continue;
      busy.add(slot);
      void carryOut(job).then(() => {
        busy.delete(slot);
        pump();
        // Its owner may have died while this was under way.
        const owner = slotOwner(table, slot);
        if (owner !== undefined && isDead(owner)) failOverSoon();
        if (busy.size === 0 && queue.length === 0) planSoon();
      });
    }
  };

  const carryOut = async (job: Job): Promise<void> => {
    if (!(job.change.type === "failover" && patienceMs() !== undefined ? sees() : acts())) return;
    try {
      await (job.change.type === "pin" ? pin(job.change) : changeRecord(job.change, job.revision));
      pauseMs = limits.retryMs;
    } catch (error) {
      // The outcome is unknown. The watch tells it; until the directory answers nothing more is tried.
      const { code, details } = failureOf(error);
      const { type, slot } = job.change;
      const because = details?.["because"] === undefined ? {} : { because: details["because"] };
      log.warn("placement.change.failed", { change: type, slot, code, ...because, pauseMs });
      meter.count("placement_failed");
      if (clock.monotonicMs() < quietUntilMs) return;
      quietUntilMs = clock.monotonicMs() + pauseMs;
      queue = [];
      after(pauseMs + 1, look);
      pauseMs = Math.min(limits.retryMaxMs, pauseMs * 2);
    }
  };

  const changeRecord = async (change: Exclude<Change, { type: "pin" }>, revision: number): Promise<void> => {
    const row = table.get(change.slot);
    if (row === undefined || row.revision !== revision) return look();
    const { record } = row;
    if (change.type === "failover" && !isDead(record.owner)) return;
    const { applied, row: now } = await changeSlot(directory, changed(record, change), revision);
    if (now !== undefined) table.learn(now);
    if (!applied) {
      meter.count("placement_conflicts");
      if (now === undefined) unread.add(change.slot);
      return look();
    }
    if (change.type === "failover") {
      const goneMs = clock.monotonicMs() - (downSinceMs.get(record.owner) ?? clock.monotonicMs());
      meter.count("placement_failovers");
      meter.observeMs("placement_failover", goneMs);
      const { slot, owner: to } = change;
      log.info("placement.failover", { slot, from: record.owner, to, epoch: record.epoch + 1, goneMs });
    } else {
      meter.count("placement_wants", 1, { why: change.why });
      log.debug("placement.want", { slot: change.slot, why: change.why, ...change.want });
    }
  };

  /** Gives a hot actor a slot of its own and moves that slot. One a round: the next load report shows the effect. */
  const pin = async ({ actor, slot, to }: Extract<Change, { type: "pin" }>): Promise<void> => {
    const owner = slotOwner(table, slot);
    if (pinnedThisRound || owner === undefined) return;
    pinnedThisRound = true;
    const answer = await exchange.call(owner, "placement.pin", { actor, to }, limits.roundMs);
    log.info("placement.pin", { actor, slot, to, ...(!answer.ok && { code: answer.error.code }) });
    if (!answer.ok) return;
    meter.count("placement_pins");
    const row = await readSlot(directory, ownSlot(actor));
    if (row === undefined) return;
    table.learn(row);
    // An owner that split the actor off has the new slot, or has given it to `to`. A slot of another owner is not moved
    // on this owner's word.
    if (row.record.owner !== owner || row.record.splitFrom !== slot) return;
    const want = { owner: to, replicas: [to, ...row.record.inSync.filter((one) => one !== to)] };
    const moved = await changeSlot(directory, { ...row.record, want }, row.revision);
    if (moved.row !== undefined) table.learn(moved.row);
  };

  // --- the round -----------------------------------------------------------------------------------------------------

  const askLoad = async (): Promise<void> => {
    const asked = membership.members().members.flatMap((member) => (membership.isUp(member.node) ? [member.node] : []));
    for (let index = 0; index < asked.length; index += limits.loadAsksMax) {
      const some = asked.slice(index, index + limits.loadAsksMax);
      const ask = async (member: NodeId): Promise<void> => {
        const answer = await exchange.call(member, "placement.load", {}, limits.loadTimeoutMs);
        if (answer.ok) book.take(member, answer.value, table);
      };
      await Promise.all(some.map(ask));
    }
  };

  const round = (): void => {
    after(limits.roundMs, round);
    unread.clear();
    grouping.round();
    trusting.look();
    if (!acts() || asking) return;
    if (!published) publishPolicy();
    asking = true;
    const owners = new Set([...table.rows()].map(({ record }) => record.owner));
    for (const seen of seenUp) if (!owners.has(seen) && !membership.isUp(seen)) seenUp.delete(seen);
    void sizes.ask([...table.rows()].map(({ record }) => record.slot));
    void askLoad().then(() => {
      asking = false;
      pinnedThisRound = false;
      look();
    });
  };

  const isSettled = (): boolean => acts() && clock.monotonicMs() - (controllerSinceMs ?? 0) >= limits.settleMs;
  const trusting = createTrusting({ ...options, limits, acts: isSettled });
  const grouping = createGrouping({
    ...options,
    limits,
    directoryNode: () => options.directoryNode?.(),
    isEmpty: async (holder) => options.isEmptyHolder?.(holder),
    acts: isSettled,
  });
  const endMembers = membership.onChange(() => {
    noteMembers();
    look();
  });
  const endTable = table.onChange((slot, row) => {
    unread.delete(slot);
    leaving.learn(slot, row?.record, clock.monotonicMs());
    if (row === undefined) epochs.delete(slot);
    else {
      const { epoch, owner } = row.record;
      const isNew = epochs.has(slot) && epochs.get(slot) !== epoch;
      epochs.set(slot, epoch);
      if (!membership.isUp(owner)) {
        // Somebody sees that node up where this one does not. Two that answered each other at once would never end.
        if (isNew) {
          disputed.set(slot, clock.monotonicMs());
          after(limits.disputeMs + 1, failOverSoon);
        }
        failOverSoon();
      }
    }
    planSoon();
  });
  const endPolicy = policy.onChange(planSoon);
  const endConfigured = policy.onConfigured(() => {
    published = false;
    if (acts() && !published) publishPolicy();
  });

  for (const { record } of table.rows()) leaving.learn(record.slot, record, clock.monotonicMs());
  noteMembers();
  void table.ready().then(look);
  after(limits.settleMs, look);
  after(limits.roundMs, round);

  return {
    wake: look,
    standing: () => standing,
    stop() {
      stopped = true;
      queue = [];
      for (const cancel of cancels) cancel();
      endMembers();
      endTable();
      endPolicy();
      endConfigured();
      grouping.stop();
    },
  };
}
