/** Tables for other programs. Pure. */
import type { ActivityDay } from "../admin/activity.ts";

type Cell = string | number;

/** Rows as CSV (RFC 4180). A text that a spreadsheet would take for a formula is made a text. */
export function csvOf(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cell = (value: Cell): string => {
    if (typeof value === "number") return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [head.join(","), ...rows.map((row) => row.map(cell).join(",")), ""].join("\r\n");
}

/** What people did by day as CSV: a row for everybody, whose team is empty, and one for each team. */
export const csvOfDays = (days: readonly ActivityDay[]): string =>
  csvOf(
    ["day", "team", "people", "messages", "calls", "tokens", "cost", "storedBytes"],
    days.flatMap(({ day, storedBytes, teams, ...all }) => [
      [day, "", all.people, all.messages, all.calls, all.tokens, all.cost / 1_000_000, storedBytes],
      ...teams.map((one) => [day, one.team, one.people, one.messages, one.calls, one.tokens, one.cost / 1_000_000, ""]),
    ]),
  );
