/** Whether people notice requests that are small, or not large, and made to cost much: schemas, their patterns, and
 *  bodies of a million values, or of megabytes in a loop. */
import { request } from "node:http";
import { startAttackers } from "../attackers.ts";
import { familyOf, residentBytes } from "../proc.ts";
import { createNodeFolder, openRoom, signUpPeople, watched } from "../server.ts";
import { p99 } from "../statistics.ts";
import type { Samples, Timing } from "../timing.ts";
import { Person, stopAll } from "./attack.ts";

const room = "quiet";
const postsPerRound = 200;
const textsPerRound = 40;
/** After the last attack, until what it left is looked at. */
const settleMs = 2_000;
const model = "plexus-tiny";
const attacks = [
  "bodies of a million values",
  "bodies of megabytes in a loop",
  "schemas that double",
  "patterns that try every way",
];

/** A short answer of the model; resolves with its time. */
function text(port: number, token: string, step: number): Promise<number> {
  const messages = [{ role: "user", content: `Say hello, ${step}.` }];
  const body = JSON.stringify({ model, messages, max_tokens: 8, temperature: 0 });
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path: "/v1/chat/completions", method: "POST", headers };
    const sent = request(options, (response) => {
      response.resume();
      response.on("end", () =>
        response.statusCode === 200
          ? resolve(performance.now() - startMs)
          : reject(new Error(`a text ended with ${response.statusCode}`)),
      );
    });
    sent.on("error", reject).end(body);
  });
}

export const underCostlyRequests: Timing = {
  name: "under-attack/costly",
  about: "posts, and short texts of a native model, of people beside schemas, patterns and bodies that are made to cost much",
  rounds: 5,
  async start() {
    const folder = await createNodeFolder({ models: true });
    const server = await folder.start({ execArgv: watched });
    const [mine = "", ...tokens] = await signUpPeople(server, 3, "flooded");
    await openRoom(server, mine, room);
    const person = await Person.connect(server.port, mine);
    const target = { port: server.port, tokens, room: "flooded", name: "bench0", model, only: attacks };
    const attackers = await startAttackers(target);
    const pids = familyOf(server.pid);
    const texts = async (): Promise<number[]> => {
      const times: number[] = [];
      for (let step = 0; step < textsPerRound; step += 1) times.push(await text(server.port, mine, step));
      return times;
    };
    const memory = async (): Promise<number> => {
      // The node's own after a collection, and what its inference hosts hold.
      const own = await server.watch("memory");
      return own + pids.filter((pid) => pid !== server.pid).reduce((sum, pid) => sum + residentBytes(pid), 0);
    };
    // What the first such requests compile and load is the node's own.
    await texts();
    await attackers.begin();
    await attackers.end();
    return {
      async round(): Promise<Samples> {
        const quietTexts = await texts();
        const quiet = await person.post(room, postsPerRound);
        const before = await memory();
        await attackers.begin();
        const attackedTexts = await texts();
        const attacked = await person.post(room, postsPerRound);
        await attackers.end();
        await new Promise((resolve) => setTimeout(resolve, settleMs));
        return {
          quiet,
          attacked,
          ratio: [p99(attacked) / p99(quiet)],
          quietTexts,
          attackedTexts,
          textRatio: [p99(attackedTexts) / p99(quietTexts)],
          memory: [(await memory()) / before],
        };
      },
      stop: () => stopAll({ person, attackers, server, folder }),
    };
  },
  rows: [
    { row: "under-attack/costly", unit: "of the quiet p99", samples: "ratio", noise: "none", aim: { share: 0.5, atMost: 4 } },
    { row: "under-attack/costly/texts", unit: "of the quiet p99", samples: "textRatio", noise: "none", aim: { share: 0.5, atMost: 4 } },
    { row: "under-attack/costly/memory", unit: "of before", samples: "memory", noise: "none", aim: { share: 0.99, atMost: 1.1 } },
    { row: "under-attack/costly/posts", unit: "ms", samples: "attacked", noise: "quiet" },
    { row: "under-attack/costly/answers", unit: "ms", samples: "attackedTexts", noise: "quietTexts" },
  ],
}; // prettier-ignore
