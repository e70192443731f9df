/** The audit for others: as JSON lines that can be verified, as syslog (RFC 5424), as CEF. */
import { createHash } from "node:crypto";
import { auditActionOf, type AuditFilter, type AuditRecord, type AuditSeverity } from "../../protocols/index.ts";
import type { AuditBook } from "./book.ts";
import { oldestFirst } from "./search.ts";
import { endText, exportedEntry } from "./verify.ts";
import type { AuditSigner } from "./writer.ts";

/** How an export is written. */
export type AuditFormat = "jsonl" | "syslog" | "cef";

const pageLines = 1_000;

/** Lines of an export that can be verified, without their ends: every log that is here, whole. */
export async function* exportProof(
  book: AuditBook,
  at: { readonly signer: AuditSigner; readonly atMs: number; readonly node: string },
): AsyncGenerator<string> {
  const digest = createHash("sha256");
  let lines = 0;
  const counted = (line: string): string => {
    digest.update(line).update("\n");
    lines += 1;
    return line;
  };
  yield counted(JSON.stringify({ audit: 1, node: at.node, atMs: at.atMs }));
  for (const { log, from, end } of book.logs()) {
    const heads = await book.heads(log);
    const start = heads.find(({ seq }) => seq === from - 1) ?? null;
    yield counted(JSON.stringify({ log, from, start }));
    for (let after = from - 1; after < end.seq;) {
      const page = await book.read(log, after, Math.min(pageLines, end.seq - after));
      if (page.length === 0) break;
      for (const entry of page) yield counted(exportedEntry(entry));
      after += page.length;
    }
    for (const head of heads) if (head.seq >= from && head.seq <= end.seq) yield counted(JSON.stringify({ head }));
    for (const witness of book.of(log)?.witnesses ?? [])
      if (witness.seq <= end.seq) yield counted(JSON.stringify({ witness }));
  }
  const stated = { end: at.atMs, lines, digest: digest.digest("hex"), by: await at.signer.peer() };
  const text = endText(stated.end, stated.lines, stated.digest, stated.by);
  const signature = Buffer.from(await at.signer.sign(Buffer.from(text))).toString("base64");
  yield JSON.stringify({ ...stated, signature });
}

/** RFC 5424, 6.2.1, and the 0 to 10 of CEF. */
const severities: Readonly<Record<AuditSeverity, { readonly syslog: number; readonly cef: number }>> = {
  info: { syslog: 6, cef: 2 },
  notice: { syslog: 5, cef: 4 },
  warning: { syslog: 4, cef: 7 },
  alert: { syslog: 1, cef: 10 },
};
/** Facility 13: log audit. */
const facility = 13;
/** The number under which RFC 5612 lets documents and examples name what is nobody's. */
const enterprise = "plexus@32473";

const severityOf = ({ action, outcome }: AuditRecord): AuditSeverity => {
  const severity = auditActionOf(action)?.severity ?? "notice";
  return outcome !== "done" && severity === "info" ? "notice" : severity;
};

/** Printable ASCII, as names in syslog are. */
const printable = (text: string, most: number): string => text.replace(/[^\x21-\x7e]/g, "_").slice(0, most) || "-";
const parameter = (text: string): string => text.replace(/[\\\]"]/g, (sign) => `\\${sign}`).replace(/\p{Cc}/gu, " ");

/** What a message of syslog begins with: who says what, when, how much it matters. */
const syslogHead = (record: AuditRecord): string => {
  const priority = facility * 8 + severities[severityOf(record)].syslog;
  return (
    `<${priority}>1 ${new Date(record.atMs).toISOString()} ${printable(record.node, 255)} plexus - ` +
    `${printable(record.action, 32)}`
  );
};

/** One entry as a message of syslog. */
export function syslogLine(record: AuditRecord): string {
  const { seq, log, by, target, address, session, outcome, facts = {} } = record;
  const named: Readonly<Record<string, string | number | undefined>> = {
    log,
    seq,
    by,
    target,
    address,
    session,
    outcome,
  };
  const data = Object.entries(named).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${parameter(String(value))}"`],
  );
  const more = Object.entries(facts).map(([name, value]) => `fact="${parameter(`${name}=${value}`)}"`);
  return `${syslogHead(record)} [${enterprise} ${[...data, ...more].join(" ")}]`;
}

const cefHead = (text: string): string => text.replace(/[\\|]/g, (sign) => `\\${sign}`).replace(/\p{Cc}/gu, " ");
const cefValue = (text: string): string => text.replace(/[\\=]/g, (sign) => `\\${sign}`).replace(/\p{Cc}/gu, " ");

/** One entry in ArcSight's common event format, version 0. */
export function cefLine(record: AuditRecord, version: string): string {
  const { action, by, target, address, session, outcome, log, seq, facts = {} } = record;
  const summary = auditActionOf(action)?.for ?? action;
  const fields: Readonly<Record<string, string | undefined>> = {
    rt: String(record.atMs),
    dvchost: record.node,
    externalId: `${log}/${seq}`,
    suser: by,
    duser: target,
    ...(address !== undefined && (address.includes(":") ? { c6a2: address, c6a2Label: "Source" } : { src: address })),
    outcome: outcome === "done" ? "success" : "failure",
    reason: outcome === "done" ? undefined : outcome,
    cs1: session,
    cs1Label: session === undefined ? undefined : "session",
    msg:
      Object.entries(facts)
        .map(([name, value]) => `${name}: ${value}`)
        .join("; ") || undefined,
  };
  const head = ["CEF:0", "Plexus", "Plexus", version, action, summary, String(severities[severityOf(record)].cef)];
  const extension = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${cefValue(value)}`],
  );
  return `${head.map(cefHead).join("|")}|${extension.join(" ")}`;
}

/** One entry as a line, in a format. */
export const lineAs = (record: AuditRecord, format: AuditFormat, version: string): string =>
  format === "syslog" ? syslogLine(record) : format === "cef" ? cefLine(record, version) : JSON.stringify(record);

/** One entry as a message of syslog, whose text is in a format. Log and number are parameters in each, so that a
 *  receiver notices an entry that comes twice. */
export const syslogMessage = (record: AuditRecord, format: AuditFormat, version: string): string =>
  format === "syslog"
    ? syslogLine(record)
    : `${syslogHead(record)} [${enterprise} log="${parameter(record.log)}" seq="${record.seq}"] ` +
      `${lineAs(record, format, version)}`;

/** Entries that a filter looks for, one on a line, the oldest first. */
export async function* exportLines(
  book: AuditBook,
  filter: AuditFilter,
  how: { readonly format: "syslog" | "cef"; readonly version: string },
): AsyncGenerator<string> {
  for await (const record of oldestFirst(book, filter)) yield lineAs(record, how.format, how.version);
}
