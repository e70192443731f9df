/** What the inference host costs, and what it saves, next to the library that it runs on: the same file of a hundred
 *  million random weights, the same threads. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hundredMillion, writeRandomModel, type RandomModel } from "../../fixtures/random-model.ts";
import { startServed, type Benchmark, type Figures, type RowPlan, type Target } from "../benchmark.ts";
import { needOnnx } from "../../fixtures/onnx-packages.ts";
import { smallEncoder, writeEncoder } from "../../fixtures/random-encoder.ts";
import { familyOf, processorUs } from "../proc.ts";
import { workspace } from "../processes.ts";
import { idleTimer, type Samples, type Timing } from "../timing.ts";

const vectorsOf = 32;
/** Calls of so many texts in one round: one alone is shorter than what disturbs a machine. */
const encodings = 6;

/** A model of its own: it is written once a run. */
function modelFile(name: string, shape: RandomModel): string {
  const path = join(workspace, `${name}.gguf`);
  if (!existsSync(path)) writeRandomModel(path, shape);
  return path;
}

async function target(kind: "host" | "library"): Promise<Target> {
  const path = modelFile("random", hundredMillion);
  const served = await startServed("inference.ts", [kind, path]);
  await served.call("start");
  return {
    async round() {
      const figures: Record<string, number> = {};
      for (const count of [1, 4, 16])
        figures[`x${count} perSecond`] = (await served.call("write", { count })) as number;
      figures["readTokens"] = (await served.call("converse")) as number;
      return figures satisfies Figures;
    },
    stop: () => served.stop(),
  };
}

const row = (name: string, plan: Pick<RowPlan, "unit" | "better" | "figure"> & Partial<RowPlan>): RowPlan => ({
  row: `generate/library/${name}`,
  ours: "host",
  peers: ["library"],
  ...plan,
});

/** Texts of one process, 1, 4 and 16 at once. */
export const generate: Benchmark = {
  name: "generate",
  about:
    "texts of a model of 100 million random weights in an inference host, and by the library alone: 1, 4 and 16 at once",
  warmUps: 1,
  rounds: 5,
  targets: { host: () => target("host"), library: () => target("library") },
  rows: [
    row("x1", { unit: "tokens/s", better: "higher", figure: "x1 perSecond", aimRatio: 0.97 }),
    row("x4", { unit: "tokens/s", better: "higher", figure: "x4 perSecond", aimRatio: 0.97 }),
    row("x16", { unit: "tokens/s", better: "higher", figure: "x16 perSecond", aimRatio: 0.97 }),
    row("ten-turns", { unit: "tokens read", better: "lower", figure: "readTokens", aimRatio: 0.2 }),
  ],
};

/** What others notice of texts that are written, and how soon one is over that nobody wants any more. */
export const generating: Timing = {
  name: "generating",
  about: "a text that is cancelled, and the event loop of the process that asks, while a model of 100 million random weights writes",
  rounds: 6,
  async start() {
    const served = await startServed("inference.ts", ["host", modelFile("random", hundredMillion)]);
    await served.call("start");
    await served.call("write", { count: 4 });
    return {
      async round(): Promise<Samples> {
        const cancel = (await served.call("cancels", { count: 8 })) as number[];
        return { cancel, loop: (await served.call("late", { count: 4 })) as number[] };
      },
      stop: () => served.stop(),
    };
  },
  rows: [
    { row: "generating/cancel", unit: "of a token's time", samples: "cancel", noise: "none", aim: { share: 0.5, atMost: 1 } },
    { row: "generating/loop", unit: "ms", samples: "loop", noise: idleTimer, aim: { share: 0.99, atMost: 5 } },
  ],
}; // prettier-ignore

async function readingTarget(kind: "host" | "library"): Promise<Target> {
  const file = modelFile("reader", { ...hundredMillion, embeds: true });
  const files = [
    modelFile("first", { ...hundredMillion, letters: true }),
    modelFile("second", { ...hundredMillion, letters: true }),
  ];
  const served = await startServed("inference.ts", [kind]);
  let swaps = 0;
  /** A model stays in memory as long as it took to get there, and that is no part of the way of the next one. */
  let swapMs = 1_000;
  return {
    async round() {
      const pids = familyOf(served.pid);
      const startUs = processorUs(pids);
      const perSecond = (await served.call("embed", { file, count: vectorsOf })) as number;
      const cpuUs = (processorUs(pids) - startUs) / vectorsOf;
      await sleep(1.5 * swapMs);
      swaps += 1;
      const firstMs = (await served.call("swap", { files, to: swaps % 2 })) as number;
      swapMs = Math.max(1_000, firstMs);
      return { perSecond, cpuUs, firstMs };
    },
    stop: () => served.stop(),
  };
}

/** Vectors of texts, and one model in place of another. */
export const reading: Benchmark = {
  name: "embed",
  about: `vectors of ${vectorsOf} short texts, and the first token of a model that is not in memory, in an inference host and by the library alone`,
  warmUps: 2,
  rounds: 5,
  targets: { host: () => readingTarget("host"), library: () => readingTarget("library") },
  rows: [
    {
      row: "embed/library",
      unit: "texts/s",
      better: "higher",
      figure: "perSecond",
      ours: "host",
      peers: ["library"],
      aimRatio: 0.95,
    },
    {
      row: "embed/library/cpu",
      unit: "µs of CPU/text",
      better: "lower",
      figure: "cpuUs",
      ours: "host",
      peers: ["library"],
    },
    { row: "swap/library", unit: "ms", better: "lower", figure: "firstMs", ours: "host", peers: ["library"] },
  ],
};

async function encodingTarget(kind: "host" | "library"): Promise<Target> {
  const missing = await needOnnx();
  if (missing !== undefined) throw new Error(missing);
  const file = join(workspace, "encoder");
  if (!existsSync(file)) writeEncoder(file, smallEncoder);
  const served = await startServed("inference.ts", [kind]);
  const embed = (count: number) => served.call("embed", { file, count });
  await embed(1);
  const pids = familyOf(served.pid);
  return {
    async round() {
      const startUs = processorUs(pids);
      let perSecond = 0;
      for (let call = 0; call < encodings; call += 1) perSecond += ((await embed(vectorsOf)) as number) / encodings;
      return { perSecond, cpuUs: (processorUs(pids) - startUs) / (encodings * vectorsOf) };
    },
    stop: () => served.stop(),
  };
}

/** Vectors of texts by ONNX Runtime. */
export const encoding: Benchmark = {
  name: "embed-onnx",
  about: `vectors of ${vectorsOf} short texts of an ONNX model of ten million random weights, in an inference host and by the library alone`,
  warmUps: 1,
  rounds: 5,
  targets: { host: () => encodingTarget("host"), library: () => encodingTarget("library") },
  rows: [
    { row: "embed-onnx/library", unit: "texts/s", better: "higher", figure: "perSecond", ours: "host", peers: ["library"], aimRatio: 0.95 },
    { row: "embed-onnx/library/cpu", unit: "µs of CPU/text", better: "lower", figure: "cpuUs", ours: "host", peers: ["library"] },
  ],
}; // prettier-ignore
