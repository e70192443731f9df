import { hostname } from "node:os";
import { failure, ok, refused, type Failure, type Result } from "../protocols/errors.ts";
import { cliLimits } from "./limits.ts";
import { describeBytes, describeDuration } from "./output.ts";

/** Which node to speak to, and as whom. */
export interface Target {
  readonly url: string;
  readonly token?: string;
  /** How long one answer may take, where that is not the usual time. */
  readonly timeoutMs?: number;
  /** Gives the password of the session again, where the node asks for it. Absent: nobody can. */
  readonly confirm?: () => Promise<Result<unknown>>;
}

/** The same node, asked for what it knows by itself: a healthy one has that at once. */
export const forLook = (target: Target): Target => ({ timeoutMs: cliLimits.lookTimeoutMs, ...target });

type Method = "GET" | "POST" | "PUT" | "DELETE";

/** One HTTP request to a node's API. Never throws. UNREACHABLE: it was not sent, or only meant to read; PEER_LOST and
 *  ASK_TIMEOUT: it was sent to change something, and its answer was lost or is late. */
export async function callNode<T>(target: Target, method: Method, path: string, body?: unknown): Promise<Result<T>> {
  let answer = await request<T>(target, method, path, body);
  if (!answer.ok && answer.error.code === "SIGN_IN_AGAIN" && target.confirm !== undefined) {
    const confirmed = await target.confirm();
    if (!confirmed.ok) return confirmed;
    answer = await request<T>(target, method, path, body);
  }
  if (answer.ok || method === "GET" || answer.error.outcome !== "unknown") return answer;
  const where = path.startsWith("/api/v1/admin/cluster/") ? "; `plexus audit` shows what was done" : "";
  const hint = `The change may have been made all the same: check before you repeat it${where}.`;
  const { details } = answer.error;
  return refused({ ...answer.error, details: { ...details, hint: details?.["hint"] ?? hint } });
}

async function request<T>(target: Target, method: Method, path: string, body: unknown): Promise<Result<T>> {
  const { url } = target;
  const timeoutMs = target.timeoutMs ?? cliLimits.requestTimeoutMs;
  const exchanged = await exchange({ ...target, timeoutMs }, method, path, body);
  if (exchanged.type === "late") {
    if (method !== "GET") return refused(failure("ASK_TIMEOUT", { url }));
    const waited = describeDuration(timeoutMs);
    const reason = `it has not answered for ${waited}: it hangs, is overloaded, or its machine does not answer`;
    return refused(failure("UNREACHABLE", { url, reason }));
  }
  if (exchanged.type === "lost") {
    const code = method === "GET" || !exchanged.wasSent ? "UNREACHABLE" : "PEER_LOST";
    return refused(failure(code, { url, reason: exchanged.reason }));
  }
  const { status, text, location } = exchanged;
  const content = parsed(text);
  if (status >= 200 && status < 300) return ok(content as T);
  const carried = (content as { error?: Failure } | null | undefined)?.error;
  if (carried?.code !== undefined) return refused(carried);
  // A proxy that says 502 or 504 may have lost the answer of a node that was asked.
  const code = method === "GET" || status < 500 ? "UNREACHABLE" : "PEER_LOST";
  const elsewhere = location === undefined ? "not from a Plexus node" : `it names another address: ${location}`;
  return refused(failure(code, { url, reason: `HTTP ${status}, ${elsewhere}` }));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What became of one request. */
type Exchanged =
  | { readonly type: "answered"; readonly status: number; readonly text: string; readonly location: string | undefined }
  | { readonly type: "late" }
  | { readonly type: "lost"; readonly wasSent: boolean; readonly reason: string };

/** `node:http` and not `fetch`, whose first use loads more than all the rest of a command. Each request has a connection of its
 *  own: none that has idled can be lost under it. */
async function exchange(
  target: Target & { readonly timeoutMs: number },
  method: Method,
  path: string,
  body: unknown,
): Promise<Exchanged> {
  const { promise, resolve } = Promise.withResolvers<Exchanged>();
  // Until there is a connection, and one that is trusted, nothing of the request has left.
  let wasSent = false;
  const lost = (reason: string): void => resolve({ type: "lost", wasSent, reason });
  const overdue = new AbortController();
  const timer = setTimeout(() => {
    resolve({ type: "late" });
    overdue.abort();
  }, target.timeoutMs);
  try {
    const url = new URL(path, target.url);
    const isSecure = url.protocol === "https:";
    // `import` reads every export, and one of them brings what `fetch` is made of.
    const { request: open } = process.getBuiltinModule(isSecure ? "node:https" : "node:http");
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = {
      accept: "application/json",
      // What the list of signed-in devices shows for a session that begins here.
      "user-agent": `Plexus terminal on ${hostname().replaceAll(/[^\x20-\x7e]/g, "?")}`,
      ...(target.token !== undefined && { authorization: `Bearer ${target.token}` }),
      ...(payload !== undefined && { "content-type": "application/json", "content-length": payload.length }),
    };
    const outgoing = open(url, { method, headers, agent: false, signal: overdue.signal });
    outgoing.once("socket", (socket) => socket.once(isSecure ? "secureConnect" : "connect", () => (wasSent = true)));
    outgoing.on("error", (error) => lost(reasonOf(error)));
    outgoing.once("response", (response) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      response.on("error", (error) => lost(reasonOf(error)));
      response.on("data", (piece: Buffer) => {
        pieces.push(piece);
        bytes += piece.length;
        if (bytes <= cliLimits.answerBytesMax) return;
        lost(`its answer is larger than ${describeBytes(cliLimits.answerBytesMax)}`);
        overdue.abort();
      });
      response.once("end", () => {
        const { statusCode: status = 0, headers: told } = response;
        resolve({ type: "answered", status, text: Buffer.concat(pieces).toString(), location: told.location });
      });
    });
    outgoing.end(payload);
    return await promise;
  } catch (thrown) {
    // An address that is none, or a token that no header may carry.
    return { type: "lost", wasSent, reason: reasonOf(thrown) };
  } finally {
    clearTimeout(timer);
  }
}

/** The system's code where there is one: whoever searches for it finds what it means. */
function reasonOf(thrown: unknown): string {
  const { code, message } = thrown as NodeJS.ErrnoException;
  return code ?? message;
}
