/** What a GGUF model can do, by what its file says. Pure: it is known before anything is loaded, and the same afterwards. */
import type { Capability } from "../../protocols/index.ts";

/** What a model is made for. */
export type Purpose = "write" | "embed" | "rerank";

/** Architectures that read text and write none. */
const encoders = /^(?:.*bert.*|gemma-embedding|t5encoder)$/u;
/** `LLAMA_POOLING_TYPE_RANK` of llama.h; what is above zero and another makes one vector of a text. */
const rankPooling = 4;

/** By its architecture and its `pooling_type`: a file has that only when it was made of a model that reads. */
export function purposeOf(architecture: string, pooling: number): Purpose {
  if (pooling === rankPooling) return "rerank";
  return pooling > 0 || encoders.test(architecture) ? "embed" : "write";
}

/** What models of each purpose can do. Those that write keep to a grammar, whatever they were trained on: so they all have tools
 *  and JSON. */
export const capabilitiesBy: { readonly [Each in Purpose]: readonly Capability[] } = {
  write: ["chat", "tools", "json", "logprobs", "tokenize"],
  embed: ["embed", "tokenize"],
  rerank: ["rerank", "tokenize"],
};
