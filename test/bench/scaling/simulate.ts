/** Clusters that do not fit on this machine, as numbers: `node test/bench/scaling/simulate.ts [nodes …]`.
 *  Deterministic: no clock, no chance but a seeded one. What is simulated runs the product's own decisions (failure
 *  detector, ranking, limits); what they cost are the constants below, which test/bench/scaling/measure.ts prints.
 *  docs/operate/scaling-simulated.md reads the tables. */
import { directoryLimits } from "../../../node/cluster/directory/index.ts";
import { membershipLimits } from "../../../node/cluster/membership/index.ts";
import { Detector } from "../../../node/cluster/membership/detector.ts";
import { placementLimits } from "../../../node/cluster/placement/index.ts";
import { replicationLimits } from "../../../node/replication/index.ts";
import { rankNodes } from "../../../node/cluster/facts/slot-table.ts";
import { roles, slotCount, type SlotId } from "../../../protocols/index.ts";
import { Dice } from "../../world/index.ts";

/** Measured on two busy cores: exactly what "Measured here" in docs/operate/scaling.md says. Change both, or neither. */
const measured = {
  beatBytes: 35,
  /** Through noise and yamux, at each end. */
  messageUs: 67,
  slotRowBytes: 256,
  slotRowHeapBytes: 976,
  memberHeapBytes: 1_133,
  detectorPeerBytes: 820,
  pairResidentBytes: 510_000,
  ownedSlotBytes: 5_097,
  copiedSlotBytes: 848,
  connectPairMs: 14.5,
  /** One synced batch of the embedded directory: 467 changes a second, one at a time. A batch takes what waits, and of
   *  64 at a time none takes longer. */
  directoryBatchMs: 1_000 / 467,
  /** A plan for 1,280 slots with one node gone, by the nodes of the cluster. */
  planMs: [
    { nodes: 3, tookMs: 18 },
    { nodes: 100, tookMs: 244 },
    { nodes: 1_000, tookMs: 4_388 },
  ],
} as const;

/** Assumed, not measured: one data centre. */
const assumed = {
  roundTripMs: 0.5,
  fenceSyncMs: 2,
  /** Processor time of a new owner for one slot: its log, its questions, its actors with pending work. */
  takeUpMs: 1,
  /** What a node can push to others, or take in, in bytes a second and core. */
  bulkBytesPerSecond: 100e6,
  replicas: 3,
  bytesPerActor: 2_000,
} as const;

const slotsTotal = roles.length * slotCount;
const nodeNames = (count: number): readonly { readonly node: string; readonly weight: number }[] =>
  Array.from({ length: count }, (_, index) => ({ node: `node-${index}`, weight: 1 }));

// --- heartbeats ------------------------------------------------------------------------------------------------------

/** How long a node that was stopped is thought to be up: the real detector, fed with beats that are late by chance. */
function detectionMs(nodes: number): { readonly heartbeatMs: number; readonly silentMs: number } {
  const dice = new Dice(nodes);
  const detector = new Detector(membershipLimits, 0);
  const peers = new Set(nodeNames(Math.max(1, nodes - 1)).map(({ node }) => node));
  detector.follow(peers);
  for (const peer of peers) detector.connected(peer, 0);
  const { heartbeatMs } = detector;
  let nowMs = 0;
  for (let beat = 1; beat <= 2 * membershipLimits.beatWindow; beat += 1) {
    nowMs = beat * heartbeatMs;
    detector.tick(nowMs);
    // Up to a tenth of a heartbeat late, and now and then half of one.
    const late = (dice.number() + (dice.chance(0.02) ? 5 : 0)) * 0.1 * heartbeatMs;
    detector.heard("node-0", 1, nowMs + late * 0.5);
  }
  const stoppedMs = nowMs;
  while (nowMs < stoppedMs + 60_000) {
    nowMs += heartbeatMs / 20;
    detector.tick(nowMs);
    if (detector.judge(nowMs).some(({ peer, up }) => peer === "node-0" && !up)) break;
  }
  return { heartbeatMs, silentMs: nowMs - stoppedMs };
}

