/** What an adapter is: one way to run models in a thread of the inference host. `adapters.ts` is the table of them.
 *
 *      inspect (reads the file's head) ─► plan (decides, pure) ─► load (in the model's own thread) ─► generate … unload
 *
 *  The worker (`host/worker.ts`) calls a loaded model; it reports over a `Flow` and knows nothing of processes, queues
 *  and timeouts. */
import type {
  Capability,
  EngineAnswer,
  EngineName,
  EnginePart,
  EngineRequest,
  ModelLabel,
  Result,
} from "../protocols/index.ts";
import { runtimeLimits } from "./limits.ts";
import type { Machine } from "./machine.ts";
import type { Endpoint } from "./remote/endpoint.ts";

/** A call under way. */
export interface Running {
  /** Asks for the end: `answered` follows within one token. Safe to call at any time, again too. */
  cancel(): void;
}

/** An interface to graphics cards. */
export type GpuKind = "cuda" | "vulkan" | "metal";

/** A model as configured. */
export interface ModelSpec {
  /** What clients call it. */
  readonly name: string;
  /** The row of `adapters.ts` that runs it. */
  readonly adapter: string;
  /** The model's file; unused by an adapter without files. */
  readonly path: string;
  /** What tells its files apart from others of the same name. */
  readonly version?: string;
  /** Where its files were pulled from. */
  readonly source?: string;
  /** Context of one generation. Default: what the model was trained on, at most 4096. */
  readonly contextTokens?: number;
  /** Generations that run at once, batched. Default 4. */
  readonly sequences?: number;
  /** `false` (default) runs on the processor; `auto` on the first interface to graphics cards that can run it, else on
   *  the processor. */
  readonly gpu?: false | "auto" | GpuKind;
  /** Where the model is, of an adapter of models on other servers. */
  readonly endpoint?: Endpoint;
  /** What the model can do, where its owner says so. */
  readonly capabilities?: readonly Capability[];
  /** On how many threads it computes at most. Default: as many as models may have. */
  readonly threads?: number;
  /** Tokens that are computed in one go at most. Default: the library's. */
  readonly batchTokens?: number;
  /** What it may take of the graphics card's memory. Default: what is free. */
  readonly gpuMemoryBytes?: number;
  /** Layers that the graphics card has; default: as many as it has room for, with the context. */
  readonly gpuLayers?: number;
  /** Adapters (LoRA) that are put on the model. One without them is another model by another name, of the same file. */
  readonly lora?: readonly LoraSpec[];
  /** The file of a smaller model of the same vocabulary: it guesses ahead, and the model checks several guesses at
   *  once. */
  readonly draft?: string;
  /** How finely keys and values of the context are kept. Default `f16`; `q8_0` takes half the memory of it. */
  readonly cacheType?: CacheType;
  /** Default: where model and device allow it, which a finer `cacheType` needs. */
  readonly flashAttention?: boolean;
  /** How long it stays in memory after its last call: 0, it leaves at once; negative (default), until its room is
   *  needed. */
  readonly keepAliveMs?: number;
  /** It stays in memory whatever else needs the room. */
  readonly pinned?: boolean;
  /** What the model most likely can do: told before it is loaded. */
  readonly expected?: readonly Capability[];
  /** `false`: it is loaded when it is called, not before. */
  readonly preload?: boolean;
  /** Pause between the echo's tokens. Default 0. */
  readonly tokenDelayMs?: number;
}

/** An adapter for a model's weights. */
interface LoraSpec {
  readonly path: string;
  /** How much of it: 1 (default) is what it was trained for. */
  readonly scale?: number;
}

/** How keys and values are kept. */
export type CacheType = "f16" | "q8_0" | "q4_0";

/** One adapter. `Found` is what it reads from the head of a model's file. */
export interface Adapter<Found = unknown> {
  readonly name: string;
  /** What a call may need of its models, as far as it is known before one is loaded. */
  readonly capabilities: readonly Capability[];
  /** Of an adapter whose models run native code: they keep processor threads busy, so they share the machine with each
   *  other, and they share a host that goes down whole. */
  readonly native?: NativeCode;
  /** Whether a configured model is this adapter's. The first row that says so has it. */
  claims(entry: Pick<ModelSpec, "name" | "path">): boolean;
  /** What this model can do, by a quick look at its file; undefined: what the row says. */
  can?(spec: ModelSpec): readonly Capability[] | undefined;
  /** Looks at the model's file, without native code. Throws what the file system throws. */
  inspect(spec: ModelSpec): Inspection<Found>;
  /** Decides how the model is loaded, or why it is not. Pure. */
  plan(inquiry: LoadInquiry<Found>): LoadVerdict;
  /** Loads it into this thread. What fails comes back as a reason, and nothing of it stays in memory. */
  load(spec: ModelSpec, plan: LoadPlan, at?: LoadWatch): Promise<Load>;
  /** The models that an endpoint has. Of an adapter of models on other servers. Throws PlexusErrors. */
  list?(spec: ModelSpec): Promise<readonly Listed[]>;
  /** What people are told of a model that is not one to work with. */
  label(spec: ModelSpec): ModelLabel | undefined;
}

/** What decides how native code takes a model: the files that it reads, and its own version. */
interface NativeCode {
  /** Every file that a load of the model reads. Throws what the file system throws. */
  files(spec: ModelSpec): readonly string[];
  /** Throws what the file system throws. */
  version(): string;
}

