/** Makes one reason of what the library threw and what it logged meanwhile. Pure. */
export function loadReason(thrown: string, logged: readonly string[]): string {
  const reasons = logged
    .map((line) => line.replace(/^\w+: /u, "").replace(/^error loading model: /u, ""))
    .filter((line) => line !== "" && !/^failed to load model$/iu.test(line));
  return reasons.length === 0 ? thrown : [...new Set(reasons)].join("; ");
}