/** Everyone to everyone, as it is; and each node watched by a few others that spread what they see. */
function heartbeats(nodes: number): readonly string[] {
  const { heartbeatMs, silentMs } = detectionMs(nodes);
  const perSecond = ((nodes - 1) * 1000) / heartbeatMs;
  const core = (messages: number): string => `${((messages * 2 * measured.messageUs) / 1e4).toFixed(1)} %`;
  const watchers = Math.min(nodes - 1, 8);
  const partial = (watchers * 1000) / membershipLimits.heartbeatMs;
  return [
    `${heartbeatMs} ms`,
    `${Math.round(perSecond)}`,
    `${Math.round(perSecond * nodes).toLocaleString("en")}`,
    `${((perSecond * 2 * measured.beatBytes) / 1000).toFixed(1)} kB/s`,
    core(perSecond),
    `${(silentMs / 1000).toFixed(1)} s`,
    `${Math.round(partial)}`,
    core(partial),
  ];
}

// --- memory and connections ------------------------------------------------------------------------------------------

function memory(nodes: number): readonly string[] {
  const mesh = (nodes - 1) * measured.pairResidentBytes;
  const lists = nodes * (measured.memberHeapBytes + measured.detectorPeerBytes);
  const table = slotsTotal * measured.slotRowHeapBytes;
  const owned = Math.ceil(slotsTotal / nodes);
  const slots = owned * measured.ownedSlotBytes + 2 * owned * measured.copiedSlotBytes;
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  return [
    `${(2 * (nodes - 1)).toLocaleString("en")}`,
    `${(nodes * (nodes - 1)).toLocaleString("en")}`,
    mb(mesh),
    mb(lists),
    mb(table),
    mb(slots),
    `${(((nodes - 1) * measured.connectPairMs) / 1000).toFixed(1)} s`,
  ];
}

// --- how slots spread ------------------------------------------------------------------------------------------------

/** Owners of one role's slots over nodes that all have the role: by rank alone, and levelled out. */
function spread(nodes: number, slotsPerRole: number): readonly string[] {
  const members = nodeNames(nodes);
  const owned = new Map<string, number>();
  for (let index = 0; index < slotsPerRole; index += 1) {
    const owner = rankNodes(`chat/${index}` as SlotId, members)[0]?.node ?? "";
    owned.set(owner, (owned.get(owner) ?? 0) + 1);
  }
  const mean = slotsPerRole / nodes;
  const levelled = Math.ceil(mean) / mean;
  return [
    mean.toFixed(2),
    `${((100 * (nodes - owned.size)) / nodes).toFixed(0)} %`,
    (Math.max(...owned.values()) / mean).toFixed(1),
    levelled.toFixed(2),
    `${((100 * Math.max(0, nodes - slotsPerRole)) / nodes).toFixed(0)} %`,
  ];
}

// --- a node dies -----------------------------------------------------------------------------------------------------

/** Between two sizes that were measured, and beyond the largest, on a straight line; and in proportion to the slots. */
function planMs(nodes: number, slots: number): number {
  const [few, some, many] = measured.planMs;
  const [from, to] = nodes < some.nodes ? [few, some] : [some, many];
  const share = (nodes - from.nodes) / (to.nodes - from.nodes);
  return (from.tookMs + share * (to.tookMs - from.tookMs)) * (slots / slotsTotal);
}

interface Step {
  readonly atMs: number;
  readonly type: "failover" | "removal";
  readonly owner: number;
}

/** The changes after a death through one controller and one directory that tells everybody, in one process. What waits
 *  when the directory is free shares a write, and a message to each node; each node confirms it by one. */
