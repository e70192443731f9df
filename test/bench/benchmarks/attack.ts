/** Whether people notice when strangers, and people with accounts, want to take a node from them. */
import { WebSocket } from "ws";
import type { Attacked, Tally } from "../../attackers.ts";
import { lastingPort } from "../../ports.ts";
import { startServed } from "../benchmark.ts";
import { createNodeFolder, openRoom, signUpPeople } from "../server.ts";
import { quantile } from "../statistics.ts";
import { idleDisk, type Samples, type Timing } from "../timing.ts";

/** Of the person alone. */
const room = "quiet";
const postsPerRound = 200;
/** Between two posts, so that the person stays below the rate of one's commands. */
const pauseMs = 15;
/** From the beginning of the attacks until they hold all that they can get. */
const attackWarmUpMs = 3_000;
const answerTimeoutMs = 30_000;
/** Descriptors as a service manager gives them by default. */
const descriptorsMax = 1_024;

/** Somebody who is signed in and posts, one message after the other. */
class Person {
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
    const attackers = await startServed("attack.ts");
    const target: Attacked = { port: server.port, meshPort, tokens, room: "flooded", name: "bench0", model: "echo" };
    return {
      async round(): Promise<Samples> {
        const quiet = await person.post(room, postsPerRound);
        await attackers.call("begin", target);
        await new Promise((resolve) => setTimeout(resolve, attackWarmUpMs));
        const attacked = await person.post(room, postsPerRound);
        const tally = (await attackers.call("end")) as Readonly<Record<string, Tally>>;
        for (const [name, outcomes] of Object.entries(tally))
          if (Object.keys(outcomes).length === 0) throw new Error(`nothing came of ${name}`);
        if (process.env["BENCH_LOG"] !== undefined) console.error(tally);
        const p99 = (times: readonly number[]): number => quantile(times.toSorted((one, other) => one - other), 0.99);
        return { quiet, attacked, ratio: [p99(attacked) / p99(quiet)] };
      },
      async stop() {
        person.close();
        await attackers.stop();
        await server.stop();
        await folder.remove();
      },
    };
  },
  rows: [
    { row: "under-attack", unit: "of the quiet p99", samples: "ratio", noise: "none", aim: { share: 0.5, atMost: 4 } },
    { row: "under-attack/posts", unit: "ms", samples: "attacked", noise: "quiet" },
    { row: "under-attack/disk", unit: "ms", samples: "quiet", noise: idleDisk },
  ],
}; // prettier-ignore
