import type { Failure, OperationAnswer, OperationName, Result } from "../../../protocols/index.ts";
import { asksBy, callsBy, Keys, type Ask, type Call, type CallInput } from "../../../client/call.ts";
import type { Question, QuestionAnswer } from "../../../protocols/kinds/questions.ts";
import { newOperationId } from "../../../client/index.ts";
import { failure } from "../../../protocols/errors.ts";
import { explainWithCode } from "../model/explain.ts";
import { refusalIn } from "../../../protocols/wire/plexus-answer.ts";
import { KnownAnswers } from "./known.ts";
import { pageLimits } from "./limits.ts";
import { at } from "./mount.ts";

const known = new KnownAnswers();

/** One request to the node that served the page, with a body of JSON or a blob of its own type. The session travels in
 *  its cookie. A node that hangs is given up: UNREACHABLE, or ASK_TIMEOUT where it may still do what was asked. */
export async function request(
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  body?: object | Blob,
  timeoutMs: number = pageLimits.requestTimeoutMs,
  { key, looks = method === "GET" }: { readonly key?: string | undefined; readonly looks?: boolean } = {},
): Promise<Result<unknown>> {
  let response: Response;
  let text: string;
  const had = method === "GET" ? known.of(path) : undefined;
  try {
    response = await fetch(at(path), {
      method,
      credentials: "same-origin",
      headers: {
        ...(had !== undefined && { "if-none-match": had.name }),
        ...(body !== undefined && { "content-type": body instanceof Blob ? body.type : "application/json" }),
        ...(key !== undefined && { "idempotency-key": key }),
      },
      ...(body === undefined ? {} : { body: body instanceof Blob ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    text = await response.text();
  } catch (thrown) {
    const isLate = (thrown as Error).name === "TimeoutError";
    return { ok: false, error: failure(isLate && !looks ? "ASK_TIMEOUT" : "UNREACHABLE") };
  }
  const { ok, status } = response;
  if (status === 304 && had !== undefined) return { ok: true, value: had.value };
  const answer = parse(text);
  // Something between the page and its node (a portal, a proxy's own page) answers everything with 200.
  if (ok && (text === "" || typeof answer === "object")) {
    if (method === "GET") known.keep(path, { name: response.headers.get("etag"), text, value: answer });
    return { ok, value: answer };
  }
  const refusal = ok ? undefined : refusalIn(answer);
  const stranger = failure("UNREACHABLE", { reason: `HTTP ${status}, not from a Plexus node` });
  return { ok: false, error: refusal ?? (status === 401 ? failure("UNAUTHENTICATED") : stranger) };
}

const keys = new Keys(newOperationId, () => performance.now());

/** As `call`, for what takes longer than usual. */
export const callWithin = (timeoutMs: number): Call =>
  callsBy((method, path, body, key, looks) => request(method, path, body, timeoutMs, { key, looks }), keys);

/** Calls operations of the node that served the page. */
export const call = callWithin(pageLimits.requestTimeoutMs);

/** Asks actors by the node that served the page. */
export const askActor: Ask = asksBy((method, path) => request(method, path));

/** A refusal, as queries throw it. In its words code stands between backquotes. */
export class Refused extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(explainWithCode(failure, "look"));
    this.failure = failure;
  }
}

/** As `call`, for queries. Throws `Refused`. */
export async function seen<Name extends OperationName>(
  name: Name,
  ...input: CallInput<Name>
): Promise<OperationAnswer<Name>> {
  const result = await call(name, ...input);
  if (result.ok) return result.value;
  throw new Refused(result.error);
}

/** As `askActor`, for queries. Throws `Refused`. */
export async function asked<Name extends Question>(
  ...question: Parameters<typeof askActor<Name>>
): Promise<QuestionAnswer<Name>> {
  const result = await askActor(...question);
  if (result.ok) return result.value;
  throw new Refused(result.error);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
