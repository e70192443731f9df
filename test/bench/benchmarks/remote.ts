/** What goes from one node to another: questions, messages that nobody waits for, events. */
import { BenchCluster } from "../cluster.ts";
import {
  perSecond,
  startServed,
  type Target,
  type Benchmark,
  type Figures,
  type RowPlan,
  type Served,
} from "../benchmark.ts";

/** The load and the figures of one target: one call of one process, with other processes around it. */
interface Remote {
  readonly call: string;
  readonly load: object;
}

/** A keeps the directory and asks; the actors are at B, without copies: the question goes there and back, and B asks
 *  nobody whether it still owns them. */
async function members({ call, load }: Remote): Promise<Target> {
  const cluster = await BenchCluster.start({ nodes: { a: ["manager", "gateway"], b: ["chat"] }, replicas: 1 });
  const asking = cluster.member("a");
  await asking.call("write", { actor: "counter/k0", count: 1 });
  await asking.call("follow", { actor: "counter/k0", count: 1 });
  return { round: async () => (await asking.call(call, load)) as Figures, stop: () => cluster.stop() };
}

const pair = ({ call, load }: Remote, asking: Served, answering: Served): Target => ({
  round: async () => (await asking.call(call, load)) as Figures,
  async stop() {
    await asking.stop();
    await answering.stop();
  },
});

/** An exchange on the mesh, and nothing on it. */
async function exchange(remote: Remote): Promise<Target> {
  const [asking, answering] = [await startServed("mesh.ts", ["a"]), await startServed("mesh.ts", ["b"])];
  const both = await Promise.all([asking.call("record"), answering.call("record")]);
  await Promise.all([asking.call("meet", { members: both }), answering.call("meet", { members: both })]);
  return pair(remote, asking, answering);
}

/** A peer that listens in one process and asks in another. */
async function peer(file: string, remote: Remote): Promise<Target> {
  const [asking, answering] = [await startServed(file), await startServed(file)];
  await asking.call("connect", { port: await answering.call("listen") });
  return pair(remote, asking, answering);
}

const durationMs = 400;
const loads = {
  x1: { lanes: 1, outstanding: 1, durationMs },
  x64: { lanes: 1, outstanding: 64, durationMs },
  x1024: { lanes: 1, outstanding: 1_024, durationMs },
};
const asks: Remote = { call: "volatile", load: { loads } };

const askRow = (ours: string, against: string, load: string, aimRatio?: number): RowPlan => ({
  row: `remote-ask/${ours === "plexus" ? "" : `${ours}-`}${against}${load === "x1" ? "" : `/${load}`}`,
  unit: "asks/s",
  better: "higher",
  figure: `${load} perSecond`,
  ours,
  peers: [against],
  ...(aimRatio !== undefined && { aimRatio }),
});

export const remoteAsk: Benchmark = {
  name: "remote-ask",
  about: "questions to one actor on another node that change its memory only: 1, 64 and 1,024 outstanding",
  warmUps: 3,
  rounds: 9,
  targets: {
    plexus: () => members(asks),
    exchange: () => exchange(asks),
    grpc: () => peer("grpc.mjs", asks),
    tcp: () => peer("tcp.ts", asks),
  },
  rows: [
    askRow("plexus", "grpc", "x1"),
    askRow("plexus", "grpc", "x64", 8),
    askRow("plexus", "grpc", "x1024"),
    askRow("plexus", "tcp", "x1"),
    askRow("plexus", "tcp", "x64", 0.3),
    askRow("plexus", "tcp", "x1024"),
    askRow("plexus", "exchange", "x1"),
    askRow("plexus", "exchange", "x64"),
    askRow("plexus", "exchange", "x1024"),
    askRow("exchange", "tcp", "x64"),
  ],
};

// Two bursts fit an actor's mailbox.
const bursts = { lanes: 1, outstanding: 2, durationMs, weight: 256 };
const tells: Remote = { call: "tell", load: bursts };
const events: Remote = { call: "events", load: { ...bursts, outstanding: 1, actor: "counter/k0" } };

export const remoteTell: Benchmark = {
  name: "remote-tell",
  about:
    "bursts of 256 messages to an actor on another node, two bursts under way, each confirmed by one question behind it",
  warmUps: 3,
  rounds: 9,
  targets: {
    plexus: () => members(tells),
    exchange: () => exchange(tells),
    tcp: () => peer("tcp.ts", tells),
  },
  rows: [
    perSecond({ row: "remote-tell/tcp", unit: "tells/s", ours: "plexus", peers: ["tcp"] }),
    perSecond({ row: "remote-tell/exchange", unit: "tells/s", ours: "plexus", peers: ["exchange"] }),
    perSecond({ row: "remote-tell/exchange-tcp", unit: "messages/s", ours: "exchange", peers: ["tcp"] }),
  ],
};

export const remoteEvents: Benchmark = {
  name: "remote-events",
  about: "bursts of 256 events from an actor on another node to one follower here",
  warmUps: 3,
  rounds: 9,
  targets: { plexus: () => members(events), tcp: () => peer("tcp.ts", events) },
  rows: [perSecond({ row: "remote-events/tcp", unit: "events/s", ours: "plexus", peers: ["tcp"] })],
};
