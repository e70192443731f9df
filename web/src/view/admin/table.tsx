import type { ReactNode } from "react";

/** One column of a table. */
export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => ReactNode;
  readonly align?: "end";
  /** A screen of a phone has no room for it: what it says is then elsewhere, too. */
  readonly wide?: true;
}

/** Rows of a page, as a table: a narrow screen shows fewer columns, and what is still too wide is scrolled. The first
 *  column names the row. */
export function Table<Row>(props: {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** Said where there are no rows. */
  readonly nothing: string;
  readonly busy?: boolean;
}) {
  const { label, columns, rows, keyOf, nothing, busy } = props;
  const styleOf = ({ align, wide }: Column<Row>): string =>
    `${align === "end" ? "end" : ""} ${wide === true ? "wide-only" : ""}`;
  return (
    <div className="table-frame" tabIndex={0} role="group" aria-label={label} aria-busy={busy === true}>
      <table className="data-table">
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.head} scope="col" className={styleOf(column)}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column, at) =>
                at === 0 ? (
                  <th key={column.head} scope="row" className={styleOf(column)}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.head} className={styleOf(column)}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
          {rows.length === 0 && (
            <tr>
              <td colSpan={columns.length} className="dim">
                {nothing}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}
