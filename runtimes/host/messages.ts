/** What the node and its inference hosts say to each other, and what a host and its workers say. Plain data, one
 *  version of the code on both sides: a host is always started from the same files as the node. */
import type { Capability, EngineName, EnginePart, EngineRequest, Failure } from "../../protocols/index.ts";
import type { Doing, Ended, LoadPlan, ModelSpec, OnCard } from "../adapter.ts";
import type { Machine } from "../machine.ts";

/** One call of an engine. */
export interface Question {
  readonly engine: EngineName;
  readonly request: EngineRequest;
}

/** Which models a host has: those that run native code, which go down together, or the others. */
export const hostKinds = ["native", "light"] as const;
/** One of them. */
export type HostKind = (typeof hostKinds)[number];

/** What is known of a model once it is in memory. */
export interface LoadedFacts {
  readonly contextTokens: number;
  readonly sequences: number;
  readonly sizeBytes: number;
  readonly threads: number;
  /** What it runs on: `cpu`, or the kind of graphics interface. */
  readonly device: string;
  readonly onCard?: OnCard;
  readonly batchTokens?: number;
  readonly capabilities: readonly Capability[];
  /** What the host's memory grew by meanwhile; absent where that cannot be read. */
  readonly grewByBytes?: number;
  /** Of that, what is no file that is mapped. */
  readonly grewOwnBytes?: number;
}

export type ToHost =
  /** Answered by `inspected` or `loadFailed`. `mostBytes`: what it may take. */
  | { readonly type: "inspect"; readonly spec: ModelSpec; readonly mostBytes: number; readonly machine: Machine }
  /** Answered by `loaded` or `loadFailed`. `variables`: of the model's worker, beside those of the host. `known`: what
   *  an earlier load of its adapter said. */
  | {
      readonly type: "load";
      readonly spec: ModelSpec;
      readonly plan: LoadPlan;
      readonly variables: Readonly<Record<string, string>>;
      readonly known: string | undefined;
    }
  /** Nobody wants it any more. Answered by `stopped`, or by what the load came to. */
  | { readonly type: "stopLoad"; readonly model: string }
  /** Nothing of it runs. Answered by `unloaded`. */
  | { readonly type: "unload"; readonly model: string }
  /** Ends the model's worker whatever it does; in the host of native code, the host. Answered by `lost`, or the
   *  exit. */
  | { readonly type: "abandon"; readonly model: string; readonly reason: string }
  | { readonly type: "threads"; readonly model: string; readonly threads: number }
  /** Answered by `identified`, with the hash of what is in the files. */
  | { readonly type: "identify"; readonly files: readonly string[] }
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
  | { readonly type: "inspected"; readonly model: string; readonly plan: LoadPlan }
  | { readonly type: "loaded"; readonly model: string; readonly facts: LoadedFacts }
  /** A load found this out, for the later loads of its adapter. */
  | { readonly type: "known"; readonly adapter: string; readonly said: string }
  | { readonly type: "loadFailed"; readonly model: string; readonly sizeBytes: number; readonly error: Failure }
  /** How much of its weights is read, from 0 to 1. */
  | { readonly type: "reading"; readonly model: string; readonly share: number }
  /** Its load was ended, and nothing of it is in memory. */
  | { readonly type: "stopped"; readonly model: string }
  | { readonly type: "unloaded"; readonly model: string }
  /** Absent: they cannot be read. */
  | { readonly type: "identified"; readonly content?: string }
  /** Its worker is gone, and all that ran in it. */
  | { readonly type: "lost"; readonly model: string; readonly how: string }
  | { readonly type: "part"; readonly run: number; readonly part: EnginePart }
  | { readonly type: "end"; readonly run: number; readonly result: Ended }
  /** What its thread does from now on. `at`: how often it has said so before. */
  | { readonly type: "doing"; readonly run: number; readonly doing: Doing; readonly at: number }
  | { readonly type: "beat" }
  | { readonly type: "log"; readonly event: string; readonly facts: Readonly<Record<string, unknown>> };

/** Host to worker, over the channel of one call. */
export type ToWorker = { readonly type: "cancel" } | { readonly type: "credit"; readonly frames: number };

/** Worker to host, over the channel of one call. */
export type FromWorker =
  | { readonly type: "part"; readonly part: EnginePart }
  | { readonly type: "end"; readonly result: Ended }
  | { readonly type: "doing"; readonly doing: Doing; readonly at: number };
