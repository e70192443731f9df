import type { IncomingMessage } from "node:http";
import { failure, ok, refused, type PersonStatus, type Result, type Session } from "../../../protocols/index.ts";
import { isDevice } from "./tokens.ts";

/** A signed-in user, as every entrance of the gateway knows it. */
export interface Caller {
  readonly user: string;
  /** Of a control token, which is nobody's account, the name that the audit has for it. */
  readonly actor: `user/${string}` | `control/${string}`;
  readonly admin: boolean;
  /** Roles of the cluster. */
  readonly roles: readonly string[];
  readonly session: string;
  readonly kind: Session["kind"] | "control";
  /** Of an API key that was narrowed; of a control token, what it is for. */
  readonly scopes?: readonly string[];
  readonly expiresAtMs: number;
  /** When the actor was asked, by the monotonic clock. */
  readonly askedAtMs: number;
  /** How long ago the session proved its password, when its actor was asked. */
  readonly provedAgoMs?: number;
  /** What the person says of themselves. */
  readonly status?: PersonStatus;
  /** Its actor is of an older version, which tells nothing of proofs. */
  readonly proofUntold?: true;
}

/** Where an attempt comes from. */
export interface Origin {
  readonly address: string;
  /** What the session is called in the list of sessions: the user agent. */
  readonly label: string;
  /** The secret of the device, where it says that somebody signed in on it before. */
  readonly device?: string | undefined;
}

/** The cookie that holds a browser's session token. */
export const sessionCookie = "plexus_session";

/** The cookie by which a browser is known again where somebody signed in with the right password. It opens nothing. */
export const deviceCookie = "plexus_device";

/** The cookie with the secret of a sign-in under way. */
export const attemptCookie = "plexus_sign_in";

/** A token and how it came: cookies are sent by browsers on their own, so they need proof of where the request
 *  began. */
interface Presented {
  readonly token: string;
  readonly by: "bearer" | "cookie" | "query";
}

/** The token a request carries, if any. A bearer token wins, because somebody chose to send it. Anthropic's clients
 *  send theirs as `x-api-key`, which no browser sends on its own either. */
export function presentedToken(request: IncomingMessage, query?: string): Presented | undefined {
  const bearer = /^bearer +(\S{1,2048})$/i.exec(request.headers.authorization ?? "")?.[1];
  if (bearer !== undefined) return { token: bearer, by: "bearer" };
  const apiKey = request.headers["x-api-key"];
  if (typeof apiKey === "string" && /^\S{1,512}$/.test(apiKey)) return { token: apiKey, by: "bearer" };
  const token = cookieOf(request, sessionCookie);
  if (token !== undefined) return { token, by: "cookie" };
  return query === undefined ? undefined : { token: query, by: "query" };
}

/** The device that a browser says it is, if any. */
export function presentedDevice(request: IncomingMessage): string | undefined {
  const device = cookieOf(request, deviceCookie);
  return device !== undefined && isDevice(device) ? device : undefined;
}

/** The secret of the sign-in that a browser has under way, if any. */
export function presentedAttempt(request: IncomingMessage): string | undefined {
  const secret = cookieOf(request, attemptCookie);
  return secret !== undefined && isDevice(secret) ? secret : undefined;
}

function cookieOf(request: IncomingMessage, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? "").split(";")) {
    const at = pair.indexOf("=");
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}

/** Whether a browser began this request on one of our own pages (or nobody's browser did): the guard against forged
 *  requests. `Sec-Fetch-Site` can not be set by a page; `Origin` is the older witness. Error: FORBIDDEN. */
export function checkSameOrigin(request: IncomingMessage): Result<undefined> {
  const foreign = refused(failure("FORBIDDEN", { reason: "the request comes from a page of another site" }));
  const site = request.headers["sec-fetch-site"];
  if (site !== undefined) return site === "same-origin" || site === "none" ? ok(undefined) : foreign;
  const origin = request.headers.origin;
  if (origin === undefined) return ok(undefined);
  // Only the host is compared: behind a proxy that ends TLS the scheme that we see is not the browser's.
  return /^https?:\/\//.test(origin) && origin.slice(origin.indexOf("//") + 2) === request.headers.host
    ? ok(undefined)
    : foreign;
}

/** Methods that change nothing and so need no such proof. */
export const isSafeMethod = (method: string | undefined): boolean =>
  method === "GET" || method === "HEAD" || method === "OPTIONS";
