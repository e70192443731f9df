/** Everybody who wants to take a node from its people, at once: each attack is a loop of its own, bounded in what it holds and
 *  in how often it acts, and goes on until it is ended. What they do was found to work against a node once.
 *
 *  All come from addresses of this machine (127.0.0.0/8, a network to itself), so that bounds by address can be told from bounds in all. */
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { patience } from "./waits.ts";

/** Whom to attack, and the accounts that some attacks need: any but those of the people who are to notice nothing. */
export interface Attacked {
  readonly port: number;
  /** Where the node listens for others; absent: it is left alone. */
  readonly meshPort?: number;
  /** Session tokens of at least two accounts. */
  readonly tokens: readonly string[];
  /** A public room that the accounts are members of, and no person who is to notice nothing follows. */
  readonly room: string;
  /** A name whose password is guessed. */
  readonly name: string;
  readonly model: string;
}

/** What an attack has done so far: a silent one would prove nothing. */
export type Tally = Record<string, number>;

interface Attack {
  readonly name: string;
  readonly everyMs: number;
  /** One step; what it resolves with is counted: a status, or what became of a connection. */
  readonly act: (target: Attacked, step: number, held: Set<Socket | WebSocket>) => Promise<string> | string;
}

/** Sockets that one attack holds at a time. */
const heldMax = 600;
const stepTimeoutMs = patience * 10_000;

const address = (step: number, first: number): string => `127.0.${first}.${1 + (step % 200)}`;

/** Opens a bare connection, says `text`, and holds it for as long as the node does. */
function hold(target: { readonly port: number; readonly from: string; readonly text?: string }, held: Set<Socket | WebSocket>): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port: target.port, localAddress: target.from });
    held.add(socket);
    socket.on("connect", () => {
      if (target.text !== undefined) socket.write(target.text);
      resolve("held");
    });
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "failed"));
    socket.on("close", () => {
      held.delete(socket);
      resolve("closed");
    });
  });
} // prettier-ignore

/** One request from an address; resolves with its status. */
function send(
  target: Attacked,
  call: {
    readonly method?: string;
    readonly path: string;
    readonly from: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: unknown;
  },
): Promise<string> {
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  return new Promise((resolve) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port: target.port,
        path: call.path,
        method: call.method ?? (body === undefined ? "GET" : "POST"),
        localAddress: call.from,
        timeout: stepTimeoutMs,
        agent: false,
        headers: { ...(body !== undefined && { "content-type": "application/json" }), ...call.headers },
      },
      (response) => {
        response.resume();
        response.on("end", () => resolve(String(response.statusCode)));
        response.on("error", () => resolve("cut"));
      },
    );
    sent.on("timeout", () => sent.destroy(new Error("late")));
    sent.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    sent.end(body);
  });
}

const bearer = (token: string | undefined): Readonly<Record<string, string>> => ({ authorization: `Bearer ${token}` });
const random = (): string => Math.random().toString(36).slice(2);

