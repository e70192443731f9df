/** What people did by day, as a PDF to be read and printed: sums, a table of the days, and one of the teams. */
import type { ActivityDay, ActivitySums } from "../../../protocols/index.ts";
import { usageLimits as limits } from "./limits.ts";
import { createPdf, type PdfSheet } from "./pdf.ts";

type Row = readonly string[];

interface ReportTable {
  readonly title: string;
  readonly rows: readonly Row[];
}

// A4, in points.
const page = { width: 595, height: 842, margin: 48, line: 16, size: 9, columns: 7 } as const;
const head: Row = ["Day (UTC)", "People", "Messages", "Calls", "Tokens", "Cost", "Kept"];

const cost = (millionths: number): string => (millionths / 1_000_000).toFixed(2);
const amount = (value: number): string => value.toLocaleString("en-US");
const mebibytes = (bytes: number): string => `${amount(Math.round(bytes / 1_048_576))} MiB`;

const sumOf = (days: readonly ActivitySums[], name: keyof ActivitySums): number =>
  days.reduce((sum, one) => sum + one[name], 0);

const rowOf = (name: string, one: ActivitySums & { readonly people?: number }, kept = ""): Row => [
  name,
  one.people === undefined ? "" : amount(one.people),
  amount(one.messages),
  amount(one.calls),
  amount(one.tokens),
  cost(one.cost),
  kept,
];

function tablesOf(days: readonly ActivityDay[]): readonly ReportTable[] {
  const all = {
    messages: sumOf(days, "messages"),
    calls: sumOf(days, "calls"),
    tokens: sumOf(days, "tokens"),
    cost: sumOf(days, "cost"),
  };
  const teams = days.flatMap(({ day, teams: known }) =>
    known.map((one) => rowOf(`${day.slice(5)} ${one.team}`.slice(0, 24), one)),
  );
  const shown = teams.slice(-limits.reportTeamRowsMax);
  const last = `the last ${amount(shown.length)} of ${amount(teams.length)} rows; the CSV has all`;
  const few = shown.length < teams.length ? ` (${last})` : "";
  return [
    { title: "All days", rows: [rowOf(`${days.length} days`, all, mebibytes(days.at(-1)?.storedBytes ?? 0))] },
    { title: "By day", rows: days.map((one) => rowOf(one.day, one, mebibytes(one.storedBytes))) },
    ...(teams.length > 0 ? [{ title: `Teams by day${few}`, rows: shown }] : []),
  ];
}

/** Makes it, of days with the oldest first. */
export function pdfOfDays(
  days: readonly ActivityDay[],
  { title, brand }: { readonly title: string; readonly brand: string },
): Buffer {
  const pdf = createPdf({ ...page, title: `${title}: usage of ${brand}` });
  let sheet: PdfSheet;
  let number = 0;
  let y = 0;
  const turn = (): void => {
    sheet = pdf.add();
    y = page.height - page.margin;
    number += 1;
    sheet.text(String(number), { x: page.width - page.margin, y: page.margin / 2, size: 8, end: true });
  };
  /** Leaves room for so many lines, here or on the next sheet. */
  const room = (lines: number): void => {
    if (y - lines * page.line < page.margin) turn();
  };
  const row = (cells: Row, bold = false): void => {
    room(1);
    const width = (page.width - 2 * page.margin) / page.columns;
    for (const [at, text] of cells.entries()) {
      // Names to the left, numbers to the right.
      const x = page.margin + (at === 0 ? 0 : (at + 1) * width);
      sheet.text(text, { x, y, size: page.size, bold, end: at > 0 });
    }
    y -= page.line;
  };
  const say = (text: string, size: number, bold: boolean, lines: number): void => {
    sheet.text(text, { x: page.margin, y, size, bold });
    y -= lines * page.line;
  };
  turn();
  say(`Usage of ${brand}: ${title}`, 16, true, 1.5);
  say(days.length === 0 ? "Nobody has done anything." : `${days[0]?.day} to ${days.at(-1)?.day}`, 11, false, 2);
  for (const table of days.length === 0 ? [] : tablesOf(days)) {
    // A heading stays with the first of its rows.
    room(4);
    say(table.title, 11, true, 1.2);
    row(head, true);
    sheet!.line({ x: page.margin, y: y + page.line - 4 }, page.width - page.margin);
    for (const cells of table.rows) row(cells);
    y -= page.line;
  }
  return pdf.bytes();
}
