/** 1536 → `1.5 KiB`. */
export function bytes(amount: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const step = amount < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(amount) / 10));
  const value = amount / 1024 ** step;
  if (step === 0) return Math.round(value) === 1 ? "1 byte" : `${Math.round(value)} bytes`;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[step] ?? ""}`;
}
