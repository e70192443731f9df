/** The models of one node, and the parts behind a call of a model: what counts it, what measures it, and what carries
 *  it to another node. `node/inference/index.ts` puts them around one another. */
import type { AnyBehavior, Message } from "../../actors/behavior.ts";
import type { Config } from "../../config/index.ts";
import {
  activityActor,
  failure,
  PlexusError,
  type KeptFile,
  type Preference,
  type Result,
} from "../../protocols/index.ts";
import type { Engines } from "../../runtimes/engine.ts";
import { readMachine, runtimeLimits, startInferenceHost } from "../../runtimes/index.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import { startedAgain, type MembershipPart } from "../cluster/membership/index.ts";
import { trialsFile } from "../data-folder/index.ts";
import { createCalls, type CallLimits, type Calls, type ReadAttachment } from "../inference/calls/index.ts";
import { createFileReading, type FileReading, type FileReadingPorts } from "../inference/files/index.ts";
import { orderModelCalls, type ModelCalls } from "../inference/index.ts";
import { createInference, measureInference, type Inference, type NodeModels } from "../inference/local/index.ts";
import { createQuality, type Quality, type QualityFile } from "../inference/quality/index.ts";
import type { RouteLimits } from "../inference/routes/index.ts";
import {
  createActivity,
  createUsage,
  priceOf,
  type Activity,
  type Usage,
  type UsageLimits,
} from "../inference/usage/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { keptText } from "../platform/index.ts";
import type { Clock, Log, Meter, NodeId, Random, Tracer } from "../ports/index.ts";
import { tapPublished, type PublishedTap } from "../previews/index.ts";
import { withPolicy, type FileSettings, type ListedFiles } from "../scanning/index.ts";
import type { Changed } from "../audit/index.ts";
import type { ClusterFacts } from "../cluster/facts/all.ts";
import { createPushCalls, type PushCalls } from "../telling/index.ts";
import { createLaterPosts, createRoleMemory } from "../accounts/index.ts";
import type { Stops } from "../stops.ts";
import type { Identity } from "./identity.ts";
import type { Machine } from "./machine.ts";

/** Bytes of rooms' files, and what opens them. */
export type RoomFiles = Pick<FileReadingPorts, "bytes" | "opener">;

/** What they need. */
interface ModelPartPorts {
  readonly node: NodeId;
  readonly behaviors: readonly AnyBehavior[];
  /** This node's own. */
  readonly engines: Engines;
  readonly attachment?: ReadAttachment;
  /** How files of rooms are read. Absent: models are shown none. */
  readonly roomFiles?: RoomFiles;
  /** What becomes of files that nobody can scan. Absent: they are let through. */
  readonly files?: () => FileSettings;
  /** Files that lists of threats name. Absent: none is. */
  readonly listed?: ListedFiles;
  readonly prefer?: Preference;
  readonly exchange: Exchange;
  readonly membership: MembershipPart;
  readonly facts: Pick<ClusterFacts, "budgets" | "modelRoutes" | "clusterRoles">;
  /** Asked with the first call: the kernel stands on these parts. */
  kernel(): Kernel;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly tracer?: Tracer;
  readonly quality?: QualityFile;
  readonly storedBytes?: () => Promise<number>;
  readonly changed?: Changed;
  readonly limits?: {
    readonly usage?: Partial<UsageLimits>;
    readonly calls?: Partial<CallLimits>;
    readonly routes?: Partial<RouteLimits>;
  };
}

/** The parts. */
interface ModelPart extends Omit<ModelCalls, "ofActors"> {
  /** What the kernel takes: engines for actors, and what stands before posts that accounts send by themselves. */
  readonly ofKernel: { readonly engines: ModelCalls["ofActors"]; readonly before: ReturnType<typeof createLaterPosts> };
  /** What the peer shows of them. */
  readonly ofPeer: {
    readonly explainRoute: ModelCalls["explainRoute"];
    readonly pushCalls: PushCalls;
    readonly published: PublishedTap;
    readonly listed?: ListedFiles;
  };
  readonly calls: Calls;
  readonly usage: Usage;
  readonly quality: Quality;
  /** What people do here; absent: the cluster keeps nothing of it. */
  readonly activity?: Activity;
}

