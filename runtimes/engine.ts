import {
  engineNames,
  engines,
  failure,
  refused,
  type EngineName,
  type EngineRequest,
  type ModelInfo,
  type Said,
} from "../protocols/index.ts";

/** The port of an engine. Adapters and the inference host implement it, and routing makes one of those of all nodes;
 *  `test/conformance` runs one suite on them all.
 *
 *  Invariant: what is said of a call arrives in order and ends with exactly one `answered`, whatever dies meanwhile. Nothing is
 *  said inside the call of `call` itself. */
export interface Engine<Name extends EngineName = EngineName> {
  /** The models that it serves now, the default one first. */
  models(): readonly ModelInfo[];
  /** Calls back when `models` may have changed. The returned function ends that. */
  watch(listener: () => void): () => void;
  /** Starts a call. Every ending is an `answered`, with an error such as MODEL_NOT_FOUND, QUEUE_FULL, CONTEXT_TOO_LONG,
   *  GENERATION_TIMEOUT, RUNTIME_FAULT, MODEL_LOAD_FAILED, MODEL_UNAVAILABLE, STOPPING. */
  call(request: EngineRequest<Name>, hear: (said: Said<Name>) => void): Running;
}

/** An engine of this process. */
export interface LocalEngine<Name extends EngineName = EngineName> extends Engine<Name> {
  /** Stops admitting, cancels what runs, frees the device. Resolves within `deadlineMs`, by force if need be. */
  stop(deadlineMs: number): Promise<void>;
}

/** The models of one process, for all engines: what an adapter's models can do decides which engines they are models of. */
export interface LocalModels {
  models(): readonly ModelInfo[];
  watch(listener: () => void): () => void;
  call(engine: EngineName, request: EngineRequest, hear: (said: Said) => void): Running;
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

/** A call under way. */
export interface Running {
  /** Asks for the end: `answered` follows within one token. Safe to call at any time, again too. */
  cancel(): void;
}

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
