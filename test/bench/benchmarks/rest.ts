/** What REST costs, beside a bare server that says the same JSON, and one that syncs what it is told to its disk. */
import { startServed, type Benchmark, type Figures, type RowPlan, type Target } from "../benchmark.ts";
import { answersPerSecond, requestBytes } from "../http-lanes.ts";

const lanes = 64;
const rooms = 16;
const durationMs = 1_500;
/** Messages in an answer to a read. */
const page = 20;

interface Listening {
  readonly url: string;
  readonly token: string;
}

async function load({ url, token }: Listening): Promise<Figures> {
  const port = Number(new URL(url).port);
  const read = requestBytes({ method: "GET", path: `/api/v1/rooms/r0/messages?limit=${page}`, token });
  const posts = Array.from({ length: rooms }, (_, room) =>
    requestBytes({
      method: "POST",
      path: `/api/v1/rooms/r${room}/messages`,
      token,
      body: { text: "A message of some length, as people write them in a room." },
    }),
  );
  return {
    readsPerSecond: await answersPerSecond(port, lanes, durationMs, () => read),
    postsPerSecond: await answersPerSecond(port, lanes, durationMs, (at) => posts[at % rooms] ?? ""),
  };
}

async function target(args: object): Promise<Target> {
  const served = await startServed("rest.ts");
  const listening = (await served.call("listen", args)) as Listening;
  return { round: () => load(listening), stop: () => served.stop() };
}

const plexus = (): Promise<Target> => target({ rooms, page });

/** Says what a gateway of this version says to the same requests. */
async function bare(): Promise<Target> {
  const served = await startServed("rest.ts");
  const { url, token } = (await served.call("listen", { rooms, page })) as Listening;
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const read: unknown = await (await fetch(`${url}/api/v1/rooms/r0/messages?limit=${page}`, { headers })).json();
  const body = JSON.stringify({ text: "one" });
  const posted: unknown = await (
    await fetch(`${url}/api/v1/rooms/r0/messages`, { method: "POST", headers, body })
  ).json();
  await served.stop();
  return target({ bare: { read, posted } });
}

const row = (name: string, unit: string, figure: string): RowPlan => ({
  row: `rest/fastify/${name}`,
  unit,
  better: "higher",
  figure,
  ours: "plexus",
  peers: ["fastify"],
  aimRatio: 0.7,
});

export const rest: Benchmark = {
  name: "rest",
  about: `REST beside a bare fastify server: a page of ${page} messages, the same JSON; a post, joined with others into one fdatasync; ${lanes} clients, ${rooms} rooms`,
  warmUps: 2,
  rounds: 7,
  targets: { plexus, fastify: bare },
  rows: [row("read", "reads/s", "readsPerSecond"), row("post", "posts/s", "postsPerSecond")],
};

const traced = (traceRatio: number) => (): Promise<Target> => target({ rooms, page, traceRatio });

const tracingRow = (name: string, ours: string, aimRatio?: number): readonly RowPlan[] =>
  (["read", "post"] as const).map((of) => ({
    row: `tracing/${name}/${of}`,
    unit: `${of}s/s`,
    better: "higher",
    figure: `${of}sPerSecond`,
    ours,
    peers: ["off"],
    ...(aimRatio !== undefined && { aimRatio }),
  }));

/** What it costs to trace requests. */
export const tracing: Benchmark = {
  name: "tracing",
  about: "REST with a hundredth of the requests traced, and with all of them, beside the same with tracing off",
  warmUps: 2,
  rounds: 7,
  targets: { off: plexus, "one in a hundred": traced(0.01), all: traced(1) },
  rows: [...tracingRow("hundredth", "one in a hundred", 0.95), ...tracingRow("all", "all")],
};
