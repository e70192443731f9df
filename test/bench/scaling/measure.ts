/** The constants of docs/operate/scaling.md, measured on this machine: `node --expose-gc test/bench/scaling/measure.ts
 *  [name …]`. Each is taken from the product's own code. Times are of one core that others may share, so they are the best of
 *  a few. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKeyPair } from "@libp2p/crypto/keys";
import type { Stream } from "@libp2p/interface";
import { createEmbeddedDirectory, createEtcdDirectory } from "../../../node/cluster/directory/index.ts";
import { createExchange } from "../../../node/cluster/exchange/index.ts";
import { membershipLimits } from "../../../node/cluster/membership/limits.ts";
import { Detector } from "../../../node/cluster/membership/detector.ts";
import { meshLimits } from "../../../node/cluster/mesh/limits.ts";
import { createSwarm, startSwarm } from "../../../node/cluster/mesh/swarm.ts";
import { placementLimits } from "../../../node/cluster/placement/index.ts";
import { plan } from "../../../node/cluster/placement/plan.ts";
import { createClock, createRandom, openLevelStore } from "../../../node/platform/index.ts";
import type { Directory, MemberRecord, Membership, SlotRecord, TransportListener } from "../../../node/ports/index.ts";
import { createReplication } from "../../../node/replication/index.ts";
import { slotKey } from "../../../node/cluster/facts/records.ts";
import { rankNodes, watchSlots } from "../../../node/cluster/facts/slot-table.ts";
import { openJournal } from "../../../node/storage/index.ts";
import { decode, encode, roles, slotCount, type ActorId, type SlotId } from "../../../protocols/index.ts";
import type { MeshBody, MeshName } from "../../../protocols/mesh/index.ts";
import { memberRecord } from "../../fixtures/members.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { findEtcd, startEtcd } from "../../fixtures/processes/etcd-server.ts";

const clock = createClock();

/** As long as the real ones are. */
const nodeName = (index: number): string => `node-${String(index).padStart(4, "0")}-4f7a9c21d3e8`;
const peerName = (index: number): string => `12D3KooW${String(index).padStart(44, "x")}`;

const member = (index: number): MemberRecord =>
  memberRecord(nodeName(index), {
    name: `machine-${index}`,
    peer: peerName(index),
    addresses: [`/ip4/10.0.${index >> 8}.${index & 255}/tcp/7402`],
    roles: ["chat", "ai"],
    labels: { zone: `zone-${index % 3}` },
    url: `https://10.0.${index >> 8}.${index & 255}:7400`,
    incarnation: 3,
  });

const slotRecord = (slot: SlotId, nodes: readonly string[]): SlotRecord => ({
  slot,
  epoch: 7,
  owner: nodes[0] ?? "",
  inSync: nodes,
  learners: [],
  want: { owner: nodes[0] ?? "", replicas: nodes },
});

const slotNames = (count: number): readonly SlotId[] =>
  Array.from(
    { length: count },
    (_, index) => `${roles[Math.floor(index / slotCount) % roles.length]}/${index}` as SlotId,
  );

