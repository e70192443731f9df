/** A room of a thousand and of ten thousand connections that also hear who is there and what is new elsewhere, beside
 *  socket.io, which sends the same bytes to a room of as many and does neither. */
import { startServed, type Benchmark, type Target } from "../benchmark.ts";
import { createNodeFolder, signUpPeople, startServer, watched, type NodeFolder, type Server } from "../server.ts";
import { ejabberdRoom, startEjabberd } from "../ejabberd.ts";
import { connectionsPerPerson, eventOf, fanOutRound, membersFor, room, subscribe } from "./connections.ts";

const lookedAt = 20;

/** Presence of some people, news of other rooms, and the room. */
const follows = [
  JSON.stringify({ id: 2, do: "watch" }),
  JSON.stringify({
    id: 3,
    do: "look",
    with: { people: Array.from({ length: lookedAt }, (_, one) => `bench${one}`) },
  }),
  subscribe,
];

interface Crowd {
  readonly folder: NodeFolder;
  readonly server: Server;
  readonly tokens: readonly string[];
}

async function nodeFor(connections: number): Promise<Crowd> {
  const folder = await createNodeFolder({ models: false });
  const server = await folder.start({ execArgv: watched });
  return { folder, server, tokens: await signUpPeople(server, Math.ceil(connections / connectionsPerPerson), room) };
}

const burstOf = (connections: number) => ({
  posts: connections > 2_000 ? 16 : 80,
  alone: connections > 2_000 ? 4 : 20,
});

const plexus = (connections: number) => async (): Promise<Target> => {
  const { folder, server, tokens } = await nodeFor(connections);
  const load = await startServed("load.ts");
  const plan = { port: server.port, path: "/ws", greetings: 1 };
  await load.call("read", { ...plan, members: membersFor(tokens, connections), first: follows });
  await load.call("post", {
    plan: { ...plan, members: tokens.slice(0, 16).map((token) => ({ token, count: 1 })) },
    text: JSON.stringify({ id: 1, do: "room.post", to: room, with: { text: "{text}" }, operationId: "post{n}" }),
    answered: true,
  });
  return {
    round: () => fanOutRound(server, load, burstOf(connections)),
    async stop() {
      await load.stop();
      await server.stop();
      await folder.remove();
    },
  };
};

const socketIo = (connections: number) => async (): Promise<Target> => {
  const server = await startServer("targets/socket-io.mjs", [], watched);
  const load = await startServed("load.ts");
  // The opening of engine.io and of its namespace.
  const plan = { port: server.port, path: "/socket.io/?EIO=4&transport=websocket", greetings: 1, first: "40" };
  await load.call("read", { ...plan, members: [{ count: connections }] });
  const poster = { ...plan, path: `${plan.path}&posts=1`, members: [{ count: 1 }] };
  await load.call("post", { plan: poster, text: `42["post",${eventOf("{n}")}]`, answered: false });
  return {
    round: () => fanOutRound(server, load, burstOf(connections)),
    async stop() {
      await load.stop();
      await server.stop();
    },
  };
}; // prettier-ignore

const ejabberd = (connections: number) => async (): Promise<Target> => {
  const server = await startEjabberd();
  const load = await startServed("load.ts");
  const plan = { port: server.port, path: "/ws", greetings: 0, xmppRoom: ejabberdRoom };
  await load.call("read", { ...plan, members: [{ count: connections }] });
  // Of one poster, who has its own post back as everybody has it.
  const body = `<message xmlns='jabber:client' to='${ejabberdRoom}' type='groupchat'><body>{n} {text}</body></message>`;
  await load.call("post", { plan: { ...plan, members: [{ count: 1 }] }, text: body, answered: true });
  return {
    note: "Debian's package, over WebSockets; it keeps no history and does not answer a post",
    round: () => fanOutRound(server, load, burstOf(connections)),
    async stop() {
      await load.stop();
      await server.stop();
    },
  };
}; // prettier-ignore

