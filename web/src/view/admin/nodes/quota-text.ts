/** A quota of shards as admins type it. Pure. */

/** What a text may be. */
export const quotaRule = "A number of gigabytes, such as 200 or 0.5.";

/** How many bytes a text means; null: no bound. */
export function quotaFrom(text: string): number | null | "wrong" {
  if (text.trim() === "") return null;
  const quotaBytes = Math.round(Number(text.trim().replace(",", ".")) * 1e9);
  return Number.isSafeInteger(quotaBytes) && quotaBytes > 0 ? quotaBytes : "wrong";
}
