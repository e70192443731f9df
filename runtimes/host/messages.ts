/** What the node and its inference host say to each other, and what the host and its workers say. Plain data, one
 *  version of the code on both sides: the host is always started from the same files as the node. */
import type { Capability, EngineName, EnginePart, EngineRequest, Failure } from "../../protocols/index.ts";
import type { Ended, ModelSpec } from "../adapter.ts";

/** What is known of a model once it is in memory. */
export interface LoadedFacts {
  readonly contextTokens: number;
  readonly sequences: number;
  readonly sizeBytes: number;
  readonly threads: number;
  /** What it runs on: `cpu`, or the kind of graphics interface. */
  readonly device: string;
  readonly capabilities: readonly Capability[];
}

export type ToHost =
  /** `models`: how many there are in all that share the processor. */
  | { readonly type: "load"; readonly spec: ModelSpec; readonly models: number }
  | {
      readonly type: "begin";
      readonly run: number;
      readonly engine: EngineName;
      readonly model: string;
      readonly request: EngineRequest;
    }
  | { readonly type: "cancel"; readonly run: number }
  | { readonly type: "credit"; readonly run: number; readonly frames: number }
  | { readonly type: "beat" }
  | { readonly type: "stop" };

export type FromHost =
  | { readonly type: "up" }
  | { readonly type: "loading"; readonly model: string }
  | { readonly type: "loaded"; readonly model: string; readonly facts: LoadedFacts }
  | { readonly type: "loadFailed"; readonly model: string; readonly sizeBytes: number; readonly error: Failure }
  | { readonly type: "part"; readonly run: number; readonly part: EnginePart }
  | { readonly type: "end"; readonly run: number; readonly result: Ended }
  | { readonly type: "beat" }
  | { readonly type: "log"; readonly event: string; readonly facts: Readonly<Record<string, unknown>> };

/** Host to worker, over the channel of one call. */
export type ToWorker = { readonly type: "cancel" } | { readonly type: "credit"; readonly frames: number };

/** Worker to host, over the channel of one call. */
export type FromWorker =
  { readonly type: "part"; readonly part: EnginePart } | { readonly type: "end"; readonly result: Ended };