function death(nodes: number, slots: number): readonly string[] {
  const owned = Math.ceil(slots / nodes);
  const copied = owned * (Math.min(assumed.replicas, nodes) - 1);
  // The controller takes slots over at once, then (a plan later) says where new copies go; owners take the dead node
  // out, take a learner in, and make it a copy.
  const removals = owned + copied;
  const replacements = nodes > assumed.replicas ? 3 * (owned + copied) : 0;
  const changes = owned + removals + replacements;
  const oneEachMs = ((nodes - 1) * measured.messageUs) / 1000;
  const oneWayMs = assumed.roundTripMs / 2;
  const ownersFreeMs = Array.from({ length: Math.max(1, nodes - 1) }, () => 0);
  let asked = 0;
  /** Failovers that the controller asks for when others are answered: so many are under way at the same time. */
  const failovers = (atMs: number, count: number): readonly Step[] =>
    Array.from({ length: Math.min(count, owned - asked) }, () => {
      asked += 1;
      return { atMs, type: "failover", owner: asked % ownersFreeMs.length };
    });
  let waiting = failovers(oneWayMs, placementLimits.changesMax);
  let freeMs = 0;
  let tellingMs = 0;
  let lastServedMs = 0;
  while (waiting.length > 0) {
    const beginMs = Math.max(freeMs, Math.min(...waiting.map(({ atMs }) => atMs)));
    const due = waiting.filter(({ atMs }) => atMs <= beginMs).slice(0, directoryLimits.groupChangesMax);
    const taken = new Set(due);
    const writtenMs = beginMs + measured.directoryBatchMs;
    const toldMs = writtenMs + oneEachMs;
    freeMs = toldMs + oneEachMs;
    tellingMs += 2 * oneEachMs;
    const knownMs = toldMs + oneWayMs;
    // The new owner: fence on disk, questions, fences there, answers. Then the dead node is taken out by one more
    // change.
    const removalOf = ({ owner }: Step): Step => {
      const takenUpMs = Math.max(knownMs, ownersFreeMs[owner] ?? 0) + assumed.takeUpMs;
      ownersFreeMs[owner] = takenUpMs;
      return { atMs: takenUpMs + assumed.roundTripMs + 2 * assumed.fenceSyncMs + oneWayMs, type: "removal", owner };
    };
    const failedOver = due.filter(({ type }) => type === "failover");
    if (failedOver.length < due.length) lastServedMs = knownMs + assumed.fenceSyncMs;
    waiting = [
      ...waiting.filter((step) => !taken.has(step)),
      ...failovers(writtenMs + assumed.roundTripMs, failedOver.length),
      ...failedOver.map(removalOf),
    ];
  }
  return [
    `${owned}`,
    changes.toLocaleString("en"),
    (changes * (nodes - 1)).toLocaleString("en"),
    `${((changes * (nodes - 1) * measured.slotRowBytes) / 1e6).toFixed(1)} MB`,
    `${lastServedMs.toFixed(0)} ms`,
    `${tellingMs.toFixed(0)} ms`,
    `${(planMs(nodes, slots) / 1000).toFixed(1)} s`,
  ];
}

// --- a node comes ----------------------------------------------------------------------------------------------------

/** Copies to make when a node joins or is replaced: slots on their way, a tick at a time, within the limits of
 *  placement and replication. Returns seconds. */
function fillSeconds(nodes: number, slots: number, bytesPerSlot: number): number {
  let waiting = Math.ceil((slots * Math.min(assumed.replicas, nodes)) / (nodes + 1));
  const flying: number[] = [];
  let seconds = 0;
  // Each second the newcomer's inward rate is shared by what it receives; a sender's by what it sends.
  while (waiting > 0 || flying.length > 0) {
    while (
      waiting > 0 &&
      flying.length <
        Math.min(placementLimits.motionNodeMax, placementLimits.motionSlotsMax, replicationLimits.transfersMax * nodes)
    ) {
      flying.push(bytesPerSlot);
      waiting -= 1;
    }
    const senders = Math.min(nodes, Math.ceil(flying.length / replicationLimits.transfersMax));
    const rate = Math.min(assumed.bulkBytesPerSecond, assumed.bulkBytesPerSecond * senders) / flying.length;
    const least = Math.min(...flying);
    // Up to when the next one ends; and each costs some exchanges, however small it is.
    seconds += least / rate + (5 * (assumed.roundTripMs + assumed.fenceSyncMs)) / 1000 / flying.length;
    for (let index = flying.length - 1; index >= 0; index -= 1) {
      const left = (flying[index] ?? 0) - least;
      if (left <= 0) flying.splice(index, 1);
      else flying[index] = left;
    }
  }
  return seconds;
}

