/** What went wrong at another server, as one of our errors. Pure. */
import { failure, PlexusError, type Failure } from "../../protocols/errors.ts";
import { at, textAt } from "./json.ts";
import { remoteLimits } from "./limits.ts";

/** An answer that cannot be used. */
export const damaged = (reason: string): PlexusError => new PlexusError(failure("PROVIDER_FAILED", { reason }));

/** What a server said when it did not do what it was asked. */
interface Refusal {
  readonly status: number;
  /** The JSON that came with it, if it was JSON. */
  readonly body: unknown;
  /** What it asks to wait, from its headers. */
  readonly retryAfterMs?: number | undefined;
}

/** What was asked for, with which key, and where. */
interface Asked {
  readonly model: string;
  readonly key?: string | undefined;
  /** The server's address. */
  readonly at?: string;
}

/** A server's refusal as a failure, with its own words and address for those who run it; `again`: the same request may
 *  be sent again. */
export function judge(
  { status, body, retryAfterMs = retryInfoMs(body) }: Refusal,
  asked: Asked,
): { readonly failure: Failure; readonly again: boolean } {
  const { model, at: address } = asked;
  const fatal = (judged: Failure) => ({ failure: judged, again: false });
  const { kind, message } = wordsOf(body);
  const reason = passable(message, asked.key);
  const words = { ...(reason !== "" && { reason }), ...(address !== undefined && { at: address }) };
  const facts = { model, status, ...(kind !== "" && { said: passable(kind, asked.key) }), ...words };
  // Some servers say 429 for what no waiting helps against.
  if (/insufficient_quota|billing|credit/i.test(kind)) return fatal(failure("PROVIDER_REFUSED", facts));
  // Nor does it where one request alone is over a limit of tokens a minute, as Groq says it.
  if (status === 413) return fatal(failure("CONTEXT_TOO_LONG", { model, status, ...words }));
  if (status === 429 || status === 503 || status === 529 || /overloaded|rate_limit/i.test(kind))
    return {
      failure: failure("MODEL_BUSY", { ...facts, ...(retryAfterMs !== undefined && { retryAfterMs }) }),
      again: true,
    };
  if ([401, 402, 403, 407].includes(status)) return fatal(failure("PROVIDER_REFUSED", facts));
  if (ofItself.has(status) && noTools.test(message))
    return fatal(failure("MODEL_UNSUPPORTED", { model, capability: "tools", status, ...words }));
  if (status === 404) return fatal(failure("MODEL_NOT_FOUND", { model, status, ...words }));
  if (status >= 500 || status < 400) return fatal(failure("PROVIDER_FAILED", { reason: "it failed", ...facts }));
  if (tooLong.test(kind) || tooLong.test(message))
    return fatal(failure("CONTEXT_TOO_LONG", { model, status, ...words }));
  if (noAccess.test(message) || filtered.test(kind)) return fatal(failure("PROVIDER_REFUSED", facts));
  if (failedModel.test(kind)) return fatal(failure("PROVIDER_FAILED", facts));
  const field = fieldOf(body);
  return fatal(failure("BAD_REQUEST", { model, status, ...(field !== undefined && { field }), ...words, reason }));
}

/** The parameter that OpenAI's form of an error is about. */
function fieldOf(body: unknown): string | undefined {
  const param = textAt(unlisted(body), "error", "param");
  return param !== undefined && /^[\w.[\]]{1,64}$/.test(param) ? param : undefined;
}

/** The words of each server for a request that is too long: `must be <=` is of Together and of Hugging Face. */
const tooLong =
  /context_length|exceed_context|context (?:length|size|window)|prompt is too long|input is too long|too many (?:input )?tokens|maximum (?:number of tokens|prompt length)|input length exceeds|reduce the length|tokens.{0,40} must be <=/i;
