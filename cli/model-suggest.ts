import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClock } from "../node/platform/index.ts";
import { enginesOf, modelSpec, readMachine, startInferenceHost } from "../runtimes/index.ts";
import { speedOf, suggestModels, writeRandomModel, type MeasuredSpeed } from "../runtimes/store/index.ts";
import type { SuggestedModel } from "../protocols/index.ts";
import { cliLimits } from "./limits.ts";
import { describeBytes, exitCodes, paint, type Output } from "./output.ts";
import { jsonLine } from "./printable.ts";
import { renderTable, type Column } from "./table.ts";

/** `plexus models suggest`: which models fit this machine. It needs no node. */
export async function suggest(
  { measure, json }: { readonly measure: boolean; readonly json: boolean },
  output: Output,
): Promise<number> {
  const speed = measure ? await measureSpeed() : undefined;
  if (measure && speed === undefined) output.printError("The speed of this machine could not be measured.");
  const models = suggestModels(readMachine(), speed);
  if (json) for (const model of models) output.print(jsonLine(model));
  else output.print(describeSuggestions(models, output.color, output.columns));
  return exitCodes.ok;
}

const columns: readonly Column[] = [
  { head: "Model" },
  { head: "For", leaves: 1 },
  { head: "File", align: "right" },
  { head: "Memory", align: "right", leaves: 3 },
  { head: "Tokens/s", align: "right", leaves: 4 },
  { head: "Licence", leaves: 2 },
];

/** Those that fit, and the command for the one that most people want. */
export function describeSuggestions(models: readonly SuggestedModel[], color: boolean, width = Infinity): string {
  const fitting = models.filter(({ fits }) => fits);
  const rows = fitting.map(({ title, purpose, fileBytes, memoryBytes, tokensPerSecond, licence }) => [
    title,
    purpose,
    describeBytes(fileBytes),
    describeBytes(memoryBytes),
    tokensPerSecond === undefined ? "" : `≈ ${tokensPerSecond}`,
    licence,
  ]);
  if (rows.length === 0) return "None of the models that are known here fits the memory of this machine.";
  const left = models.length - fitting.length;
  // Faster than people read; where nothing was measured, or nothing is as fast, a small one.
  const chats = fitting.filter(({ tokensPerSecond }) => tokensPerSecond !== undefined && tokensPerSecond >= 8);
  const choice = chats[0] ?? fitting.filter(({ parameters }) => parameters >= 4e8).at(-1) ?? fitting.at(-1);
  const more = left === 0 ? [] : [`${left} larger ${left === 1 ? "one does" : "ones do"} not fit the memory that is there for models.`]; // prettier-ignore
  const licence = choice === undefined ? "" : ` (licence: ${choice.licence})`;
  const command = choice === undefined ? [] : ["", `To get ${choice.title}${licence}:`, paint(color, "bold", `  ${choice.command}`)]; // prettier-ignore
  return [renderTable(columns, rows, { color, columns: width }), ...more, ...command].join("\n");
}

/** Runs a model of random weights for a moment. Undefined: that did not work. */
async function measureSpeed(): Promise<MeasuredSpeed | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "plexus-measure-"));
  const silent = (): void => undefined;
  const path = join(folder, "random.gguf");
  const fileBytes = writeRandomModel(path);
  const spec = { ...modelSpec({ name: "random", path }, { contextTokens: 512, gpu: "off" }), sequences: 1 };
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  const host = startInferenceHost({ models: [spec], clock: createClock(), log });
  try {
    await host.settled();
    const { promise, resolve } = Promise.withResolvers<MeasuredSpeed | undefined>();
    let first: number | undefined;
    let tokens = 0;
    const ended = (): void => resolve(first === undefined || tokens < 2 ? undefined : speedOf({ tokens, elapsedMs: performance.now() - first, fileBytes })); // prettier-ignore
    const request = {
      id: "measure",
      model: "random",
      messages: [{ role: "user" as const, content: "go" }],
      sampling: { maxTokens: cliLimits.measuredTokens },
      timeoutMs: cliLimits.measureTimeoutMs,
    };
    enginesOf(host).generate.call(request, (said) => {
      if (said.type === "answered") return ended();
      if (first === undefined) first = performance.now();
      else tokens += said.part.tokens;
    });
    return await promise;
  } finally {
    await host.stop(5_000);
    await rm(folder, { recursive: true, force: true });
  }
}
