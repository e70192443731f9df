/** One-for-one supervision as a pure decision: an actor that failed is restarted, later and later, or quarantined. */
import { backoffMs } from "../waiting.ts";

interface SupervisionPolicy {
  readonly restartsMax: number;
  readonly restartWindowMs: number;
  readonly restartBackoffMs: number;
  readonly restartBackoffMaxMs: number;
}

type Verdict =
  | { readonly type: "restart"; readonly delayMs: number; readonly failuresAtMs: readonly number[] }
  | { readonly type: "quarantine"; readonly failuresAtMs: readonly number[] };

/** What to do about a failure now, given the times of earlier ones. A sliding window: old failures do not count.
 *  The result's `failuresAtMs` replaces the history; it holds at most `restartsMax + 1` times. */
export function judge(failuresAtMs: readonly number[], nowMs: number, policy: SupervisionPolicy): Verdict {
  const recent = [...failuresAtMs.filter((atMs) => nowMs - atMs < policy.restartWindowMs), nowMs];
  if (recent.length > policy.restartsMax) return { type: "quarantine", failuresAtMs: recent };
  const { restartBackoffMs: firstMs, restartBackoffMaxMs: maxMs } = policy;
  const delayMs = backoffMs(recent.length - 1, { firstMs, maxMs });
  return { type: "restart", delayMs, failuresAtMs: recent };
}
