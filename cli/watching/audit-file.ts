import { constants, createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import { failure, PlexusError } from "../../protocols/errors.ts";
import type { AuditFound, AuditQuery } from "../../protocols/index.ts";
import { callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { download } from "../terminal/download.ts";
import { cliLimits } from "../limits.ts";
import { counted, exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** `plexus audit search`: entries of the audit of all nodes that match, the newest first. */
export async function searchAudit(
  flags: AdminFlags,
  filter: Omit<AuditQuery, "before" | "limit">,
  limit: number,
  output: Output,
): Promise<number> {
  const call = callsTo(await findNode(flags));
  const entries: AuditFound["entries"][number][] = [];
  let unanswered: readonly string[] = [];
  let before: string | undefined;
  do {
    const size = Math.min(cliLimits.auditPageEntries, limit - entries.length);
    const page = demand(
      await call("audit.search", { ...filter, limit: size, ...(before !== undefined && { before }) }),
    );
    entries.push(...page.entries);
    unanswered = page.unanswered ?? unanswered;
    before = page.next;
  } while (before !== undefined && entries.length < limit);
  if (flags.json) for (const entry of entries) output.print(jsonLine(entry));
  else if (entries.length === 0) output.print("Nothing in the audit matches.");
  else {
    const rows = entries.map(({ atMs, node, action, by, target, address, outcome, facts = {} }) => {
      const told = Object.entries(facts).map(([name, value]) => `${name} ${value}`);
      const cells = [action, by, target ?? "", outcome, address ?? "", node, told.join(", ")];
      return [new Date(atMs).toISOString(), ...cells.map(withoutControls)];
    });
    const heads = ["When", "What", "By", "To", "Outcome", "From", "Node"].map((head) => ({ head }));
    output.print(renderTable([...heads, { head: "", wraps: true }], rows, output));
  }
  if (unanswered.length > 0)
    output.printError(
      `${paint(output.color, "yellow", "warning")} Not reached: ${unanswered.map(withoutControls).join(", ")}. ` +
        "Their newest entries may be missing.",
    );
  return exitCodes.ok;
}

/** `plexus audit export`: the audit as a file, or to the standard output. */
export async function exportAudit(
  flags: AdminFlags,
  how: { readonly format: string; readonly output: string | undefined },
  output: Output,
): Promise<number> {
  const query = new URLSearchParams({ format: how.format });
  await download(await findNode(flags), `/api/v1/admin/audit/export?${query.toString()}`, how.output);
  if (how.output !== undefined)
    output.print(`The audit is in ${how.output}. Check it with: plexus audit verify ${how.output}`);
  return exitCodes.ok;
}

/** The lines of a file, divided at line feeds alone: to readers of text more is the end of a line. Error: BAD_REQUEST,
 *  not UTF-8. */
async function* linesOf(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let rest = "";
  const decoded = (bytes: Uint8Array | undefined): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch (error) {
      throw new PlexusError(failure("BAD_REQUEST", { path, problem: "not UTF-8, so it is not an export" }), error);
    }
  };
  await access(path, constants.R_OK).catch((error: unknown) => {
    throw new PlexusError(failure("NOT_FOUND", { path, reason: "no such file, or it may not be read" }), error);
  });
  for await (const bytes of createReadStream(path)) {
    const lines = (rest + decoded(bytes as Uint8Array)).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  rest += decoded(undefined);
  if (rest !== "") yield rest;
}

/** `plexus audit verify`: proves an export offline. Exit code 1 when something is wrong with it. */
export async function verifyAudit(
  file: string,
  flags: { readonly against: string | undefined; readonly json: boolean },
  output: Output,
): Promise<number> {
  const [{ verifyExport }, { isSignedBy }] = await Promise.all([
    import("../../node/audit/index.ts"),
    import("../../node/cluster/mesh/index.ts"),
  ]);
  const before = flags.against === undefined ? undefined : await verifyExport(linesOf(flags.against), isSignedBy);
  if (before?.finding !== undefined) {
    output.printError(`${flags.against ?? ""} is itself not sound: ${before.finding.reason}`);
    return exitCodes.failed;
  }
  const anchors = new Map((before?.logs ?? []).map(({ log, seq, root }) => [log, { seq, root }]));
  const { entries, logs, finding } = await verifyExport(linesOf(file), isSignedBy, anchors);
  if (flags.json) output.print(jsonLine({ verified: finding === undefined, entries, logs, finding: finding ?? null }));
  else if (finding === undefined) {
    output.print(`Sound: ${counted(entries, "entry", "entries")} in ${counted(logs.length, "log")}.`);
    for (const { log, seq, signedSeq, peer = "nobody", witnesses } of logs)
      output.print(
        `  ${log}: up to entry ${seq}, signed up to ${signedSeq} by ${peer}, seen by ` +
          `${counted(witnesses, "other node")}`,
      );
    if (before === undefined)
      output.print("Compare the keys with those of your nodes, and the file with an earlier one: --against FILE.");
  } else {
    const { fault, line, log, seq, reason } = finding;
    const where = log === undefined ? "" : ` of log ${log}`;
    const which = seq === undefined ? "" : `, entry ${seq}`;
    output.print(`${paint(output.color, "red", "Not sound")}: line ${line}${which}${where}: ${fault}: ${reason}.`);
  }
  return finding === undefined ? exitCodes.ok : exitCodes.failed;
}
