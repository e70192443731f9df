/** `plexus logs`. */
import type { LogLevel, LogPage } from "../protocols/index.ts";
import { demand, findNode, type AdminFlags } from "./admin.ts";
import { cliLimits } from "./limits.ts";
import { callNode } from "./node-client.ts";
import { exitCodes, paint, type Output } from "./output.ts";
import { jsonLine, withoutControls } from "./printable.ts";

/** Which lines of the log are shown. */
export interface LogWish {
  readonly node?: string;
  readonly level?: LogLevel;
  readonly name?: string;
  readonly about?: string;
  readonly since?: number;
  readonly limit: number;
  readonly follow: boolean;
}

const tints = { debug: "gray", info: "green", warn: "yellow", error: "red" } as const;

/** Shows lines of the logs of all nodes, the oldest first; with `follow` what comes, until Ctrl-C. With --json one line a line. */
export async function showLogs(flags: AdminFlags, wish: LogWish, output: Output): Promise<number> {
  const target = { ...(await findNode(flags)), timeoutMs: cliLimits.requestTimeoutMs + cliLimits.logWaitMs };
  const { node, level, name, about, since, limit, follow } = wish;
  const filter = { node, level, name, about, sinceMs: since };
  const query = new URLSearchParams(
    Object.entries(filter).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
  );
  query.set("limit", String(limit));
  let warned = "";
  const page = async (): Promise<LogPage> =>
    demand(await callNode<LogPage>(target, "GET", `/api/v1/admin/logs?${query.toString()}`));
  const show = ({ lines, silent }: LogPage): void => {
    for (const line of lines) output.print(flags.json ? jsonLine(line) : lineText(line, output));
    const away = silent.map((one) => withoutControls(one.node)).join(", ");
    if (away !== "" && away !== warned)
      output.printError(`${paint(output.color, "yellow", "warning")} No answer from ${away}: their lines are missing.`);
    warned = away;
  };
  let last = await page();
  show(last);
  if (!follow) {
    if (last.lines.length === 0 && !flags.json) output.print("There are no such lines.");
    return exitCodes.ok;
  }
  query.set("waitMs", String(cliLimits.logWaitMs));
  for (;;) {
    query.set("after", last.next);
    last = await page();
    show(last);
  }
}

/** A line for people: when, where, how bad, what, and the facts. */
export function lineText(
  { atMs, node, level, event, facts }: LogPage["lines"][number],
  { color }: Pick<Output, "color">,
): string {
  const told = Object.entries(facts).map(([key, value]) => `${paint(color, "cyan", withoutControls(key))}=${withoutControls(String(value))}`); // prettier-ignore
  const time = new Date(atMs).toISOString().replace("T", " ").replace("Z", "");
  return [time, withoutControls(node), paint(color, tints[level], level.toUpperCase().padEnd(5)), withoutControls(event), ...told].join(" "); // prettier-ignore
}
