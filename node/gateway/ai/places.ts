/** What of a failure of engines is not for everybody: where something is, and what somebody else's software said. Who
 *  may see the cluster is told all. Pure. */
import { failure, type ErrorCode, type Failure } from "../../../protocols/index.ts";

/** Details that name a node, a file, a server or an address. */
const placing: ReadonlySet<string> = new Set([
  "address",
  "ai",
  "at",
  "because",
  "file",
  "node",
  "path",
  "server",
  "url",
]);

/** Failures whose reason is about the request, or says how it is in words of ours. That of any other is thrown text, or
 *  names a file. */
const plainReasons: ReadonlySet<ErrorCode> = new Set([
  "BAD_REQUEST",
  "CONTEXT_TOO_LONG",
  "MODEL_UNAVAILABLE",
  "MODEL_UNSUPPORTED",
  "OUTPUT_UNFIT",
  "PROVIDER_FAILED",
  "TOO_LARGE",
]);

/** Whether these are kinds of refusals, as servers name them: `content_filter`. No name of a host has such a line in
 *  it. */
const isKind = (said: unknown): boolean =>
  typeof said === "string" && /^(?:(?:refusal|safety|other|[a-z]{1,20}(?:_[a-z]{1,20}){1,4})(?: |$)){1,4}$/i.test(said);

/** The same failure without places. With a status it came from another server, whose words are for those who run it. */
export function withoutPlaces(error: Failure): Failure {
  const { details = {} } = error;
  const isRelayed = typeof details["status"] === "number";
  const isTold = ([name, value]: readonly [string, unknown]): boolean => {
    if (name === "reason") return plainReasons.has(error.code) && !isRelayed;
    if (name === "said") return isKind(value);
    // Of a request that makes no sense it is the place in the request.
    return !placing.has(name) || (name === "path" && error.code === "BAD_REQUEST" && !isRelayed);
  };
  const told = Object.fromEntries(Object.entries(details).filter(isTold));
  const reason = isRelayed && error.code === "BAD_REQUEST" ? { reason: "the server of the model refuses it" } : {};
  return { ...failure(error.code, { ...told, ...reason }), message: error.message };
}
