/** `plexus files`: files in quarantine, and the scanners. */
import { wireLimits } from "../../protocols/limits.ts";
import { describeBytes } from "../../protocols/words/amounts.ts";
import { operate, type AdminFlags } from "../node/admin.ts";
import { counted, exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** `plexus files quarantine list`: a page of them. With `--json` and without a place or a length one document with all
 *  of them. */
export async function listQuarantine(
  flags: AdminFlags,
  wanted: { readonly after?: string | undefined; readonly limit?: number | undefined },
  output: Output,
): Promise<number> {
  const { after, limit } = wanted;
  const read = (from: string | undefined, most: number | undefined) =>
    operate(flags, "quarantine.list", {
      ...(from !== undefined && { after: from }),
      ...(most !== undefined && { limit: most }),
    });
  if (flags.json) {
    const isAll = after === undefined && limit === undefined;
    let page = await read(after, isAll ? wireLimits.pageEntriesMax : limit);
    const files = [...page.files];
    while (isAll && page.next !== undefined) {
      page = await read(page.next, wireLimits.pageEntriesMax);
      files.push(...page.files);
    }
    output.print(jsonLine({ ...page, files }));
    return exitCodes.ok;
  }
  const { files, unlisted = 0, next } = await read(after, limit);
  if (files.length === 0) output.print("No file is in quarantine.");
  else {
    const rows = files.map(({ id, name, bytes, room, seq, sender, sinceMs, signature = "(not checked)" }) => [
      id,
      withoutControls(name),
      describeBytes(bytes),
      withoutControls(signature),
      `${room} #${seq}`,
      sender.replace(/^user\//, ""),
      new Date(sinceMs).toISOString(),
    ]);
    const heads = ["File", "Name", "Size", "Found", "Message", "Sender", "Since"].map((head) => ({ head }));
    output.print(renderTable(heads, rows, output));
  }
  if (next !== undefined) output.print(`Older ones: plexus files quarantine list --after ${next}`);
  if (unlisted > 0) output.print(`${counted(unlisted, "more file")} in quarantine had no room in the list.`);
  return exitCodes.ok;
}

/** `plexus files quarantine release`, and `delete`. */
export async function settleFile(
  flags: AdminFlags,
  operation: "quarantine.release" | "quarantine.remove",
  file: string,
  output: Output,
): Promise<number> {
  const settled = await operate(flags, operation, { file });
  const name = withoutControls(settled.name);
  const said =
    operation === "quarantine.release" ? `${name} can be fetched in ${settled.room}.` : `${name} is deleted.`;
  output.print(flags.json ? jsonLine(settled) : said);
  return exitCodes.ok;
}

const withoutText = {
  allow: "Files that no scanner can check are let through.",
  hold: "Files that no scanner can check wait.",
  refuse: "No files are taken while no scanner answers.",
} as const;

/** `plexus files scanners`. */
export async function listScanners(flags: AdminFlags, output: Output): Promise<number> {
  const view = await operate(flags, "quarantine.scanners");
  if (flags.json) {
    output.print(jsonLine(view));
    return exitCodes.ok;
  }
  const rows = view.scanners.map(({ node, state, calls, reason = "" }) => [
    node,
    state,
    String(calls ?? 0),
    withoutControls(reason),
  ]);
  if (rows.length === 0) output.print("No node has a scanner: plexus up --antivirus unix:/run/clamav/clamd.ctl");
  else {
    const heads = ["Node", "State", "Files"].map((head) => ({ head }));
    output.print(renderTable([...heads, { head: "", wraps: true }], rows, output));
  }
  output.print(view.scan ? withoutText[view.withoutScanner] : "Files are not checked: files.scan is false.");
  return exitCodes.ok;
}
