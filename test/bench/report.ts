/** How the rows are printed for people. */
import Table from "cli-table3";
import type { Row } from "./benchmark.ts";
import type { Verdict } from "./gate.ts";
import type { TimingRow } from "./timing.ts";

/** Three digits that count, and thousands kept apart. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value >= 1_000) return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value >= 0.1 ? value.toFixed(2) : value >= 0.01 || value === 0 ? value.toFixed(3) : value.toPrecision(2);
} // prettier-ignore

function aim({ aimRatio, aimBeyond, better, met }: Row): string {
  const mark = met === true ? "met" : "missed";
  if (aimBeyond !== undefined) return `≤ ${figure(aimBeyond)} beyond: ${mark}`;
  return aimRatio === undefined ? "" : `${better === "higher" ? "≥" : "≤"} ${aimRatio}: ${mark}`;
}

/** The rows as a table. */
export function table(rows: readonly Row[]): string {
  const lines = new Table({
    head: ["row", "ours", "peer", "unit", "ratio", "lowest – highest", "aim"],
    style: { head: [], border: [] },
  });
  for (const row of rows) {
    const [lowest, highest] = row.spread;
    const better = row.better === "lower" ? " (less is better)" : "";
    lines.push([
      row.row,
      figure(row.ours),
      `${figure(row.peer)}${row.row.split("/")[1] === row.against ? "" : ` (${row.against})`}`,
      `${row.unit}${better}`,
      figure(row.ratio),
      `${figure(lowest)} – ${figure(highest)}`,
      aim(row),
    ]);
  }
  const notes = new Set(
    rows.flatMap(({ row, notes = {} }) =>
      Object.entries(notes).map(([name, note]) => `${row.split("/")[0]}: ${name}: ${note}`),
    ),
  );
  return [lines.toString(), ...notes].join("\n");
}

/** The rows that have no peer, as a table. */
export function timingTable(rows: readonly TimingRow[]): string {
  const lines = new Table({
    head: ["row", "p50", "p99", "highest", "unit", "samples", "noise p50", "noise p99", "aim"],
    style: { head: [], border: [] },
  });
  for (const { row, p50, p99, highest, unit, count, noiseP50, noiseP99, aim, met } of rows) {
    const share = aim?.share === 1 ? "all" : `p${(aim?.share ?? 0) * 100}`;
    lines.push([
      row,
      figure(p50),
      figure(p99),
      figure(highest),
      unit,
      String(count),
      figure(noiseP50),
      figure(noiseP99),
      aim === undefined
        ? ""
        : `${share} ≤ ${figure(aim.atMost)}: ${met === true ? "met" : count === 0 ? "not measured" : "missed"}`,
    ]);
  }
  return lines.toString();
}

/** What became of the gate's rows, as a table. */
export function gateTable(verdicts: readonly Verdict[]): string {
  const lines = new Table({
    head: ["row", "ratio kept", "ratio now", "worse by", "fails beyond", "noise", ""],
    style: { head: [], border: [] },
  });
  const percent = (factor: number): string => (Number.isFinite(factor) ? `${(100 * (factor - 1)).toFixed(1)} %` : "–");
  for (const { row, verdict, now, kept, worse, limit } of verdicts)
    lines.push([
      row,
      figure(kept?.ratio ?? NaN),
      figure(now.ratio),
      percent(worse),
      percent(limit),
      percent(1 + now.noise),
      verdict,
    ]);
  return lines.toString();
}

/** Benchmarks and their rows, for `--list`. */
export function listing(
  benchmarks: readonly {
    readonly about: string;
    readonly rows: readonly { readonly row: string; readonly unit: string }[];
  }[],
): string {
  return benchmarks
    .map(({ about, rows }) => [about, ...rows.map(({ row, unit }) => `  ${row} (${unit})`)].join("\n"))
    .join("\n\n");
}
