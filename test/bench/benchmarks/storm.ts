/** A node that is killed with ten thousand connections on it, and comes again: how long until all of them are back. */
import { startServed } from "../benchmark.ts";
import { createNodeFolder, signUpPeople, watched, type Server } from "../server.ts";
import { idleTimer, type Samples, type Timing } from "../timing.ts";
import type { Stormed } from "../targets/storm.ts";
import { connectionsPerPerson, room } from "./connections.ts";

/** Fewer for a first look. */
const connections = Number(process.env["PLEXUS_BENCH_STORM"] ?? 10_000);
const first = [
  JSON.stringify({ id: 1, do: "subscribe", to: `room/${room}` }),
  JSON.stringify({ id: 2, do: "watch" }),
  JSON.stringify({ id: 3, do: "look", with: { people: ["bench0", "bench1", "bench2", "bench3"] } }),
];

async function kill(server: Server): Promise<void> {
  process.kill(server.pid, "SIGKILL");
  // It is over when nothing listens any more.
  for (;;) {
    const isThere = await fetch(server.url).then(
      () => true,
      () => false,
    );
    if (!isThere) return;
  }
}

export const storm: Timing = {
  name: "storm",
  about: `a node is killed with ${connections} connections that follow a room, presence and other rooms, and started again: until each is back, with the waits of the client`,
  rounds: 2,
  async start() {
    const folder = await createNodeFolder({ models: false });
    let server = await folder.start({ execArgv: watched });
    const tokens = await signUpPeople(server, Math.ceil(connections / connectionsPerPerson), room);
    const load = await startServed("storm.ts");
    const plan = { port: server.port, tokens, connections, first };
    const flags = ["--port", String(server.port)];
    await load.call("storm", plan);
    return {
      async round(): Promise<Samples> {
        await kill(server);
        const sinceMs = performance.now();
        const coming = load.call("storm", plan) as Promise<Stormed>;
        server = await folder.start({ execArgv: watched, flags });
        const startedS = (performance.now() - sinceMs) / 1_000;
        const { backMs, unreached, refused } = await coming;
        const tookS = (performance.now() - sinceMs) / 1_000 - startedS;
        const cpuS = (await server.watch("cpu")) / 1e6;
        const memory = (await server.watch("memory")) / 2 ** 30;
        return {
          back: backMs.map((ms) => ms / 1_000),
          started: [startedS],
          took: [tookS],
          cpu: [cpuS],
          memory: [memory],
          unreached: [unreached],
          refused: [refused],
        };
      },
      async stop() {
        await load.stop();
        await server.stop();
        await folder.remove();
      },
    };
  },
  rows: [
    { row: "storm/back", unit: "s from the death", samples: "back", noise: "started" },
    { row: "storm/took", unit: "s from the ready line to the last", samples: "took", noise: idleTimer },
    { row: "storm/refused", unit: "tries turned away", samples: "refused", noise: "unreached" },
    { row: "storm/cpu", unit: "s of the node's CPU", samples: "cpu", noise: idleTimer },
    { row: "storm/memory", unit: "GiB resident, all connected", samples: "memory", noise: "started", aim: { share: 0.5, atMost: 1.86 } },
  ],
}; // prettier-ignore
