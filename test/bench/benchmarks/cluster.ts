/** What people notice of a cluster: how long an actor is away when its node dies or it moves, and how events spread. */
import { BenchCluster } from "../cluster.ts";
import { startSpinners } from "../processes.ts";
import { idleDisk, idleTimer, type Samples, type Timing } from "../timing.ts";

const chatNodes = { one: ["chat"], two: ["chat"], three: ["chat"] } as const;
/** Keeps the directory, decides on failovers, and writes. */
const manager = { manager: ["manager", "gateway"] } as const;

/** A cluster with an actor that has written, in so many copies. */
async function startCounter(replicas: number) {
  const cluster = await BenchCluster.start({ nodes: { ...manager, ...chatNodes }, replicas });
  const writer = cluster.member("manager");
  const actor = "counter/k0";
  await writer.call("write", { actor, count: 10 });
  return { cluster, writer, actor };
}

interface Placed {
  readonly owner: string;
  readonly inSync: readonly string[];
}

const failover = (name: string, signal: "SIGKILL" | "SIGSTOP", about: string, aimMs: number): Timing => ({
  name,
  about,
  rounds: 60,
  async start() {
    const { cluster, writer, actor } = await startCounter(3);
    return {
      async round(): Promise<Samples> {
        await writer.call("settled", { replicas: 3, actor });
        const { owner } = (await writer.call("placed", { actor })) as Placed;
        const victim = cluster.member(owner);
        const { pauseMs } = (await writer.call("failover", { actor, pid: victim.pid, signal })) as { pauseMs: number };
        if (signal === "SIGSTOP") process.kill(victim.pid, "SIGCONT");
        else {
          await victim.ended();
          await cluster.startMember(owner);
        }
        await writer.call("connected", { nodes: cluster.names });
        await writer.call("verify");
        return { pause: [pauseMs] };
      },
      stop: () => cluster.stop(),
    };
  },
  rows: [{ row: name, unit: "ms", samples: "pause", noise: idleDisk, aim: { share: 0.99, atMost: aimMs } }],
});

export const failoverKilled: Timing = failover(
  "failover-killed",
  "SIGKILL",
  "from kill -9 of the owner's process to the first write that a new owner acknowledges",
  500,
);

export const failoverStopped: Timing = failover(
  "failover-stopped",
  "SIGSTOP",
  "from the moment the owner's process is stopped, with its connections open, to the first write at a new owner",
  2_500,
);

const calmMs = 300;
/** As long as a writer may wait for its turn on an overcommitted machine. */
const busyCalmMs = 2_000;
const recordBytes = 100_000;
const records = 100;

/** Two copies on three nodes, so that a move may have to make the copy first. */
const migration = (name: string, about: string, filled: boolean): Timing => ({
  name,
  about,
  rounds: 60,
  async start() {
    const { cluster, writer, actor } = await startCounter(2);
    if (filled) await writer.call("fill", { actor, records, bytes: recordBytes });
    await writer.call("settled", { replicas: 2, actor });
    return {
      async round(round): Promise<Samples> {
        const { owner, inSync } = (await writer.call("placed", { actor })) as Placed;
        const others = Object.keys(chatNodes).filter((node) => node !== owner);
        const to = others.find((node) => !inSync.includes(node)) ?? others[round % others.length];
        const { pauseMs, calmGapMs, moveMs } = (await writer.call("migrate", { actor, to, calmMs })) as Record<
          "pauseMs" | "calmGapMs" | "moveMs",
          number
        >;
        await writer.call("verify");
        // The first move also pins the actor, and the slot it leaves behind, which still has its history, finds its
        // place.
        if (round === 0) await writer.call("settled", { replicas: 2 });
        return round === 0 ? {} : { pause: [pauseMs], calm: [calmGapMs], move: [moveMs] };
      },
      stop: () => cluster.stop(),
    };
  },
  rows: [
    { row: name, unit: "ms", samples: "pause", noise: "calm", aim: { share: 0.99, atMost: 50 } },
    { row: `${name}/whole-move`, unit: "ms", samples: "move", noise: idleDisk },
  ],
});

export const migrationEmpty: Timing = migration(
  "migration",
  "an actor moves under a steady writer: the longest time between two acknowledged writes around each move",
  false,
);

export const migrationFilled: Timing = migration(
  "migration-10mb",
  "the same with an actor that keeps 10 MB of records",
  true,
);

/** Processors are overcommitted so many times by a load generator. */
const overcommitTimes = 10;
/** Other actors with a steady writer each, spread over the nodes. */
const neighbours = 16;