const durationText = (seconds: number): string =>
  seconds < 120
    ? `${seconds.toFixed(1)} s`
    : seconds < 7_200
      ? `${(seconds / 60).toFixed(0)} min`
      : `${(seconds / 3_600).toFixed(1)} h`;

function newcomer(nodes: number, actors: number): readonly string[] {
  const bytesPerSlot = (actors * assumed.bytesPerActor) / slotCount;
  const received = ((slotCount * Math.min(assumed.replicas, nodes)) / (nodes + 1)) * bytesPerSlot;
  return [
    Math.round(actors / slotCount).toLocaleString("en"),
    `${(bytesPerSlot / 1e6).toFixed(1)} MB`,
    `${(received / 1e9).toFixed(2)} GB`,
    durationText(bytesPerSlot / assumed.bulkBytesPerSecond),
    durationText(fillSeconds(nodes, slotCount, bytesPerSlot)),
  ];
}

// --- the tables ------------------------------------------------------------------------------------------------------

function table(title: string, columns: readonly string[], rows: readonly (readonly string[])[]): void {
  console.log(`\n${title}\n`);
  const widths = columns.map((_, column) => Math.max(...[columns, ...rows].map((row) => (row[column] ?? "").length)));
  for (const row of [columns, widths.map((width) => `${"-".repeat(width - 1)}:`), ...rows])
    console.log(`| ${row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join(" | ")} |`);
}

const given = process.argv.slice(2).map(Number);
const clusterSizes = given.length > 0 ? given : [3, 10, 30, 100, 300, 1_000];
const name = (nodes: number): string => nodes.toLocaleString("en");

table(
  "Heartbeats of one node, everyone to everyone; and if 8 others watched each node",
  ["nodes", "every", "sent/s", "in all/s", "in + out", "of a core", "stopped node seen", "8: sent/s", "8: of a core"],
  clusterSizes.map((nodes) => [name(nodes), ...heartbeats(nodes)]),
);
table(
  `Connections and memory of one node, ${name(slotsTotal)} slots`,
  ["nodes", "connections", "in all", "mesh", "members", "slot table", "its slots", "processor time to connect"],
  clusterSizes.map((nodes) => [name(nodes), ...memory(nodes)]),
);
table(
  "Slots of one role over nodes that all have it",
  ["nodes", "slots", "a node", "by rank: nodes without", "fullest / mean", "levelled: fullest / mean", "nodes without"],
  clusterSizes
    .filter((nodes) => nodes >= 30)
    .flatMap((nodes) => [slotCount, 1_024, 4_096].map((slots) => [name(nodes), name(slots), ...spread(nodes, slots)])),
);
table(
  "A node dies: from the first verdict to the last slot served; and what the directory tells everybody",
  [
    "nodes",
    "slots",
    "its slots",
    "changes",
    "rows told",
    "bytes told",
    "all served after",
    "processor time to tell",
    "plan for new copies",
  ],
  clusterSizes.flatMap((nodes) =>
    [slotsTotal, ...(nodes >= 300 ? [16_384] : [])].map((slots) => [name(nodes), name(slots), ...death(nodes, slots)]),
  ),
);
table(
  `A node joins: its share of the copies of one role that has all actors, ${assumed.bytesPerActor} bytes an actor, ${assumed.bulkBytesPerSecond / 1e6} MB/s`,
  ["nodes", "actors", "a slot", "bytes a slot", "it receives", "one slot takes", "all take"],
  clusterSizes.flatMap((nodes) =>
    [1e6, 1e8].map((actors) => [name(nodes), actors.toLocaleString("en"), ...newcomer(nodes, actors)]),
  ),
);
