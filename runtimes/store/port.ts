/** The port of a node's model store, for code that shows it, pulls for it, or gives its files to other nodes. */
import type { PullModel, PullView, RefusedModel, Result, StoredModel, VerifiedModel } from "../../protocols/index.ts";

/** The models that a node has on its disk. Nothing of it is native code: what is in it has been looked at, and engines
 *  load models from `pathOf`. */
export interface ModelStore {
  /** By name. */
  list(): readonly StoredModel[];
  get(name: string): StoredModel | undefined;
  /** Names that are there and cannot be used: the manifest or a file of it is damaged or missing. Pulling again mends
   *  that. */
  damaged(): readonly string[];
  refused(): readonly RefusedModel[];
  /** The file that an adapter opens. */
  pathOf(model: StoredModel): string;
  /** Those that wait, run, and ended a while ago, the newest first. */
  pulls(): readonly PullView[];
  /** Begins a pull, or finds the one of the same source and name that is under way; `by` accepts the licence. Errors:
   *  QUEUE_FULL, LIMIT_REACHED, BAD_REQUEST (no source has this form), NAME_TAKEN (another source is pulled under this
   *  name), STOPPING. Those of the pull itself are in its view: LICENCE_NOT_ACCEPTED, SOURCE_FAILED, MODEL_REFUSED,
   *  NOT_FOUND, DISK_FULL, TOO_LARGE. */
  pull(request: PullModel, by: string): Result<PullView>;
  /** Resolves with the view of a pull when it has ended. Error: NOT_FOUND. */
  ended(id: string): Promise<Result<PullView>>;
  /** Ends a pull; what it has fetched stays. Error: NOT_FOUND. */
  cancel(id: string): Result<PullView>;
  /** Error: NOT_FOUND. */
  remove(name: string): Promise<Result<null>>;
  /** Reads all files of a model. What is not what it should be is put with the refused files. Errors: NOT_FOUND (also
   *  when it is removed meanwhile), OVERLOADED, STOPPING, SOURCE_FAILED (the system cannot read a file). */
  verify(name: string): Promise<Result<VerifiedModel>>;
  /** Calls back when models changed, or pulls went on. The returned function ends that. */
  watch(listener: (what: "models" | "pulls") => void): () => void;
  /** Hashes of the leaves of a file, for a node that fetches it; undefined: it is not here. */
  leavesOf(digest: string): Promise<Uint8Array | undefined>;
  /** A part of a file. */
  chunkOf(digest: string, at: { readonly start: number; readonly end: number }): Promise<Uint8Array | undefined>;
  stop(): Promise<void>;
}

/** How the bytes of a file are named for other nodes (`node/bulk/blobs/tree.ts`). */
export interface ContentTree {
  readonly leafBytes: number;
  readonly hashBytes: number;
  hashLeaf(bytes: Uint8Array): Uint8Array;
  hashOfLeaves(size: number, leaves: readonly Uint8Array[]): string;
}

/** The same model at other nodes of the cluster. */
export interface ModelPeers {
  /** The nodes that have a model of this name. */
  find(name: string): Promise<Result<{ readonly model: StoredModel; readonly nodes: readonly string[] }>>;
  /** Hashes of the leaves of a file, compared with its name. */
  leaves(
    node: string,
    file: { readonly digest: string; readonly tree: string; readonly size: number },
    signal: AbortSignal,
  ): Promise<Result<readonly Uint8Array[]>>;
  /** Bytes of a file. Not compared with anything. */
  chunk(
    node: string,
    at: { readonly digest: string; readonly start: number; readonly end: number },
  ): Promise<Result<Uint8Array>>;
}
