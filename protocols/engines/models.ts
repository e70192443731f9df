/** Models as admins see them: what a node's store has, what it is pulling, and what the cluster wants. */
import { Type, type Static } from "typebox";
import type { Failure } from "../errors.ts";
import { object } from "../wire/schema.ts";

/** What a model is called: by people, in requests, and as a file. */
export const modelNamePattern = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$";
export const modelName = Type.String({ pattern: modelNamePattern, description: "Letters, digits, . _ : -" });
const source = Type.String({
  minLength: 1,
  maxLength: 2_048,
  description: "A URL, hf:OWNER/REPO[:QUANTISATION], ollama:NAME[:TAG], cluster:NAME, or a path on the node",
});
const digest = Type.String({ pattern: "^[0-9a-f]{64}$", description: "SHA-256 that the file must have" });

export const modelParams = object({ name: modelName });
export const pullParams = object({ id: Type.String({ pattern: "^[0-9a-z]{1,32}$" }) });

/** Body of a pull. */
export const pullModel = object({
  source,
  /** What it is to be called here; by default what the source calls it. */
  name: Type.Optional(modelName),
  digest: Type.Optional(digest),
  /** The licence that the source or the file names was read and is accepted. */
  acceptLicence: Type.Optional(Type.Boolean({ default: false })),
});
export type PullModel = Static<typeof pullModel>;

/** One model that the cluster keeps on some of its nodes. */
export const wantedModel = object({
  name: modelName,
  source,
  /** On how many nodes. */
  nodes: Type.Integer({ minimum: 1, maximum: 64 }),
  /** Only nodes with these labels: `{ zone: "a" }`. */
  labels: Type.Optional(
    Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 64 }), { maxProperties: 8 }),
  ),
  digest: Type.Optional(digest),
  acceptLicence: Type.Optional(Type.Boolean({ default: false })),
  /** `stripes`: the storage nodes keep it, too, so it outlives every node that serves it. They can read it. */
  keep: Type.Optional(Type.Literal("stripes")),
});
export type WantedModel = Static<typeof wantedModel>;
export const wantedModels = object({ models: Type.Array(wantedModel, { maxItems: 64 }) });

/** What is known of a model without running it. */
export interface ModelCard {
  readonly format: "gguf" | "onnx";
  /** `adapter`: a LoRA, which changes another model. */
  readonly kind: "model" | "adapter";
  /** What the file calls its architecture: `llama`, `qwen2`, `bert`. */
  readonly family: string;
  readonly title?: string;
  readonly parameters?: number;
  readonly quantisation?: string;
  readonly contextTokens?: number;
  /** What it can be asked for, as far as the file says. */
  readonly capabilities: readonly string[];
  readonly licence?: string;
}

/** One file of a model. */
export interface ModelFile {
  /** Its name, as the publisher gave it. */
  readonly path: string;
  readonly size: number;
  /** SHA-256, 64 hexadecimal digits. */
  readonly digest: string;
  /** The name of the same bytes in the tree that other nodes prove chunks by (`node/bulk/blobs/tree.ts`). */
  readonly tree: string;
}

/** A model in a store. */
export interface StoredModel {
  readonly name: string;
  /** Of all its files. Models with the same digest are the same bytes under several names. */
  readonly digest: string;
  readonly size: number;
  readonly files: readonly ModelFile[];
  /** The file that an adapter opens. */
  readonly main: string;
  readonly card: ModelCard;
  /** Where it came from, without secrets. */
  readonly source: string;
  /** When it came from its source: also of a model that another node gave. */
  readonly addedAtMs: number;
  /** The person who accepted its licence. */
  readonly acceptedBy?: string;
}

/** A file that was refused, and kept apart. */
export interface RefusedModel {
  readonly id: string;
  readonly source: string;
  readonly file: string;
  readonly size: number;
  readonly reason: string;
  readonly atMs: number;
}

/** A pull, under way or ended a while ago. */
export interface PullView {
  readonly id: string;
  readonly source: string;
  /** Once it is known. */
  readonly name?: string;
  readonly state: "waiting" | "resolving" | "fetching" | "checking" | "done" | "failed" | "cancelled";
  readonly doneBytes: number;
  /** Absent while nobody knows. */
  readonly totalBytes?: number;
  /** Over the last seconds. */
  readonly bytesPerSecond?: number;
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
  /** The person who asked for it: a user, or `operator`. */
  readonly by?: string;
  readonly error?: Failure;
}

/** How a model stands that is to lie on the storage nodes. */
export interface StripedView {
  readonly name: string;
  /** `stored`: it can be had from there. `whole`: every holder was seen to have its part. */
  readonly state: "waiting" | "storing" | "stored" | "whole";
  readonly sizeBytes?: number;
  /** Why no storage nodes take it now. */
  readonly error?: Failure;
}

/** `GET /api/v1/admin/models`. */
export interface ModelsView {
  readonly node: string;
  readonly models: readonly StoredModel[];
  readonly pulls: readonly PullView[];
  readonly refused: readonly RefusedModel[];
  readonly wanted: readonly WantedModel[];
  /** Of the wanted models that are to lie on the storage nodes: how that stands. Absent: none is. */
  readonly striped?: readonly StripedView[];
  /** Names whose manifest cannot be read. */
  readonly damaged: readonly string[];
}

/** What became of a check of a model's files. */
export interface VerifiedModel {
  readonly name: string;
  readonly files: readonly {
    readonly path: string;
    readonly state: "fine" | "damaged" | "missing";
    /** What it should be, and is. */
    readonly expected: string;
    readonly found?: string;
  }[];
}

/** A model that fits a machine, and how to get it. */
export interface SuggestedModel {
  readonly name: string;
  readonly title: string;
  readonly purpose: string;
  readonly parameters: number;
  readonly quantisation: string;
  readonly fileBytes: number;
  readonly memoryBytes: number;
  readonly licence: string;
  readonly fits: boolean;
  /** Estimated from a short run on this machine; absent where none was made. */
  readonly tokensPerSecond?: number;
  /** What to pull. */
  readonly source: string;
  /** What to type. */
  readonly command: string;
}

/** `GET /api/v1/admin/inference/suggestions`: which models fit a node's machine, those that fit first. */
export interface Suggestions {
  readonly node: string;
  readonly models: readonly SuggestedModel[];
  /** Whether its speed was measured. */
  readonly measured: boolean;
}

/** A source as it may be shown and logged: parameters of an address, and what is before its host, may be keys. */
export const withoutSecrets = (source: string): string =>
  /^https?:/i.test(source) ? source.replace(/[?#].*$/s, "").replace(/^(https?:\/*)[^/]*@/i, "$1") : source;
