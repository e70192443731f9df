/** The sources: one row each. To add one is a file and its row here; nothing else knows a source by its name. */
import { cluster } from "./cluster.ts";
import { folder } from "./folder.ts";
import { huggingFace } from "./hugging-face.ts";
import { ollama } from "./ollama.ts";
import type { Source } from "./source.ts";
import { url } from "./url.ts";

/** In the order in which they are asked whether a text is theirs: a repository's web address is no file's. */
export const sources: readonly Source[] = [cluster, huggingFace, ollama, url, folder];

/** The source of a text; undefined: no source has this form. */
export const sourceOf = (text: string): Source | undefined => sources.find((source) => source.claims(text));

export type { OfferedFile, OfferedModel, SourcePlaces } from "./source.ts";