/** As socket.io, and everybody is told of everybody who enters. */
const ejabberdCrowdOf = (name: string, connections: number): Benchmark => ({
  name,
  about: `posts to one room with ${connections} connections that hear of presence, beside Debian's ejabberd`,
  warmUps: 1,
  rounds: 5,
  targets: { plexus: plexus(connections), ejabberd: ejabberd(connections) },
  rows: [
    // A third of the peer's processor time for a delivery: three times as many in the same.
    { row: `${name}/cpu`, unit: "µs of server CPU/delivery", better: "lower", figure: "cpuUs", ours: "plexus", peers: ["ejabberd"], aimRatio: 0.33 },
    { row: `${name}/deliveries`, unit: "deliveries/s", better: "higher", figure: "perSecond", ours: "plexus", peers: ["ejabberd"] },
    { row: `${name}/alone`, unit: "ms to the last of all", better: "lower", figure: "aloneMs", ours: "plexus", peers: ["ejabberd"] },
  ],
}); // prettier-ignore

/** A room that everybody enters has as many notices of presence as the square of those in it, so there is none of ten
 *  thousand: a hundred million. */
export const ejabberdCrowd = ejabberdCrowdOf("ejabberd-1000", Number(process.env["PLEXUS_BENCH_CROWD"] ?? 1_000));

const crowdOf = (name: string, connections: number): Benchmark => ({
  name,
  about: `posts to one room with ${connections} connections that hear of presence and of other rooms, beside socket.io`,
  warmUps: 1,
  rounds: 5,
  targets: { plexus: plexus(connections), "socket.io": socketIo(connections) },
  rows: [
    // Less is better: at most as much of the processor as the peer.
    { row: `${name}/socket.io/cpu`, unit: "µs of server CPU/delivery", better: "lower", figure: "cpuUs", ours: "plexus", peers: ["socket.io"], aimRatio: 1 },
    { row: `${name}/socket.io`, unit: "deliveries/s", better: "higher", figure: "perSecond", ours: "plexus", peers: ["socket.io"] },
    { row: `${name}/socket.io/alone`, unit: "ms to the last of all", better: "lower", figure: "aloneMs", ours: "plexus", peers: ["socket.io"] },
  ],
}); // prettier-ignore

export const crowd = crowdOf("crowd-1000", 1_000);
export const largeCrowd = crowdOf("crowd-10000", 10_000);

const manyConnections = 10_000;

/** What the process of a server takes with so many connections: for Plexus the whole node, with all that they hear. */
const memoryOf = (start: () => Promise<{ readonly server: Server; readonly plan: object; readonly end: () => Promise<void> }>) => {
  return async (): Promise<Target> => ({
    async round() {
      const { server, plan, end } = await start();
      const load = await startServed("load.ts");
      await load.call("read", plan);
      const gigabytes = (await server.watch("memory")) / 2 ** 30;
      await load.stop();
      await end();
      return { gigabytes };
    },
    stop: () => Promise.resolve(),
  });
}; // prettier-ignore

export const crowdMemory: Benchmark = {
  name: "crowd-memory",
  about: `memory of a node with ${manyConnections} connections that follow a room and hear of presence and other rooms`,
  warmUps: 0,
  rounds: 1,
  targets: {
    plexus: memoryOf(async () => {
      const { folder, server, tokens } = await nodeFor(manyConnections);
      const plan = { port: server.port, path: "/ws", greetings: 1, members: membersFor(tokens, manyConnections), first: follows };
      return { server, plan, end: async () => { await server.stop(); await folder.remove(); } };
    }),
    "socket.io": memoryOf(async () => {
      const server = await startServer("targets/socket-io.mjs", [], watched);
      const path = "/socket.io/?EIO=4&transport=websocket";
      return { server, plan: { port: server.port, path, greetings: 1, first: "40", members: [{ count: manyConnections }] }, end: () => server.stop() };
    }),
  },
  rows: [
    // 2 GB, whatever the peer takes.
    { row: "crowd-memory/socket.io", unit: "GiB", better: "lower", figure: "gigabytes", ours: "plexus", peers: ["socket.io"], aimBeyond: 1.86 },
  ],
}; // prettier-ignore
