/** HTTP as a store needs it: what an answer means for a file of which some bytes are here (pure), and requests that
 *  end.
 *
 *      have 0 bytes   200 ► all of it                           have n, with a validator   206 from n ► the rest
 *                     everything else ► refused                                            200 ► all of it, anew
 *                                                                                          416 ► complete, or anew */
import { failure, parseDocument, PlexusError, type Failure } from "../../protocols/index.ts";
import { storeLimits } from "./limits.ts";

/** What is known of a file before the answer. */
interface Expected {
  /** Bytes that are here. */
  readonly have: number;
  /** Its size, where something else than the answer said so. */
  readonly size: number | undefined;
}

/** What an answer is worth. `again`: another attempt may bring it. */
type AnswerPlan =
  | { readonly type: "take"; readonly from: number; readonly total: number | undefined }
  /** All of it is here already. */
  | { readonly type: "complete" }
  | { readonly type: "anew" }
  | { readonly type: "refused"; readonly reason: string; readonly again: boolean };

/** What to do with an answer. */
export function planAnswer(
  { status, headers }: { readonly status: number; readonly headers: Pick<Headers, "get"> },
  { have, size }: Expected,
): AnswerPlan {
  const refuse = (reason: string, again: boolean): AnswerPlan => ({ type: "refused", reason, again });
  if (status === 416 && have > 0)
    return { type: headers.get("content-range") === `bytes */${have}` ? "complete" : "anew" };
  if (status !== 200 && status !== 206)
    return refuse(`HTTP ${status}`, status >= 500 || status === 429 || status === 408);
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding !== "identity") return refuse(`the answer is encoded (${shown(encoding)})`, false);
  const length = lengthIn(headers.get("content-length"));
  if (length === "wrong") return refuse("the length of the answer is not a number", false);
  if (status === 200) {
    if (length !== undefined && size !== undefined && length !== size)
      return refuse(`the file should have ${size} bytes, and the answer has ${length}`, false);
    return tooLarge(size ?? length) ?? { type: "take", from: 0, total: size ?? length };
  }
  const [, from, to, of] =
    /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(headers.get("content-range") ?? "") ?? [];
  if (have === 0 || from === undefined || to === undefined)
    return refuse("the answer is a part that nobody asked for", false);
  const total = of === "*" ? size : Number(of);
  if (Number(from) !== have) return refuse(`the answer begins at byte ${from} instead of ${have}`, false);
  if (total !== undefined && Number(to) !== total - 1)
    return refuse("the answer does not go to the end of the file", false);
  if (size !== undefined && total !== size)
    return refuse(`the file should have ${size} bytes, and has ${total}`, false);
  if (length !== undefined && length !== Number(to) - have + 1)
    return refuse("the answer says two lengths that differ", false);
  return tooLarge(total) ?? { type: "take", from: have, total };
}

const tooLarge = (total: number | undefined): AnswerPlan | undefined =>
  total !== undefined && total > storeLimits.fileBytesMax
    ? {
        type: "refused",
        reason: `the file has ${total} bytes; ${storeLimits.fileBytesMax} are the limit`,
        again: false,
      }
    : undefined;

function lengthIn(text: string | null): number | "wrong" | undefined {
  if (text === null) return undefined;
  return /^\d{1,15}$/.test(text) ? Number(text) : "wrong";
}

/** What to ask with, so that the answer goes on where the last one ended, if the file is still the same. */
export const rangeHeaders = (have: number, validator: string | undefined): Readonly<Record<string, string>> =>
  have === 0 ? {} : { range: `bytes=${have}-`, ...(validator !== undefined && { "if-range": validator }) };

/** What identifies the version of a file: a strong ETag, else the date. */
export function validatorOf(headers: Pick<Headers, "get">): string | undefined {
  const etag = headers.get("etag");
  if (etag !== null && /^"[\x21\x23-\x7e]{1,256}"$/.test(etag)) return etag;
  const modified = headers.get("last-modified");
  return modified !== null && /^[\w ,:+-]{1,64}$/.test(modified) ? modified : undefined;
}

/** Where a redirect leads; a text says why nobody goes there. */
export function redirectTo(location: string | null, from: URL): URL | string {
  if (location === null) return "it redirects to nowhere";
  const to = URL.parse(location, from);
  if (to === null || (to.protocol !== "https:" && to.protocol !== "http:"))
    return "it redirects to something that is not a web address";
  if (from.protocol === "https:" && to.protocol === "http:") return "it redirects from https to http";
  return to.username === "" && to.password === "" ? to : "it redirects to an address with a password";
}

