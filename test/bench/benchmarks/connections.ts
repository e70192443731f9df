/** Many WebSockets on one server: how fast it writes to all of them, and what each takes while nothing happens. */
import { perSecond, startServed, type Target, type Benchmark, type Figures, type Served } from "../benchmark.ts";
import { createNodeFolder, signUpPeople, startServer, watched, type Server } from "../server.ts";

/** The room that all follow. */
export const room = "bench";
export const connectionsPerPerson = 63;
const readers = 1_000;
const postsAtOnce = 8;
const posts = 80;
const postsAlone = 20;

/** A burst with several posts under way, then posts one by one. */
export async function fanOutRound(
  server: Server,
  load: Served,
  burst = { posts, alone: postsAlone },
): Promise<Figures> {
  const before = await server.watch("cpu");
  const crowd = (await load.call("round", { posts: burst.posts, atOnce: postsAtOnce })) as {
    elapsedMs: number;
    deliveries: number;
  };
  const after = await server.watch("cpu");
  const alone = (await load.call("round", { posts: burst.alone, atOnce: 1 })) as { elapsedMs: number };
  return {
    perSecond: (crowd.deliveries / crowd.elapsedMs) * 1_000,
    cpuUs: (after - before) / crowd.deliveries,
    aloneMs: alone.elapsedMs / burst.alone,
  };
}

/** Members for so many connections, spread over the people. */
export function membersFor(tokens: readonly string[], connections: number): { token: string; count: number }[] {
  const share = Math.ceil(connections / tokens.length);
  return tokens.map((token, index) => ({ token, count: Math.max(0, Math.min(share, connections - index * share)) }));
}

/** What follows it. */
export const subscribe = JSON.stringify({ id: 1, do: "subscribe", to: `room/${room}` });

/** What an event frame looks like, so that the peer broadcasts the same bytes. */
export const eventOf = (seq: string): string =>
  JSON.stringify({
    topic: `room/${room}`,
    at: "{n}",
    event: { type: "posted", message: { seq: "{n}", author: "user/bench0", text: "{text}", atMs: 1_750_000_000_000 } },
  }).replaceAll('"{n}"', seq);

async function fanOutOurs(): Promise<Target> {
  const folder = await createNodeFolder({ models: false });
  const server = await folder.start({ execArgv: watched });
  const load = await startServed("load.ts");
  const tokens = await signUpPeople(server, Math.ceil(readers / connectionsPerPerson), room);
  const plan = { port: server.port, path: "/ws", greetings: 1 };
  await load.call("read", { ...plan, members: membersFor(tokens, readers), first: subscribe });
  await load.call("post", {
    plan: { ...plan, members: tokens.map((token) => ({ token, count: 1 })) },
    text: JSON.stringify({ id: 1, do: "room.post", to: room, with: { text: "{text}" }, operationId: "post{n}" }),
    answered: true,
  });
  return {
    round: () => fanOutRound(server, load),
    async stop() {
      await load.stop();
      await server.stop();
      await folder.remove();
    },
  };
}

async function fanOutPeer(): Promise<Target> {
  const server = await startServer("targets/broadcast.ts", [], watched);
  const load = await startServed("load.ts");
  const plan = { port: server.port, greetings: 0 };
  await load.call("read", { ...plan, path: "/ws", members: [{ count: readers }] });
  await load.call("post", {
    plan: { ...plan, path: "/post", members: [{ count: 1 }] },
    text: eventOf("{n}"),
    answered: false,
  });
  return {
    round: () => fanOutRound(server, load),
    async stop() {
      await load.stop();
      await server.stop();
    },
  };
}

export const fanOut: Benchmark = {
  name: "fan-out",
  about: `posts to one room with ${readers} connections, until everybody has them`,
  warmUps: 2,
  rounds: 7,
  targets: { plexus: fanOutOurs, ws: fanOutPeer },
  rows: [
    perSecond({ row: "fan-out/ws", unit: "deliveries/s", ours: "plexus", peers: ["ws"], aimRatio: 0.6 }),
    { row: "fan-out/ws/cpu", unit: "µs of server CPU/delivery", better: "lower", figure: "cpuUs", ours: "plexus", peers: ["ws"] },
    { row: "fan-out/ws/alone", unit: "ms to the last of all", better: "lower", figure: "aloneMs", ours: "plexus", peers: ["ws"] },
  ],
}; // prettier-ignore

const idlers = 2_000;
/** Connected before the first look, so that what a server takes once is not counted as taken by connections. */
const idlersBefore = 200;

/** A fresh server, because memory that was once taken is not given back. */
async function idleRound(server: Server, members: (count: number) => object[], first: string | undefined): Promise<Figures> {
  const load = await startServed("load.ts");
  const plan = { port: server.port, path: "/ws", greetings: first === undefined ? 0 : 1, ...(first !== undefined && { first }) };
  await load.call("read", { ...plan, members: members(idlersBefore) });
  const before = await server.watch("memory");
  await load.call("read", { ...plan, members: members(idlers) });
  const after = await server.watch("memory");
  await load.stop();
  return { kilobytes: (after - before) / idlers / 1024 };
} // prettier-ignore

async function idleOurs(): Promise<Target> {
  return {
    async round() {
      const folder = await createNodeFolder({ models: false });
      const server = await folder.start({ execArgv: watched });
      const tokens = await signUpPeople(server, Math.ceil((idlers + idlersBefore) / connectionsPerPerson) + 1, room);
      const figures = await idleRound(server, (count) => membersFor(tokens, count), subscribe);
      await server.stop();
      await folder.remove();
      return figures;
    },
    stop: () => Promise.resolve(),
  };
}

async function idlePeer(): Promise<Target> {
  return {
    async round() {
      const server = await startServer("targets/broadcast.ts", [], watched);
      const figures = await idleRound(server, (count) => [{ count }], undefined);
      await server.stop();
      return figures;
    },
    stop: () => Promise.resolve(),
  };
}

export const idleMemory: Benchmark = {
  name: "idle-memory",
  about: `memory of ${idlers} connections that are signed in, follow a room, and say nothing`,
  warmUps: 0,
  rounds: 3,
  targets: { plexus: idleOurs, ws: idlePeer },
  rows: [
    { row: "idle-memory/ws", unit: "KB/connection", better: "lower", figure: "kilobytes", ours: "plexus", peers: ["ws"], aimBeyond: 40 },
  ],
}; // prettier-ignore