/** Moves and failovers of the same actor on the same overcommitted machine, one after the other. */
export const moveBusy: Timing = {
  name: "move-busy",
  about: `an actor moves, and then loses its owner, beside ${neighbours} busy actors on processors overcommitted ${overcommitTimes} times`,
  rounds: 20,
  async start() {
    const { cluster, writer, actor } = await startCounter(3);
    const spinners = await startSpinners(overcommitTimes);
    /** Runs something while the load generator and the neighbours keep the machine busy. */
    const busy = async (work: () => Promise<Samples>): Promise<Samples> => {
      await writer.call("neighbours", { count: neighbours });
      spinners.spin();
      try {
        return await work();
      } finally {
        spinners.pause();
        await writer.call("quiet");
      }
    };
    /** A move of an actor that has a slot of its own since an earlier one, and the first of another, which gets one. */
    const move = async (round: number): Promise<Samples> => {
      const pauses: Record<string, number[]> = {};
      for (const [sample, moved] of Object.entries({ move: actor, "first move": `counter/fresh${round}` })) {
        await writer.call("write", { actor: moved, count: 10 });
        const { owner } = (await writer.call("placed", { actor: moved })) as Placed;
        const others = Object.keys(chatNodes).filter((node) => node !== owner);
        const given = { actor: moved, to: others[round % others.length], calmMs: busyCalmMs };
        const { pauseMs, calmGapMs } = (await writer.call("migrate", given)) as { pauseMs: number; calmGapMs: number };
        pauses[sample] = [pauseMs];
        pauses["calm"] = [...(pauses["calm"] ?? []), calmGapMs];
      }
      return pauses;
    };
    const kill = async (): Promise<Samples> => {
      const { owner } = (await writer.call("placed", { actor })) as Placed;
      const victim = cluster.member(owner);
      const given = { actor, pid: victim.pid, signal: "SIGKILL" };
      const { gapMs } = (await writer.call("failover", given)) as { gapMs: number };
      return { failover: [gapMs] };
    };
    return {
      async round(round): Promise<Samples> {
        await writer.call("settled", { replicas: 3 });
        const moved = await busy(() => move(round));
        await writer.call("verify");
        await writer.call("settled", { replicas: 3 });
        const { owner } = (await writer.call("placed", { actor })) as Placed;
        const failed = await busy(kill);
        await cluster.member(owner).ended();
        await cluster.startMember(owner);
        await writer.call("connected", { nodes: cluster.names });
        await writer.call("verify");
        if (round === 0) return {};
        const ofFailover = (sample: string): number => (moved[sample]?.[0] ?? NaN) / (failed["failover"]?.[0] ?? NaN);
        return { ...moved, ...failed, ratio: [ofFailover("move")], "first ratio": [ofFailover("first move")] };
      },
      async stop() {
        spinners.stop();
        await cluster.stop();
      },
    };
  },
  rows: [
    { row: "move-busy", unit: "of a failover", samples: "ratio", noise: "none", aim: { share: 0.5, atMost: 1 } },
    {
      row: "move-busy/first",
      unit: "of a failover",
      samples: "first ratio",
      noise: "none",
      aim: { share: 0.5, atMost: 1 },
    },
    { row: "move-busy/first-move", unit: "ms", samples: "first move", noise: "calm" },
    { row: "move-busy/move", unit: "ms", samples: "move", noise: "calm" },
    { row: "move-busy/failover", unit: "ms", samples: "failover", noise: "calm" },
  ],
};

const followersPerNode = 100;
const eventsAtOnce = 64;
const eventsAlone = 20;

interface Hears {
  readonly heard: number;
  readonly eventRows: number;
  readonly atMs: number;
}

export const fanOutNodes: Timing = {
  name: "fan-out-nodes",
  about: `events of one actor to ${followersPerNode} followers at each of three other nodes`,
  rounds: 30,
  async start() {
    const nodes = { ...manager, one: ["gateway"], two: ["gateway"], three: ["chat"] } as const;
    const cluster = await BenchCluster.start({ nodes, replicas: 1, count: true });
    const actor = "counter/k0";
    const owner = cluster.member("three");
    const others = cluster.names.filter((name) => name !== "three").map((name) => cluster.member(name));
    await owner.call("write", { actor, count: 1 });
    for (const node of others) await node.call("follow", { actor, count: followersPerNode });
    let events = 0;
    /** The moment of the first of so many events, and what each node has heard once all of it came. */
    const emit = async (count: number): Promise<{ readonly sentMs: number; readonly hears: readonly Hears[] }> => {
      events += count;
      const all = Promise.all(others.map((node) => node.call("hears", { count: events * followersPerNode })));
      const sentMs = (await owner.call("emit", { actor, count })) as number;
      const hears = (await all) as Hears[];
      if (hears.some(({ heard }) => heard !== events * followersPerNode)) throw new Error("a follower heard an event twice");
      return { sentMs, hears };
    };
    return {
      async round(): Promise<Samples> {
        const alone: number[] = [];
        for (let event = 0; event < eventsAlone; event += 1) {
          const { sentMs, hears } = await emit(1);
          alone.push(Math.max(...hears.map(({ atMs }) => atMs)) - sentMs);
        }
        const { sentMs, hears } = await emit(eventsAtOnce);
        const burst = Math.max(...hears.map(({ atMs }) => atMs)) - sentMs;
        return { alone, burst: [burst], copies: hears.map(({ eventRows }) => eventRows / events) };
      },
      stop: () => cluster.stop(),
    };
  },
  rows: [
    { row: "fan-out-nodes", unit: "ms to the last follower", samples: "alone", noise: idleTimer },
    { row: "fan-out-nodes/burst", unit: `ms for ${eventsAtOnce} events`, samples: "burst", noise: idleTimer },
    { row: "fan-out-nodes/copies", unit: "messages per event and node", samples: "copies", noise: "none", aim: { share: 1, atMost: 1 } },
  ],
}; // prettier-ignore
