/** Load of a stated size, whatever the server does: requests are due at set moments, and what a client waits for counts
 *  from then on, not from when a connection was free. In a process of its own, whose processor time is told apart. */
import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { WebSocket } from "ws";
import { requestBytes } from "../http-lanes.ts";
import { quantile } from "../statistics.ts";
import { serve } from "./serve.ts";

/** What came of it. */
export interface Held {
  readonly answered: number;
  readonly planned: number;
  readonly meanMs: number;
  readonly p99Ms: number;
  /** Of a core, of this process. */
  readonly cpuShare: number;
}

interface Paced {
  readonly perSecond: number;
  readonly durationMs: number;
}

/** Sends what is due, every millisecond. Resolves when the time is over and `isDone`, or after as long again. */
async function paced({ perSecond, durationMs }: Paced, send: (dueMs: number) => void, isDone: () => boolean) {
  const startMs = performance.now();
  const planned = Math.round((perSecond * durationMs) / 1_000);
  let sent = 0;
  for (let nowMs = startMs; nowMs < startMs + 2 * durationMs && (sent < planned || !isDone());) {
    while (sent < planned && startMs + (sent * 1_000) / perSecond <= nowMs) {
      send(startMs + (sent * 1_000) / perSecond);
      sent += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
    nowMs = performance.now();
  }
  return planned;
}

/** What the waits come to. */
async function measured(work: (waits: number[]) => Promise<number>): Promise<Held> {
  const before = process.cpuUsage();
  const startMs = performance.now();
  const waits: number[] = [];
  const planned = await work(waits);
  const { user, system } = process.cpuUsage(before);
  const cpuShare = (user + system) / 1_000 / (performance.now() - startMs);
  const sorted = waits.toSorted((one, other) => one - other);
  const meanMs = waits.reduce((sum, one) => sum + one, 0) / waits.length;
  return { answered: waits.length, planned, meanMs, p99Ms: quantile(sorted, 0.99), cpuShare };
}

/** One connection that is kept, and asks one thing at a time. Answers say how long they are. */
function openLane(port: number, request: string, onAnswer: (lane: { ask(): void }) => void): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    let left = -1;
    const lane = { ask: () => void socket.write(request) };
    socket.on("error", reject);
    socket.on("data", (data: Buffer) => {
      if (left < 0) {
        const head = data.toString("latin1", 0, 2_048);
        const end = head.indexOf("\r\n\r\n");
        const length = /content-length: (\d+)/i.exec(head)?.[1];
        if (!head.startsWith("HTTP/1.1 200") || end < 0 || length === undefined) throw new Error(head);
        left = Number(length) + end + 4;
      }
      left -= data.length;
      if (left > 0) return;
      left = -1;
      onAnswer(lane);
    });
    socket.once("connect", () => {
      onAnswer(lane);
      resolve(socket);
    });
  });
}

let people: readonly WebSocket[] = [];
let heard = 0;
const enteringAtOnce = 20;

serve({
  /** Reads by REST, at a pace. */
  reads: (
    plan: Paced & { readonly port: number; readonly token: string; readonly path: string; readonly lanes: number },
  ) =>
    measured(async (waits) => {
      const request = requestBytes({ method: "GET", path: plan.path, token: plan.token });
      const idle: { ask(): void }[] = [];
      const due: number[] = [];
      const asked = new Map<object, number>();
      const next = (): void => {
        while (due.length > 0 && idle.length > 0) {
          const [dueMs = 0, lane] = [due.shift(), idle.shift()];
          if (lane === undefined) return;
          asked.set(lane, dueMs);
          lane.ask();
        }
      };
      const sockets = await Promise.all(
        Array.from({ length: plan.lanes }, () =>
          openLane(plan.port, request, (lane) => {
            const dueMs = asked.get(lane);
            if (dueMs !== undefined) waits.push(performance.now() - dueMs);
            asked.delete(lane);
            idle.push(lane);
            next();
          }),
        ),
      );
      const planned = await paced(
        plan,
        (dueMs) => {
          due.push(dueMs);
          next();
        },
        () => asked.size === 0,
      );
      for (const socket of sockets) socket.destroy();
      return planned;
    }),

  /** People who have the page open, each with a connection that follows a room. */
  async gather({
    port,
    members,
  }: {
    readonly port: number;
    readonly members: readonly { readonly token: string; readonly room: string }[];
  }) {
    const all: WebSocket[] = [];
    const enter = async ({ token, room }: (typeof members)[number]): Promise<void> => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers: { authorization: `Bearer ${token}` } });
      await new Promise<void>((resolve, reject) => {
        socket.on("error", reject);
        socket.on("close", (code, why) => reject(new Error(`closed: ${code} ${why.toString()}`)));
        socket.on("message", (data: Buffer) => {
          heard += 1;
          if (data.toString().startsWith('{"re":1,"ok"')) resolve();
        });
        socket.once("open", () => socket.send(JSON.stringify({ id: 1, do: "subscribe", to: `room/${room}` })));
      });
      all.push(socket);
    };
    for (let at = 0; at < members.length; at += enteringAtOnce)
      await Promise.all(members.slice(at, at + enteringAtOnce).map(enter));
    people = all;
  },

  /** They post, one after the other; a wait ends with the answer. */
  posts: (plan: Paced & { readonly rooms: readonly string[] }) =>
    measured(async (waits) => {
      const open = new Map<number, number>();
      const stops = people.map((socket) => {
        const hear = (data: Buffer): void => {
          const text = data.toString("utf8", 0, 512);
          const [, id, how] = /^\{"re":(\d+),"(\w+)"/.exec(text) ?? [];
          if (id !== undefined && how !== "ok") throw new Error(text);
          const dueMs = open.get(Number(id));
          if (dueMs === undefined) return;
          open.delete(Number(id));
          waits.push(performance.now() - dueMs);
        };
        socket.on("message", hear);
        return () => void socket.off("message", hear);
      });
      // No id of another round, nor that of the subscription.
      let id = Math.floor(performance.now()) + 10;
      const planned = await paced(
        plan,
        (dueMs) => {
          id += 1;
          open.set(id, dueMs);
          const at = id % people.length;
          const to = plan.rooms[at] ?? "";
          const text = "A message of some length, as people write them in a room.";
          people[at]?.send(JSON.stringify({ id, do: "room.post", to, with: { text }, operationId: `held${id}` }));
        },
        () => open.size === 0,
      );
      for (const stop of stops) stop();
      return planned;
    }),

  heard: () => heard,
  stop() {
    for (const socket of people) socket.terminate();
  },
});
