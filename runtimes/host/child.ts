/** An inference host: a process of its own, because a fault in native code ends the process it happens in.
 *
 *      node ──IPC── host (this file) ──one pool of one thread per model in memory── worker.ts
 *
 *  The host relays, and does as it is told with one model after the other. The host of native code ends whole when
 *  something cannot be repaired, and the node starts a new one; by SIGKILL where a native call may be running, as an
 *  orderly exit would abort with a core dump. In the other host a worker that is gone is said to be `lost`, and nothing
 *  else is touched. */
import "../closed.ts";
import { readFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import { failure, refused } from "../../protocols/errors.ts";
import type { EngineName, EngineRequest } from "../../protocols/index.ts";
import type { ModelSpec } from "../adapter.ts";
import { adapterOf } from "../adapters.ts";
import { runtimeLimits } from "../limits.ts";
import type { FromHost, FromWorker, HostKind, ToHost, ToWorker } from "./messages.ts";
import { namingFile } from "./naming-file.ts";
import { contentOf } from "./subject.ts";
import type { CallTask, LoadAnswer, LoadTask } from "./worker.ts";

const kind = process.argv[2] as HostKind;

interface Pool {
  readonly model: string;
  readonly pool: Piscina;
  /** The channels of what it runs. */
  readonly runs: Set<number>;
  /** It is meant to end. */
  ending: boolean;
  /** Ends its load. */
  stopLoad: () => void;
}

/** Those of models in memory and on their way in. */
const pools = new Map<string, Pool>();
const ports = new Map<number, MessagePort>();
let loading: Promise<void> = Promise.resolve();

function send(message: FromHost): void {
  process.send?.(message);
}

function dieNow(): void {
  process.kill(process.pid, "SIGKILL");
}

/** How the model would be loaded: from the head of its file alone. */
function inspect({ spec, mostBytes, machine }: Extract<ToHost, { type: "inspect" }>): void {
  let sizeBytes = 0;
  try {
    const adapter = adapterOf(spec);
    const inspected = adapter.inspect(spec);
    sizeBytes = inspected.fileBytes;
    if (inspected.type === "refused") return refuse(spec, sizeBytes, inspected.reason);
    const verdict = adapter.plan({ ...inspected, spec, machine, models: 1, freeBytes: mostBytes });
    if (verdict.type === "refused") refuse(spec, sizeBytes, verdict.reason);
    else send({ type: "inspected", model: spec.name, plan: verdict.plan });
  } catch (thrown) {
    refuse(spec, sizeBytes, reasonOf(thrown));
  }
}

async function load({ spec, plan, variables, known }: Extract<ToHost, { type: "load" }>): Promise<void> {
  const { sizeBytes } = plan;
  const one = createPool(spec.name, plan.sequences, variables);
  const limitMs = runtimeLimits.loadMsMax + sizeBytes / runtimeLimits.loadBytesPerMs;
  const timer = setTimeout(() => lose(one, "its load does not end"), limitMs);
  try {
    const task: LoadTask = { spec, plan, known, port: watchLoad(one) };
    const before = resident();
    const transferList = [task.port] as never;
    const answer = (await one.pool.run(task, { name: "load", transferList })) as LoadAnswer;
    if (one.ending) return;
    if (answer.type === "stopped") {
      await end(one);
      return send({ type: "stopped", model: spec.name });
    }
    if (answer.type === "failed") {
      await end(one); // Nothing of it runs: the load has ended.
      return refuse(spec, sizeBytes, answer.reason);
    }
    const now = resident();
    const grew = {
      grewByBytes: Math.max(0, now.bytes - before.bytes),
      grewOwnBytes: Math.max(0, now.ownBytes - before.ownBytes),
    };
    if (answer.warnings.length > 0)
      send({ type: "log", event: "model.warnings", facts: { model: spec.name, warnings: answer.warnings } });
    const facts = { ...answer.facts, ...(before.bytes > 0 && grew) };
    if (answer.known !== undefined) send({ type: "known", adapter: spec.adapter, said: answer.known });
    send({ type: "loaded", model: spec.name, facts });
  } catch (thrown) {
    // A worker that is gone was said to be lost.
    if (one.ending) return;
    await end(one);
    refuse(spec, sizeBytes, reasonOf(thrown));
  } finally {
    clearTimeout(timer);
  }
}

/** The worker's end of the channel of a load. */
function watchLoad(one: Pool): MessagePort {
  const { port1, port2 } = new MessageChannel();
  let said = 0;
  port1.on("message", (share: number) => {
    if (share < said + runtimeLimits.loadShareStep && share < 1) return;
    said = share;
    send({ type: "reading", model: one.model, share });
  });
  one.stopLoad = () => port1.postMessage("stop");
  return port2;
}

/** What this process has in memory, and what of it is no file that is mapped; 0 where that cannot be read. */
function resident(): { readonly bytes: number; readonly ownBytes: number } {
  try {
    const [, pages = 0, shared = 0] = readFileSync("/proc/self/statm", "utf8").split(" ").map(Number);
    return { bytes: pages * 4_096, ownBytes: (pages - shared) * 4_096 };
  } catch {
    return { bytes: 0, ownBytes: 0 };
  }
}

function refuse(spec: ModelSpec, sizeBytes: number, reason: string): void {
  const error = failure("MODEL_LOAD_FAILED", { model: spec.name, reason: namingFile(reason, spec) });
  send({ type: "loadFailed", model: spec.name, sizeBytes, error });
}

const fileReasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "the file may not be read by this user",
  EPERM: "the file may not be read by this user",
};

