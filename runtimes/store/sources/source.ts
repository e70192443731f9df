/** What a source is: a place that has models, and how to find one there. `index.ts` is the table of them. */
import type { ModelPeers } from "../port.ts";

/** Where the bytes of a file come from. */
type Origin =
  | { readonly via: "http"; readonly url: string; readonly secret?: Readonly<Record<string, string>> }
  | { readonly via: "file"; readonly path: string }
  | { readonly via: "peers"; readonly nodes: readonly string[]; readonly tree: string };

/** A file of a model, as its source tells of it. */
export interface OfferedFile {
  readonly path: string;
  /** Where the source knows it. */
  readonly size?: number;
  readonly sha256?: string;
  readonly from: Origin;
}

/** A licence that somebody must have seen. */
export interface Licence {
  readonly name: string;
  /** The text, or where it is. */
  readonly text?: string;
}

/** A model that was found. */
export interface OfferedModel {
  /** What it is called here unless somebody says otherwise. */
  readonly name: string;
  readonly files: readonly OfferedFile[];
  readonly licence?: Licence;
  /** Nobody has to accept a licence: the files are the operator's own, or somebody of the cluster has. */
  readonly accepted?: string;
  /** When it came from its source into the cluster; absent: now. */
  readonly addedAtMs?: number;
}

/** What a source may use. */
export interface SourceTools {
  /** Where repositories and registries are, without a slash at the end. */
  readonly places: SourcePlaces;
  readonly peers: ModelPeers | undefined;
  readonly signal: AbortSignal;
}

/** Addresses that an operator may replace by mirrors. */
export interface SourcePlaces {
  readonly huggingFace: string;
  readonly ollama: string;
}

/** One sort of source. */
export interface Source {
  readonly name: string;
  /** How somebody writes it. */
  readonly form: string;
  claims(text: string): boolean;
  /** Errors: NOT_FOUND, SOURCE_FAILED, BAD_REQUEST. */
  resolve(text: string, tools: SourceTools): Promise<OfferedModel>;
}
