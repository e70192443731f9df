/** One node, put together: this is the only place where kernel, journal, directory, inference and gateway meet.
 *
 *      store ─► journal, directory ─► inference host ─► kernel ─► gateway            started in this order,
 *                                                                                    stopped in reverse
 *
 *  A single node is a cluster of one: the same slots, epochs, fence and journal as many nodes, with itself as the only
 *  in-sync replica and the embedded directory. */
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { behaviors } from "../actors/index.ts";
import type { Config } from "../config/index.ts";
import {
  failure,
  ok,
  PlexusError,
  refused,
  type ClusterView,
  type ModelInfo,
  type Result,
} from "../protocols/index.ts";
import { startInferenceHost, type InferenceHost, type RuntimeEvent } from "../runtimes/index.ts";
import { createDirectory } from "./directory/index.ts";
import { adminCodeHash, createGateway, createHub } from "./gateway/index.ts";
import { createKernel, type Kernel } from "./kernel/index.ts";
import { createClock, createMetrics, createRandom, openLevelStore } from "./platform/index.ts";
import type { Clock, Log, Meter } from "./ports.ts";
import { openJournal, verifyJournal as verifyStore } from "./storage/index.ts";

/** What the process around the node brings. */
export interface NodePlatform {
  readonly log: Log;
  readonly version: string;
  /** The built page; absent, the node serves its API alone. */
  readonly webFolder?: string;
  /** The operator's secret for the admin API. */
  readonly controlToken?: string;
}

export interface RunningNode {
  readonly url: string;
  readonly node: string;
  /** The one-time code that makes the first account the admin; absent once there is one. */
  readonly adminCode?: string;
  readonly models: readonly ModelInfo[];
  /** Takes no more work, finishes what is under way, closes the data folder. */
  stop(deadlineMs: number): Promise<void>;
}

/** The model in the repository: it answers, but knows next to nothing, and pages say so. */
const demonstrationModel = "plexus-tiny.gguf";

/** Names a model entry that needs no file: the deterministic echo, to try Plexus without inference. */
const echoModel = "echo";

const askTimeoutMs = 10_000;

/** Starts a node. Errors: DATA_FOLDER_IN_USE, DATA_FORMAT_UNKNOWN, DATA_DAMAGED, CONFIG_INVALID (port taken). What was
 *  started before an error is stopped again. */
export async function startNode(config: Config, platform: NodePlatform): Promise<RunningNode> {
  const { log, version } = platform;
  const clock = createClock();
  const random = createRandom();
  const startedAtMs = clock.nowMs();
  const stops: ((deadlineMs: number) => Promise<void> | void)[] = [];
  const stop = async (deadlineMs: number): Promise<void> => {
    const endMs = clock.monotonicMs() + deadlineMs;
    for (const stopPart of stops.splice(0).reverse()) {
      try {
        await stopPart(Math.max(0, endMs - clock.monotonicMs()));
      } catch (error) {
        // The parts below must stop all the same, the data folder above all.
        log.error("node.stop.part.failed", { error });
      }
    }
  };

  try {
    const metrics = createMetrics();
    const { meter } = metrics;
    stops.push(() => metrics.stop());

    const store = await openLevelStore(journalFolder(config.data));
    stops.push(() => store.close());
    const identity = { cluster: randomHex(random.bytes(8)), node: randomHex(random.bytes(8)) };
    const journal = await openJournal({ store, clock, log, meter, identity });
    const { node } = journal.format;

    const runtime = startInferenceHost({
      models: config.models.map((entry) => modelSpec(entry, config)),
      clock,
      log,
      onEvent: (event) => measureInference(meter, event),
    });
    stops.push((deadlineMs) => runtime.stop(deadlineMs));

    const hub = createHub();
    const directory = createDirectory({ store });
    const kernel = createKernel({
      node,
      behaviors,
      journal,
      directory,
      runtime,
      publisher: hub,
      clock,
      random,
      log,
      meter,
    });
    stops.push((deadlineMs) => kernel.stop(deadlineMs));

    // The cluster's own memory first: whether an admin exists decides what sign-up asks for.
    const adminCode = createAdminCode(random.bytes(12));
    await registerNode(kernel, { node, config, adminCodeHash: adminCodeHash(adminCode) });
    const adminNeeded = async (): Promise<boolean> => (await describeCluster(kernel)).adminNeeded;

    const gateway = await createGateway({
      kernel,
      runtime,
      hub,
      clock,
      random,
      log,
      meter,
      host: config.host,
      port: config.port,
      node,
      version,
      signUp: config.signUp,
      adminNeeded,
      adminCodeHash: adminCodeHash(adminCode),
      metricsText: () => metrics.text(),
      readiness: () => readiness(kernel),
      status: () => ({
        version,
        node,
        startedAtMs,
        uptimeMs: clock.nowMs() - startedAtMs,
        roles: config.roles,
        models: runtime.models(),
        actors: { active: kernel.status().active, quarantined: kernel.status().quarantined },
        slots: { open: kernel.status().slotsOpen, quarantined: kernel.status().slotsQuarantined },
        journal: { ...journal.written, location: store.location },
        eventLoopLagMs: metrics.lagMs(),
        memoryBytes: process.memoryUsage.rss(),
      }),
      ...(platform.webFolder !== undefined && { webFolder: platform.webFolder }),
      ...(platform.controlToken !== undefined && { controlToken: platform.controlToken }),
    });
    stops.push((deadlineMs) => gateway.stop(deadlineMs));

    // Last, because actors that were interrupted go on at once, and their events need somebody to hear them.
    await kernel.start();
    await modelsSettled(runtime, clock);
    log.info("node.ready", { node, url: gateway.url, startedInMs: Math.round(clock.nowMs() - startedAtMs) });
    const running = { url: gateway.url, node, stop, get models() { return runtime.models(); } }; // prettier-ignore
    return (await adminNeeded()) ? { ...running, models: runtime.models(), adminCode } : running;
  } catch (error) {
    await stop(askTimeoutMs);
    throw error;
  }
}

