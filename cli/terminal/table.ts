import { stripVTControlCharacters } from "node:util";
import Table from "cli-table3";
import { assert } from "../../protocols/assert.ts";
import { paint, wrap, type Output } from "./output.ts";
import { guarded } from "./printable.ts";

/** Tables as all commands print them. Apart from output.ts, so that what prints no table does not load it. */

/** One column of a table. */
export interface Column {
  readonly head: string;
  readonly align?: "right";
  /** When it is left out of a terminal that is too narrow: 1 before 2. Absent: never. */
  readonly leaves?: number;
  /** Too narrow, it takes several lines instead of losing its end. Not for coloured text. */
  readonly wraps?: true;
}

/** A column that is shown, and how wide, its padding included. */
interface FittedColumn {
  readonly index: number;
  readonly width: number;
}

/** One space at each side of a cell. */
const padding = 2;

/** Padding, two letters and `…`: less says nothing. */
const columnWidthMin = padding + 3;

/** What `room` characters show of columns that would be `width` wide. Columns leave by their rank until the others fit;
 *  when no more may leave, the widest are shortened, as far as that goes. */
export function fitColumns(
  columns: readonly (Pick<Column, "leaves"> & { readonly width: number })[],
  room: number,
): readonly FittedColumn[] {
  const shown = columns.map(({ width, leaves = Infinity }, index) => ({ index, width, leaves }));
  // Each has a border at its left, the last one at its right as well.
  const excess = (): number => shown.reduce((sum, { width }) => sum + width + 1, 1) - room;
  while (excess() > 0) {
    const first = Math.min(...shown.map(({ leaves }) => leaves));
    if (first === Infinity) break;
    shown.splice(
      shown.findIndex(({ leaves }) => leaves === first),
      1,
    );
  }
  while (excess() > 0) {
    const widest = shown.reduce((most, column) => (column.width > most.width ? column : most));
    if (widest.width <= columnWidthMin) break;
    widest.width -= 1;
  }
  return shown.map(({ index, width }) => ({ index, width }));
}

/** The whole table, or what fits `columns` of a terminal and a line about the rest. */
export function renderTable(
  columns: readonly Column[],
  given: readonly (readonly (string | number)[])[],
  { color, columns: room }: Pick<Output, "color" | "columns">,
): string {
  // A cell is one line, whatever is in it.
  const rows = given.map((row) =>
    row.map((cell) => (typeof cell === "string" ? guarded(cell, color).replaceAll(/[\n\t]+/g, " ") : cell)),
  );
  const whole = draw(columns, rows, color);
  const natural = widthsOf(whole);
  // What is empty in every row leaves first, and nobody misses it.
  const isEmpty = columns.map((_, index) => rows.every((row) => row[index] === ""));
  const measured = columns.map(({ leaves }, index) => ({
    width: natural[index] ?? 0,
    ...(isEmpty[index] === true ? { leaves: 0 } : leaves !== undefined && { leaves }),
  }));
  const fitted = fitColumns(measured, room);
  const shown = fitted.map(({ index, width }) => {
    const column = columns[index];
    assert(column !== undefined, "a column that fits is one of those that were given");
    return { column, index, width, isShort: width < (natural[index] ?? 0) };
  });
  if (shown.length === columns.length && !shown.some(({ isShort }) => isShort)) return whole;
  const table = draw(
    shown.map(({ column }) => column),
    rows.map((row) =>
      shown.map(({ column, index, width, isShort }) => {
        const cell = row[index] ?? "";
        return isShort && column.wraps === true ? wrap(String(cell), width - padding).join("\n") : cell;
      }),
    ),
    color,
    fitted.map(({ width }) => width),
  );
  const gone = columns.filter((_, index) => isEmpty[index] !== true && fitted.every((one) => one.index !== index));
  const missing = [
    ...(gone.length === 0 ? [] : [`Left out: ${gone.map(({ head }) => head).join(", ")}.`]),
    ...(shown.some(({ column, isShort }) => isShort && column.wraps !== true) ? ["What ends in … is shortened."] : []),
  ];
  if (missing.length === 0) return table;
  const note = wrap(`${missing.join(" ")} A wider terminal or --json shows all.`, room);
  return [table, ...note.map((line) => paint(color, "dim", line))].join("\n");
}

function draw(
  columns: readonly Column[],
  rows: readonly (readonly (string | number)[])[],
  color: boolean,
  widths?: readonly number[],
): string {
  const table = new Table({
    head: columns.map(({ head }) => head),
    style: { head: color ? ["bold"] : [], border: color ? ["gray"] : [], compact: true },
    colAligns: columns.map(({ align }) => align ?? "left"),
    ...(widths !== undefined && { colWidths: [...widths] }),
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}

/** How wide the columns of a drawn table are: its upper border tells. */
function widthsOf(table: string): readonly number[] {
  const [border = ""] = stripVTControlCharacters(table).split("\n");
  return border
    .slice(1, -1)
    .split("┬")
    .map((part) => part.length);
}
