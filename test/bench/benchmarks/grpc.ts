/** What gRPC costs beside the WebSocket: posts, and events to those who follow, at one gateway. */
import { Client, credentials, Metadata, type ClientDuplexStream } from "@grpc/grpc-js";
import { loadSync, type ServiceDefinition } from "@grpc/proto-loader";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import { perSecond, startServed, type Benchmark, type Figures, type Target } from "../benchmark.ts";

const clients = 32;
const rooms = 16;
const durationMs = 1_500;
const postsAtOnce = 8;
const text = "A message of some length, as people write them in a room.";

interface Listening {
  readonly url: string;
  readonly grpc: string;
  readonly token: string;
}

/** Somebody who is connected. */
interface Person {
  /** Resolves when it is on the disk. */
  post(room: string): Promise<void>;
  follow(room: string, onEvent: () => void): Promise<void>;
  close(): void;
}

/** Answers by the id of what was asked. */
function waiting(send: (id: number, command: object) => void) {
  const answers = new Map<number, { done(): void; failed(why: unknown): void }>();
  let id = 0;
  return {
    ask: (command: object): Promise<void> =>
      new Promise((done, failed) => {
        id += 1;
        answers.set(id, { done, failed });
        send(id, command);
      }),
    answered: (re: number, error: unknown): void => {
      const one = answers.get(re);
      answers.delete(re);
      if (error === undefined || error === null) one?.done();
      else one?.failed(new Error(JSON.stringify(error)));
    },
  };
}

async function bySocket({ url, token }: Listening): Promise<Person> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws`, { headers: { authorization: `Bearer ${token}` } });
  let onEvent = (): void => undefined;
  const { ask, answered } = waiting((id, command) => socket.send(JSON.stringify({ id, ...command })));
  await new Promise((resolve, reject) => socket.once("message", resolve).once("error", reject));
  socket.on("message", (data) => {
    const frame = JSON.parse((data as Buffer).toString()) as { re?: number; error?: unknown; event?: unknown };
    if (frame.re !== undefined) answered(frame.re, frame.error);
    else if (frame.event !== undefined) onEvent();
  });
  return {
    post: (room) => ask({ do: "room.post", to: room, with: { text } }),
    follow(room, listener) {
      onEvent = listener;
      return ask({ do: "subscribe", to: `room/${room}` });
    },
    close: () => socket.terminate(),
  };
}

const proto = fileURLToPath(new URL("../../../protocols/grpc/plexus.proto", import.meta.url));
const definition = loadSync(proto, { longs: Number });
const methodOf = (service: string, method: string) => {
  const found = (definition[`plexus.v1.${service}`] as ServiceDefinition)[method];
  if (found === undefined) throw new Error(`${service} has no ${method}`);
  return found;
};
const bearer = (token: string): Metadata => {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  return metadata;
};

interface Frame {
  readonly answer?: { readonly re: number; readonly error?: unknown };
  readonly event?: unknown;
  readonly hello?: unknown;
}

async function byStream({ grpc, token }: Listening): Promise<Person> {
  const client = new Client(grpc, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const { path, requestSerialize, responseDeserialize } = methodOf("StreamService", "Connect");
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, bearer(token)) as ClientDuplexStream<object, Frame>; // prettier-ignore
  let onEvent = (): void => undefined;
  const { ask, answered } = waiting((id, command) => void call.write({ id, ...command }));
  await new Promise((resolve, reject) => call.once("data", resolve).once("error", reject));
  call.on("error", () => undefined);
  call.on("data", ({ answer, event }: Frame) => {
    if (answer !== undefined && answer !== null) answered(answer.re, answer.error);
    else if (event !== undefined && event !== null) onEvent();
  });
  return {
    post: (room) => ask({ roomPost: { to: room, text } }),
    follow(room, listener) {
      onEvent = listener;
      return ask({ subscribe: { to: `room/${room}` } });
    },
    close: () => client.close(),
  };
}

/** Posts again and again, each of them when the one before is answered. */
async function postsPerSecond(post: (at: number) => Promise<void>): Promise<number> {
  const startMs = performance.now();
  let posts = 0;
  const lane = async (at: number): Promise<void> => {
    while (performance.now() < startMs + durationMs) {
      await post(at);
      posts += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, at) => lane(at)));
  return (posts / (performance.now() - startMs)) * 1_000;
}

async function eventsPerSecond(people: readonly Person[]): Promise<number> {
  let events = 0;
  await Promise.all(people.map((one) => one.follow("r0", () => (events += 1))));
  const [author] = people as readonly [Person];
  const startMs = performance.now();
  const lane = async (): Promise<void> => {
    while (performance.now() < startMs + durationMs) await author.post("r0");
  };
  await Promise.all(Array.from({ length: postsAtOnce }, lane));
  return (events / (performance.now() - startMs)) * 1_000;
}

const roomOf = (at: number): string => `r${at % rooms}`;

async function target(connect: (listening: Listening) => Promise<Person>, unary: boolean): Promise<Target> {
  const served = await startServed("rest.ts");
  const listening = (await served.call("listen", { rooms, page: 1, grpc: true })) as Listening;
  const people = await Promise.all(Array.from({ length: clients }, () => connect(listening)));
  const client = new Client(listening.grpc, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = methodOf("RoomService", "Post");
  const metadata = bearer(listening.token);
  const call = (at: number): Promise<void> =>
    new Promise((resolve, reject) =>
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { to: roomOf(at), text },
        metadata,
        (error) => (error === null ? resolve() : reject(error)),
      ),
    );
  return {
    async round(): Promise<Figures> {
      const stream = await postsPerSecond((at) => (people[at] as Person).post(roomOf(at)));
      const calls = unary ? await postsPerSecond(call) : stream;
      return { calls, stream, events: await eventsPerSecond(people) };
    },
    async stop() {
      for (const one of people) one.close();
      client.close();
      await served.stop();
    },
  };
}

const row = (name: string, unit: string, figure: string) => ({
  ...perSecond({ row: `grpc/websocket/${name}`, unit, ours: "grpc", peers: ["websocket"] }),
  figure,
});

export const grpc: Benchmark = {
  name: "grpc",
  about: `gRPC beside the WebSocket of the same gateway: ${clients} clients that post to ${rooms} rooms, then follow one`,
  warmUps: 1,
  rounds: 7,
  targets: { grpc: () => target(byStream, true), websocket: () => target(bySocket, false) },
  rows: [row("post", "posts/s", "calls"), row("post-stream", "posts/s", "stream"), row("events", "events/s", "events")],
};