/** Makes them. */
export function createModelPart(ports: ModelPartPorts): ModelPart {
  const { node, exchange, membership, facts, clock, log, meter, limits = {} } = ports;
  const { activity, usage } = createCounting(ports);
  const ground = { node, exchange, membership, clock, log, meter };
  const quality = createQuality({
    ...ground,
    ...(ports.quality && { file: ports.quality }),
  });
  const price = (model: string): number | undefined => priceOf(facts.budgets.prices.current(), model);
  const calls = createCalls({
    ...ground,
    engines: ports.engines,
    ...(ports.prefer && { prefer: ports.prefer }),
    price,
    callsAt(other) {
      const { agoMs = 0, load } = membership.heard(other) ?? {};
      return load?.calls === undefined ? undefined : { calls: load.calls, agoMs };
    },
    ...(ports.tracer && { tracer: ports.tracer }),
    ...(limits.calls && { limits: limits.calls }),
  });
  const routes = {
    routes: () => facts.modelRoutes.current(),
    price,
    clock,
    meter,
    ...(limits.routes && { limits: limits.routes }),
  };
  const files = readingOf(ports);
  const { ofActors, ...ordered } = orderModelCalls({
    calls,
    quality,
    usage,
    routes,
    scanning: (engine) =>
      withPolicy(engine, ports.files ?? (() => ({ scan: true, withoutScanner: "allow" })), ports.listed),
    files,
    ...(ports.attachment && { attachment: ports.attachment }),
  });
  const pushCalls = createPushCalls();
  const before = createLaterPosts({ ...ports, usage, ask: (asked) => ports.kernel().ask(asked) });
  const { explainRoute } = ordered;
  const listed = ports.listed && { listed: ports.listed };
  const ofPeer = { explainRoute, pushCalls, published: tapPublished(), ...listed };
  return {
    ...ordered,
    ofKernel: { engines: ofActors, before },
    ofPeer,
    calls,
    usage,
    quality,
    ...(activity && { activity }),
  };
}

/** Of a node that shows models none. */
const noFiles: RoomFiles = {
  bytes() {
    throw new PlexusError(failure("NOT_FOUND"));
  },
  opener: { tried: async () => ({ type: "not", why: "stopped" }) },
};

/** Files of rooms for models: the room is asked, as the gateway asks it for people. */
function readingOf(ports: ModelPartPorts): FileReading {
  const { roomFiles = noFiles, clock } = ports;
  return createFileReading({
    find: async ({ of, by, id }, timeoutMs) => {
      const message: Message = { type: "file", by, id };
      return (await ports.kernel().ask({ to: of, from: "gateway", message, timeoutMs })) as Result<KeptFile>;
    },
    ...roomFiles,
    clock,
  });
}

/** What people take, and what they do at all. */
function createCounting(ports: ModelPartPorts): { readonly usage: Usage; readonly activity: Activity | undefined } {
  const { node, behaviors, random, facts, clock, log, meter, limits = {} } = ports;
  const { budgets } = facts;
  const reporter = `${node}.${Buffer.from(random.bytes(9)).toString("base64url")}`;
  const around = { clock, log, meter, ...(limits.usage && { limits: limits.usage }) };
  const activity = behaviors.some(({ kind }) => kind === "activity")
    ? createActivity({
        reporter,
        node,
        ask: (message, timeoutMs) =>
          ports.kernel().ask({ to: activityActor, from: "node", message: message as Message, timeoutMs }),
        budgets: () => budgets.budgets.current(),
        ...(ports.storedBytes && { storedBytes: ports.storedBytes }),
        ...around,
      })
    : undefined;
  const usage = createUsage({
    reporter,
    ...(activity && { took: (...took) => activity.took(...took) }),
    ask: (to, message, timeoutMs) => ports.kernel().ask({ to, from: "node", message: message as Message, timeoutMs }),
    budgets: () => budgets.budgets.current(),
    prices: () => budgets.prices.current(),
    quotas: () => budgets.quotas.current(),
    rolesOf: createRoleMemory((asked) => ports.kernel().ask(asked), clock),
    noted: (action, noted, tell) => ports.changed?.(ports.kernel(), action, noted, undefined, tell),
    ...around,
  });
  return { usage, activity };
}

/** Models take a while to load: they begin before the directory says which roles the node has. */
export function startInference(
  config: Config,
  at: {
    readonly machine: Machine;
    readonly identity: Identity;
    readonly stops: Stops;
    readonly models: Pick<NodeModels, "specs">;
  },
): Inference {
  const { clock, log, meter } = at.machine;
  const inference = createInference({
    models: () => at.models.specs(),
    start: (models) =>
      startInferenceHost({
        models,
        nodeLoad: () => ({ ...at.machine.used(), memoryBytes: at.machine.memoryBytes() }),
        machine: boundedMachine(config),
        trials: keptText(trialsFile(config.data), runtimeLimits.trialsFileBytesMax),
        clock,
        log,
        onEvent: (event) => measureInference(meter, event),
      }),
    clock,
    log,
    endTimeoutMs: config.limits.drainTimeoutMs,
  });
  at.stops.add((deadlineMs) => inference.stop(deadlineMs));
  const { own, known } = at.identity;
  inference.serve(startedAgain(own, known).roles.includes("ai"));
  return inference;
}

/** The machine, with what an admin leaves of it to models. */
export const boundedMachine = ({
  modelMemoryMiB,
  modelThreads,
  modelThreadsMin,
}: Config): ReturnType<typeof readMachine> => ({
  ...readMachine(),
  ...(modelMemoryMiB > 0 && { memoryMaxBytes: modelMemoryMiB * 1024 * 1024 }),
  ...(modelThreads > 0 && { threadsMax: modelThreads }),
  threadsMin: modelThreadsMin,
});
