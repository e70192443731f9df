/** Open dashboards without their browsers, in a process of their own: each asks the node for what its screen asks for,
 *  as often. */
import { Agent, request } from "node:http";
import { dashboardScreens } from "./dashboard-screens.ts";
import { serve } from "./serve.ts";

interface Target {
  readonly port: number;
  readonly token: string;
  readonly dashboards: number;
}

const agent = new Agent({ keepAlive: true });
let timers: NodeJS.Timeout[] = [];
let answered = 0;
const refused = new Map<string, number>();

function ask({ port, token }: Target, path: string): void {
  const options = { host: "127.0.0.1", port, path: `/api/v1${path}`, agent, headers: { authorization: `Bearer ${token}`, "accept-encoding": "gzip" } }; // prettier-ignore
  request(options, (response) => {
    response.resume();
    response.on("end", () => {
      if (response.statusCode === 200) answered += 1;
      else refused.set(`${response.statusCode} ${path}`, (refused.get(`${response.statusCode} ${path}`) ?? 0) + 1);
    });
  })
    .on("error", (error) => refused.set(error.message, (refused.get(error.message) ?? 0) + 1))
    .end();
}

serve({
  /** Opens so many, each at another moment. */
  begin(target: Target) {
    answered = 0;
    refused.clear();
    for (let at = 0; at < target.dashboards; at += 1)
      for (const { path, everyMs } of dashboardScreens[at % dashboardScreens.length]?.asks ?? []) {
        const first = setTimeout(
          () => {
            ask(target, path);
            timers.push(setInterval(() => ask(target, path), everyMs));
          },
          (everyMs * at) / target.dashboards,
        );
        timers.push(first);
      }
  },
  /** Closes them all. Resolves with what came of their questions. */
  end() {
    for (const timer of timers) clearTimeout(timer);
    timers = [];
    return { answered, refused: Object.fromEntries(refused) };
  },
  stop() {
    for (const timer of timers) clearTimeout(timer);
    agent.destroy();
  },
});
