/** An admin vouches for a node that keeps shards: its probation ends now. Audits go on, and what they find counts as
 *  for every other. */
import { failure, ok, refused, type Result, type TrustState } from "../../../protocols/index.ts";
import { asTrust, trustKey, type TrustRow } from "../facts/records.ts";
import type { MemberRecord } from "../../ports/index.ts";
import type { Attempt } from "./attempt.ts";
import type { PlacementLimits } from "./limits.ts";

/** Errors: BAD_REQUEST (it keeps no shards), FORBIDDEN (it is suspected), OVERLOADED. */
export async function vouchFor(
  { directory }: Attempt,
  { node, name, roles }: MemberRecord,
  { nowMs, limits: { rowAttemptsMax } }: { readonly nowMs: number; readonly limits: PlacementLimits },
): Promise<Result<{ readonly node: string; readonly trust: TrustState }>> {
  if (!roles.includes("storage"))
    return refused(
      failure("BAD_REQUEST", { node: name, reason: "this node does not have the role storage, so it keeps no shards" }),
    );
  const key = trustKey(node);
  for (let tries = 0; tries < rowAttemptsMax; tries += 1) {
    const row = await directory.read(key);
    const known = row && asTrust(row);
    if (known?.state === "trusted") return ok({ node, trust: "trusted" });
    if (known?.state === "suspect")
      return refused(
        failure("FORBIDDEN", {
          node: name,
          reason:
            "checks found that this node lost shards or did not give them; it returns to probation when it " +
            "passes the checks again",
        }),
      );
    const next: TrustRow = { name: node, state: "trusted", sinceMs: Math.floor(nowMs) };
    const { applied } = await directory.compareAndSet(key, next, row?.revision ?? 0);
    if (applied) return ok({ node, trust: "trusted" });
  }
  return refused(failure("OVERLOADED", { row: key }));
}
