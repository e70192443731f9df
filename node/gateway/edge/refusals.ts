import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLocalizedValidationError } from "typebox/error";
import {
  errorTable,
  failure,
  failureOf,
  PlexusError,
  withAwaited,
  type ErrorCode,
  type Failure,
  type Result,
} from "../../../protocols/index.ts";
import { goesOn } from "./long-bodies.ts";

/** The body of every HTTP answer that is an error. */
interface ErrorBody {
  readonly error: Failure;
}

/** The value of a result; the failure of a refused one is thrown and becomes the answer of the request. */
export function demand<T>(result: Result<T>): T {
  if (!result.ok) throw new PlexusError(result.error);
  return result.value;
}

/** The HTTP status that carries a failure. */
export const statusOf = (reason: Failure): number => errorTable[reason.code].http;

/** The first thing a validator found wrong, as BAD_REQUEST. Paths are JSON pointers below `where`. */
export function invalid(errors: readonly TLocalizedValidationError[], where = ""): Failure {
  // An unknown field is reported twice; the row that names it says more.
  const first = errors.find(({ keyword }) => keyword !== "boolean") ?? errors[0];
  const extra =
    first !== undefined && "additionalProperties" in first.params ? first.params["additionalProperties"] : undefined;
  const problem = Array.isArray(extra) ? `unknown field ${extra.join(", ").slice(0, 100)}` : first?.message;
  return failure("BAD_REQUEST", { path: `${where}${first?.instancePath ?? ""}`, problem: problem ?? "does not fit" });
}

interface Thrown {
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly message?: unknown;
}

/** The failure that answers whatever a handler, a parser or the framework threw; `fault` when only the log knows
 *  more. */
export function refusalOf(
  thrown: unknown,
  bodyBytesMax: number,
): { readonly reason: Failure; readonly fault: boolean } {
  const { code, statusCode, message } = (thrown ?? {}) as Thrown;
  const carried = failureOf(thrown);
  if (carried.code !== "INTERNAL") return { reason: carried, fault: false };
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE")
    return { reason: failure("TOO_LARGE", { limitBytes: bodyBytesMax }), fault: false };
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500) {
    if (statusCode === 404) return { reason: failure("NOT_FOUND"), fault: false };
    return { reason: failure("BAD_REQUEST", { path: "", problem: String(message).slice(0, 200) }), fault: false };
  }
  return { reason: carried, fault: true };
}

/** A whole HTTP/1.1 answer, for sockets that no request object speaks for: broken requests and refused upgrades. */
export function rawAnswer(reason: Failure): string {
  const body = JSON.stringify({ error: reason } satisfies ErrorBody);
  const wait = retryAfterSeconds(reason);
  return [
    `HTTP/1.1 ${statusOf(reason)} ${reason.code}`,
    "Content-Type: application/json; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(wait === undefined ? [] : [`Retry-After: ${wait}`]),
    "Connection: close",
    "",
    body,
  ].join("\r\n");
}

/** Details that only matter to the nodes that asked the directory; among them the id of the one that was asked, where
 *  it is said which node to start. */
const betweenNodes: ReadonlySet<string> = new Set(["asked", "askedMs", "refuses"]);
const isId = (value: unknown): boolean => typeof value === "string" && /^[0-9a-f]{16}$/.test(value);

/** Failures whose sentence doubts whether something took effect. */
const doubting: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["FENCED", "APPEND_FAILED", "ASK_TIMEOUT", "PEER_LOST"]);

/** What a caller is told of a failure. `reads`: the request could change nothing, so whatever became of it, nothing
 *  was. `awaited`: the nodes that the directory waits for. What only matters between nodes is left out. */
export function toldOf(
  reason: Failure,
  { reads, awaited }: { readonly reads: boolean; readonly awaited?: string | undefined },
): Failure {
  const { details } = reason;
  const isNamed = reason.code.startsWith("DIRECTORY_") && awaited !== undefined;
  const kept = Object.entries(details ?? {}).filter(
    ([name, value]) => !betweenNodes.has(name) && !(name === "node" && isNamed && isId(value)),
  );
  const told = withAwaited(details === undefined ? reason : { ...reason, details: Object.fromEntries(kept) }, awaited);
  if (!reads || reason.outcome !== "unknown") return told;
  // What the others say is true of a look as well, and is more than to ask again.
  if (!doubting.has(reason.code)) return { ...told, outcome: "not_started" };
  const message = "No answer came, or it was lost. This only reads, so nothing has changed: ask again.";
  return { ...told, outcome: "not_started", message };
}

/** The value of a Retry-After header, when the failure says how long to wait. */
export function retryAfterSeconds(reason: Failure): number | undefined {
  const waitMs = reason.details?.["retryAfterMs"];
  return typeof waitMs === "number" ? Math.max(1, Math.ceil(waitMs / 1000)) : undefined;
}

/** Answers what was no request, at the socket that it came by. */
export function refuseBroken(error: NodeJS.ErrnoException, socket: Duplex, headerBytesMax: number): void {
  // Said once for each request.
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT" && goesOn(socket)) return;
  // In the middle of an answer (pipelined garbage behind a stream) another status line would be part of its body.
  const answering = (socket as { _httpMessage?: { headersSent: boolean } | null })._httpMessage?.headersSent;
  if (answering === true || !socket.writable) return void socket.destroy();
  const problem =
    error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? "the request was not complete in time" : "not a valid HTTP request";
  const tooLarge = error.code === "HPE_HEADER_OVERFLOW";
  const reason = tooLarge
    ? failure("TOO_LARGE", { limitBytes: headerBytesMax })
    : failure("BAD_REQUEST", { path: "", problem });
  socket.write(rawAnswer(reason));
  // Not only our half of it: a client that keeps its half open would keep the connection.
  (socket as Socket).destroySoon();
}
