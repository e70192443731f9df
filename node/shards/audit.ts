/** What is asked of other holders to see that they have what they say, and what an answer means. Pure.
 *
 *  Each holder walks through its own inventory, all of it within a stated time, and asks one other holder of each stripe for a leaf that is
 *  drawn at random: in one walk each shard is asked for by the holder of the shard before it, in the next one by the one before that. So
 *  a holder cannot know who asks when, nor which leaf, and every shard is asked for in every walk. */
import { shardsOf, type StripeRef } from "../../protocols/index.ts";

/** `failed`: it gave a leaf that is not the shard's, or said that its bytes are damaged. `missing`: it says that it has none. `offline`:
 *  its node is not there. `slow`: no answer in time. `unknown`: too few holders of the stripe answer, or the node is too busy: nobody is blamed. */
export type AuditResult = "ok" | "failed" | "missing" | "offline" | "slow" | "unknown";

/** Whose shard is asked for by the holder of shard `own`, in its walk number `round`. */
export function targetOf(stripe: StripeRef, own: number, round: number): number {
  const width = stripe.shards.length;
  return width < 2 ? own : (own + 1 + (round % (width - 1))) % width;
}

/** Which leaf of a shard is asked for, with a number drawn in [0, 1). */
export const leafOf = (sizeBytes: number, leafBytes: number, drawn: number): number =>
  Math.floor(drawn * Math.max(1, Math.ceil(sizeBytes / leafBytes)));

/** What came of a question. */
export type Answer =
  | { readonly type: "proof"; readonly isProven: boolean; readonly tookMs: number }
  | { readonly type: "refused"; readonly code: string; readonly tookMs: number }
  | { readonly type: "unreached" };

/** What it means. `answering`: how many holders of the stripe are up, the asked one included. */
export function judge(
  answer: Answer,
  {
    stripe,
    answering,
    deadlineMs,
  }: { readonly stripe: StripeRef; readonly answering: number; readonly deadlineMs: number },
): AuditResult {
  if (answer.type === "proof") {
    if (!answer.isProven) return "failed";
    return answer.tookMs > deadlineMs ? "slow" : "ok";
  }
  if (answer.type === "refused" && answer.code === "DATA_DAMAGED") return "failed";
  if (answer.type === "refused" && answer.code === "NOT_FOUND") return "missing";
  // It may be this node that is cut off.
  if (answering < shardsOf(stripe.scheme).enough) return "unknown";
  if (answer.type === "unreached") return "offline";
  return answer.code === "PEER_LOST" ? "slow" : "unknown";
}

/** How many shards are asked about at once, so that all come within `coverMs` when it is done every `everyMs`. */
export const sampleSize = (
  shards: number,
  { coverMs, everyMs, max }: { readonly coverMs: number; readonly everyMs: number; readonly max: number },
): number => Math.min(max, Math.ceil((shards * everyMs) / coverMs));

/** Of the last results each counts a twentieth. */
const newest = 0.05;

/** Which part of the time a node has answered well, with one more result. */
export function reliabilityAfter(before: number, result: AuditResult): number {
  if (result === "unknown") return before;
  const well = result === "ok" ? 1 : result === "slow" ? 0.5 : 0;
  return before + newest * (well - before);
}
