import type { GenerationPart, GenerationRequest, ModelInfo } from "../protocols/index.ts";

/** The inference port. Adapters and the inference host implement it; `test/conformance` runs one suite on them all.
 *
 *  Invariant: each `generate` delivers its parts in order and ends with exactly one `done` or `failed`, whatever dies
 *  meanwhile. No part is delivered inside the `generate` call itself. */
export interface Runtime {
  /** The models this runtime serves now, the default one first. */
  models(): readonly ModelInfo[];
  /** Starts a generation. Errors arrive as a `failed` part: MODEL_NOT_FOUND, QUEUE_FULL, CONTEXT_TOO_LONG,
   *  GENERATION_TIMEOUT, RUNTIME_FAULT, MODEL_LOAD_FAILED, MODEL_UNAVAILABLE, STOPPING. */
  generate(request: GenerationRequest, onPart: (part: GenerationPart) => void): Generation;
  /** Stops admitting, cancels what runs, frees the device. Resolves within `deadlineMs`, by force if need be. */
  stop(deadlineMs: number): Promise<void>;
}

export interface Generation {
  /** Asks for the end: within one token a `done` part with end `stopped` follows. Safe to call at any time, again too. */
  cancel(): void;
}
