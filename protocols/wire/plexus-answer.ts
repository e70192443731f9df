/** Whether what answers at an address is a Plexus node. A status of 200 says nothing: proxies, portals and other
 *  programs answer everything with it. */
import { failure, type Failure, type Result } from "../errors.ts";

/** The header that every answer of a node's HTTP interface has. */
export const plexusMark = "plexus-api";

/** Why a request was lost to what knows no HTTP. */
export const noHttp = "what answers at this address does not speak HTTP";

const outcomes: readonly unknown[] = ["not_started", "failed", "unknown"];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A refusal as a node writes it; undefined: somebody else's. A newer node may have codes that are not in the table
 *  here. */
export function refusalIn(content: unknown): Failure | undefined {
  const error = isObject(content) ? content["error"] : undefined;
  if (!isObject(error)) return undefined;
  const { code, message, outcome } = error;
  const isOurs = typeof code === "string" && /^[A-Z][A-Z_]{1,63}$/.test(code);
  return isOurs && typeof message === "string" && outcomes.includes(outcome)
    ? (error as unknown as Failure)
    : undefined;
}

/** What a node at `url` has said, by status, text and whether the answer has the mark of a node. UNREACHABLE with the
 *  reason and what to do: it is no node of Plexus. */
export function readAnswer<T>(
  url: string,
  heard: {
    readonly status: number;
    readonly text: string;
    readonly location?: string | undefined;
    readonly isMarked: boolean;
  },
): Result<T> {
  const { status, text, location, isMarked } = heard;
  const content = parsed(text);
  const isDone = status >= 200 && status < 300;
  if (isDone && isMarked && (text.trim() === "" || (typeof content === "object" && content !== null)))
    return { ok: true, value: content as T };
  const carried = refusalIn(content);
  if (!isDone && carried !== undefined) return { ok: false, error: carried };
  return { ok: false, error: stranger(url, status, location) };
}

/** The failure of a caller that expected a node at `url` and found something else. */
export function stranger(url: string, status: number, location?: string): Failure {
  const elsewhere =
    location === undefined ? "not from a Plexus node" : `it names another address: ${location.slice(0, 300)}`;
  const hint = "Give the address that `plexus up` prints, with its port, like http://127.0.0.1:7070.";
  // Above 500 it may be a proxy whose node is down: then the address is right.
  return failure("UNREACHABLE", { url, reason: `HTTP ${status}, ${elsewhere}`, ...(status < 500 && { hint }) });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
