import {
  engineNames,
  engines,
  failure,
  refused,
  type EngineName,
  type EngineRequest,
  type ModelInfo,
  type Result,
  type Said,
} from "../protocols/index.ts";
import type { ModelSpec, Running } from "./adapter.ts";
import type { Resident } from "./resident.ts";
export type { Running } from "./adapter.ts";
import type { Shares } from "./sharing.ts";

/** The port of an engine. Adapters and the inference host implement it, and routing makes one of those of all nodes;
 *  `test/conformance` runs one suite on them all.
 *
 *  Invariant: what is said of a call arrives in order and ends with exactly one `answered`, whatever dies meanwhile.
 *  Nothing is said inside the call of `call` itself. */
export interface Engine<Name extends EngineName = EngineName> {
  /** The models that it serves now, the default one first. */
  models(): readonly ModelInfo[];
  /** Calls back when `models` may have changed. The returned function ends that. */
  watch(listener: () => void): () => void;
  /** Starts a call. Every ending is an `answered`, with an error such as MODEL_NOT_FOUND, MODEL_BUSY, CONTEXT_TOO_LONG,
   *  GENERATION_TIMEOUT, RUNTIME_FAULT, MODEL_LOAD_FAILED, MODEL_UNAVAILABLE, STOPPING. */
  call(request: EngineRequest<Name>, hear: (said: Said<Name>) => void): Running;
}

/** The model that an unnamed one means: of those that can do what is asked the first that serves, else the first that
 *  may soon. Empty: there is none. */
export function defaultOf(all: readonly ModelInfo[], needs: readonly string[]): string {
  const working = all.filter(({ state }) => state !== "failed");
  const able = working.filter(({ capabilities }) => needs.every((need) => capabilities.includes(need)));
  const models = able.length > 0 ? able : working;
  return (models.find(({ state }) => state === "ready") ?? models[0])?.model ?? "";
}

/** An engine of this process. */
export interface LocalEngine<Name extends EngineName = EngineName> extends Engine<Name> {
  /** Stops admitting, cancels what runs, frees the device. Resolves within `deadlineMs`, by force if need be. */
  stop(deadlineMs: number): Promise<void>;
}

/** The models of one process, for all engines: what an adapter's models can do decides which engines they are models
 *  of. */
export interface LocalModels {
  models(): readonly ModelInfo[];
  watch(listener: () => void): () => void;
  call(engine: EngineName, request: EngineRequest, hear: (said: Said) => void): Running;
  /** What is known of each model, for those who look after the node. */
  residents(): readonly Resident[];
  /** What is counted for models in memory, and what may be at most. */
  memory(): { readonly usedBytes: number; readonly budgetBytes: number };
  /** What models may have of the machine now, and why so much. */
  shares(): Pick<Shares, "threads" | "memory">;
  /** Knows one more model, which a call or `load` brings into memory, with `preload` at once if there is room. Errors:
   *  NAME_TAKEN, LIMIT_REACHED, STOPPING. */
  add(spec: ModelSpec, how?: { readonly preload?: boolean }): Result<void>;
  /** Forgets a model: those who wait for it are refused with MODEL_NOT_FOUND, what it runs goes on to its end. Resolves
   *  when it is out of memory. Errors: MODEL_NOT_FOUND. */
  remove(name: string): Promise<Result<void>>;
  /** Brings a model into memory, also one that failed. Errors: MODEL_NOT_FOUND, MODEL_LOAD_FAILED, MODEL_UNAVAILABLE,
   *  STOPPING. */
  load(name: string): Promise<Result<void>>;
  /** Takes a model out of memory when what it runs has ended; a call loads it again. Errors: MODEL_NOT_FOUND. */
  unload(name: string): Promise<Result<void>>;
  /** Ends the way of a model into memory, and gives back what is read of it. Errors: MODEL_NOT_FOUND, ALREADY_DONE
   *  (nobody loads it). */
  stopLoad(name: string): Result<void>;
  /** Keeps a model in memory whatever else needs the room, and loads it; or no longer. Errors: MODEL_NOT_FOUND. */
  pin(name: string, pinned: boolean): Result<void>;
  /** As of `LocalEngine`. */
  stop(deadlineMs: number): Promise<void>;
}

/** The engines that models make up. */
export const enginesOf = (local: Pick<LocalModels, "models" | "watch" | "call">): Engines =>
  Object.fromEntries(
    engineNames.map((name) => [
      name,
      {
        models: () => local.models().filter(({ capabilities }) => capabilities.includes(engines[name].offers)),
        watch: (listener) => local.watch(listener),
        call: (request, hear) => local.call(name, request, hear),
      } satisfies Engine,
    ]),
  ) as unknown as Engines;

/** An engine of each name: those of a node, or those of all nodes as one. */
export type Engines = { readonly [Name in EngineName]: Engine<Name> };

/** One of them, where it is not known which. */
export const engineOf = (all: Engines, name: EngineName): Engine => all[name] as unknown as Engine;

/** All engines of which only some are there: the others have no models. `soon` calls back after the call that asked. */
export function everyEngine(some: Partial<Engines>, soon: (callback: () => void) => void = queueMicrotask): Engines {
  const none: Engine = {
    models: () => [],
    watch: () => () => undefined,
    call({ model }, hear) {
      soon(() => hear({ type: "answered", result: refused(failure("MODEL_NOT_FOUND", { model })) }));
      return { cancel: () => undefined };
    },
  };
  return { ...(Object.fromEntries(engineNames.map((name) => [name, none])) as unknown as Engines), ...some };
}
