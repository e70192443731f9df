import type { ActorId } from "../../../protocols/index.ts";
import type { PeerOptions } from "../../../node/composition/peer.ts";
import type { JournalLimits } from "../../../node/storage/limits.ts";
import type { Dice, DiskWeather, NetworkWeather } from "../../world/index.ts";
import type { Actors } from "../plan.ts";
import type { RuntimeWeather } from "../runtime.ts";

/** What may happen to a cluster. Each is one happening, drawn by its weight; most end by themselves. */
export const faults = [
  "crash", // a process ends; what it had not synced is lost
  "powerLoss", // the same, and the machine says goodbye to nobody
  "restart", // a clean stop, then a start
  "wipe", // a machine is lost for good; another one joins in its place
  "split", // two groups of nodes cannot reach each other
  "isolate", // one node cannot reach anybody
  "oneWay", // messages get lost in one direction
  "break", // a connection ends for no reason
  "stall", // a process is stopped and goes on later
  "slowDisk",
  "badDisk", // batches fail now and then
  "rot", // a bit flips in what a node has of a slot, its owner's included
  "fullDisk", // every batch fails until somebody frees space
  "directory", // nobody reaches the directory
  "clock", // somebody sets the clock of a machine
  "join",
  "drain",
  "evict",
  "roles", // an admin takes a role away from a node, and gives it back
  "moveSlot",
  "moveActor",
  "cutOffOwner", // an owner that nobody but a client hears, while somebody else writes to the new one
] as const;
export type Fault = (typeof faults)[number];

/** What one seed does to a cluster. Each seed leaves some faults out: faults that are always on hide each other. */
export interface ClusterPlan {
  readonly nodes: number;
  /** Nodes that may join later. */
  readonly spares: number;
  /** Zones that the nodes say they are in; 0: they say nothing. */
  readonly zones: number;
  /** How many of the first nodes have the role `storage`, and then those that join later, too. 0: none has. */
  readonly storage: number;
  readonly replicas: number;
  readonly minInSync: number;
  /** `embedded`: on the disk of the first node. `external`: as in etcd. `etcd`: in one, by the adapter that nodes have.
   *  `replicated`: every node is a manager, and some vote. */
  readonly directory: "embedded" | "external" | "etcd" | "replicated";
  readonly directoryLossChance: number;
  readonly faults: Readonly<Partial<Record<Fault, number>>>;
  /** Mean time between two faults. */
  readonly faultMs: number;
  /** How long a fault that ends by itself takes at most. */
  readonly faultLastsMs: number;
  /** How long there are faults. */
  readonly faultsMs: number;
  /** How long it may take afterwards until all is well. Absent: far longer than the slowest life takes. A life that is
   *  made to show that it never comes to that costs as much as it waits. */
  readonly calmMs?: number;
  readonly disk: Partial<DiskWeather>;
  readonly network: Partial<NetworkWeather>;
  readonly runtime: RuntimeWeather;
  readonly journalLimits: Partial<JournalLimits>;
  readonly limits: NonNullable<PeerOptions["limits"]>;
  readonly clients: number;
  readonly registerClients: number;
  readonly people: number;
  readonly commandsPerClient: number;
  readonly thinkMs: number;
  /** Mean pause between what a client sends beyond that, as long as there are faults. */
  readonly lingerMs: number;
  readonly actors: Actors;
  /** In the end one disk becomes far slower than the others, and well again. */
  readonly lateDisk: boolean;
  /** It is so late with a sync, and what posts take is compared with before; absent: nobody compares. */
  readonly timedLateMs?: number;
  /** In the end the directory comes back on an older copy of its data, and then on the newest one. */
  readonly olderDirectory: boolean;
  /** In the end a voter is dead while the others do all that a cluster does. */
  readonly deadVoter: boolean;
  /** In the end the directory of voters is full, and an operator repairs the cluster all the same. */
  readonly fullDirectory: boolean;
  /** The disks are encrypted while the nodes run, and opened again. */
  readonly sealed: boolean;
  /** Never on here: one node simulated alone has enough of it. */
  readonly poison: boolean;
}

const groups: readonly (readonly Fault[])[] = [
  ["crash", "powerLoss", "restart"],
  ["wipe"],
  ["split", "isolate", "oneWay", "break"],
  ["stall"],
  ["slowDisk", "badDisk", "fullDisk"],
  ["rot"],
  ["directory"],
  ["clock"],
  ["join", "drain", "evict"],
  ["roles"],
  ["moveSlot", "moveActor"],
  ["cutOffOwner"],
];

const actors: Actors = {
  ledgers: ["ledger/a", "ledger/b", "ledger/c"] as ActorId[],
  relays: ["relay/a", "relay/b"] as ActorId[],
  alarms: ["alarm/a"] as ActorId[],
  writers: ["writer/a"] as ActorId[],
};

