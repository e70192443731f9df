/** Engines: work that does not fit into an actor's turn, behind one port. The one there is now, `generate`, writes text
 *  with models.
 *
 *      node ──► Engine (engine.ts): models, call, stop
 *                 │
 *                 ├─ echo (echo/echo.ts): deterministic, in this process, on any clock: simulations, tests
 *                 │
 *                 └─ residency (residency.ts): which models are in memory, and whose turn it is
 *                     └─ inference hosts (host/): a process for native code, one for the rest; in it a pool of one
 *                        │                        thread for each model
 *                        └─ adapters.ts: one row and one folder an adapter
 *                             ├─ llama (llama/): GGUF models on llama.cpp
 *                             ├─ onnx (onnx/): models of ONNX Runtime that embed, rank, hear, speak and write
 *                             ├─ echo (echo/): the same speech, to try the host itself
 *                             └─ openai, ollama, anthropic, gemini, kserve: models on other servers, on remote/
 *
 *  Servers with models are offered whole by `remote/catalogue.ts`, tried by `remote/trial.ts`, and found by `finding/`.
 *
 *  Why a process: ending a thread, or exiting, while a native call runs aborts the whole process, and so does a fault
 *  in native code. Such a fault costs the host, never the node, nor what other adapters do in theirs; the host is
 *  started again and loads its models anew. The detour costs nothing measurable.
 *
 *  `admission.ts` is the part every adapter shares: a bounded queue per model in which people take turns, timeouts from
 *  the moment of asking, and the promise that each generation ends exactly once. Beyond it, all that decides is pure
 *  and apart from processes: `fair-queue.ts`, `class-queue.ts`, `memory.ts`, `stop-strings.ts`, `coalescer.ts`,
 *  `answer.ts`, `gguf.ts`, `machine.ts`, `host/supervision.ts`, `llama/plan.ts`, `measure.ts`, `detokenizer.ts`,
 *  `schema.ts`, `wrong-request.ts`, `llama/grammar.ts`, `llama/calls.ts`, `llama/form.ts`, `llama/thoughts.ts`.
 *
 *  Cancelling is a message and takes effect within one token. A thread is never ended while it works; a host that does
 *  not obey is killed whole.
 *
 *  Where next: `engine.ts`, `adapter.ts`, `admission.ts`, `residency.ts`, `host/host.ts`, `host/process.ts`,
 *  `host/child.ts`, `host/worker.ts`, `llama/llama.ts`, `llama/writer.ts`, `remote/adapter.ts`. */
export type { ModelSpec } from "./adapter.ts";
export { inspectModel, modelSpec } from "./adapters.ts";
export type { RuntimeEvent } from "./environment.ts";
export { startInferenceHost, type InferenceHost } from "./host/host.ts";
export { keptStrikes, type Strikes } from "./host/strikes.ts";
export { describeGpus, probeGpus, type Gpus } from "./gpu.ts";
export type { GpuKind } from "./adapter.ts";
export { tryCards } from "./card-trial.ts";
export { runtimeLimits } from "./limits.ts";
export { createFinder } from "./finding/index.ts";
export { listModels, watchCatalogue } from "./remote/catalogue.ts";
export { tryEndpoint } from "./remote/trial.ts";
export { measureSpeed } from "./speed.ts";
export { readMachine, type Machine } from "./machine.ts";
export { enginesOf } from "./engine.ts";
export type { Engines, LocalModels } from "./engine.ts";
