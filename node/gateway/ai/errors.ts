/** How a refusal looks on each wire. Clients show the message alone, so it says all that is known. */
import type { IncomingMessage } from "node:http";
import type { Failure } from "../../../protocols/index.ts";
import { statusOf } from "../edge/refusals.ts";

/** Whose interface a request speaks. */
type Wire = "openai" | "ollama" | "anthropic";

/** Words of Ollama's interface under `/api/`. REST never had one of them, so that its old paths without a version do
 *  not meet these. */
const ollamaPaths =
  /^\/api\/(?:tags|show|ps|pull|generate|chat|embed|embeddings|version|create|copy|delete|push|blobs)(?:[/?]|$)/;

/** Whether a path is one of Ollama's interface. */
export const isOllamaPath = (url: string): boolean => ollamaPaths.test(url);

/** The wire of a request; undefined: none of these. `/v1/models` is on two: Anthropic's clients name its version. */
export function wireOf({ url = "", headers }: Pick<IncomingMessage, "url" | "headers">): Wire | undefined {
  if (isOllamaPath(url)) return "ollama";
  if (!url.startsWith("/v1/")) return undefined;
  return headers["anthropic-version"] !== undefined || /^\/v1\/messages(?:[/?]|$)/.test(url) ? "anthropic" : "openai";
}

/** `/messages/0/role` → `messages[0].role`, as these interfaces name a parameter. */
const paramOf = (path: string): string =>
  path
    .replaceAll(/\/(\d+)(?=\/|$)/g, "[$1]")
    .slice(1)
    .replaceAll("/", ".");

/** Everything that is known, in a sentence, and the parameter that it is about. */
function told(reason: Failure): { readonly message: string; readonly param: string | null } {
  const { path, problem, word: _, ...others } = reason.details ?? {};
  const param = typeof path === "string" && typeof problem === "string" && path !== "" ? paramOf(path) : null;
  const facts = Object.entries(param === null ? { path, problem, ...others } : others)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
  const message = param === null ? reason.message : `${param}: ${String(problem)}`;
  return { message: facts.length === 0 ? message : `${message} (${facts.join(", ")})`, param };
}

/** What its clients know by another word. */
const openAiWords: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: "invalid_api_key",
  QUOTA_EXCEEDED: "insufficient_quota",
};
const openAiCode = ({ code, details }: Failure): string => {
  const word = details?.["word"];
  return typeof word === "string" ? word : (openAiWords[code] ?? code.toLowerCase());
};

/** OpenAI's shape of an error. */
export function openAiError(reason: Failure) {
  const { message, param } = told(reason);
  const status = statusOf(reason);
  if (reason.code === "QUOTA_EXCEEDED")
    return { error: { message, type: "insufficient_quota", param, code: openAiCode(reason) } };
  const type = status === 429 ? "rate_limit_error" : status < 500 ? "invalid_request_error" : "server_error";
  return { error: { message, type, param, code: openAiCode(reason) } };
}

const anthropicTypes: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
};

/** Anthropic's. */
export function anthropicError(reason: Failure) {
  const status = statusOf(reason);
  const type = anthropicTypes[status] ?? (status < 500 ? "invalid_request_error" : "api_error");
  return { type: "error", error: { type, message: told(reason).message } };
}

/** Ollama's. */
export const ollamaError = (reason: Failure) => ({ error: told(reason).message });

/** What a failed response says of itself, and the event `error` of its stream. */
export const responseError = (reason: Failure) => ({ code: openAiCode(reason), ...told(reason) });

/** The body of a refusal. */
export const errorBody: Readonly<Record<Wire, (reason: Failure) => object>> = {
  openai: openAiError,
  anthropic: anthropicError,
  ollama: ollamaError,
};