/** Draws a plan. */
export function drawClusterPlan(dice: Dice): ClusterPlan {
  const chosen = groups.filter(() => dice.chance(0.45));
  const weights: Partial<Record<Fault, number>> = {};
  for (const group of chosen.length > 0 ? chosen : [dice.pick(groups)]) {
    for (const fault of group) if (dice.chance(0.8)) weights[fault] = dice.pick([1, 1, 3]);
  }
  // Some seeds are about owners that do not know that they are not: nodes that nobody hears, for long.
  const parted = dice.chance(0.15);
  // And some about actors that move while their clients repeat themselves.
  const moving = !parted && dice.chance(0.1);
  if (parted || moving) for (const fault of faults) delete weights[fault];
  if (moving) Object.assign(weights, { moveActor: 4, moveSlot: 1, break: 1 });
  if (parted) Object.assign(weights, { cutOffOwner: 3, isolate: 2, oneWay: 1 });
  const narrow = dice.chance(0.5);
  const faultsMs = parted ? 6_000 : dice.pick([1_500, 4_000]);
  const zones = dice.pick([0, 0, 2, 3]);
  return {
    nodes: 5,
    spares: 2,
    zones,
    // Holders are spread over zones, too.
    storage: zones === 3 ? 4 : 0,
    replicas: dice.pick([3, 3, 3, 2]),
    minInSync: dice.pick([1, 1, 2]),
    directory: dice.chance(0.6) ? "embedded" : "external",
    directoryLossChance: dice.pick([0, 0, 0.02, 0.1]),
    faults: weights,
    faultMs: parted ? 1_000 : moving ? 150 : dice.pick([60, 200, 600]),
    faultLastsMs: parted ? 3_000 : dice.pick([200, 1_000, 3_000]),
    faultsMs,
    disk: { syncMs: dice.pick([0.2, 2, 8]) },
    network: {
      delayMs: dice.pick([0.2, 1, 5]),
      stallChance: dice.pick([0, 0.01]),
      stallMs: dice.pick([20, 200]),
      breakChance: dice.pick([0, 0, 0.005]),
      breakAfterChance: dice.pick([0, 0, 0.001, 0.01]),
      silenceMs: dice.pick([300, 3_000]),
      queueMessagesMax: narrow ? dice.pick([20, 200]) : 10_000,
    },
    runtime: { failChance: dice.pick([0, 0.3]), tokenMs: dice.pick([1, 20]) },
    journalLimits: narrow
      ? {
          commitEntriesMax: 1 + dice.below(4),
          commitBytesMax: dice.pick([200, 2_000, 100_000]),
          pendingBytesMax: dice.pick([300, 3_000, 100_000]),
          scanChunksMax: 1 + dice.below(3),
        }
      : {},
    limits: {
      kernel: {
        sweepIntervalMs: 50,
        slotRetryMs: 20,
        slotRetryMaxMs: 400,
        reminderRetryMs: 200,
        reminderRetryMaxMs: 2_000,
        answersMax: 512,
        ...(narrow
          ? {
              mailboxMessagesMax: 6 + dice.below(20),
              activationsMax: 6 + dice.below(20),
              slotWaitersMax: 10 + dice.below(20),
              turnsPerSlice: 1 + dice.below(4),
              idleTimeoutMs: dice.pick([50, 1_000]),
              snapshotEntriesMin: 1 + dice.below(4),
              snapshotEntriesMax: 4 + dice.below(8),
              logWindowEntries: dice.below(8),
              logSlackEntries: 1 + dice.below(6),
            }
          : {}),
      },
      membership: { heartbeatMs: 50, silenceMinMs: 200, silenceMaxMs: dice.pick([300, 800]), stallMs: 150 },
      replication: {
        replicaTimeoutMs: dice.pick([150, 600]),
        tickIntervalMs: 20,
        queryTimeoutMs: 200,
        proposalRetryMs: dice.pick([50, 200]),
        transferTimeoutMs: 1_000,
        drainTimeoutMs: 1_000,
        upkeepIntervalMs: dice.pick([100, 400]),
        ...(narrow
          ? {
              catchUpBytesMax: 300,
              partBytesMax: 200,
              leavesPerQuestionMax: 2,
              unackedBytesMax: 1_000,
              catchUpUnackedBytesMax: 600,
            }
          : {}),
      },
      routing: {
        retryMs: 5,
        retryMaxMs: 100,
        followRetryMs: 20,
        followRetryMaxMs: 400,
        ...(narrow ? { envelopesMax: 20 + dice.below(40), batchItemsMax: 1 + dice.below(8) } : {}),
      },
      placement: {
        settleMs: dice.pick([0, 500]),
        replaceAfterMs: 2_000,
        roundMs: 300,
        planDelayMs: 10,
        retryMs: 50,
        retryMaxMs: 400,
        // A few clients are load enough to move slots and to pin actors for.
        loadTurnsMin: dice.pick([1, 100]),
        homeAfterMs: 3_000,
        groupFirstMs: 100,
        groupWidenMs: 500,
        groupNarrowMs: 2_000,
      },
      directory: { voterCheckMs: 100, voterAwayMs: 1_500, entriesPerImage: 50, entriesKept: 20 },
    },
    clients: 1 + dice.below(3),
    registerClients: (parted ? 3 : 1) + dice.below(3),
    people: dice.chance(0.2) ? 1 : 0,
    commandsPerClient: (parted ? 30 : 10) + dice.below(15),
    thinkMs: dice.pick([5, 40, 120]),
    lingerMs: faultsMs / 8,
    actors,
    poison: false,
    sealed: false,
    lateDisk: false,
    olderDirectory: false,
    deadVoter: false,
    fullDirectory: false,
  };
}
