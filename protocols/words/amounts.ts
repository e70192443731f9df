/** Amounts in words, for the terminal and the page. */

/** `1 slot`, `2,000 slots`. */
export const counted = (amount: number, one: string, more = `${one}s`): string =>
  `${amount.toLocaleString("en")} ${amount === 1 ? one : more}`;

/** 1536 → `1.5 KiB`. */
export function describeBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1024 ** step;
  return `${step === 0 ? String(amount) : amount.toFixed(amount < 10 ? 1 : 0)} ${units[step] ?? "B"}`;
}

/** 3_725_000 → `1 h 2 min`. The two largest units. */
export function describeDuration(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(" ");
}

/** 0.4, 12, 1250: as many digits as mean something. */
export const rate = (perSecond: number): string =>
  perSecond < 10 ? String(Number(perSecond.toFixed(1))) : String(Math.round(perSecond));