/** Where the journal lies in a data folder. */
export const journalFolder = (data: string): string => join(data, "journal");

/** Checks every entry and record of a data folder that no node has open. Errors: DATA_FOLDER_IN_USE, DATA_DAMAGED. */
export async function verifyJournal(data: string): ReturnType<typeof verifyStore> {
  const folder = journalFolder(data);
  if (!(await stat(folder).catch(() => undefined))) return { entries: 0, slots: 0, damaged: [] };
  const store = await openLevelStore(folder);
  const metrics = createMetrics();
  try {
    const verified = await verifyStore({ store, clock: createClock(), meter: metrics.meter });
    await createDirectory({ store }).list();
    return verified;
  } finally {
    metrics.stop();
    await store.close();
  }
}

async function registerNode(
  kernel: Kernel,
  facts: { readonly node: string; readonly config: Config; readonly adminCodeHash: string },
): Promise<void> {
  const { node, config } = facts;
  const message = {
    type: "nodeStarted",
    node,
    roles: config.roles,
    models: config.models.map((model) => model.name),
    labels: config.labels,
    adminCodeHash: facts.adminCodeHash,
  };
  const told = await kernel.ask({ to: "role-manager/cluster", from: "node", message, timeoutMs: askTimeoutMs });
  if (!told.ok) throw new PlexusError(told.error);
}

async function describeCluster(kernel: Kernel): Promise<ClusterView> {
  const message = { type: "describe" };
  const answer = await kernel.ask({ to: "role-manager/cluster", from: "node", message, timeoutMs: askTimeoutMs });
  if (!answer.ok) throw new PlexusError(answer.error);
  return answer.value as ClusterView;
}

/** Ready while no slot is known to be unavailable. */
function readiness(kernel: Kernel): Result<unknown> {
  const { slotsQuarantined } = kernel.status();
  return slotsQuarantined.length === 0
    ? ok({})
    : refused(failure("SLOT_UNAVAILABLE", { slots: slotsQuarantined.map(({ slot }) => slot) }));
}

/** A node says it is ready when its models are; but a large one may take minutes, and chat need not wait for it. */
const modelsWaitMs = 5_000;

function modelsSettled(runtime: InferenceHost, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(modelsWaitMs, resolve);
    void runtime.settled().then(() => {
      cancel();
      resolve();
    });
  });
}

function modelSpec(
  entry: Config["models"][number],
  config: Config,
): Parameters<typeof startInferenceHost>[0]["models"][number] {
  const echo = entry.name === echoModel;
  const demonstration = echo || basename(entry.path) === demonstrationModel;
  return {
    name: entry.name,
    runtime: echo ? "echo" : "llama",
    path: entry.path,
    demonstration,
    contextTokens: config.contextTokens,
    gpu: config.gpu === "auto" ? "auto" : false,
    // So small a model wanders when it is given room; a little keeps "regenerate" worth a click.
    ...(demonstration && { temperature: 0.3 }),
  };
}

function measureInference(meter: Meter, event: RuntimeEvent): void {
  switch (event.type) {
    case "started":
      meter.observeMs("generation_queue", event.queuedMs, { model: event.model });
      break;
    case "firstText":
      meter.observeMs("generation_first_text", event.afterMs, { model: event.model });
      break;
    case "ended":
      meter.count("generations", 1, { model: event.model, end: event.end });
      meter.count("tokens_prompt", event.promptTokens, { model: event.model });
      meter.count("tokens_completion", event.completionTokens, { model: event.model });
      meter.observeMs("generation", event.totalMs, { model: event.model });
      break;
    case "hostRestarted":
      meter.count("inference_host_restarts");
      break;
  }
}

const randomHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Letters and digits that nobody mistakes for one another, in groups of four. */
function createAdminCode(bytes: Uint8Array): string {
  const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  const letters = [...bytes].map((byte) => alphabet[byte % alphabet.length]).join("");
  return [letters.slice(0, 4), letters.slice(4, 8), letters.slice(8)].join("-");
}
