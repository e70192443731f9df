import { hostname } from "node:os";
import { failure, ok, refused, type Failure, type Result } from "../protocols/index.ts";
import { cliLimits } from "./limits.ts";
import { describeDuration } from "./output.ts";

/** Which node to speak to, and as whom. */
export interface Target {
  readonly url: string;
  readonly token?: string;
  /** How long one answer may take, where that is not the usual time. */
  readonly timeoutMs?: number;
}

/** The same node, asked for what it knows by itself: a healthy one has that at once. */
export const forLook = (target: Target): Target => ({ timeoutMs: cliLimits.lookTimeoutMs, ...target });

type Method = "GET" | "POST" | "PUT" | "DELETE";

/** One HTTP request to a node's API. Never throws. UNREACHABLE: it was not sent, or only meant to read; PEER_LOST and
 *  ASK_TIMEOUT: it was sent to change something, and its answer was lost or is late. */
export async function callNode<T>(target: Target, method: Method, path: string, body?: unknown): Promise<Result<T>> {
  const answer = await request<T>(target, method, path, body);
  if (answer.ok || method === "GET" || answer.error.outcome !== "unknown") return answer;
  const where = path.startsWith("/api/admin/cluster/") ? "; `plexus audit` shows what was done" : "";
  const hint = `It may have been done all the same: look before you repeat it${where}.`;
  const { details } = answer.error;
  return refused({ ...answer.error, details: { ...details, hint: details?.["hint"] ?? hint } });
}

async function request<T>(target: Target, method: Method, path: string, body: unknown): Promise<Result<T>> {
  const { url } = target;
  let response: Response;
  let text: string;
  try {
    response = await fetch(new URL(path, url), {
      method,
      headers: {
        accept: "application/json",
        // What the list of signed-in devices shows for a session that begins here.
        "user-agent": `Plexus terminal on ${hostname().replaceAll(/[^\x20-\x7e]/g, "?")}`,
        ...(target.token !== undefined && { authorization: `Bearer ${target.token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(target.timeoutMs ?? cliLimits.requestTimeoutMs),
    });
    text = await response.text();
  } catch (thrown) {
    if (isLate(thrown)) {
      if (method !== "GET") return refused(failure("ASK_TIMEOUT", { url }));
      const waited = describeDuration(target.timeoutMs ?? cliLimits.requestTimeoutMs);
      const reason = `it has not answered for ${waited}: it hangs, is overloaded, or its machine does not answer`;
      return refused(failure("UNREACHABLE", { url, reason }));
    }
    const code = method === "GET" || !wasSent(thrown) ? "UNREACHABLE" : "PEER_LOST";
    return refused(failure(code, { url, reason: reasonOf(thrown) }));
  }
  const content = parsed(text);
  if (response.ok) return ok(content as T);
  const carried = (content as { error?: Failure } | null | undefined)?.error;
  if (carried?.code !== undefined) return refused(carried);
  // A proxy that says 502 or 504 may have lost the answer of a node that was asked.
  const code = method === "GET" || response.status < 500 ? "UNREACHABLE" : "PEER_LOST";
  return refused(failure(code, { url, reason: `HTTP ${response.status}, not from a Plexus node` }));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What `fetch` threw, and what it has from below: a system's refusal, several of them, or one of its own. */
interface Thrown {
  readonly name?: string;
  readonly message: string;
  readonly cause?: {
    readonly code?: string;
    readonly message?: string;
    readonly errors?: readonly Refusal[];
  } & Refusal;
}

interface Refusal {
  readonly syscall?: string;
}

/** The time for the answer is over: ours, or the one `fetch` has for the head and for a pause. */
const isLate = (thrown: unknown): boolean =>
  (thrown as Thrown).name === "TimeoutError" ||
  /^UND_ERR_(?:HEADERS|BODY)_TIMEOUT$/.test((thrown as Thrown).cause?.code ?? "");

/** False only where it is certain: no address, no connection, or one that was not trusted. By the call that failed and not by
 *  its code, because EHOSTUNREACH and ETIMEDOUT also end connections that were in use. */
function wasSent(thrown: unknown): boolean {
  const { cause } = thrown as Thrown;
  if (cause === undefined) return true;
  const { syscall } = cause.errors?.[0] ?? cause;
  const code = cause.code ?? "";
  return !(syscall === "connect" || syscall === "getaddrinfo" || /^UND_ERR_CONNECT_TIMEOUT$|CERT/.test(code));
}

function reasonOf(thrown: unknown): string {
  const { cause, message } = thrown as Thrown;
  return cause?.code ?? cause?.message ?? message;
}
