/** Milliseconds per unit. No months and years: nothing here waits that long. */
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const unitBytes: Readonly<Record<string, number>> = { kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 };

/** Reads `500mb`, `1.5gb`, `2tb`. Undefined when it is none of these. */
export function parseSizeBytes(text: string): number | undefined {
  const match = /^(\d{1,6}(?:\.\d{1,3})?)(kb|mb|gb|tb)$/.exec(text.trim());
  return match === null ? undefined : Math.round(Number(match[1]) * (unitBytes[match[2] ?? ""] ?? 1));
}

/** Reads `500ms`, `10s`, `1.5m`, `2h`, `1d`, or a bare number of milliseconds. Undefined when it is none of these. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)(ms|s|m|h|d)?$/.exec(text.trim());
  if (match === null) return undefined;
  return Math.round(Number(match[1]) * (unitMs[match[2] ?? "ms"] ?? 1));
}
