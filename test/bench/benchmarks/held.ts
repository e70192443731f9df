/** What a node holds at a stated load, on a machine of two cores: reads at a pace, and people as they are. What other
 *  programs take of the machine meanwhile is a part of the load, so it is measured and told: a round counts for the aim
 *  where they leave what server and clients need. */
import { cpus } from "node:os";
import { startServed, type Served } from "../benchmark.ts";
import { createNodeFolder, openRoom, post, signUpPeople, watched, type Server } from "../server.ts";
import { idleTimer, type Samples, type Timing } from "../timing.ts";
import type { Held } from "../targets/held.ts";

const readsPerSecond = 5_000;
const lanes = 64;
const durationMs = 5_000;
/** Messages in an answer. */
const page = 20;

const behindOf = ({ answered, planned }: Held): number => (1 - answered / planned) * 100;
/** Microseconds of a processor in so many milliseconds, in percent of a core. */
const percentOf = (cpuUs: number, elapsedMs: number): number => cpuUs / 10 / elapsedMs;
/** Microseconds of all processors that were not idle. */
const busyUs = (): number =>
  cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + (user + nice + sys + irq) * 1_000, 0);
/** Two cores: server and clients want one of them. */
const othersPercentMax = 50;
/** How long a round waits for a moment in which others take less. */
const calmWaitMs = 60_000;
const calmLookMs = 1_000;

/** What is taken of all cores now, in percent of one. */
async function takenNow(): Promise<number> {
  const [before, startMs] = [busyUs(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, calmLookMs));
  return percentOf(busyUs() - before, performance.now() - startMs);
}

/** Waits for a moment in which others leave the machine alone, as long as there is any use in it. */
async function calm(): Promise<void> {
  const startMs = performance.now();
  while ((await takenNow()) > othersPercentMax && performance.now() - startMs < calmWaitMs);
}

function say(what: string, held: Held): void {
  if (process.env["BENCH_LOG"] !== undefined) console.error(what, JSON.stringify(held));
}

export const heldReads: Timing = {
  name: "held-reads",
  about: `${readsPerSecond} reads a second by REST, of ${page} messages each, on ${lanes} connections, for ${durationMs / 1_000} s; waits count from when a read was due`,
  rounds: 5,
  async start() {
    const served = await startServed("rest.ts");
    const { url, token } = (await served.call("listen", { rooms: 16, page })) as { url: string; token: string };
    const load = await startServed("held.ts");
    const plan = { port: Number(new URL(url).port), token, path: `/api/v1/rooms/r0/messages?limit=${page}`, lanes };
    const run = async (ms: number): Promise<Samples> => {
      const before = (await served.call("cpu")) as number;
      const [busyBefore, startMs] = [busyUs(), performance.now()];
      const held = (await load.call("reads", { ...plan, perSecond: readsPerSecond, durationMs: ms })) as Held;
      const server = percentOf(((await served.call("cpu")) as number) - before, performance.now() - startMs);
      const all = percentOf(busyUs() - busyBefore, performance.now() - startMs);
      const driver = held.cpuShare * 100;
      const others = Math.max(0, all - server - driver);
      say(`held-reads, others ${others.toFixed(0)} %`, held);
      const told = {
        p99: [held.p99Ms],
        behind: [behindOf(held)],
        server: [server],
        driver: [driver],
        others: [others],
      };
      return { ...told, ...(others <= othersPercentMax ? { mean: [held.meanMs] } : { shared: [held.meanMs] }) };
    };
    await run(2_000);
    return {
      async round() {
        await calm();
        return run(durationMs);
      },
      async stop() {
        await load.stop();
        await served.stop();
      },
    };
  },
  rows: [
    { row: "held-reads/mean", unit: "ms, mean of a round", samples: "mean", noise: idleTimer, aim: { share: 0.5, atMost: 50 } }, // prettier-ignore
    { row: "held-reads/mean-shared", unit: `ms, of rounds in which others took more than ${othersPercentMax} % of a core`, samples: "shared", noise: idleTimer }, // prettier-ignore
    { row: "held-reads/others", unit: "% of a core, of other programs", samples: "others", noise: "driver" },
    { row: "held-reads/p99", unit: "ms, p99 of a round", samples: "p99", noise: idleTimer },
    { row: "held-reads/behind", unit: "% not answered in time", samples: "behind", noise: "behind", aim: { share: 0.5, atMost: 0.1 } }, // prettier-ignore
    { row: "held-reads/cpu", unit: "% of a core", samples: "server", noise: "driver" },
  ],
};

