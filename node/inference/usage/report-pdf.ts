/** What people did by day, as a PDF to be read and printed: sums, a table of the days, and one of the teams. */
import type { PDFFont, PDFPage } from "pdf-lib";
import type { ActivityDay, ActivitySums } from "../../../protocols/index.ts";

type Row = readonly (string | number)[];

const page = { width: 595, height: 842, margin: 48, line: 16, size: 9, columns: 7 } as const;
const head: Row = ["Day (UTC)", "People", "Messages", "Calls", "Tokens", "Cost", "Kept"];

const cost = (millionths: number): string => (millionths / 1_000_000).toFixed(2);
const amount = (value: number): string => value.toLocaleString("en-US");
const mebibytes = (bytes: number): string => `${amount(Math.round(bytes / 1_048_576))} MiB`;

/** The fonts of every reader know no more; the CSV has it as it is. */
const plain = (text: string): string => text.replaceAll(/[^\u0020-\u007E\u00A0-\u00FF]/g, "?");

const sumOf = (days: readonly ActivitySums[], name: keyof ActivitySums): number =>
  days.reduce((sum, one) => sum + one[name], 0);

const rowOf = (name: string, one: ActivitySums & { readonly people: number | string }, kept: string): Row => [
  name,
  typeof one.people === "number" ? amount(one.people) : one.people,
  amount(one.messages),
  amount(one.calls),
  amount(one.tokens),
  cost(one.cost),
  kept,
];

function tablesOf(days: readonly ActivityDay[]): readonly { readonly title: string; readonly rows: readonly Row[] }[] {
  const all = { messages: sumOf(days, "messages"), calls: sumOf(days, "calls"), tokens: sumOf(days, "tokens"), cost: sumOf(days, "cost"), people: "" }; // prettier-ignore
  const teams = days.flatMap(({ day, teams: known }) =>
    known.map((one) => rowOf(`${day.slice(5)} ${one.team}`.slice(0, 24), one, "")),
  );
  return [
    { title: "All days", rows: [rowOf(`${days.length} days`, all, mebibytes(days.at(-1)?.storedBytes ?? 0))] },
    { title: "By day", rows: days.map((one) => rowOf(one.day, one, mebibytes(one.storedBytes))) },
    ...(teams.length > 0 ? [{ title: "Teams by day", rows: teams }] : []),
  ];
}

/** Makes it, of days with the oldest first. */
export async function pdfOfDays(
  days: readonly ActivityDay[],
  { title, brand }: { readonly title: string; readonly brand: string },
): Promise<Uint8Array> {
  // Late: a node that sends none needs it not.
  const { PDFDocument, StandardFonts } = await import("pdf-lib");
  const document = await PDFDocument.create();
  const [font, bold] = [
    await document.embedFont(StandardFonts.Helvetica),
    await document.embedFont(StandardFonts.HelveticaBold),
  ];
  document.setTitle(plain(`${title}: usage of ${brand}`));
  let sheet: PDFPage = document.addPage([page.width, page.height]);
  let y = page.height - page.margin;
  const down = (lines: number): void => {
    y -= lines * page.line;
    if (y >= page.margin) return;
    sheet = document.addPage([page.width, page.height]);
    y = page.height - page.margin;
  };
  const put = (text: string, x: number, size: number, by: PDFFont): void =>
    sheet.drawText(plain(text), { x, y, size, font: by });
  const row = (cells: Row, by: PDFFont): void => {
    const width = (page.width - 2 * page.margin) / page.columns;
    for (const [at, cell] of cells.entries()) {
      const text = plain(String(cell));
      // The first column to the left, numbers to the right.
      const x = at === 0 ? page.margin : page.margin + (at + 1) * width - by.widthOfTextAtSize(text, page.size);
      put(text, x, page.size, by);
    }
    down(1);
  };
  put(`Usage of ${brand}: ${title}`, page.margin, 16, bold);
  down(1.5);
  put(
    days.length === 0 ? "Nobody has done anything." : `${days[0]?.day} to ${days.at(-1)?.day}`,
    page.margin,
    11,
    font,
  );
  down(2);
  for (const table of days.length === 0 ? [] : tablesOf(days)) {
    put(table.title, page.margin, 11, bold);
    down(1.2);
    row(head, bold);
    for (const cells of table.rows) row(cells, font);
    down(1);
  }
  return document.save();
}
