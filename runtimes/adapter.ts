/** What an adapter inside the inference host is: a model in one thread that runs generations.
 *
 *  The worker (`host/worker.ts`) calls it; it reports over a `Flow` and knows nothing of processes, queues and timeouts. */
import type { GenerationPart, GenerationRequest } from "../protocols/index.ts";

/** A model as configured. */
export interface ModelSpec {
  /** What clients call it. */
  readonly name: string;
  readonly runtime: "llama" | "echo";
  /** The GGUF file; unused by the echo. */
  readonly path: string;
  /** The tiny model in the repository, or the echo: pages say plainly what it is. */
  readonly demonstration: boolean;
  /** Context of one generation. Default: what the model was trained on, at most 4096. */
  readonly contextTokens?: number;
  /** Generations that run at once, batched. Default 4. */
  readonly sequences?: number;
  /** `false` (default) runs on the processor; `auto` probes for a graphics card in the host. */
  readonly gpu?: false | "auto";
  /** Temperature when the asker names none. Default 0.7. */
  readonly temperature?: number;
  /** Pause between the echo's tokens. Default 0. */
  readonly tokenDelayMs?: number;
}

/** The part that ends a generation. */
export type LastPart = Exclude<GenerationPart, { type: "text" }>;

/** The way of one generation out of its adapter. */
export interface Flow {
  /** True once the asker wants no more: end within one token, with `stopped`. */
  readonly cancelled: boolean;
  text(text: string, tokens: number): void;
  /** Undefined when there is room for more text, else resolves when there is, or the asker has cancelled. */
  ready(): Promise<void> | undefined;
  onCancel(callback: () => void): void;
}

/** A model that is in memory. */
export interface LoadedModel {
  /** What it runs on: `cpu`, or the kind of graphics interface. */
  readonly device: string;
  generate(request: GenerationRequest, flow: Flow): Promise<LastPart>;
  unload(): Promise<void>;
}