const persons = 1_000;
/** An account has at most so many connections; hashing a password for each of a thousand would take minutes. */
const perAccount = 50;
const rooms = 20;
/** Each posts once a minute, and reads twice a minute by REST. */
const postsPerSecond = persons / 60;
const quietReadsPerSecond = (2 * persons) / 60;
const peopleMs = 20_000;

/** People who are there: who they are, and the room that each follows. */
async function gather(server: Server, load: Served) {
  const tokens = await signUpPeople(server, persons / perAccount, "lobby");
  const [first = ""] = tokens;
  const names = Array.from({ length: rooms }, (_, at) => `room${at}`);
  for (const room of names) {
    await openRoom(server, first, room);
    for (let at = 0; at < page; at += 1)
      await post(server, first, room, `Message ${at}, of the length that messages have.`);
  }
  // Each account is in every room: its connections are spread over them.
  for (const token of tokens.slice(1))
    for (const room of names) {
      const joined = await fetch(`${server.url}/api/v1/rooms/${room}/join`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: "{}",
      });
      if (!joined.ok) throw new Error(`${room}: ${await joined.text()}`);
    }
  const members = Array.from({ length: persons }, (_, at) => ({
    token: tokens[at % tokens.length] ?? "",
    room: names[Math.floor(at / tokens.length) % rooms] ?? "",
  }));
  await load.call("gather", { port: server.port, members });
  return { first, rooms: members.map(({ room }) => room) };
}

export const heldPeople: Timing = {
  name: "held-people",
  about: `${persons} connections that follow ${rooms} rooms; each posts once a minute to 50 people, and reads twice a minute: the usual load of ${persons} active people`,
  rounds: 3,
  async start() {
    const folder = await createNodeFolder({ models: false });
    const server = await folder.start({ execArgv: watched, descriptorsMax: 4_096 });
    const [load, reader] = [await startServed("held.ts"), await startServed("held.ts")];
    const there = await gather(server, load);
    const reads = {
      port: server.port,
      token: there.first,
      path: `/api/v1/rooms/room0/messages?limit=${page}`,
      lanes: 8,
    };
    const cpuOf = async (work: () => Promise<unknown>): Promise<number> => {
      const [before, startMs] = [await server.watch("cpu"), performance.now()];
      await work();
      return percentOf((await server.watch("cpu")) - before, performance.now() - startMs);
    };
    return {
      async round(): Promise<Samples> {
        const idle = await cpuOf(() => new Promise((resolve) => setTimeout(resolve, 3_000)));
        let posted: Held | undefined;
        let read: Held | undefined;
        const busy = await cpuOf(async () => {
          [posted, read] = (await Promise.all([
            load.call("posts", { perSecond: postsPerSecond, durationMs: peopleMs, rooms: there.rooms }),
            reader.call("reads", { ...reads, perSecond: quietReadsPerSecond, durationMs: peopleMs }),
          ])) as [Held, Held];
        });
        if (posted === undefined || read === undefined) throw new Error("nothing was measured");
        say("held-people posts", posted);
        say("held-people reads", read);
        return { busy: [busy], idle: [idle], posts: [posted.meanMs], reads: [read.meanMs], behind: [behindOf(posted)] };
      },
      async stop() {
        await reader.stop();
        await load.stop();
        await server.stop();
        await folder.remove();
      },
    };
  },
  rows: [
    { row: "held-people/cpu", unit: "% of a core", samples: "busy", noise: "idle", aim: { share: 0.5, atMost: 50 } },
    { row: "held-people/posts", unit: "ms, mean of a round", samples: "posts", noise: idleTimer },
    { row: "held-people/reads", unit: "ms, mean of a round", samples: "reads", noise: idleTimer, aim: { share: 0.5, atMost: 50 } }, // prettier-ignore
    { row: "held-people/behind", unit: "% not answered in time", samples: "behind", noise: "behind" },
  ],
};
