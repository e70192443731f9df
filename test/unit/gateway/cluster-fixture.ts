import { everyEngine } from "../../../runtimes/engine.ts";
import { askOf, createWorld, msPerTurn, openGateway, plainOptions, type Reply, type RequestOptions } from "./asking.ts";
import { createHub } from "./hub.ts";
import type { ClusterActors, Kernel, Request } from "../../../node/kernel/api.ts";
import { handleClusterAudit } from "../../../node/audit/index.ts";
import { askClusterMemory, handleMemory } from "../../../node/cluster/facts/memory.ts";
import { handlePeople } from "../../../node/cluster/facts/people-operations.ts";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import { type Gateway } from "../../../node/gateway/options.ts";
import { handleActors } from "../../../node/kernel/index.ts";
import { handleInference } from "../../../node/inference/models/index.ts";
import { handleCluster, type ClusterControl } from "../../../node/cluster/placement/index.ts";
import type { InferenceControl } from "../../../node/ports/index.ts";
import { handleHolders } from "../../../node/bulk/shards/index.ts";
import {
  failure,
  ok,
  refused,
  roleTable,
  type ClusterNodeRow,
  type ClusterSlotRow,
  type ClusterSummary,
  type ActorPage,
  type AuditPage,
  type Result,
} from "../../../protocols/index.ts";
import { createRandom } from "../../../node/platform/index.ts";
import { createEchoRuntime } from "../../../runtimes/echo/echo.ts";

export { controlToken } from "./asking.ts";

/** One row of a cluster as a test imagines it. */
export const nodeRow = (name: string, more: Partial<ClusterNodeRow> = {}): ClusterNodeRow => ({
  node: `id-of-${name}`,
  name,
  roles: ["chat", "gateway"],
  labels: {},
  weight: 1,
  models: [],
  version: "0.1.0",
  url: `http://${name}:7070`,
  incarnation: 1,
  state: "active",
  up: true,
  self: false,
  directory: false,
  slotsOwned: 0,
  slotsReplicated: 0,
  ...more,
});

export const slotRow = (slot: string, owner: string, more: Partial<ClusterSlotRow> = {}): ClusterSlotRow => ({
  slot,
  epoch: 1,
  owner: `id-of-${owner}`,
  inSync: [`id-of-${owner}`],
  learners: [],
  status: "ok",
  ...more,
});

export const summaryOf = (nodes: readonly ClusterNodeRow[], more: Partial<ClusterSummary> = {}): ClusterSummary => ({
  cluster: "c1",
  view: 3,
  directory: { kind: "embedded", node: nodes[0]?.node ?? "" },
  replicas: 3,
  minInSync: 1,
  nodes,
  slots: { total: 256, ok: 256, moving: 0, short: 0, blocked: 0, down: 0 },
  ...more,
});

/** A gateway over a cluster that is a script: what was asked is kept, what is answered is set by the test. */
export interface ClusterFixture {
  readonly gateway: Gateway;
  request(method: string, path: string, options?: RequestOptions): Promise<Reply>;
  /** Calls as they came: name and arguments. */
  readonly calls: (readonly [name: string, ...given: unknown[]])[];
  /** Lines of the log at info. */
  readonly log: (readonly [event: string, facts: Readonly<Record<string, unknown>>])[];
  /** What `summary` answers, one after the other; the last one again and again. */
  summaries: ClusterSummary[];
  slots: readonly ClusterSlotRow[];
  /** What a list of actors answers. */
  page: ActorPage;
  /** What an actor's release answers, where that is not the usual. */
  actor: { readonly release?: () => Result<{ readonly redelivered: number }> };
  /** What the cluster's own actor answers, and any other. */
  cluster(message: Request["message"], timeoutMs: number): Result<unknown>;
  /** What was done by the gateway itself, as it told it for the audit. */
  readonly changes: (readonly [action: string, facts: Readonly<Record<string, string>>, by: string])[];
  /** Who changed something, as the control was told. */
  readonly by: (string | undefined)[];
  /** The copy of the audit on this node. */
  copy: AuditPage | undefined;
  /** Whether the directory can be reached. */
  directory: boolean;
  /** Why the cluster's own actor is away for good. */
  stranded: ReturnType<ClusterControl["stranded"]>;
  /** Replaces the answer of single calls. */
  answers: Partial<ClusterControl>;
  stop(): Promise<void>;
}

