import { failure, refused, type Result } from "../../protocols/errors.ts";
import { readAnswer } from "../../protocols/wire/plexus-answer.ts";
import { cliLimits } from "../limits.ts";
import { exchange } from "./node-request.ts";
import { describeDuration } from "../terminal/output.ts";
import type { Method, Target } from "./target.ts";

/** The same node, asked for what it knows by itself: a healthy one has that at once. */
export const forLook = (target: Target): Target => ({ timeoutMs: cliLimits.lookTimeoutMs, ...target });

/** One HTTP request to a node's API. Never throws. UNREACHABLE: it was not sent, or only meant to read; PEER_LOST and
 *  ASK_TIMEOUT: it was sent to change something, and its answer was lost or is late. */
export async function callNode(target: Target, method: Method, path: string, body?: unknown): Promise<Result<unknown>> {
  let answer = await request(target, method, path, body);
  if (!answer.ok && answer.error.code === "SIGN_IN_AGAIN" && target.confirm !== undefined) {
    const confirmed = await target.confirm();
    if (!confirmed.ok) return confirmed;
    // Its actor could give its first answer again.
    const again = target.operation === undefined ? target : { ...target, operation: `${target.operation}.again` };
    answer = await request(again, method, path, body);
  }
  if (answer.ok || reads(target, method) || answer.error.outcome !== "unknown") return answer;
  const where = path.startsWith("/api/v1/admin/cluster/") ? "; `plexus audit` shows what was done" : "";
  const hint = `The change may have been made all the same: check before you repeat it${where}.`;
  const { details } = answer.error;
  return refused({ ...answer.error, details: { ...details, hint: details?.["hint"] ?? hint } });
}

/** Whether the request changes nothing, whatever becomes of it. */
const reads = (target: Target, method: Method): boolean => method === "GET" || target.reads === true;

async function request(target: Target, method: Method, path: string, body: unknown): Promise<Result<unknown>> {
  const { url } = target;
  const timeoutMs = target.timeoutMs ?? cliLimits.requestTimeoutMs;
  const exchanged = await exchange({ ...target, timeoutMs }, method, path, body);
  if (exchanged.type === "late") {
    if (!reads(target, method)) return refused(failure("ASK_TIMEOUT", { url }));
    const waited = describeDuration(timeoutMs);
    const reason = `it has not answered for ${waited}: it hangs, is overloaded, or its machine does not answer`;
    return refused(failure("UNREACHABLE", { url, reason }));
  }
  if (exchanged.type === "lost") {
    const code = reads(target, method) || !exchanged.wasSent ? "UNREACHABLE" : "PEER_LOST";
    // What answers there speaks, but not TLS.
    const isPlain = exchanged.reason === "EPROTO" && url.startsWith("https:");
    const hint = "What answers at this address does not speak TLS. Try it with http:// in place of https://.";
    return refused(failure(code, { url, reason: exchanged.reason, ...(isPlain && { hint }) }));
  }
  const { status } = exchanged;
  const answer = readAnswer(url, exchanged);
  // A proxy that says 502 or 504 may have lost the answer of a node that was asked.
  if (answer.ok || answer.error.code !== "UNREACHABLE" || reads(target, method) || status < 500) return answer;
  return answer.error.details?.["url"] === url
    ? refused(failure("PEER_LOST", { url, reason: answer.error.details["reason"] }))
    : answer;
}
