/** `plexus routes quality`: how good the answers of models are, and what got worse. */
import type { QualityAlert, QualityFigures, QualityView } from "../../protocols/index.ts";
import { callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { forLook } from "../node/node-client.ts";
import { exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** With --json one line a model. */
export async function showQuality(flags: AdminFlags, output: Output): Promise<number> {
  const view = demand(await callsTo(forLook(await findNode(flags)))("quality.show"));
  if (flags.json) for (const row of view.rows) output.print(jsonLine(row));
  else output.print(describeQuality(view, output.color, output.columns));
  return exitCodes.ok;
}

const percent = (share: number | undefined): string =>
  share === undefined ? "" : `${Number((100 * share).toFixed(1))} %`;
const number = (value: number | undefined): string => (value === undefined ? "" : String(Number(value.toPrecision(3))));
const seconds = (ms: number | undefined): string => (ms === undefined ? "" : `${number(ms / 1000)} s`);

/** What is now, and what was before where that is another. */
const beside = (now: string, before: string): string =>
  before === "" || before === now ? now : `${now || "-"} (${before})`;

const columns: readonly (readonly [head: string, of: (figures: QualityFigures) => string])[] = [
  ["Calls", ({ calls }) => String(calls)],
  ["Errors", ({ errorShare }) => percent(errorShare)],
  ["Refusals", ({ refusalShare }) => percent(refusalShare)],
  ["First text", ({ firstMs }) => seconds(firstMs)],
  ["Tokens/s", ({ tokensPerSecond }) => number(tokensPerSecond)],
  ["Tokens", ({ tokensPerAnswer }) => number(tokensPerAnswer)],
  ["Thumbs", ({ up, down }) => (up + down === 0 ? "" : `${up} up, ${down} down`)],
];

/** What got worse, in words. */
export function alertText({ what, before, now }: QualityAlert): string {
  switch (what) {
    case "errors":
      return `errors rose from ${percent(before)} to ${percent(now)}`;
    case "refusals":
      return `refusals rose from ${percent(before)} to ${percent(now)}`;
    case "thumbs":
      return `thumbs down rose from ${percent(before)} to ${percent(now)}`;
    case "first":
      return `the first text takes ${seconds(now)}, it took ${seconds(before)}`;
    case "pace":
      return `100 tokens take ${seconds(now)}, they took ${seconds(before)}`;
    case "length":
      return `answers have ${number(now)} tokens, they had ${number(before)}`;
    default:
      // Of a later version.
      return `${String(what)} went from ${number(before)} to ${number(now)}`;
  }
}

/** The view as a person reads it. */
export function describeQuality({ rows, unanswered = [] }: QualityView, color: boolean, width = Infinity): string {
  const missing =
    unanswered.length === 0
      ? []
      : [`Without ${unanswered.map((name) => withoutControls(name)).join(", ")}: no answer.`];
  if (rows.length === 0) return ["No calls of models in the last week.", ...missing].join("\n");
  const named = (model: string, version: string): string =>
    withoutControls(version === "" ? model : `${model} ${version}`);
  const alerts = rows.flatMap(({ model, version, alerts: all }) =>
    all.map((one) => `Worse: ${named(model, version)}: ${alertText(one)}.`),
  );
  const table = renderTable(
    [{ head: "Model" }, ...columns.map(([head], index) => ({ head, leaves: columns.length - index }))],
    rows.map(({ model, version, now, before }) => [
      named(model, version),
      ...columns.map(([, of]) => beside(of(now), of(before))),
    ]),
    { color, columns: width },
  );
  const says = "The last two hours (thumbs: the last day), and in brackets the week before.";
  return [...alerts, table, says, ...missing].join("\n");
}
