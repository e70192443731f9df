/** A cluster of 200 nodes as a gateway would have it, without the nodes: what the parts of a real one say is made up, and the gateway, its routes and
 *  the page are the real ones. */
import { roles, type AdminTask, type ClusterNodeRow, type ClusterSlotRow } from "../../protocols/index.ts";
import { failure, ok, type HolderRow, type NodeInference, type NodeSettings, type TraceSpan } from "../../protocols/index.ts"; // prettier-ignore
import { createSettings, noClusterValues } from "../../config/index.ts";
import { openSettings } from "../../node/composition/settings.ts";
import { createObserveControl, keepHistory, keepLines, keepSpans, seriesRows } from "../../node/observe/index.ts";
import type { Exchange } from "../../node/exchange/index.ts";
import type { Membership } from "../../node/ports.ts";
import type { ClusterControl } from "../../node/placement/api.ts";
import { memberRecord } from "../members.ts";
import { quietMeter } from "../quiet.ts";
import { summaryOf } from "../unit/gateway/cluster-stand.ts";
import { startStand, type Stand } from "../unit/gateway/stand.ts";

export const nodesMax = 200;
const names = Array.from({ length: nodesMax }, (_, at) => `node-${String(at).padStart(3, "0")}`);
const idOf = (name: string): string => `id-of-${name}`;
/** A trace of which every node has as many steps as it tells. */
export const wideTrace = "0af7651916cd43dd8448eb211c80319c";

const nodes: readonly ClusterNodeRow[] = names.map((name, at) => ({
  node: idOf(name),
  name,
  roles: roles.slice(0, 2 + (at % 3)),
  labels: { zone: `z${at % 7}`, rack: `r${at % 31}` },
  weight: 1,
  models: ["echo", `model-${at % 12}`],
  version: "0.1.0",
  url: `http://${name}:7070`,
  incarnation: 1,
  state: at % 40 === 7 ? "draining" : "active",
  up: at % 50 !== 9,
  self: at === 0,
  directory: at === 0,
  slotsOwned: 5,
  slotsReplicated: 10,
  actors: 1_000 + at,
  turnsPerSecond: at,
  connections: at,
  eventLoopLagMs: 1,
  memoryBytes: 300_000_000,
  diskBytes: 1e12,
  diskFreeBytes: 5e11,
}));

const slots: readonly ClusterSlotRow[] = roles.flatMap((role) =>
  Array.from({ length: 256 }, (_, at) => ({
    slot: `${role}/${at}`,
    epoch: at,
    owner: idOf(names[at % nodesMax] ?? ""),
    inSync: [0, 1, 2].map((more) => idOf(names[(at + more) % nodesMax] ?? "")),
    learners: [],
    status: at % 100 === 3 ? ("short" as const) : ("ok" as const),
    turnsPerSecond: at,
  })),
);

const holders = (group: number): readonly HolderRow[] =>
  Array.from({ length: 14 }, (_, at) => {
    const name = names[(group * 14 + at) % nodesMax] ?? "";
    return { holder: `shard-holder/g${group}.${at}`, index: at, node: name, owner: idOf(name), zone: `z${at % 7}`, status: "ok", home: idOf(name) } as unknown as HolderRow; // prettier-ignore
  });
const groups = Array.from({ length: 60 }, (_, at) => ({ name: `g${at}`, open: at > 50, holders: holders(at) }));

const inference: readonly NodeInference[] = names.map((node, at) => ({
  node,
  memory: { usedBytes: 1e9, budgetBytes: 8e9, because: "half of the machine’s memory" },
  threads: { now: 4, most: 8, because: "as many as are free" },
  models: Array.from({ length: 6 }, (_, of) => ({
    model: `model-${(at + of) % 12}`,
    runtime: "llama.cpp",
    state: "ready" as const,
    because: "it was called a moment ago",
    pinned: false,
    memoryBytes: 1e8,
    calls: 1,
    running: 1,
    waiting: 0,
  })) as unknown as NodeInference["models"],
}));

const tasks: readonly AdminTask[] = Array.from({ length: 1_000 }, (_, at) => ({
  id: `pull.n${at}.a${at}`,
  kind: "pull",
  what: `Pull of model-${at}`,
  by: "user/ada",
  node: names[at % nodesMax] ?? "",
  state: at % 3 === 0 ? "running" : "done",
  begunAtMs: 1_700_000_000_000 + at,
  progress: { doneBytes: at, totalBytes: 1_000 },
  share: at / 1_000,
  canCancel: at % 3 === 0,
}));

