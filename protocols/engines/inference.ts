/** Models in memory as admins see and order them, on every node. */
import { Type, type Static } from "typebox";
import type { Failure } from "../errors.ts";
import type { ModelOrder } from "./model-orders.ts";
import { object } from "../wire/schema.ts";

/** Also the names of models that a server lists, which have a slash. */
const anyModel = Type.String({ minLength: 1, maxLength: 200 });
const someNode = Type.String({ minLength: 1, maxLength: 128, description: "Name or id of a node" });

export const orderParams = object({ model: anyModel });
export const orderModel = object({
  /** By default the one that is asked. */
  node: Type.Optional(someNode),
  /** Of `unload`: calls that run end first, in place of a refusal. */
  drain: Type.Optional(Type.Boolean({ default: false })),
});
export const viewInference = object({ node: Type.Optional(someNode) });
export const suggestModelsFor = object({
  node: Type.Optional(someNode),
  /** Measure the machine if that was not done since the node started: it takes some seconds of its processor. */
  measure: Type.Optional(Type.Boolean({ default: false })),
});
/** Which model, and what is to become of it. */
export interface OrderRequest extends Static<typeof orderModel> {
  readonly model: string;
  readonly order: ModelOrder;
  /** Who is told what came of it; absent: nobody. */
  readonly by?: string;
}

/** A model of a node, and what it takes of the node. */
export interface ModelInMemory {
  readonly model: string;
  readonly runtime: string;
  readonly state: "idle" | "waiting" | "loading" | "ready" | "leaving" | "failed";
  /** Why it is where it is, and what comes next. */
  readonly because: string;
  readonly pinned: boolean;
  /** What is counted for it now. */
  readonly memoryBytes: number;
  /** What it takes by estimate, once its file was looked at. */
  readonly estimatedBytes?: number;
  /** What the estimate is made of. */
  readonly parts?: readonly { readonly what: string; readonly bytes: number }[];
  /** What the process that has it grew by when it was loaded. */
  readonly grewByBytes?: number;
  /** `cpu`, or the kind of graphics interface. */
  readonly device?: string;
  /** Layers on the graphics card, of how many. */
  readonly layers?: { readonly offloaded: number; readonly total: number };
  /** What it takes of the card's memory. */
  readonly gpuBytes?: number;
  readonly threads?: { readonly now: number; readonly most: number; readonly because: string };
  /** Tokens that are read or written in one go. */
  readonly batchTokens?: number;
  /** Of one call. */
  readonly contextTokens?: number;
  /** Calls that run at once. */
  readonly places?: number;
  /** How long it stays after its last call; absent: until its room is needed. */
  readonly keepAliveMs?: number;
  /** When it leaves if nobody calls it. */
  readonly leavesInMs?: number;
  readonly running: number;
  readonly waiting: number;
  /** Of one call, over the last ones: what it wrote by how long it took. */
  readonly tokensPerSecond?: number;
}

/** The models of one node, and what it shares among them. */
export interface NodeInference {
  readonly node: string;
  /** Why nothing more is known of it. */
  readonly error?: Failure;
  /** What models may take in all, and why so much. */
  readonly memory?: { readonly usedBytes: number; readonly budgetBytes: number; readonly because: string };
  /** On how many threads models compute in all, and why on so many. */
  readonly threads?: { readonly now: number; readonly most: number; readonly because: string };
  readonly models: readonly ModelInMemory[];
}

/** `GET /api/v1/admin/inference`. */
export interface InferenceView {
  readonly nodes: readonly NodeInference[];
}
