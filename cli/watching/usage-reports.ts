/** `plexus usage reports`: reports of usage that are sent by mail. */
import { writeFile } from "node:fs/promises";
import type { ReportFormat, ReportRun, ReportsView, SetReport } from "../../protocols/index.ts";
import { callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { forLook } from "../node/node-client.ts";
import { exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";

/** `plexus usage reports`. */
export async function showReports(flags: AdminFlags, output: Output): Promise<number> {
  const view = demand(await callsTo(forLook(await findNode(flags)))("reports.list"));
  output.print(flags.json ? jsonLine(view) : describeReports(view));
  return exitCodes.ok;
}

const states: Readonly<Record<ReportRun["state"], string>> = {
  waiting: "waits",
  running: "is being sent",
  done: "sent",
  failed: "failed",
  cancelled: "cancelled",
};

/** What `plexus usage reports` prints. */
function describeReports({ reports, runs }: ReportsView): string {
  if (reports.length === 0)
    return "No report is sent: `plexus usage reports set NAME --cron '0 7 * * 1' --to ADDRESS`.";
  return reports
    .map(({ report, cron, timeZone = "UTC", days, formats, to, nextMs }) => {
      const last = runs.find((run) => run.report === report);
      const next = nextMs === undefined ? "never" : new Date(nextMs).toISOString();
      return [
        `${report}: ${days} days as ${formats.join(" and ")}, at “${cron}” (${timeZone}), next ${next}`,
        `  to ${to.join(", ")}`,
        ...(last === undefined
          ? []
          : [
              `  the last one, report.${last.id}: ${states[last.state]}, ${last.sent} of ` +
                `${last.sent + last.left.length + last.missed} mails${last.error ? ` (${last.error.code})` : ""}`,
            ]),
      ];
    })
    .flat()
    .map(withoutControls)
    .join("\n");
}

/** `plexus usage reports set`. */
export async function setReport(flags: AdminFlags, report: string, said: SetReport, output: Output): Promise<number> {
  const set = await operate(flags, "reports.set", { report, ...said });
  const next = set.nextMs === undefined ? "No time comes that it names" : `Next ${new Date(set.nextMs).toISOString()}`;
  output.print(flags.json ? jsonLine(set) : `${next}. Try it: \`plexus usage reports send ${report}\`.`);
  return exitCodes.ok;
}

/** `plexus usage reports save`. */
export async function saveReport(
  flags: AdminFlags,
  {
    report,
    format,
    path,
  }: { readonly report: string; readonly format: ReportFormat; readonly path: string | undefined },
  output: Output,
): Promise<number> {
  const { name, base64 } = await operate(flags, "reports.file", { report, format });
  const bytes = Buffer.from(base64, "base64");
  if (format === "csv" && path === undefined) {
    output.print(bytes.toString().trimEnd());
    return exitCodes.ok;
  }
  const saved = path ?? name;
  await writeFile(saved, bytes);
  output.print(flags.json ? jsonLine({ saved, sizeBytes: bytes.length }) : `Wrote ${saved}.`);
  return exitCodes.ok;
}

/** `plexus usage reports send`. */
export async function sendReport(flags: AdminFlags, report: string, output: Output): Promise<number> {
  const sent = await operate(flags, "reports.send", { report });
  output.print(flags.json ? jsonLine(sent) : `It is sent as ${sent.task}: \`plexus tasks show ${sent.task}\`.`);
  return exitCodes.ok;
}

/** `plexus usage reports remove`. */
export async function removeReport(flags: AdminFlags, report: string, output: Output): Promise<number> {
  await operate(flags, "reports.remove", { report });
  output.print(flags.json ? jsonLine({ removed: true }) : `${report} is sent no more.`);
  return exitCodes.ok;
}
