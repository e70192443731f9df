/** `plexus logs`. */
import type { LogLevel, LogPage } from "../../protocols/index.ts";
import { callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { cliLimits } from "../limits.ts";
import { exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";

/** Which lines of the log are shown. */
export interface LogChoice {
  readonly node?: string;
  readonly level?: LogLevel;
  readonly name?: string;
  readonly about?: string;
  readonly since?: number;
  readonly limit: number;
  readonly follow: boolean;
}

const tints = { debug: "gray", info: "green", warn: "yellow", error: "red" } as const;

/** Shows lines of the logs of all nodes, the oldest first; with `follow` what comes, until Ctrl-C. With --json one line
 *  a line. */
export async function showLogs(flags: AdminFlags, choice: LogChoice, output: Output): Promise<number> {
  const target = { ...(await findNode(flags)), timeoutMs: cliLimits.requestTimeoutMs + cliLimits.logWaitMs };
  const { node, level, name, about, since, limit, follow } = choice;
  const call = callsTo(target);
  const asked = {
    ...(node !== undefined && { node }),
    ...(level !== undefined && { level }),
    ...(name !== undefined && { name }),
    ...(about !== undefined && { about }),
    ...(since !== undefined && { sinceMs: since }),
    limit,
  };
  let warned = "";
  const page = async (more: { readonly after?: string; readonly waitMs?: number }): Promise<LogPage> =>
    demand(await call("logs.list", { ...asked, ...more }));
  const show = ({ lines, silent }: LogPage): void => {
    for (const line of lines) output.print(flags.json ? jsonLine(line) : lineText(line, output));
    const away = silent.map((one) => withoutControls(one.node)).join(", ");
    if (away !== "" && away !== warned)
      output.printError(`${paint(output.color, "yellow", "warning")} No answer from ${away}: their lines are missing.`);
    warned = away;
  };
  let last = await page({});
  show(last);
  if (!follow) {
    if (last.lines.length === 0 && !flags.json) output.print("There are no such lines.");
    return exitCodes.ok;
  }
  for (;;) {
    last = await page({ after: last.next, waitMs: cliLimits.logWaitMs });
    show(last);
  }
}

/** A line for people: when, where, how bad, what, and the facts. */
export function lineText(
  { atMs, node, level, event, facts }: LogPage["lines"][number],
  { color }: Pick<Output, "color">,
): string {
  const told = Object.entries(facts).map(
    ([key, value]) => `${paint(color, "cyan", withoutControls(key))}=${withoutControls(String(value))}`,
  );
  const time = new Date(atMs).toISOString().replace("T", " ").replace("Z", "");
  return [
    time,
    withoutControls(node),
    paint(color, tints[level], level.toUpperCase().padEnd(5)),
    withoutControls(event),
    ...told,
  ].join(" ");
}
