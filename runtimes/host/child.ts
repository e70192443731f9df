/** The inference host: a process of its own, because a fault in native code ends the process it happens in.
 *
 *      node ──IPC── host (this file) ──one pool of one thread per model── worker.ts
 *
 *  The host relays, and loads one model after the other. Anything it cannot repair ends it whole; the node starts a new one.
 *  It ends by SIGKILL where a native call may be running: an orderly exit would abort with a core dump. */
import { basename } from "node:path";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import { failure, refused, type EngineName, type EngineRequest } from "../../protocols/index.ts";
import type { ModelSpec } from "../adapter.ts";
import { adapterOf } from "../adapters.ts";
import { runtimeLimits } from "../limits.ts";
import { memoryBudgetBytes, readMachine } from "../machine.ts";
import type { FromHost, FromWorker, ToHost, ToWorker } from "./messages.ts";
import type { CallTask, LoadAnswer, LoadTask } from "./worker.ts";

const machine = readMachine();
const budgetBytes = memoryBudgetBytes(machine);
const pools = new Map<string, Piscina>();
const ports = new Map<number, MessagePort>();
let usedBytes = 0;
let loading: Promise<void> = Promise.resolve();

function send(message: FromHost): void {
  process.send?.(message);
}

function dieNow(): void {
  process.kill(process.pid, "SIGKILL");
}

async function load(spec: ModelSpec, models: number): Promise<void> {
  send({ type: "loading", model: spec.name });
  let sizeBytes = 0;
  try {
    const adapter = adapterOf(spec);
    const inspected = adapter.inspect(spec);
    sizeBytes = inspected.fileBytes;
    if (inspected.type === "refused") return refuse(spec, sizeBytes, inspected.reason);
    const freeBytes = budgetBytes - usedBytes;
    const verdict = adapter.plan({ ...inspected, spec, machine, models, freeBytes });
    if (verdict.type === "refused") return refuse(spec, sizeBytes, verdict.reason);
    const { plan } = verdict;
    const pool = createPool(plan.sequences);
    const task: LoadTask = { spec, plan };
    const limitMs = runtimeLimits.loadMsMax + sizeBytes / runtimeLimits.loadBytesPerMs;
    const timer = setTimeout(() => fault("load does not end", spec.name), limitMs);
    const ended = pool.run(task, { name: "load" }) as Promise<LoadAnswer>;
    const answer = await ended.finally(() => clearTimeout(timer));
    if (answer.type === "failed") {
      await pool.destroy(); // Nothing of it runs: the load has ended.
      return refuse(spec, sizeBytes, answer.reason);
    }
    pools.set(spec.name, pool);
    usedBytes += plan.memoryBytes;
    if (answer.warnings.length > 0)
      send({ type: "log", event: "model.warnings", facts: { model: spec.name, warnings: answer.warnings } });
    send({ type: "loaded", model: spec.name, facts: answer.facts });
  } catch (thrown) {
    refuse(spec, sizeBytes, reasonOf(thrown));
  }
}

/** The reason reaches people who use the model; where its file lies is not theirs to know. */
function refuse(spec: ModelSpec, sizeBytes: number, reason: string): void {
  const details = { model: spec.name, reason: reason.replaceAll(spec.path, basename(spec.path)) };
  send({ type: "loadFailed", model: spec.name, sizeBytes, error: failure("MODEL_LOAD_FAILED", details) });
}

const fileReasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "the file may not be read by this user",
  EPERM: "the file may not be read by this user",
};

function reasonOf(thrown: unknown): string {
  const { code, message } = thrown as NodeJS.ErrnoException;
  return fileReasons[code ?? ""] ?? message ?? String(thrown);
}

function createPool(sequences: number): Piscina {
  const pool = new Piscina({
    filename: new URL("./worker.ts", import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    // One more than the node sends at once: a generation counts until its channel is closed.
    concurrentTasksPerWorker: sequences + 1,
    // Otherwise the idle thread sleeps in Atomics.wait and its channels and native callbacks with it.
    atomics: "disabled",
  });
  pool.on("error", (error: Error) => fault("worker failed", error));
  return pool;
}

/** A worker that is gone took its model along; the node starts a new host that loads all anew. */
function fault(event: string, error: unknown): void {
  process.stderr.write(`${event}: ${String(error)}\n`, dieNow);
}

function begin(run: number, engine: EngineName, model: string, request: EngineRequest): void {
  const pool = pools.get(model);
  if (pool === undefined) {
    send({ type: "end", run, result: refused(failure("MODEL_NOT_FOUND", { model })) });
    return;
  }
  const { port1, port2 } = new MessageChannel();
  ports.set(run, port1);
  port1.on("message", (message: FromWorker) => {
    if (message.type === "end") {
      ports.delete(run);
      port1.close();
    }
    send({ ...message, run });
  });
  const task: CallTask = { engine, request, port: port2 };
  // Piscina's type for the list comes from another overload of postMessage than the one it calls.
  const transferList = [port2] as never;
  pool.run(task, { name: "call", transferList }).catch((error: unknown) => fault("call lost", error));
}

const toWorker = (run: number, message: ToWorker): void => ports.get(run)?.postMessage(message);

async function stop(): Promise<void> {
  await loading;
  for (const pool of pools.values()) {
    await pool.run(undefined, { name: "unload" });
    await pool.destroy();
  }
  process.exit(0);
}

function take(message: ToHost): void {
  switch (message.type) {
    case "load":
      loading = loading.then(() => load(message.spec, message.models));
      return;
    case "begin":
      return begin(message.run, message.engine, message.model, message.request);
    case "cancel":
      return toWorker(message.run, { type: "cancel" });
    case "credit":
      return toWorker(message.run, { type: "credit", frames: message.frames });
    case "beat":
      return send({ type: "beat" });
    case "stop":
      stop().catch((error: unknown) => fault("stop failed", error));
  }
}

process.title = "plexus-inference";
// Ctrl-C reaches the whole process group; the node decides when its host ends.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.on("disconnect", dieNow);
process.on("uncaughtException", (error) => fault("uncaught", error.stack ?? error));
process.on("message", take);
send({ type: "up" });
