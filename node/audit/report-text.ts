/** A report as people read it: as text, and as a page without script that needs nothing else. Pure. */
import { auditActionOf } from "../../protocols/index.ts";
import type { AuditReport, ReportEntry } from "./report.ts";

const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
// What people chose themselves must not move a terminal's cursor, nor the direction of text.
const plain = (text: string): string => text.replace(/\p{Cc}|\p{Cf}/gu, " ");
const rolesText = (roles: readonly string[] | undefined): string =>
  roles === undefined ? "not known" : roles.length === 0 ? "none" : roles.join(", ");

const cellsOf = ({
  atMs,
  action,
  by,
  target = "",
  outcome,
  address = "",
  node,
  log,
  seq,
  facts = {},
}: ReportEntry): readonly string[] => [
  time(atMs),
  auditActionOf(action)?.for ?? action,
  by,
  target,
  outcome,
  [address, node].filter(Boolean).join(" at "),
  Object.entries(facts)
    .map(([name, fact]) => `${name}: ${fact}`)
    .join("; "),
  `${log}/${seq}`,
];

interface Table {
  readonly title: string;
  /** What stands above it. */
  readonly says: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a report has, as tables. */
function tablesOf(report: AuditReport): readonly Table[] {
  const { signIns, power, refusals, heads, logs } = report;
  const numbers = Object.entries(signIns.byOutcome).toSorted(([, one], [, other]) => other - one);
  const entries = report.sections.map(({ title, count, entries: shown }): Table => {
    const more =
      count > shown.length ? ` The first ${shown.length} are here; search or export the audit for the rest.` : "";
    const head = ["When", "What", "By", "To", "Outcome", "From", "Details", "Entry"];
    return { title, says: `${count}.${more}`, head, rows: shown.map(cellsOf) };
  });
  return [
    {
      title: "People with power",
      says:
        "Everybody who had roles of the cluster at the beginning or the " +
        `end.${report.powerCut ? " There were more than are here." : ""}`,
      head: ["Who", "At the beginning", "At the end", ""],
      rows: power.map(({ user, begin, end }) => [
        user,
        rolesText(begin),
        rolesText(end),
        rolesText(begin) === rolesText(end) ? "" : "changed",
      ]),
    },
    {
      title: "Sign-ins",
      says:
        `${signIns.done} by ${signIns.people}${signIns.people >= signIns.peopleMax ? " or more" : ""} people; ` +
        `${signIns.refused} refused.`,
      head: ["Outcome", "Number"],
      rows: numbers.map(([outcome, count]) => [outcome, String(count)]),
    },
    {
      title: "Refusals",
      says: "By what was asked for and why it was refused.",
      head: ["What", "Number"],
      rows: Object.entries(refusals)
        .toSorted(([, one], [, other]) => other - one)
        .map(([what, count]) => [what, String(count)]),
    },
    ...entries,
    {
      title: "What this can be checked against",
      says:
        "The newest signed head of each log. plexus audit export and plexus audit verify give the same numbers, " +
        "roots and keys; entries are named by log and number.",
      head: ["Log", "In this period", "Signed up to", "Root", "Key", "When"],
      rows: heads.map(({ log, seq, root, peer, atMs }) => {
        const span = logs[log];
        return [
          log,
          span === undefined ? "nothing" : `${span.first} to ${span.last}`,
          String(seq),
          root,
          peer,
          time(atMs),
        ];
      }),
    },
  ];
}

const headline = ({ fromMs, untilMs, madeAtMs, entries, missing }: AuditReport): string =>
  `From ${time(fromMs)} to ${time(untilMs)} (UTC), of ${entries} entries, made ${time(madeAtMs)}.${
    missing > 0 ? ` ${missing} entries were not written, because too many came at once.` : ""
  }`;

/** As text. */
export function reportText(report: AuditReport): string {
  const parts = tablesOf(report).map(({ title, says, rows }) => {
    const lines = rows.map(
      (cells) =>
        `  ${cells
          .filter((cell) => cell !== "")
          .map(plain)
          .join(" | ")}`,
    );
    return [title, "-".repeat(title.length), says, ...lines].join("\n");
  });
  return `Audit report\n============\n${headline(report)}\n\n${parts.join("\n\n")}\n`;
}

const signs: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text: string): string => plain(text).replace(/[&<>"']/g, (sign) => signs[sign] ?? "");

/** As a page. */
export function reportPage(report: AuditReport): string {
  const tables = tablesOf(report).map(({ title, says, head, rows }) => {
    const cells = (row: readonly string[], tag: string): string =>
      `<tr>${row.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join("")}</tr>`;
    const table =
      rows.length === 0
        ? ""
        : `<table><thead>${cells(head, "th")}</thead><tbody>${rows.map((row) => cells(row, "td")).join("\n")}` +
          "</tbody></table>";
    return `<section><h2>${escaped(title)}</h2><p>${escaped(says)}</p>${table}</section>`;
  });
  const style =
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 " +
    "1rem;color:#111;background:#fff}" +
    "table{border-collapse:collapse;width:100%;font-size:13px}" +
    "th,td{text-align:left;vertical-align:top;padding:.25rem " +
    ".5rem;border-bottom:1px solid #ddd;overflow-wrap:anywhere}" +
    "@media print{section{break-inside:auto}thead{display:table-header-group}}";
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Audit ` +
    `report</title><style>${style}</style></head><body><h1>Audit ` +
    `report</h1><p>${escaped(headline(report))}</p>\n${tables.join("\n")}</body></html>\n`
  );
}