function reasonOf(thrown: unknown): string {
  const { code, message, path } = thrown as NodeJS.ErrnoException;
  const known = fileReasons[code ?? ""];
  if (known === undefined) return message ?? String(thrown);
  return path === undefined ? known : `${known}: ${path}`;
}

function createPool(model: string, sequences: number, variables: Readonly<Record<string, string>>): Pool {
  const pool = new Piscina({
    filename: new URL("./worker.ts", import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    env: { ...process.env, ...variables },
    idleTimeout: Number.POSITIVE_INFINITY,
    // More than the node sends at once: a generation counts until its channel is closed, and threads are set meanwhile.
    concurrentTasksPerWorker: sequences + 2,
    // Otherwise the idle thread sleeps in Atomics.wait and its channels and native callbacks with it.
    atomics: "disabled",
  });
  const one: Pool = { model, pool, runs: new Set(), ending: false, stopLoad: () => undefined };
  pool.on("error", (error: Error) => lose(one, error.message));
  // An idle thread that exits is no error to the pool, which starts another one: without the model.
  pool.on("workerDestroy", () => lose(one, "its worker exited"));
  pools.set(model, one);
  return one;
}

/** Ends a pool in which nothing runs, or nothing native. */
async function end(one: Pool): Promise<void> {
  one.ending = true;
  pools.delete(one.model);
  for (const run of one.runs) closePort(one, run);
  await one.pool.destroy();
}

function closePort(one: Pool, run: number): void {
  ports.get(run)?.close();
  ports.delete(run);
  one.runs.delete(run);
}

/** A worker is gone, or does not do as it is told. It took its model along. */
function lose(one: Pool, how: string): void {
  if (one.ending) return;
  if (kind === "native") return fault(`worker of ${one.model}`, how);
  end(one).then(
    () => send({ type: "lost", model: one.model, how }),
    (error: unknown) => fault(`the end of the worker of ${one.model}`, error),
  );
}

/** The node starts a new host that loads all anew. */
function fault(event: string, error: unknown): void {
  process.stderr.write(`${event}: ${String(error)}\n`, dieNow);
}

async function unload(model: string): Promise<void> {
  const one = pools.get(model);
  if (one === undefined) return;
  await one.pool.run(undefined, { name: "unload" });
  await end(one);
  send({ type: "unloaded", model });
}

function begin(run: number, engine: EngineName, model: string, request: EngineRequest): void {
  const one = pools.get(model);
  if (one === undefined) {
    send({ type: "end", run, result: refused(failure("RUNTIME_FAULT", { model, reason: "its worker is gone" })) });
    return;
  }
  const { port1, port2 } = new MessageChannel();
  ports.set(run, port1);
  one.runs.add(run);
  port1.on("message", (message: FromWorker) => {
    if (message.type === "end") closePort(one, run);
    send({ ...message, run });
  });
  const task: CallTask = { engine, request, port: port2 };
  // Piscina's type for the list comes from another overload of postMessage than the one it calls.
  const transferList = [port2] as never;
  one.pool
    .run(task, { name: "call", transferList })
    .catch((error: unknown) => lose(one, `call lost: ${String(error)}`));
}

const toWorker = (run: number, message: ToWorker): void => ports.get(run)?.postMessage(message);

function useThreads(model: string, threads: number): void {
  const one = pools.get(model);
  one?.pool.run({ threads }, { name: "useThreads" }).catch((error: unknown) => lose(one, String(error)));
}

async function stop(): Promise<void> {
  await loading;
  for (const { model } of pools.values()) await unload(model);
  process.exit(0);
}

function take(message: ToHost): void {
  switch (message.type) {
    case "inspect":
      return inspect(message);
    case "load":
      loading = loading.then(() => load(message));
      return;
    case "stopLoad":
      return pools.get(message.model)?.stopLoad();
    case "unload":
      unload(message.model).catch((error: unknown) => fault("unload failed", error));
      return;
    case "abandon": {
      const one = pools.get(message.model);
      if (one === undefined) send({ type: "lost", model: message.model, how: message.reason });
      else lose(one, message.reason);
      return;
    }
    case "threads":
      return useThreads(message.model, message.threads);
    case "identify":
      contentOf(message.files).then(
        (content) => send({ type: "identified", content }),
        () => send({ type: "identified" }),
      );
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

process.title = `plexus-${kind}-inference`;
// Ctrl-C reaches the whole process group; the node decides when its host ends.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.on("disconnect", dieNow);
process.on("uncaughtException", (error) => fault("uncaught", error.stack ?? error));
process.on("message", take);
send({ type: "up" });
// It is ended by a signal, which would leave nothing of what was compiled for the next one.
flushCompileCache();
