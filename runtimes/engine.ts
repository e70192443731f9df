import type { EngineName, EngineRequest, ModelInfo, Said } from "../protocols/index.ts";

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

/** A call under way. */
export interface Running {
  /** Asks for the end: `answered` follows within one token. Safe to call at any time, again too. */
  cancel(): void;
}

/** An engine of each name: those of a node, or those of all nodes as one. */
export type Engines = { readonly [Name in EngineName]: Engine<Name> };
