/** `plexus usage days`: what people did, by day. */
import { failure, PlexusError } from "../../protocols/errors.ts";
import { csvOfDays, type ActivityCount, type ActivityDay, type ActivityView } from "../../protocols/index.ts";
import { describeBytes } from "../../protocols/words/amounts.ts";
import { operate, type AdminFlags } from "../node/admin.ts";
import { exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";
import { describeCost } from "./usage.ts";

/** Of which days, and of whom. */
export interface DaysAsked {
  readonly days: number;
  readonly team: string | undefined;
  readonly csv: boolean;
}

/** `plexus usage days`. With --json one line a day. */
export async function showDays(flags: AdminFlags, { days, team, csv }: DaysAsked, output: Output): Promise<number> {
  const rows: ActivityDay[] = [];
  for (let before: string | undefined, more = true; more;) {
    const view: ActivityView = await operate(flags, "usage.days", { days, ...(before !== undefined && { before }) });
    rows.push(...view.days);
    before = view.next;
    more = before !== undefined;
  }
  if (team !== undefined && rows.length > 0 && !rows.some(({ teams }) => teams.some((one) => one.team === team))) {
    const known = [...new Set(rows.flatMap(({ teams }) => teams.map((one) => one.team)))];
    const reason =
      known.length === 0
        ? "no team did anything in these days; `plexus budgets set NAME team ada bob` makes one"
        : `the teams of these days are ${known.join(", ")}`;
    throw new PlexusError(failure("BAD_REQUEST", { team, reason }));
  }
  if (csv) output.print(csvOfDays(rows).trimEnd());
  else if (flags.json) for (const row of rows) output.print(jsonLine(row));
  else output.print(describeDays(rows, team, output.color, output.columns));
  return exitCodes.ok;
}

/** Days as a person reads them, the newest first. */
export function describeDays(
  rows: readonly ActivityDay[],
  team: string | undefined,
  color: boolean,
  width = Infinity,
): string {
  const counts = rows.flatMap((row): readonly (readonly [ActivityDay, ActivityCount])[] => {
    const one = team === undefined ? row : row.teams.find((known) => known.team === team);
    return one === undefined ? [] : [[row, one]];
  });
  if (counts.length === 0) return "Nobody has done anything in these days.";
  const right = { align: "right" as const };
  const columns = [
    { head: "Day (UTC)" },
    { head: "People", ...right },
    { head: "Messages", ...right },
    { head: "Calls", ...right, leaves: 1 },
    { head: "Tokens", ...right },
    { head: "Cost", ...right },
    ...(team === undefined ? [{ head: "Kept", ...right, leaves: 2 }] : []),
  ];
  const cells = counts.map(([{ day, storedBytes, more }, one]) =>
    [
      day,
      `${one.people}${more === true ? "+" : ""}`,
      ...[one.messages, one.calls, one.tokens].map(String),
      describeCost(one.cost),
      ...(team === undefined ? [storedBytes === 0 ? "" : describeBytes(storedBytes)] : []),
    ].map(withoutControls),
  );
  return renderTable(columns, cells, { color, columns: width });
}
