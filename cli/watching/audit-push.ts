/** `plexus audit push`, `plexus audit retention`, `plexus audit report`. */
import { failure, PlexusError } from "../../protocols/errors.ts";
import type { AuditRetention, SetAuditSink } from "../../protocols/index.ts";
import { findNode, operate, type AdminFlags } from "../node/admin.ts";
import { download } from "../terminal/download.ts";
import { counted, describeBytes, describeDuration, exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";
import { secretIn, textIn } from "../terminal/text-file.ts";

/** `plexus audit push list`. */
export async function listSinks(flags: AdminFlags, output: Output): Promise<number> {
  const { sinks, states, unanswered } = await operate(flags, "sinks.list");
  if (flags.json) output.print(jsonLine({ sinks, states, unanswered }));
  else if (sinks.length === 0) output.print("The audit is not sent anywhere. plexus audit push set NAME URL sends it.");
  else
    for (const sink of sinks) {
      const secret = sink.hasSecret ? `, ${sink.auth === "hmac" ? "signed" : "with a token"}` : "";
      output.print(`${sink.name}: ${withoutControls(sink.url)} (${sink.format}${secret})`);
      const rows = states
        .filter((state) => state.sink === sink.name)
        .flatMap(({ node, logs, failingSinceMs, reason }) =>
          logs.map(({ log, sent, end, lagMs }) => [
            withoutControls(node),
            log,
            `${sent} of ${end}`,
            sent >= end ? "nothing waits" : `${describeDuration(lagMs)} behind`,
            failingSinceMs === undefined
              ? ""
              : `since ${new Date(failingSinceMs).toISOString()}: ${withoutControls(reason ?? "")}`,
          ]),
        );
      const heads = ["Node", "Log", "Confirmed", "Lag"].map((head) => ({ head }));
      if (rows.length > 0) output.print(renderTable([...heads, { head: "Fails", wraps: true }], rows, output));
    }
  if (unanswered.length > 0 && !flags.json)
    output.printError(
      `${paint(output.color, "yellow", "warning")} Not reached: ${unanswered.map(withoutControls).join(", ")}.`,
    );
  return exitCodes.ok;
}

/** What `plexus audit push set` is told. */
export interface SinkFlags {
  readonly format?: string;
  readonly auth?: string;
  readonly secretFile?: string;
  readonly ca?: string;
  readonly since?: number;
  readonly begin?: string;
}

/** `plexus audit push set`. */
export async function setSink(
  flags: AdminFlags,
  name: string,
  url: string,
  choice: SinkFlags,
  output: Output,
): Promise<number> {
  const secret = choice.secretFile === undefined ? undefined : await secretIn(choice.secretFile);
  const ca = choice.ca === undefined ? undefined : await textIn(choice.ca);
  const body = {
    url,
    ...(choice.format && { format: choice.format }),
    ...(choice.auth && { auth: choice.auth }),
    ...(secret && { secret }),
    ...(ca && { ca }),
    ...(choice.since !== undefined && { sinceMs: choice.since }),
    ...(choice.begin !== undefined && { begin: choice.begin }),
  } as SetAuditSink;
  const sink = await operate(flags, "sinks.set", { sink: name, ...body });
  if (flags.json) output.print(jsonLine(sink));
  else
    output.print(
      `Every node sends its log to ${withoutControls(sink.url)} as ${sink.format}. Try it: plexus audit push ` +
        `test ${name}`,
    );
  return exitCodes.ok;
}

/** `plexus audit push remove`. */
export async function removeSink(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const sink = await operate(flags, "sinks.remove", { sink: name });
  output.print(flags.json ? jsonLine(sink) : `The audit is no longer sent to ${name}.`);
  return exitCodes.ok;
}

/** `plexus audit push test`. */
export async function testSink(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const done = await operate(flags, "sinks.test", { sink: name });
  output.print(flags.json ? jsonLine(done) : `Confirmed after ${done.tookMs} ms.`);
  return exitCodes.ok;
}

/** What `plexus audit retention` changes. */
export interface RetentionFlags {
  readonly days?: number;
  readonly size?: number;
  /** `power=3650`. */
  readonly area?: readonly string[];
  readonly severity?: readonly string[];
  readonly reset?: boolean;
}

const named = (pairs: readonly string[], flag: string): Record<string, number> =>
  Object.fromEntries(
    pairs.map((pair) => {
      const [, name = "", days] = /^(\w+)=(\d+)$/.exec(pair) ?? [];
      if (days === undefined)
        throw new PlexusError(failure("BAD_REQUEST", { path: flag, problem: "write it as NAME=DAYS" }));
      return [name, Number(days)];
    }),
  );

/** `plexus audit retention`: shows the rules, or changes what is named and leaves the rest. */
export async function auditRetention(flags: AdminFlags, choice: RetentionFlags, output: Output): Promise<number> {
  let view = await operate(flags, "retention.show");
  if (choice.reset === true) view = await operate(flags, "retention.reset");
  else if (choice.days !== undefined || choice.size !== undefined || choice.area || choice.severity) {
    const areas = { ...view.areas, ...named(choice.area ?? [], "--area") };
    const severities = { ...view.severities, ...named(choice.severity ?? [], "--severity") };
    const next: AuditRetention = {
      days: choice.days ?? view.days,
      logBytesMax: choice.size === undefined ? view.logBytesMax : choice.size * 1024 * 1024,
      ...(Object.keys(areas).length > 0 && { areas }),
      ...(Object.keys(severities).length > 0 && { severities }),
    };
    view = await operate(flags, "retention.set", next);
  }
  if (flags.json) output.print(jsonLine(view));
  else {
    const longer = [...Object.entries(view.areas ?? {}), ...Object.entries(view.severities ?? {})];
    output.print(
      `Kept for ${counted(view.days, "day")}, ${Math.round(view.logBytesMax / 1024 / 1024)} MiB of each ` +
        `log${view.byDefault ? " (the default)" : ""}.`,
    );
    for (const [name, days] of longer)
      output.print(`  ${name}: ${counted(days, "day")}, and with it what is before it`);
    const rows = view.logs.map(({ log, from, end, bytes }) => [
      log,
      end < from ? "nothing" : `${from} to ${end}`,
      describeBytes(bytes),
    ]);
    output.print(
      renderTable(
        ["Log", "Entries", "Size"].map((head) => ({ head })),
        rows,
        output,
      ),
    );
  }
  return exitCodes.ok;
}

/** `plexus audit report`: who had power, what changed, was refused, exported, erased in a period. */
export async function auditReport(
  flags: AdminFlags,
  period: {
    readonly from: number;
    readonly to: number | undefined;
    readonly html: boolean;
    readonly file: string | undefined;
  },
  output: Output,
): Promise<number> {
  const format = flags.json ? "json" : period.html ? "html" : "text";
  const query = new URLSearchParams({ fromMs: String(period.from), format });
  if (period.to !== undefined) query.set("untilMs", String(period.to));
  await download(await findNode(flags), `/api/v1/admin/audit/report?${query.toString()}`, period.file);
  if (period.file !== undefined) output.print(`The report is in ${period.file}.`);
  return exitCodes.ok;
}
