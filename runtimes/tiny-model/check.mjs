// Asks the exported model the questions of probes.json through llama.cpp and compares the answers:
//   node runtimes/tiny-model/check.mjs [MODEL.gguf] [TEMPERATURE]
// A probe is a conversation; its last answer must match `expect`. "joined": the questions are sent as user turns
// in a row with one answer at the end, as in a room.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

const MAX_TOKENS = 300;
const path = process.argv[2] ?? fileURLToPath(new URL("plexus-tiny.gguf", import.meta.url));
const temperature = Number(process.argv[3] ?? 0);
const probes = JSON.parse(readFileSync(new URL("probes.json", import.meta.url), "utf8"));

const llama = await getLlama({
  build: "never",
  skipDownload: true,
  gpu: false,
  maxThreads: 1,
  logLevel: LlamaLogLevel.warn,
});
const model = await llama.loadModel({ modelPath: path, gpuLayers: 0 });
const context = await model.createContext({ contextSize: 1024, sequences: 1, threads: 1 });
const sequence = context.getSequence();

const turn = (role, text) => [
  ...model.tokenize(`<|${role}|>`, true),
  ...model.tokenize(text),
  ...model.tokenize("<|end|>", true),
];

/** The answer to a prompt, and whether it ended by itself. */
async function answer(prompt) {
  const tokens = [];
  await sequence.clearHistory();
  for await (const token of sequence.evaluate(prompt, { temperature, seed: 1, yieldEogToken: true })) {
    if (model.isEogToken(token)) return { text: model.detokenize(tokens), ended: true };
    tokens.push(token);
    if (tokens.length === MAX_TOKENS) break;
  }
  return { text: model.detokenize(tokens), ended: false };
}

let wrong = 0;
let generated = 0;
const started = performance.now();
for (const probe of probes) {
  const prompt = [...model.tokenize("<|bos|>", true), ...(probe.system ? turn("system", probe.system) : [])];
  let last = { text: "", ended: false };
  for (const [index, question] of probe.ask.entries()) {
    prompt.push(...turn("user", question));
    if (probe.joined && index < probe.ask.length - 1) continue;
    last = await answer([...prompt, ...model.tokenize("<|assistant|>", true)]);
    generated += model.tokenize(last.text).length;
    prompt.push(...turn("assistant", last.text));
  }
  const right = last.ended && new RegExp(probe.expect).test(last.text);
  if (!right) wrong++;
  console.log(
    `${right ? "ok   " : "WRONG"} ${probe.system ? `[${probe.system}] ` : ""}${probe.ask.join(" | ")}\n      ${last.text.replaceAll("\n", "\n      ")}${last.ended ? "" : " (cut off)"}`,
  );
}
console.log(
  `${probes.length - wrong} of ${probes.length} right at temperature ${temperature}, ${Math.round((generated * 1000) / (performance.now() - started))} tokens/s`,
);
await llama.dispose();
process.exitCode = wrong > 0 ? 1 : 0;
