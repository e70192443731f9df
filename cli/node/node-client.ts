import { failure, refused, type Result } from "../../protocols/errors.ts";
import { noHttp, plexusMark, readAnswer } from "../../protocols/wire/plexus-answer.ts";
import { cliLimits } from "../limits.ts";
import { exchange, type Exchanged } from "./node-request.ts";
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
    const hint = otherScheme(url, exchanged.reason);
    return refused(failure(code, { url, reason: exchanged.reason, ...(hint !== undefined && { hint }) }));
  }
  const answer = readAnswer(url, exchanged);
  if (answer.ok || answer.error.code !== "UNREACHABLE" || reads(target, method)) return answer;
  return mayBeDone(exchanged) && answer.error.details?.["url"] === url
    ? refused(failure("PEER_LOST", { url, reason: whyNot(exchanged) }))
    : answer;
}

/** What to try where something answers, but not what the address says. */
function otherScheme(url: string, reason: string): string | undefined {
  if (reason === "EPROTO" && url.startsWith("https:"))
    return "What answers at this address does not speak TLS. Try it with http:// in place of https://.";
  if (reason === noHttp && url.startsWith("http:"))
    return "Give the address that `plexus up` prints, with its port. If the node speaks TLS, it begins with https://.";
  return undefined;
}

type Answered = Extract<Exchanged, { readonly type: "answered" }>;

/** Whether a node may have done what was asked, though what came back is not its answer. A proxy that says 502 or 504
 *  may have lost it; one that passes on a 200 may have changed it. */
const mayBeDone = ({ status, isLikeOurs }: Answered): boolean =>
  status >= 500 || (status >= 200 && status < 300 && isLikeOurs);

function whyNot({ status, isMarked }: Answered): string {
  if (status >= 500) return `HTTP ${status}, not from a Plexus node`;
  const lacks = isMarked ? "with a body that is not a node's" : `without the header ${plexusMark} of a Plexus node`;
  return `HTTP ${status}, ${lacks}: a proxy in between may have changed the answer`;
}
