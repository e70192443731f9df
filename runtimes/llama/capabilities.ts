/** What a GGUF model can do, by what its file says: it is known before anything is loaded, and the same afterwards. */
import type { Capability } from "../../protocols/index.ts";
import type { Purpose } from "../gguf.ts";

/** What models of each purpose can do. Those that write keep to a grammar, whatever they were trained on: so they all
 *  have tools and JSON. */
export const capabilitiesBy: { readonly [Each in Purpose]: readonly Capability[] } = {
  write: ["chat", "tools", "json", "logprobs", "continue", "tokenize"],
  embed: ["embed", "tokenize"],
  rerank: ["rerank", "tokenize"],
};
