import { TextInput } from "@mantine/core";
import type { BackupWish } from "../../../../../protocols/index.ts";

export type Keep = Extract<BackupWish, { sort: "prune" }>["keep"];
/** How many of each period, as somebody has typed it. */
type Kept = Readonly<Record<string, string>>;

const periods = ["last", "hourly", "daily", "weekly", "monthly", "yearly"] as const;
const labels: Readonly<Record<(typeof periods)[number], string>> = {
  last: "Newest",
  hourly: "Hourly",
  daily: "Daily",
  weekly: "Weekly",
  monthly: "Monthly",
  yearly: "Yearly",
};

const usual: Kept = { daily: "7", weekly: "8", monthly: "12" };

/** What a schedule keeps; what is usual, where there is none. */
export const keptIn = (wish: BackupWish | undefined): Kept =>
  wish?.sort === "prune"
    ? Object.fromEntries(
        periods.flatMap((period) => (wish.keep[period] === undefined ? [] : [[period, String(wish.keep[period])]])),
      )
    : usual;

export const keepOf = (kept: Kept): Keep =>
  Object.fromEntries(
    Object.entries(kept).flatMap(([period, text]) => (/^\d{1,4}$/.test(text.trim()) ? [[period, Number(text)]] : [])),
  );

/** How many are kept of each period: a field for each. */
export function Keeps({ kept, change }: { readonly kept: Kept; readonly change: (kept: Kept) => void }) {
  return periods.map((period) => (
    <TextInput
      key={period}
      label={labels[period]}
      inputMode="numeric"
      error={/^\d{0,4}$/.test((kept[period] ?? "").trim()) ? undefined : "A whole number."}
      maxLength={4}
      value={kept[period] ?? ""}
      onChange={(event) => change({ ...kept, [period]: event.currentTarget.value })}
    />
  ));
}