/** What another node says of itself over the mesh. */
function said(name: string, asked: string, body: Readonly<Record<string, unknown>>): unknown {
  const at = names.indexOf(name);
  if (asked === "observe.history") {
    const { range, series = seriesRows.map((row) => row.name) } = body as { range: string; series?: readonly string[] };
    const points = range === "hour" ? 240 : 720;
    const figures = (of: number) => Array.from({ length: points }, (_, step) => 1 + at + of + ((step * 7) % 13) / 10);
    return { endMs: body["endMs"], values: Object.fromEntries(series.map((one, of) => [one, figures(of)])) };
  }
  if (asked === "observe.logs") {
    // A line comes at every node all the time.
    const seq = Math.floor(Date.now() * 1_000);
    const lines = [0, 1, 2, 3, 4].map((more) => ({ seq: seq + more, atMs: Date.now(), level: "info", event: "gateway.request", facts: { requestId: `r${at}`, path: "/api/v1/rooms", status: 200, tookMs: 3 } })); // prettier-ignore
    return { lines, last: seq + 4, more: false };
  }
  const span = (of: number): TraceSpan => ({ trace: wideTrace, span: (at * 1_000 + of).toString(16).padStart(16, "0"), ...(of > 0 && { parent: (at * 1_000).toString(16).padStart(16, "0") }), name: of === 0 ? "POST /api/v1/rooms/:room/messages" : "turn", startMs: 1_700_000_000_000 + of, tookMs: 3, facts: { actor: "room/general" }, ...(of === 0 && { entry: true as const }) }); // prettier-ignore
  if (asked === "observe.traces") return { spans: Array.from({ length: 100 }, (_, of) => ({ ...span(of * 2), entry: true })) }; // prettier-ignore
  if (asked === "observe.trace") return { spans: Array.from({ length: 1_000 }, (_, of) => span(of)) };
  throw new Error(`nobody has said what ${asked} answers`);
}

/** Starts the gateway of the first of them, with the page. */
export function startTwoHundred(webFolder: string): Promise<Stand> {
  const members = names.map((name) => memberRecord(idOf(name), { name }));
  const membership = { members: () => ({ view: 1, members }) } as unknown as Membership;
  const exchange = {
    on() {},
    call: (node: string, name: string, body: Readonly<Record<string, unknown>>) =>
      Promise.resolve(ok(said(node.slice("id-of-".length), name, body))),
  } as unknown as Exchange;
  const cluster = {
    directoryAnswers: () => true,
    stranded: () => undefined,
    summary: async () => ok(summaryOf(nodes, { slots: { total: 1_280, ok: 1_265, moving: 0, short: 15, blocked: 0, down: 0 } })), // prettier-ignore
    slots: async () => ok(slots),
    groups: () => ({
      places: nodesMax,
      groups,
      nodes: nodes.map(({ node, name, up }, at) => ({ node, name, zone: `z${at % 7}`, up, trust: "trusted", usedBytes: 1e9, roomBytes: 1e11 })), // prettier-ignore
    }),
    voters: async () => ok({ directory: { kind: "embedded", node: nodes[0]?.node ?? "" }, wanted: 3 }),
  } as unknown as ClusterControl;
  return startStand({
    webFolder,
    cluster,
    name: names[0] ?? "",
    serving: () =>
      nodes.flatMap(({ name, models }) =>
        ["generate", "embed"].flatMap(
          (engine) =>
          models.map((model, rank) => ({ engine, model, node: name, state: "ready", calls: 1, rank: rank + 1, because: "it has the most room" })), // prettier-ignore
        ),
      ) as never,
    inference: {
      view: async () => ok(inference),
      order: async () => ({ ok: false, error: failure("MODEL_UNAVAILABLE") }),
      suggest: async () => ({ ok: false, error: failure("NOT_FOUND") }),
    },
    tasks: { list: async () => ({ tasks, silent: [] }), cancel: async () => undefined } as never,
    open(peer, { log, clock }) {
      const { name = "", node = "" } = members[0] ?? {};
      const own = {
        lines: keepLines(log, { clock, level: () => "debug" }),
        history: keepHistory(quietMeter, { clock }),
        spans: keepSpans(),
      };
      own.history.stop();
      const context = { workFolder: "/", dataFolder: "/", hostname: "test", models: [] };
      const settings = createSettings({}, context, noClusterValues);
      const keys = settings.view();
      const configured = (of: string): NodeSettings => ({ node: of, settings: keys });
      const opened = openSettings(settings, { machine: { log }, node, name, peer, data: "/" });
      const named = names.map((one) => ({ node: idOf(one), name: one }));
      return {
        observe: createObserveControl({ node, name, own, exchange, membership, clock }),
        settings: {
          ...opened.control,
          nodes: () => named,
          view: async (of?: string) =>
            named.filter((one) => of === undefined || one.node === of).map((one) => configured(one.name)),
        },
      };
    },
  });
}