const attacks: readonly Attack[] = [
  {
    name: "silent connections",
    everyMs: 2,
    act: ({ port }, step, held) => hold({ port, from: address(step >> 6, 1) }, held),
  },
  {
    name: "half headers",
    everyMs: 20,
    act: ({ port }, step, held) =>
      hold({ port, from: address(step >> 4, 2), text: "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: " }, held),
  },
  {
    name: "half bodies",
    everyMs: 20,
    act: ({ port }, step, held) => {
      const text = "POST /api/v1/sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";
      return hold({ port, from: address(step >> 4, 3), text }, held);
    },
  },
  {
    name: "wrong tokens",
    everyMs: 5,
    act: (target, step) =>
      send(target, { path: "/api/v1/me", from: address(step >> 8, 4), headers: bearer(`${random()}.${random()}`) }),
  },
  {
    name: "unknown actors",
    everyMs: 10,
    act: (target, step) =>
      send(target, {
        path: `/api/v1/rooms/${random()}/summary`,
        from: address(step >> 8, 5),
        headers: bearer(target.tokens[step % target.tokens.length]),
      }),
  },
  {
    name: "foreign hosts",
    everyMs: 20,
    act: (target, step) =>
      send(target, { path: "/api/v1/catalog/rooms", from: address(step, 6), headers: { host: "rebound.example" } }),
  },
  {
    name: "guessed passwords",
    everyMs: 50,
    act: (target, step) =>
      send(target, { path: "/api/v1/sign-in", from: address(step, 7), body: { name: target.name, password: `guess ${step}` } }),
  },
  {
    name: "sign-ups",
    everyMs: 50,
    act: (target, step) =>
      send(target, {
        path: "/api/v1/sign-up",
        from: address(step, 8),
        body: { name: `flood${random()}`, password: "correct horse battery" },
      }),
  },
  {
    name: "prompts",
    everyMs: 25,
    act: (target, step) =>
      send(target, {
        path: "/v1/chat/completions",
        from: address(step, 9),
        headers: bearer(target.tokens[step % target.tokens.length]),
        // Every eighth is a megabyte long.
        body: { model: target.model, messages: [{ role: "user", content: "why? ".repeat(step % 8 === 0 ? 200_000 : 20) }] },
      }),
  },
  {
    name: "paused readers",
    everyMs: 200,
    act: (target, step, held) =>
      new Promise((resolve) => {
        const token = target.tokens[step % target.tokens.length];
        const socket = new WebSocket(`ws://127.0.0.1:${target.port}/ws`, { headers: bearer(token), localAddress: address(step, 10) });
        held.add(socket);
        socket.on("error", () => resolve("failed"));
        socket.on("close", () => {
          held.delete(socket);
          resolve("closed");
        });
        socket.on("open", () => {
          socket.pause();
          socket.send(JSON.stringify({ id: 1, do: "subscribe", to: `room/${target.room}`, cursor: 0 }));
          // It asks for the same pages again and again, and reads none.
          for (let id = 2; id < 200; id += 1)
            socket.send(JSON.stringify({ id, do: "room.history", to: target.room, with: { limit: 100 } }));
          resolve("paused");
        });
      }),
  },
  {
    name: "long posts",
    everyMs: 200,
    act: (target, step) =>
      send(target, {
        path: `/api/v1/rooms/${target.room}/messages`,
        from: address(step, 11),
        headers: bearer(target.tokens[step % target.tokens.length]),
        body: { text: "long ".repeat(1_900) },
      }),
  },
  {
    name: "strangers on the mesh",
    everyMs: 20,
    act: ({ meshPort }, step, held) =>
      meshPort === undefined ? "left alone" : hold({ port: meshPort, from: address(step >> 3, 12) }, held),
  },
]; // prettier-ignore

/** Begins all attacks. `tally` counts by attack and outcome; `end` stops them and lets go of everything. */
export function attack(target: Attacked): { tally(): Readonly<Record<string, Tally>>; end(): Promise<void> } {
  const tallies: Record<string, Tally> = {};
  let goesOn = true;
  const loops = attacks.map(async ({ name, everyMs, act }) => {
    const tally: Tally = {};
    tallies[name] = tally;
    const held = new Set<Socket | WebSocket>();
    const under = new Set<Promise<unknown>>();
    for (let step = 0; goesOn; step += 1) {
      if (held.size < heldMax && under.size < heldMax) {
        const acting = Promise.resolve(act(target, step, held)).then((outcome) => {
          tally[outcome] = (tally[outcome] ?? 0) + 1;
        });
        under.add(acting);
        void acting.finally(() => under.delete(acting));
      }
      await sleep(everyMs);
    }
    for (const socket of held) {
      if (socket instanceof WebSocket) socket.terminate();
      else socket.destroy();
    }
    await Promise.all(under);
  });
  return {
    tally: () => tallies,
    async end() {
      goesOn = false;
      await Promise.all(loops);
    },
  };
}
