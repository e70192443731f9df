/** The model store: what a node has of models on its disk, and how it gets more. No native code is in it, and none sees
 *  a file before TypeScript has looked at it.
 *
 *      text ─► sources/ (which files, where) ─► fetching.ts (bytes, resumed) ─► check.ts (hashes), inspect.ts (what)
 *                                                                                  │
 *      adapters ◄── path ── disk.ts (content by digest, manifests, what was refused) ◄┘
 *
 *  Decisions are pure and apart from files and sockets: `manifest.ts` (what a manifest is), `inspect.ts` (`planModel`),
 *  `onnx.ts`, `lora.ts` and `../gguf.ts` (formats), `http.ts` (`planAnswer`: what an answer is worth), `sources/`
 *  (which files of a repository). `store.ts` puts them in order; `suggest.ts` says which models fit a machine,
 *  `quantise.ts` how weights become smaller (`quantising.ts` does it, in a thread).
 *
 *  What is fetched is hostile: every length is compared, every count has a limit, every path is a plain name, and
 *  silence ends. What is written is on the disk before a manifest names it. */
export { checkFile, type Checked } from "./check.ts";
export { adapterFault, inspectBeginning, inspectFile, type EarlyLook } from "./inspect.ts";
export { storeLimits } from "./limits.ts";
export { quantiseTargets, type QuantiseTarget } from "./quantise.ts";
export type { QuantiseProgress } from "./quantise-thread.ts";
export { quantise } from "./quantising.ts";
export { writeRandomModel } from "./random-model.ts";
export { openModelStore, type FileChecks } from "./store.ts";
export { speedOf, suggestModels } from "./suggest.ts";
