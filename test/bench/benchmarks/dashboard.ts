/** Whether people notice that admins look. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { startServed } from "../benchmark.ts";
import { createNodeFolder, openRoom, signUpPeople } from "../server.ts";
import { p99 } from "../statistics.ts";
import { idleDisk, type Samples, type Timing } from "../timing.ts";
import { Person } from "./attack.ts";

/** Of the person alone. */
const room = "quiet";
const postsPerStretch = 150;
/** In each round, quiet and watched by turns: what disturbs the machine for some seconds disturbs both. */
const stretches = 4;
const dashboards = 20;
/** Until each of them has asked for the first time. */
const warmUpMs = 5_000;

export const dashboard: Timing = {
  name: "dashboard",
  about: "posts of somebody who is signed in, while 20 dashboards are open, beside the same with none",
  rounds: 5,
  async start() {
    const folder = await createNodeFolder({ models: false });
    const server = await folder.start({ flags: [] });
    const [mine = ""] = await signUpPeople(server, 3, "lobby");
    await openRoom(server, mine, room);
    const person = await Person.connect(server.port, mine);
    const { controlToken } = JSON.parse(await readFile(join(folder.data, "control.json"), "utf8")) as {
      controlToken: string;
    };
    const open = await startServed("dashboard.ts");
    return {
      async round(): Promise<Samples> {
        const quiet: number[] = [];
        const watched: number[] = [];
        for (let stretch = 0; stretch < stretches; stretch += 1) {
          quiet.push(...(await person.post(room, postsPerStretch)));
          await open.call("begin", { port: server.port, token: controlToken, dashboards });
          await new Promise((resolve) => setTimeout(resolve, warmUpMs));
          watched.push(...(await person.post(room, postsPerStretch)));
          const { answered, refused } = (await open.call("end")) as { answered: number; refused: object };
          if (answered === 0 || Object.keys(refused).length > 0)
            throw new Error(`dashboards: ${JSON.stringify({ answered, refused })}`);
          if (process.env["BENCH_LOG"] !== undefined) console.error({ answered });
        }
        return { quiet, watched, ratio: [p99(watched) / p99(quiet)] };
      },
      async stop() {
        person.close();
        await open.stop();
        await server.stop();
        await folder.remove();
      },
    };
  },
  rows: [
    { row: "dashboard", unit: "of the quiet p99", samples: "ratio", noise: "none", aim: { share: 0.5, atMost: 1.1 } },
    { row: "dashboard/posts", unit: "ms", samples: "watched", noise: "quiet" },
    { row: "dashboard/disk", unit: "ms", samples: "quiet", noise: idleDisk },
  ],
};