/** Starts the gateway. `member: false`: the node is in no cluster. */
export async function startClusterFixture(
  options: { readonly member?: boolean; readonly inference?: InferenceControl } = {},
): Promise<ClusterFixture> {
  const world = createWorld();
  const stopTime = world.flow(msPerTurn);
  const clock = world.clock();
  const kernel = {
    ask: async ({ message, timeoutMs }: Request) => fixture.cluster(message, timeoutMs),
  } as unknown as Kernel;
  const actors: ClusterActors = {
    list: async (filter) => {
      calls.push(["list", filter]);
      return fixture.page;
    },
    show: async (actor) => {
      calls.push(["show", actor]);
      return refused(failure("SLOT_UNAVAILABLE", { node: "node-c" }));
    },
    release: async (actor, redeliver) => {
      calls.push(["release", actor, redeliver]);
      return fixture.actor.release?.() ?? ok({ redelivered: 2 });
    },
  };
  const runtime = createEchoRuntime({ clock, tokenDelayMs: 0 });
  const calls: ClusterFixture["calls"] = [];
  const log: ClusterFixture["log"] = [];
  const by: ClusterFixture["by"] = [];
  const changes: ClusterFixture["changes"] = [];
  const called = <T>(name: keyof ClusterControl, given: readonly unknown[], usual: () => T): T => {
    calls.push([name, ...given]);
    const answer = fixture.answers[name] as ((...given: readonly unknown[]) => T) | undefined;
    return answer === undefined ? usual() : answer(...given);
  };
  const cluster: ClusterControl = {
    directoryAnswers: () => fixture.directory,
    awaited: () => undefined,
    stranded: () => fixture.stranded,
    summary: () =>
      called("summary", [], async () => {
        const [first = summaryOf([])] = fixture.summaries;
        if (fixture.summaries.length > 1) fixture.summaries.shift();
        return ok(first);
      }),
    drainEnded: (node) => called("drainEnded", [node], async () => ok({ node })),
    preview: (wish) =>
      called("preview", [wish], async () =>
        ok({ nodes: [], slots: 0, copies: 0, atOnce: 64, moves: [], faults: [], moving: 0, commands: [] }),
      ),
    groups: () => called("groups", [], () => ({ places: 0, groups: [], nodes: [] })),
    slots: () => called("slots", [], async () => ok(fixture.slots)),
    invite: (terms) =>
      called("invite", [terms], async () =>
        ok({ token: "plexus-join-t0ken", expiresAtMs: 4_102_444_800_000, roles: terms.roles ?? [] }),
      ),
    evict: (node, force, who) => {
      by.push(who);
      return called("evict", [node, force], async () => ok({ node, lastCopies: 0 }));
    },
    setDraining: (node, draining) => called("setDraining", [node, draining], async () => ok({ node })),
    setRoles: (node, roles, _by, seen) =>
      called("setRoles", [node, roles, ...(seen === undefined ? [] : [seen])], async () => ok({ node })),
    setStorage: (node, change) =>
      called("setStorage", [node, change], async () => ok({ node, usedBytes: 3_072, beyondBytes: 1_024 })),
    moveActor: (actor, to, timeoutMs) =>
      called("moveActor", [actor, to, timeoutMs], async () => ok({ slot: actor, owner: `id-of-${to}`, epoch: 3 })),
    moveSlot: (slot, to, timeoutMs) =>
      called("moveSlot", [slot, to, timeoutMs], async () => ok({ slot, owner: `id-of-${to}`, epoch: 3 })),
    release: (slot) => called("release", [slot], async () => ok({ slot })),
    voters: () =>
      called("voters", [], async () => ok({ directory: { kind: "embedded" as const, node: "node-a" }, wanted: 3 })),
    trustNode: (node) => called("trustNode", [node], async () => ok({ node, trust: "trusted" as const })),
    setVoters: ({ wanted }) => called("setVoters", [wanted], async () => ok({ wanted })),
    migrateDirectory: (endpoints) => called("migrateDirectory", [endpoints], async () => ok({ rows: 42 })),
  };
  const { gateway, app } = await openGateway({
    kernel,
    engines: everyEngine({ generate: runtime }),
    hub: createHub(),
    clock,
    ...plainOptions(),
    log: {
      debug() {},
      info: (event, facts = {}) => void log.push([event, facts]),
      warn() {},
      error() {},
    },
    node: "test",
    changed: (action, facts, by) => void changes.push([action, facts, by]),
    ...(options.member !== false && {
      cluster,
      operations: {
        ...handleActors(actors),
        ...handleCluster(cluster, gatewayLimits),
        ...handleMemory({ kernel, cluster, limits: gatewayLimits }),
        ...handleClusterAudit({
          name: "test",
          ask: (message) => askClusterMemory({ kernel, cluster, limits: gatewayLimits }, message),
          copy: async () => fixture.copy,
        }),
        ...handleHolders({ kernel, cluster, limits: gatewayLimits }),
        ...handlePeople({
          ask: (to, message) => kernel.ask({ to, from: "gateway", message, timeoutMs: gatewayLimits.askTimeoutMs }),
          askMemory: (message) => askClusterMemory({ kernel, cluster, limits: gatewayLimits }, message),
          roles: {
            current: () => [],
            table: () => roleTable([]),
            change: () => Promise.resolve(refused(failure("STOPPING"))),
          },
          isRange: () => true,
          tell: () => Promise.resolve(),
          clock,
          random: createRandom(),
          limits: gatewayLimits,
        }),
        ...(options.inference && handleInference(options.inference, "test")),
      },
    }),
  });
  const fixture: ClusterFixture = {
    gateway,
    request: (method, path, asked = {}) => askOf(app, gateway.url, method, path, asked),
    calls,
    log,
    summaries: [],
    slots: [],
    page: {
      rows: [{ actor: "room/den", slot: "chat/1", status: "active", mailbox: 4, restarts: 0, node: "node-a" }],
      more: false,
    },
    actor: {},
    cluster: () => refused(failure("STOPPING")),
    by,
    changes,
    copy: undefined,
    directory: true,
    stranded: undefined,
    answers: {},
    async stop() {
      await gateway.stop(1_000);
      await runtime.stop(1_000);
      await stopTime();
    },
  };
  return fixture;
}
