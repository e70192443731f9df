import { hostname } from "node:os";
import { failure, ok, refused, type Failure, type Result } from "../protocols/index.ts";
import { cliLimits } from "./limits.ts";

/** Which node to speak to, and as whom. */
export interface Target {
  readonly url: string;
  readonly token?: string;
  /** How long one answer may take, where that is not the usual time. */
  readonly timeoutMs?: number;
}

/** One HTTP request to a node's API. Never throws: no node there is UNREACHABLE. */
export async function callNode<T>(
  target: Target,
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  body?: unknown,
): Promise<Result<T>> {
  let response: Response;
  try {
    response = await fetch(new URL(path, target.url), {
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
  } catch (thrown) {
    // A request that was sent and not answered may have been carried out.
    if ((thrown as Error).name === "TimeoutError") return refused(failure("ASK_TIMEOUT", { url: target.url }));
    return refused(failure("UNREACHABLE", { url: target.url, reason: reasonOf(thrown) }));
  }
  const content: unknown = await response.json().catch(() => undefined);
  if (response.ok) return ok(content as T);
  const carried = (content as { error?: Failure } | undefined)?.error;
  if (carried?.code !== undefined) return refused(carried);
  return refused(
    failure("UNREACHABLE", { url: target.url, reason: `HTTP ${response.status}, not from a Plexus node` }),
  );
}

function reasonOf(thrown: unknown): string {
  const cause = (thrown as { cause?: { code?: string; message?: string } }).cause;
  return cause?.code ?? cause?.message ?? String((thrown as Error).message);
}