const bytesText = (bytes: number): string =>
  bytes >= 10_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${Math.round(bytes).toLocaleString("en")} B`;

function print(what: string, value: string): void {
  console.log(`${what.padEnd(72)} ${value}`);
}

function heapBytes(): number {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("run me with --expose-gc");
  for (let round = 0; round < 3; round += 1) gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Bytes that stay in use for each of what `make` makes. */
async function heapPerItem(count: number, make: () => unknown): Promise<number> {
  const beforeBytes = heapBytes();
  const kept = await make();
  const afterBytes = heapBytes();
  if (kept === undefined) throw new Error("what is measured must be kept");
  return (afterBytes - beforeBytes) / count;
}

/** The best of a few: what it takes when nobody else wants the core. */
function bestMs(rounds: number, work: () => unknown): number {
  let bestTakenMs = Infinity;
  for (let round = 0; round < rounds; round += 1) {
    const startedMs = performance.now();
    work();
    bestTakenMs = Math.min(bestTakenMs, performance.now() - startedMs);
  }
  return bestTakenMs;
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "plexus-scaling-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// --- rows and messages -----------------------------------------------------------------------------------------------

function sizes(): void {
  const three = [nodeName(1), nodeName(2), nodeName(3)];
  const slot = "chat/217" as SlotId;
  const frame = <Name extends MeshName>(name: Name, body: MeshBody<Name>, call = 0): string =>
    bytesText(4 + encode([name, call, body]).length);
  const at = { epoch: 7, seq: 123_456, checksum: 0x9abcdef0 };
  print("a slot's row, 3 replicas, encoded", bytesText(encode(slotRecord(slot, three)).length));
  print("a member's row, encoded", bytesText(encode(member(17)).length));
  print("a heartbeat, in its frame", frame("beat", { incarnation: 3, view: 4711 }));
  const load = { actors: 40_000, turnsPerSecond: 812.5, connections: 120, eventLoopLagMs: 1.2, memoryBytes: 3e8 };
  print("a heartbeat with load, one in ten", frame("beat", { incarnation: 3, view: 4711, load }));
  const append = { slot, epoch: 7, incarnation: 1, from: at, snapshots: [], trim: 120_000, mark: 0 };
  const chunk = [123_457, new Uint8Array(0)] as [number, Uint8Array];
  print("an append to a replica, beside the entries", frame("replica.append", { ...append, chunks: [chunk] }));
  print("its acknowledgement", frame("replica.synced", { slot, epoch: 7, incarnation: 1, at, gap: false }));
  const asked = (count: number): number =>
    encode(["replica.confirm", 1, { slots: slotNames(count).map((name) => [name, 7]) }]).length;
  print("a question for confirmation, beside its slots", bytesText(4 + asked(0)));
  print("each slot in it", bytesText((asked(1_000) - asked(0)) / 1_000));
  const operation = "user/ada|018f3b2e-7d1c-7c5e-9a44-0c1d2e3f4a5b";
  const post = { type: "post", text: "" };
  print(
    "an envelope with an empty message, alone in its frame",
    frame("routing.envelopes", {
      slot,
      session: 17,
      epoch: 7,
      refusals: 0,
      envelopes: [[123_456, "room/lobby", "user/ada", post, operation, false, []]],
    }),
  );
}

// --- memory ----------------------------------------------------------------------------------------------------------

async function tables(): Promise<void> {
  const silentDirectory = (rows: readonly SlotRecord[]): Directory => ({
    read: () => Promise.resolve(undefined),
    compareAndSet: () => Promise.resolve({ applied: false, row: undefined }),
    list: () => Promise.resolve([]),
    watch: (_prefix, watcher) => {
      // As they come from the wire: nothing is shared between rows.
      watcher.reset(rows.map((record) => ({ key: slotKey(record.slot), value: decode(encode(record)), revision: 1 })));
      return () => undefined;
    },
  });
  const nodes = Array.from({ length: 1_000 }, (_, index) => nodeName(index));
  const records = slotNames(50_000).map((slot, index) =>
    slotRecord(
      slot,
      [0, 1, 2].map((step) => nodes[(index + step) % 1_000] ?? ""),
    ),
  );
  const directory = silentDirectory(records);
  print("memory of a row in a node's slot table", bytesText(await heapPerItem(50_000, () => watchSlots(directory))));
  const members = Array.from({ length: 5_000 }, (_, index) => encode(member(index)));
  const kept = (): unknown => new Map(members.map((bytes, index) => [nodeName(index), decode(bytes)]));
  print("memory of a member in a node's list", bytesText(await heapPerItem(5_000, kept)));
}

async function detector(): Promise<void> {
  const peers = 999;
  const make = (): Detector => {
    const made = new Detector(membershipLimits, 0);
    const names = new Set(Array.from({ length: peers }, (_, index) => nodeName(index)));
    made.follow(names);
    for (const name of names) made.connected(name, 0);
    for (let beat = 1; beat <= membershipLimits.beatWindow; beat += 1)
      for (const name of names) made.heard(name, 1, beat * made.heartbeatMs);
    return made;
  };
  print("memory of a peer in the failure detector", bytesText(await heapPerItem(peers, make)));
  const full = make();
  const nowMs = membershipLimits.beatWindow * full.heartbeatMs;
  print("judging 999 peers once", `${bestMs(20, () => full.judge(nowMs)).toFixed(2)} ms`);
  print("time between heartbeats at 1,000 nodes", `${full.heartbeatMs} ms`);
}

async function slots(): Promise<void> {
  await withFolder(async (folder) => {
    const store = await openLevelStore(folder);
    const identity = { cluster: "c", node: nodeName(0) };
    const journal = await openJournal({ store, clock, log: quietLog, meter: quietMeter, identity });
    const count = 2_000;
    const names = slotNames(2 * count);
    const logs = await heapPerItem(count, () =>
      Promise.all(names.slice(0, count).map((slot) => journal.openSlot(slot))),
    );
    print("memory of an open slot log with nothing in it (a copy)", bytesText(logs));
    const busy = await journal.openSlot("chat/busy" as SlotId);
    await busy.raise(1, true);
    if (busy.continues !== 1) await busy.lead(1);
    const actors = 50_000;
    const tails = await heapPerItem(actors, async () => {
      for (let index = 0; index < actors; index += 1) {
        const draft = { atMs: 0, actor: `room/room-${index}` as ActorId, events: [], answers: [], side: [] };
        busy.append(1, draft, () => undefined);
      }
      await journal.settled();
      return busy;
    });
    print("memory of an actor with entries that no snapshot covers", bytesText(tails));

    const nodes = [nodeName(0), nodeName(1), nodeName(2)];
    const directory = createEmbeddedDirectory({ store });
    const table = watchSlots(directory);
    await table.ready();
    const owned = names.slice(count);
    await Promise.all(owned.map((slot) => directory.compareAndSet(slotKey(slot), slotRecord(slot, nodes), 0)));
    const membership: Membership = {
      self: nodes[0] ?? "",
      members: () => ({ view: 1, members: [] }),
      isUp: () => false,
      isSlow: () => false,
      isStaying: () => false,
      onChange: () => () => undefined,
    };
    // Nobody answers: what is measured is an owner with two followers that it has asked.
    const transport = {
      node: nodes[0] ?? "",
      send: () => true,
      flush: () => undefined,
      peers: () => nodes.slice(1),
      listen: () => undefined,
      disconnect: () => undefined,
    };
    const quietClock = { ...clock, after: () => () => undefined };
    const exchange = createExchange({ transport, clock: quietClock, log: quietLog, meter: quietMeter });
    const replication = createReplication({
      node: nodes[0] ?? "",
      roles: () => roles,
      journal,
      store,
      directory,
      table,
      exchange,
      membership,
      clock: quietClock,
      random: createRandom(),
      log: quietLog,
      meter: quietMeter,
      minInSync: () => 1,
      owned: () => undefined,
      drain: () => Promise.resolve(),
      resume: () => undefined,
    });
    const each = await heapPerItem(count, async () => {
      const opened = owned.map((slot) => replication.open(slot, () => undefined).catch(() => undefined));
      while (replication.status().length < count) await new Promise((resolve) => setImmediate(resolve));
      return opened;
    });
    print("memory of an owned slot with two followers, its log included", bytesText(each));
    await journal.settled();
    await store.close();
  });
}

async function connections(): Promise<void> {
  const pairs = 30;
  const anybody = { denyDialPeer: () => false };
  const options = { gater: anybody, mdns: false, limits: { ...meshLimits, connectionsMax: 1_000 } };
  const start = async (listen: readonly string[]): ReturnType<typeof createSwarm> => {
    const swarm = await createSwarm({ key: await generateKeyPair("Ed25519"), listen, ...options });
    await startSwarm(swarm);
    return swarm;
  };
  const hub = await start(["/ip4/127.0.0.1/tcp/0"]);
  const others = await Promise.all(Array.from({ length: pairs }, () => start([])));
  const usedBytes = (): { readonly heap: number; readonly rss: number } => ({
    heap: heapBytes(),
    rss: process.memoryUsage().rss,
  });
  const protocol = "/plexus/scaling/1";
  await hub.handle(protocol, () => undefined);
  const before = usedBytes();
  const startedMs = process.cpuUsage();
  const beating: Stream[] = [];
  for (const other of others) {
    // A pair has one connection with two streams, and one with a third.
    const one = await other.dial(hub.getMultiaddrs());
    beating.push(await one.newStream(protocol));
    await one.newStream(protocol);
    const two = await other.dial(hub.getMultiaddrs(), { force: true });
    await two.newStream(protocol);
  }
  const { user, system } = process.cpuUsage(startedMs);
  const after = usedBytes();
  print("heap of a pair's two connections, at one end", bytesText((after.heap - before.heap) / pairs / 2));
  print("resident memory of them, at one end", bytesText((after.rss - before.rss) / pairs / 2));
  print("processor time to connect a pair, at one end", `${((user + system) / 1000 / pairs / 2).toFixed(1)} ms`);
  const rounds = 300;
  const beatsMs = process.cpuUsage();
  const beat = new Uint8Array(35);
  for (let round = 0; round < rounds; round += 1) {
    for (const stream of beating) stream.send(beat);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const spent = process.cpuUsage(beatsMs);
  const each = (spent.user + spent.system) / rounds / pairs / 2;
  print("processor time of a heartbeat through noise and yamux, at one end", `${each.toFixed(0)} µs`);
  await Promise.all([hub, ...others].map(async (node) => node.stop()));
}

// --- work ------------------------------------------------------------------------------------------------------------

function beats(): void {
  let listener: TransportListener | undefined;
  const exchange = createExchange({
    transport: {
      node: nodeName(0),
      send: () => true,
      flush: () => undefined,
      peers: () => [],
      listen: (made) => void (listener = made),
      disconnect: () => undefined,
    },
    clock,
    log: quietLog,
    meter: quietMeter,
  });
  let taken = 0;
  exchange.on("beat", () => void (taken += 1));
  const payload = encode(["beat", 0, { incarnation: 3, view: 4711 }]);
  const count = 50_000;
  const receivedMs = bestMs(5, () => {
    for (let index = 0; index < count; index += 1) listener?.received(nodeName(1), "control", decode(payload));
  });
  const sentMs = bestMs(5, () => {
    for (let index = 0; index < count; index += 1) encode(["beat", 0, { incarnation: 3, view: index }]);
  });
  if (taken < count) throw new Error("the beats did not arrive");
  const perBeatUs = (tookMs: number): string => `${((1000 * tookMs) / count).toFixed(2)} µs`;
  print("processor time of a heartbeat received (decode, check), without its socket", perBeatUs(receivedMs));
  print("processor time of a heartbeat sent (encode), without its socket", perBeatUs(sentMs));
}

async function changesPerSecond(directory: Directory, outstanding: number, forMs: number): Promise<number> {
  const endMs = performance.now() + forMs;
  let changes = 0;
  const one = async (lane: number): Promise<void> => {
    const key = `scaling/${outstanding}-${lane}`;
    let revision = 0;
    while (performance.now() < endMs) {
      const { applied, row } = await directory.compareAndSet(
        key,
        slotRecord("chat/1" as SlotId, ["a", "b", "c"]),
        revision,
      );
      if (!applied) throw new Error("somebody else writes here");
      revision = row?.revision ?? 0;
      changes += 1;
    }
  };
  await Promise.all(Array.from({ length: outstanding }, (_, lane) => one(lane)));
  return changes / (forMs / 1000);
}

async function directories(): Promise<void> {
  const rate = (perSecond: number): string => `${Math.round(perSecond).toLocaleString("en")} a second`;
  const forMs = 2_000;
  await withFolder(async (folder) => {
    const store = await openLevelStore(folder);
    const directory = createEmbeddedDirectory({ store });
    for (const outstanding of [1, 64])
      print(
        `changes of the embedded directory, ${outstanding} at a time`,
        rate(await changesPerSecond(directory, outstanding, forMs)),
      );
    await store.close();
  });
  const found = findEtcd();
  if ("missing" in found) return print("changes of etcd", `not measured: ${found.missing}`);
  for (const members of [1, 3]) {
    const cluster = await startEtcd(found.path, members);
    const directory = createEtcdDirectory({
      endpoints: cluster.endpoints,
      prefix: "scaling/",
      clock,
      log: quietLog,
      founding: true,
    });
    for (const outstanding of [1, 64])
      print(
        `changes of etcd, ${members} here, ${outstanding} at a time`,
        rate(await changesPerSecond(directory, outstanding, forMs)),
      );
    directory.close();
    await cluster.stop();
  }
}

function planning(): void {
  for (const nodeCount of [3, 100, 1_000]) {
    const members = Array.from({ length: nodeCount }, (_, index) => member(index));
    const up = new Set(members.map(({ node }) => node));
    const placed = slotNames(roles.length * slotCount).map((slot) =>
      slotRecord(
        slot,
        rankNodes(slot, members)
          .slice(0, 3)
          .map(({ node }) => node),
      ),
    );
    const input = { members, slots: placed, policy: { replicas: 3, minInSync: 1 }, limits: placementLimits };
    const all = `${nodeCount.toLocaleString("en")} nodes, ${placed.length.toLocaleString("en")} slots`;
    print(`a plan, ${all}, all well`, `${bestMs(3, () => plan({ ...input, up, balance: true })).toFixed(0)} ms`);
    const without = new Set(up);
    without.delete(nodeName(1));
    print(
      `a plan, ${all}, one node gone`,
      `${bestMs(3, () => plan({ ...input, up: without, balance: true })).toFixed(0)} ms`,
    );
  }
}

const measurements = { sizes, tables, detector, slots, connections, beats, directories, planning } as const;

const asked = process.argv.slice(2);
const chosen = Object.entries(measurements).filter(([name]) => asked.length === 0 || asked.includes(name));
// A process each: what one leaves behind would count as the next one's memory.
for (const [name, measure] of chosen) {
  if (chosen.length === 1) await measure();
  else spawnSync(process.execPath, [...process.execArgv, import.meta.filename, name], { stdio: "inherit" });
}
process.exit(0);
