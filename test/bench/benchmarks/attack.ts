/** Whether people notice when strangers, and people with accounts, want to take a node from them. */
import { WebSocket } from "ws";
import { lastingPort } from "../../fixtures/ports.ts";
import { startAttackers } from "../attackers.ts";
import { startServed } from "../benchmark.ts";
import type { Storm } from "../targets/sign-ins.ts";
import { createNodeFolder, openRoom, signUpPeople } from "../server.ts";
import { p99 } from "../statistics.ts";
import { idleDisk, type Samples, type Timing } from "../timing.ts";

/** Of the person alone. */
const room = "quiet";
const postsPerRound = 200;
/** Between two posts, so that the person stays below the rate of one's commands. */
const pauseMs = 15;
const answerTimeoutMs = 30_000;
/** Descriptors as a service manager gives them by default. */
const descriptorsMax = 1_024;

/** Somebody who is signed in and posts, one message after the other. */
export class Person {
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, (frame: { readonly ok?: unknown }) => void>();
  #id = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as { re?: number; ok?: unknown };
      if (frame.re !== undefined) this.#answers.get(frame.re)?.(frame);
    });
  }

  static async connect(port: number, token: string): Promise<Person> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers: { authorization: `Bearer ${token}` } });
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    return new Person(socket);
  }

  /** Times of so many posts; a post that is refused or not answered ends the measurement. */
  async post(room: string, count: number): Promise<number[]> {
    const times: number[] = [];
    for (let posted = 0; posted < count; posted += 1) {
      this.#id += 1;
      const id = this.#id;
      const startMs = performance.now();
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`post ${id} was not answered`)), answerTimeoutMs);
        this.#answers.set(id, (frame) => {
          clearTimeout(late);
          this.#answers.delete(id);
          if ("ok" in frame) resolve();
          else reject(new Error(`post ${id} was refused: ${JSON.stringify(frame)}`));
        });
        const frame = { id, do: "room.post", to: room, with: { text: `post ${id}` }, operationId: `post${id}` };
        this.#socket.send(JSON.stringify(frame));
      });
      times.push(performance.now() - startMs);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return times;
  }

  close(): void {
    this.#socket.terminate();
  }
}

/** Ends what a measurement has started. */
export async function stopAll(all: {
  readonly person: Person;
  readonly attackers?: { stop(): Promise<unknown> };
  readonly server: { stop(): Promise<unknown> };
  readonly folder: { remove(): Promise<unknown> };
}): Promise<void> {
  all.person.close();
  await all.attackers?.stop();
  await all.server.stop();
  await all.folder.remove();
}

export const underAttack: Timing = {
  name: "under-attack",
  about: "posts of somebody who is signed in, while everything that was found to hurt a node is done to it at once",
  rounds: 7,
  async start() {
    const folder = await createNodeFolder({ models: false });
    const meshPort = await lastingPort();
    const server = await folder.start({ flags: ["--mesh-port", String(meshPort)], descriptorsMax });
    const [mine = "", ...tokens] = await signUpPeople(server, 3, "flooded");
    await openRoom(server, mine, room);
    const person = await Person.connect(server.port, mine);
    const target = { port: server.port, meshPort, tokens, room: "flooded", name: "bench0", model: "echo" };
    const attackers = await startAttackers(target);
    return {
      async round(): Promise<Samples> {
        const quiet = await person.post(room, postsPerRound);
        await attackers.begin();
        const attacked = await person.post(room, postsPerRound);
        await attackers.end();
        return { quiet, attacked, ratio: [p99(attacked) / p99(quiet)] };
      },
      stop: () => stopAll({ person, attackers, server, folder }),
    };
  },
  rows: [
    { row: "under-attack", unit: "of the quiet p99", samples: "ratio", noise: "none", aim: { share: 0.5, atMost: 4 } },
    { row: "under-attack/posts", unit: "ms", samples: "attacked", noise: "quiet" },
    { row: "under-attack/disk", unit: "ms", samples: "quiet", noise: idleDisk },
  ],
};

/** People who sign in at once, and the accounts that they have. */
const storm = { people: 1_000, accounts: 50 };

export const signInStorm: Timing = {
  name: "sign-in-storm",
  about: "posts of somebody who is signed in, while 1,000 people sign in at once, and again until they are in",
  rounds: 3,
  async start() {
    const folder = await createNodeFolder({ models: false });
    const server = await folder.start({ flags: [] });
    const [mine = ""] = await signUpPeople(server, 1 + storm.accounts, "lobby");
    await openRoom(server, mine, room);
    const person = await Person.connect(server.port, mine);
    const people = await startServed("sign-ins.ts");
    return {
      async round(): Promise<Samples> {
        // Before and after: what else the machine does may change meanwhile.
        const before = await person.post(room, postsPerRound);
        await people.call("begin", { port: server.port, ...storm } satisfies Storm);
        const stormed: number[] = [];
        while ((await people.call("isOver")) !== true) stormed.push(...(await person.post(room, 20)));
        const tries = await people.call("tries");
        const quiet = [...before, ...(await person.post(room, postsPerRound))];
        if (process.env["BENCH_LOG"] !== undefined)
          console.error({ posts: stormed.length, tries, quietMs: p99(quiet), stormedMs: p99(stormed) });
        return { quiet, stormed, ratio: [p99(stormed) / p99(quiet)] };
      },
      async stop() {
        await people.stop();
        await stopAll({ person, server, folder });
      },
    };
  },
  rows: [
    { row: "sign-in-storm", unit: "of the quiet p99", samples: "ratio", noise: "none", aim: { share: 0.5, atMost: 2 } },
    { row: "sign-in-storm/posts", unit: "ms", samples: "stormed", noise: "quiet" },
  ],
};