/** An address without what nobody else may see. */
export function shownUrl(url: URL | string): string {
  const parsed = typeof url === "string" ? URL.parse(url) : url;
  return parsed === null ? "an address that is none" : `${parsed.origin}${parsed.pathname}`;
}

const shown = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 60);

/** SOURCE_FAILED with where and why. `lasting`: another attempt would meet the same. */
export const sourceFailure = (url: URL | string, reason: string, lasting = false): Failure =>
  failure("SOURCE_FAILED", { url: shownUrl(url), reason, ...(lasting && { lasting }) });

/** Makes a request and follows its redirects; resolves with the headers there, and the body to read. `secret` headers
 *  go to the first host alone. Rejects with SOURCE_FAILED, or what `signal` was aborted with. */
export async function request(
  address: string,
  options: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly secret?: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
): Promise<Response> {
  let url = new URL(address);
  const { origin } = url;
  for (let redirects = 0; redirects <= storeLimits.redirectsMax; redirects += 1) {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error("no answer in time")), storeLimits.connectTimeoutMs);
    let response: Response;
    try {
      response = await fetch(url, {
        redirect: "manual",
        headers: {
          "accept-encoding": "identity",
          "user-agent": "plexus",
          ...options.headers,
          ...(url.origin === origin && options.secret),
        },
        signal: AbortSignal.any([options.signal, late.signal]),
      });
    } catch (thrown) {
      options.signal.throwIfAborted();
      throw new PlexusError(sourceFailure(url, late.signal.aborted ? "no answer in time" : reasonOf(thrown)), thrown);
    } finally {
      clearTimeout(timer);
    }
    if (![301, 302, 303, 307, 308].includes(response.status)) return response;
    await response.body?.cancel();
    const next = redirectTo(response.headers.get("location"), url);
    if (typeof next === "string") throw new PlexusError(sourceFailure(url, next, true));
    url = next;
  }
  throw new PlexusError(sourceFailure(address, `it redirects more than ${storeLimits.redirectsMax} times`, true));
}

/** The bytes of an answer as they come. Silence of `stallMs` ends it with SOURCE_FAILED. */
export async function* bytesOf(
  response: Response,
  address: string,
  signal: AbortSignal,
  stallMs: number = storeLimits.stallTimeoutMs,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { promise: silence, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(
        () => reject(new PlexusError(sourceFailure(address, "nothing came for a while"))),
        stallMs,
      );
      const abort = (): void => reject(signal.reason);
      signal.addEventListener("abort", abort, { once: true });
      try {
        signal.throwIfAborted();
        const { done, value } = await Promise.race([reader.read(), silence]);
        if (done) return;
        yield value as Uint8Array;
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
      }
    }
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    if (thrown instanceof PlexusError) throw thrown;
    throw new PlexusError(sourceFailure(address, reasonOf(thrown)), thrown);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** A small text, whole. Errors: NOT_FOUND, SOURCE_FAILED. */
export async function textAt(
  address: string,
  options: Parameters<typeof request>[1],
): Promise<{ readonly text: string; readonly headers: Headers }> {
  const response = await request(address, options);
  const { status, headers } = response;
  if (status !== 200) {
    await response.body?.cancel();
    if (status === 404) throw new PlexusError(failure("NOT_FOUND", { url: shownUrl(address) }));
    const hint = status === 401 || status === 403 ? "; it may need a key (HF_TOKEN), or its terms accepted there" : "";
    throw new PlexusError(sourceFailure(address, `HTTP ${status}${hint}`));
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of bytesOf(response, address, options.signal)) {
    size += part.length;
    if (size > storeLimits.aboutBytesMax) throw new PlexusError(sourceFailure(address, "its answer is too long"));
    parts.push(part);
  }
  return { text: Buffer.concat(parts).toString("utf8"), headers };
}

/** The same as JSON. */
export async function jsonAt(
  address: string,
  options: Parameters<typeof request>[1],
): Promise<{ readonly value: unknown; readonly headers: Headers }> {
  const { text, headers } = await textAt(address, options);
  try {
    return { value: parseDocument(text), headers };
  } catch (thrown) {
    const reason =
      thrown instanceof SyntaxError ? "its answer is not JSON" : `of its answer ${(thrown as Error).message}`;
    throw new PlexusError(sourceFailure(address, reason));
  }
}

/** The innermost reason of what `fetch` throws: the outer one only says that it failed. */
function reasonOf(thrown: unknown): string {
  const { cause, code, message } = thrown as { cause?: unknown; code?: unknown; message?: unknown };
  if (cause instanceof Error) return reasonOf(cause);
  return typeof code === "string" ? code : typeof message === "string" && message !== "" ? message : String(thrown);
}
