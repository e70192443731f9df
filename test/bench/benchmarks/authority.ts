/** What rights, rates and the audit take of what people wait for. */
import {
  servedTarget,
  startServed,
  type Benchmark,
  type Figures,
  type RowPlan,
  type Served,
  type Target,
} from "../benchmark.ts";
import { createNodeFolder, openRoom, signUpPeople } from "../server.ts";
import { median } from "../statistics.ts";
import { Person } from "./attack.ts";

const postsPerRound = 60;

/** A post over a WebSocket to a real node, which is the leanest way to it, until it is answered. All rows divide by
 *  it. */
async function posts(): Promise<Target> {
  const folder = await createNodeFolder({ models: false });
  const server = await folder.start();
  const [token = ""] = await signUpPeople(server, 1, "lobby");
  await openRoom(server, token, "quiet");
  const person = await Person.connect(server.port, token);
  return {
    async round() {
      const postMs = median(await person.post("quiet", postsPerRound));
      return { memberMs: postMs, officeMs: postMs, aloneMs: postMs, fiveMs: postMs };
    },
    async stop() {
      person.close();
      await server.stop();
      await folder.remove();
    },
  };
}

/** Two gateways in one process, one with the audit and one without, that act in turns. Either side of a round asks for
 *  the round of both once. */
function twins(): Readonly<Record<"audited" | "unaudited", () => Promise<Target>>> {
  let served: Promise<Served> | undefined;
  let open = 0;
  const rounds = { audited: 0, unaudited: 0 };
  const measured: Promise<Readonly<Record<keyof typeof rounds, Figures>>>[] = [];
  const side = (name: keyof typeof rounds) => async (): Promise<Target> => {
    open += 1;
    const process = await (served ??= startServed("authority.ts", ["pair"]));
    return {
      async round() {
        const figures = await (measured[rounds[name]] ??= process.call("pairs") as (typeof measured)[number]);
        rounds[name] += 1;
        return figures[name];
      },
      async stop() {
        open -= 1;
        if (open > 0) return;
        served = undefined;
        await process.stop();
      },
    };
  };
  return { audited: side("audited"), unaudited: side("unaudited") };
}

const row = (name: string, figure: string, ours: string, peer: string, aimRatio?: number): RowPlan => ({
  row: `authority/${name}`,
  unit: "ms",
  better: "lower",
  figure,
  ours,
  peers: [peer],
  ...(aimRatio !== undefined && { aimRatio }),
});

export const authority: Benchmark = {
  name: "authority",
  about:
    "the check of rights and the counts of rates, as a share of a durable post; admin commands and sign-ins with and without the audit",
  warmUps: 1,
  rounds: 9,
  targets: {
    post: posts,
    rights: () => servedTarget("authority.ts", "rights", {}),
    limits: () => servedTarget("authority.ts", "limits", {}),
    ...twins(),
  },
  rows: [
    row("rights/member", "memberMs", "rights", "post", 0.02),
    row("rights/conditions", "officeMs", "rights", "post", 0.02),
    row("limits/alone", "aloneMs", "limits", "post"),
    row("limits/five", "fiveMs", "limits", "post"),
    row("audit/admin", "adminMs", "audited", "unaudited"),
    row("audit/admin/cpu", "adminCpuMs", "audited", "unaudited"),
    row("audit/admin/extra", "extraMs", "audited", "unaudited"),
    row("audit/admin/extra/cpu", "extraCpuMs", "audited", "unaudited"),
    row("audit/sign-in", "signInMs", "audited", "unaudited"),
    row("audit/sign-in/cpu", "signInCpuMs", "audited", "unaudited"),
  ],
};
