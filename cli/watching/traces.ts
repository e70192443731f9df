/** `plexus traces`. */
import type { TracePage, TraceView } from "../../protocols/index.ts";
import { stepsOf } from "../../protocols/words/trace-steps.ts";
import { operate, type AdminFlags } from "../node/admin.ts";
import { exitCodes, paint, timeText, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** Which traces are listed. */
export interface TraceChoice {
  readonly node?: string;
  readonly name?: string;
  readonly min?: number;
  readonly failed?: boolean;
  readonly limit: number;
}

/** Characters of the bars. */
const barChars = 30;

/** Lists the newest traces of all nodes. */
export async function listTraces(flags: AdminFlags, choice: TraceChoice, output: Output): Promise<number> {
  const { node, name, min: minMs, failed, limit } = choice;
  const page = await operate(flags, "traces.list", {
    ...(node !== undefined && { node }),
    ...(name !== undefined && { name }),
    ...(minMs !== undefined && { minMs }),
    ...(failed !== undefined && { failed }),
    limit,
  });
  if (flags.json) for (const one of page.traces) output.print(jsonLine(one));
  else if (page.traces.length === 0)
    output.print(
      "No such request was traced. `tracing.ratio` of a node says how many are: see docs/operate/watching.md, Traces.",
    );
  else {
    const rows = page.traces.map(({ trace, startMs, node: at, name: step, tookMs, error, facts }) => [
      trace,
      timeText(startMs),
      withoutControls(at),
      withoutControls(step),
      `${tookMs.toFixed(1)} ms`,
      withoutControls(error ?? "ok"),
      withoutControls(String(facts["by"] ?? "")),
    ]);
    const heads = ["trace", "when", "node", "request", "took", "", "by"].map((head) => ({ head }));
    output.print(renderTable(heads, rows, output));
  }
  warnOf(page, output);
  return exitCodes.ok;
}

/** Shows one trace as a waterfall: each step below the one that caused it, with its time as a bar. */
export async function showTrace(flags: AdminFlags, id: string, output: Output): Promise<number> {
  const view = await operate(flags, "traces.show", { id });
  if (flags.json) output.print(jsonLine(view));
  else output.print(waterfall(view, output.color));
  warnOf(view, output);
  return exitCodes.ok;
}

function warnOf({ silent }: Pick<TracePage, "silent">, output: Output): void {
  if (silent.length === 0) return;
  const away = silent.map(({ node }) => withoutControls(node)).join(", ");
  output.printError(`${paint(output.color, "yellow", "warning")} No answer from ${away}: their steps are missing.`);
}

/** The steps of a trace for people. One whose cause is not known, because its node has forgotten it, stands at the
 *  left. */
export function waterfall({ spans }: Pick<TraceView, "spans">, color: boolean): string {
  const lines = stepsOf(spans).map(({ span: one, depth, from, wide }) => {
    const start = Math.min(barChars - 1, Math.floor((from / 100) * barChars));
    const length = Math.max(1, Math.min(barChars - start, Math.round((wide / 100) * barChars)));
    const bar = `${" ".repeat(start)}${"█".repeat(length)}`.padEnd(barChars);
    const took = `${one.tookMs.toFixed(2)} ms`.padStart(12);
    const facts = Object.entries(one.facts).map(
      ([name, value]) => `${withoutControls(name)}=${withoutControls(String(value))}`,
    );
    const end = one.error === undefined ? "" : ` ${paint(color, "red", withoutControls(one.error))}`;
    const what = `${"  ".repeat(depth)}${withoutControls(one.name)} @${withoutControls(one.node)}`;
    const shown = paint(color, one.error === undefined ? "cyan" : "red", bar);
    return `${shown} ${took}  ${what}${end}  ${facts.join(" ")}`.trimEnd();
  });
  if (lines.length < spans.length) lines.push(`and ${spans.length - lines.length} more; --json has all`);
  return lines.join("\n");
}