/** A key that is no key is a bad request to Gemini and xAI, and to Anthropic an account without money. */
const noAccess = /api key not valid|API_KEY_INVALID|incorrect api key|credit balance is too low/i;
/** Words of Ollama, of llama-server without its templates, of vLLM without a parser, of OpenRouter and of Groq. */
const noTools =
  /does not support (?:tools|function)|tools param requires|tool choice requires|support tool use|tool call\w*`? (?:is|are) not supported/i;
/** What a server that runs models says of the request. Behind another status may be a proxy, which repeats words. */
const ofItself: ReadonlySet<number> = new Set([400, 404, 422, 500, 501]);
/** Azure's filter refuses a prompt as a bad request. */
const filtered = /content_filter|content_policy/i;
/** What the model wrote was no call and no JSON: the request was well. */
const failedModel = /tool_use_failed|json_validate_failed/i;

/** An error as it came: Gemini's interface like OpenAI's gives a list of one. */
const unlisted = (body: unknown): unknown => (Array.isArray(body) && body.length === 1 ? (body[0] as unknown) : body);

/** The kind of an error, as a word, and its message: of the forms that servers use. */
function wordsOf(said: unknown): { readonly kind: string; readonly message: string } {
  const body = unlisted(said);
  const error = at(body, "error") ?? body;
  const kinds = [at(error, "type"), at(error, "code"), at(error, "status"), at(body, "code")];
  const kind = [...new Set(kinds.filter((one) => typeof one === "string"))].join(" ");
  const message = typeof error === "string" ? error : (textAt(error, "message") ?? detailOf(error) ?? "");
  // Of an error of the server behind it, OpenRouter's own words say nothing.
  const raw = textAt(error, "metadata", "raw");
  return { kind, message: raw === undefined ? message : `${message}: ${raw}` };
}

/** FastAPI's form of what is wrong with a request: a text, or a list of what is wrong where. */
const detailOf = (error: unknown): string | undefined =>
  [at(error, "detail"), at(error, "message", "detail")]
    .map((detail) => (typeof detail === "string" ? detail : textAt(detail, 0, "msg")))
    .find((text) => text !== undefined);

/** A text of a server, short and without the key. */
function passable(text: string, key: string | undefined): string {
  const clean = key === undefined ? text : text.replaceAll(key, "…");
  return clean
    .replaceAll(/\p{Cc}+/gu, " ")
    .slice(0, remoteLimits.saidCharsMax)
    .toWellFormed();
}

/** `retry-after-ms: 1500`, `retry-after: 2`, or `retry-after: Wed, 21 Oct 2026 07:28:00 GMT`. */
export function retryAfterMsOf(headers: { get(name: string): string | null }, nowMs: number): number | undefined {
  const exact = Number(headers.get("retry-after-ms") ?? Number.NaN);
  if (Number.isFinite(exact)) return Math.max(0, exact);
  const text = headers.get("retry-after");
  if (text === null) return undefined;
  if (/^\d+(\.\d+)?$/.test(text.trim())) return Number(text) * 1_000;
  const dateMs = Date.parse(text);
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
}

/** Gemini says it in the error: `retryDelay: "34s"`. */
function retryInfoMs(body: unknown): number | undefined {
  const details = at(unlisted(body), "error", "details");
  if (!Array.isArray(details)) return undefined;
  const delay = details.map((one) => textAt(one, "retryDelay")).find((one) => one !== undefined);
  const seconds = Number(/^([\d.]+)s$/.exec(delay ?? "")?.[1] ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1_000 : undefined;
}

/** An error within a stream, after the server had begun to answer; undefined where the event is none.
 *  `asked` reads the key, and is only called then. */
export function errorIn(event: unknown, asked: () => Asked): PlexusError | undefined {
  const said = unlisted(event);
  const error = at(said, "error") ?? (at(said, "object") === "error" ? said : undefined);
  if (error === undefined || error === null) return undefined;
  const codes = [at(error, "code"), at(error, "status_code"), at(error, "status")].map(Number);
  // Without a status, a word of the error still tells what it is about.
  const status = codes.find((one) => Number.isInteger(one) && one >= 400 && one < 600) ?? 500;
  return new PlexusError(judge({ status, body: said }, asked()).failure);
}

/** Codes of Node that say that nothing was sent. */
const unreached =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT_|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;

/** What `fetch` threw from an address. The reason is for everybody, and has the code alone. */
export function connectionFailure(
  thrown: unknown,
  { model, address }: { readonly model: string; readonly address?: string },
): Failure {
  const at = address === undefined ? {} : { at: address };
  const codes = causesOf(thrown).map((cause) => (cause as { readonly code?: unknown }).code);
  const code = codes.find((one) => typeof one === "string") ?? "";
  if (causesOf(thrown).some((cause) => cause instanceof Error && cause.message === "bad port"))
    return failure("MODEL_UNAVAILABLE", { model, reason: "HTTP may not use the port of its server", ...at });
  if (unreached.test(code))
    return failure("MODEL_UNAVAILABLE", { model, reason: `the server that runs it does not answer (${code})`, ...at });
  return failure("PROVIDER_FAILED", {
    model,
    reason: `the connection to the server broke${code && ` (${code})`}`,
    ...at,
  });
}

/** The error and what caused it; of several attempts at once (IPv4 and IPv6), each. */
function causesOf(thrown: unknown): readonly object[] {
  const found: object[] = [];
  const look = (one: unknown): void => {
    if (typeof one !== "object" || one === null || found.length > 8) return;
    found.push(one);
    look((one as { readonly cause?: unknown }).cause);
    const { errors } = one as { readonly errors?: unknown };
    if (Array.isArray(errors)) errors.forEach(look);
  };
  look(thrown);
  return found;
}
