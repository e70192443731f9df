import { createClock } from "../../node/platform/index.ts";
import { measureSpeed, readMachine } from "../../runtimes/index.ts";
import { suggestModels } from "../../runtimes/store/index.ts";
import type { SuggestedModel, Suggestions } from "../../protocols/index.ts";
import { callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { cliLimits } from "../limits.ts";
import { forLook } from "../node/node-client.ts";
import { describeBytes, exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine } from "../terminal/printable.ts";
import { renderTable, type Column } from "../terminal/table.ts";

/** What is wanted of `plexus models suggest`. */
export interface SuggestRequest {
  readonly measure: boolean;
  readonly json: boolean;
  /** Of a node's machine, by the way to one that runs. Absent: of this machine, which needs no node. */
  readonly of?: { readonly node: string; readonly flags: AdminFlags };
}

/** `plexus models suggest`: which models fit a machine. */
export async function suggest({ measure, json, of }: SuggestRequest, output: Output): Promise<number> {
  const { models, measured } = of === undefined ? await suggestHere(measure) : await suggestThere(measure, of);
  if (measure && !measured) output.printError("The speed of the machine could not be measured.");
  if (json) for (const model of models) output.print(jsonLine(model));
  else output.print(describeSuggestions(models, output.color, output.columns));
  return exitCodes.ok;
}

async function suggestHere(measure: boolean): Promise<Pick<Suggestions, "models" | "measured">> {
  const speed = measure ? await measureSpeed(createClock()) : undefined;
  return { models: suggestModels(readMachine(), speed), measured: speed !== undefined };
}

async function suggestThere(measure: boolean, of: NonNullable<SuggestRequest["of"]>): Promise<Suggestions> {
  const target = { ...forLook(await findNode(of.flags)), timeoutMs: cliLimits.suggestTimeoutMs };
  return demand(await callsTo(target)("inference.suggest", { node: of.node, measure }));
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
  const more =
    left === 0
      ? []
      : [`${left} larger ${left === 1 ? "one does" : "ones do"} not fit the memory that is there for models.`];
  const licence = choice === undefined ? "" : ` (licence: ${choice.licence})`;
  const command =
    choice === undefined ? [] : ["", `To get ${choice.title}${licence}:`, paint(color, "bold", `  ${choice.command}`)];
  return [renderTable(columns, rows, { color, columns: width }), ...more, ...command].join("\n");
}