/** A model that an endpoint has. */
export interface Listed {
  readonly model: string;
  readonly expected?: readonly Capability[] | undefined;
}

/** What was found in a model's file. */
export type Inspection<Found = unknown> =
  | {
      readonly type: "fine";
      readonly fileBytes: number;
      readonly found: Found;
    }
  | { readonly type: "refused"; readonly fileBytes: number; readonly reason: string };

/** What a load is decided by. */
export interface LoadInquiry<Found = unknown> {
  readonly spec: ModelSpec;
  readonly fileBytes: number;
  readonly found: Found;
  readonly machine: Machine;
  /** Threaded models that share the machine, this one included. */
  readonly models: number;
  /** What there is for models in all: a model that needs more can never be loaded. */
  readonly freeBytes: number;
}

/** How a model is loaded. */
export interface LoadPlan {
  /** Of one sequence. */
  readonly contextTokens: number;
  readonly sequences: number;
  readonly threads: number;
  readonly sizeBytes: number;
  /** What the file calls itself; empty without a file. */
  readonly architecture: string;
  /** What is counted against the memory budget. */
  readonly memoryBytes: number;
  /** What that is made of, for people. */
  readonly parts?: readonly { readonly what: string; readonly bytes: number }[];
  /** Files of it that are mapped, by what the disk knows them by: models of the same file have it in memory once. */
  readonly shares?: readonly { readonly file: string; readonly bytes: number }[];
}

/** A plan, or why there is none. */
export type LoadVerdict = Readonly<{ type: "fine"; plan: LoadPlan } | { type: "refused"; reason: string }>;

/** What goes along with a load. */
export interface LoadWatch {
  /** What an earlier load of this adapter found out, in this process or in another one of the node. */
  readonly known?: string | undefined;
  /** Told how much of the weights is read, from 0 to 1. */
  readonly read?: (share: number) => void;
  /** Nobody wants it any more. An adapter that can ends its load then, which fails; the others load to the end. */
  readonly stopped?: AbortSignal;
}

/** What became of a load. */
export type Load =
  | { readonly type: "loaded"; readonly model: LoadedModel; readonly warnings: readonly string[] }
  | { readonly type: "failed"; readonly reason: string };

/** What a graphics card has of a model. */
export interface OnCard {
  readonly layers: { readonly offloaded: number; readonly total: number };
  /** Of the card's memory. */
  readonly bytes?: number;
}

/** A model that is in memory. */
export interface LoadedModel {
  /** What it runs on: `cpu`, or the kind of graphics interface. */
  readonly device: string;
  /** What of it the graphics card has; absent without one. */
  readonly onCard?: OnCard;
  /** Tokens that it computes in one go; absent: it does not batch. */
  readonly batchTokens?: number;
  /** What this one can do. The engines that it serves follow from it. */
  readonly capabilities: readonly Capability[];
  /** Of one call, where the plan could not know it. */
  readonly contextTokens?: number;
  /** What its load found out about native code, which holds for later loads of its adapter. */
  readonly known?: string;
  /** One function for each engine whose capability it has. */
  readonly serves: { readonly [Name in EngineName]?: Serve<Name> };
  /** Computes on that many threads from its next token on; of an adapter of native code. */
  useThreads?(threads: number): void;
  unload(): Promise<void>;
}

/** Carries out one call. What it throws becomes RUNTIME_FAULT. */
export type Serve<Name extends EngineName> = (request: EngineRequest<Name>, flow: Flow<Name>) => Promise<Ended<Name>>;

/** How a call ended. */
export type Ended<Name extends EngineName = EngineName> = Result<EngineAnswer<Name>>;

/** The way of one call out of its adapter. */
export interface Flow<Name extends EngineName = EngineName> {
  /** True once the asker wants no more: end within one token, with the engine's answer for that (`stopped`), or
   *  CANCELLED. */
  readonly cancelled: boolean;
  part(part: EnginePart<Name>): void;
  /** Undefined when there is room for more parts, else resolves when there is, or the asker has cancelled. */
  ready(): Promise<void> | undefined;
  onCancel(callback: () => void): void;
  /** What the thread does from now on, said before it does it: a model is not blamed for what is not its native
   *  code. */
  doing?(what: Doing): void;
}

/** What a call of a model in native code is at: our own code makes a form, renders a prompt or checks an answer, or
 *  native code runs. */
export type Doing = "form" | "prompt" | "native" | "check";

/** Says what the thread does, and does it. */
export function doing<Made>(flow: Pick<Flow, "doing">, what: Doing, work: () => Made): Made {
  flow.doing?.(what);
  return work();
}

/** The settings of a model with their defaults, or why they make no sense. */
export function settingsOf(
  spec: ModelSpec,
): { readonly sequences: number; readonly contextTokens: number } | { readonly refused: string } {
  const { sequences = runtimeLimits.sequencesDefault, contextTokens = runtimeLimits.contextTokensDefault } = spec;
  if (!Number.isInteger(sequences) || sequences < 1 || sequences > runtimeLimits.sequencesMax)
    return { refused: `sequences must be from 1 to ${runtimeLimits.sequencesMax}` };
  if (!Number.isInteger(contextTokens) || contextTokens < 1) return { refused: "contextTokens must be at least 1" };
  return { sequences, contextTokens };
}
