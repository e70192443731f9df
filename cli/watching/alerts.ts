/** `plexus alerts`. */
import type { Alert } from "../../protocols/index.ts";
import { callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { exitCodes, paint, timeText, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** `plexus alerts`. With --json one line an alert. */
export async function listAlerts(
  flags: AdminFlags,
  wanted: { readonly acknowledged: boolean; readonly limit: number },
  output: Output,
): Promise<number> {
  const call = callsTo(await findNode(flags));
  const alerts: Alert[] = [];
  let open = 0;
  for (let more = true; more && alerts.length < wanted.limit;) {
    const before = alerts.at(-1)?.id;
    const asked = {
      state: wanted.acknowledged ? ("acknowledged" as const) : ("open" as const),
      limit: Math.min(100, wanted.limit - alerts.length),
      ...(before !== undefined && { before }),
    };
    const page = demand(await call("alerts.list", asked));
    alerts.push(...page.alerts);
    ({ open } = page);
    more = page.more && page.alerts.length > 0;
  }
  if (flags.json) for (const alert of alerts) output.print(jsonLine(alert));
  else if (alerts.length === 0)
    output.print(wanted.acknowledged ? "No alert was acknowledged yet." : "There are no open alerts.");
  else {
    const rows = alerts.map(({ id, severity, lastAtMs, count, about, title, source }) => [
      id,
      severity,
      timeText(lastAtMs),
      String(count),
      withoutControls(about),
      withoutControls(`${title} (${source})`),
    ]);
    const heads = [{ head: "alert" }, { head: "" }, { head: "last" }, { head: "times" }, { head: "about" }];
    output.print(renderTable([...heads, { head: "", wraps: true }], rows, output));
    if (!wanted.acknowledged) output.print(`${open} open. \`plexus alerts acknowledge NUMBER\` acknowledges one.`);
  }
  return exitCodes.ok;
}

/** `plexus alerts show`. */
export async function showAlert(flags: AdminFlags, id: string, output: Output): Promise<number> {
  const alert = await operate(flags, "alerts.show", { id });
  if (flags.json) output.print(jsonLine(alert));
  else output.print(alertText(alert, output.color));
  return exitCodes.ok;
}

/** `plexus alerts acknowledge`. */
export async function acknowledgeAlert(
  flags: AdminFlags,
  { id, note }: { readonly id: string; readonly note?: string },
  output: Output,
): Promise<number> {
  const alert = await operate(flags, "alerts.acknowledge", { id, ...(note !== undefined && { note }) });
  if (flags.json) output.print(jsonLine(alert));
  else output.print(`Alert ${alert.id} is acknowledged by ${withoutControls(alert.acknowledged?.by ?? "")}.`);
  return exitCodes.ok;
}

/** All of an alert, for people. */
function alertText(alert: Alert, color: boolean): string {
  const { id, severity, about, title, source, count, firstAtMs, lastAtMs, evidence, facts = {}, acknowledged } = alert;
  const tint = severity === "critical" ? "red" : "yellow";
  return [
    `${paint(color, tint, severity)} Alert ${id}, ${withoutControls(about)}: ${withoutControls(title)}`,
    `Found ${count === 1 ? "once" : `${count} times`} by ${source}, ` +
      `${count === 1 ? timeText(firstAtMs) : `from ${timeText(firstAtMs)} to ${timeText(lastAtMs)}`}.`,
    ...Object.entries(facts).map(([name, fact]) => `  ${withoutControls(name)}: ${withoutControls(String(fact))}`),
    ...(evidence.length > 0 ? [`In the audit: ${evidence.join(" ")}`] : []),
    ...(acknowledged
      ? [
          `Acknowledged by ${withoutControls(acknowledged.by)} at ` +
            `${timeText(acknowledged.atMs)}` +
            `${acknowledged.note === undefined ? "." : `: ${withoutControls(acknowledged.note)}`}`,
        ]
      : []),
  ].join("\n");
}
