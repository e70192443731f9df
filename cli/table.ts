import Table from "cli-table3";

/** An empty table as all commands print them; rows are pushed to it. Apart from output.ts, so that what prints no table
 *  does not load it. */
export function tableOf(color: boolean, columns: readonly (readonly [head: string, align?: "right"])[]): Table.Table {
  return new Table({
    head: columns.map(([head]) => head),
    style: { head: color ? ["bold"] : [], border: color ? ["gray"] : [], compact: true },
    colAligns: columns.map(([, align]) => align ?? "left"),
  });
}
