/** JSON from outside: counted while it arrives, and parsed only when it is within its bounds. */
import { errorCodes, type FastifyInstance, type FastifyRequest } from "fastify";
import type { IncomingMessage } from "node:http";
import {
  failure,
  jsonExcess,
  JsonMeter,
  noteWritten,
  ok,
  PlexusError,
  refused,
  writtenTexts,
  type Failure,
  type JsonBounds,
  type JsonExcess,
  type Result,
  type WrittenPath,
} from "../../../protocols/index.ts";
import type { GatewayLimits } from "../limits.ts";
import { paceBodies, type BodyPace } from "./body-pace.ts";

/** What frames and most bodies may be made of. */
export const jsonBounds = (limits: GatewayLimits): JsonBounds => ({
  depthMax: limits.jsonDepthMax,
  valuesMax: limits.jsonValuesMax,
  containersMax: limits.jsonContainersMax,
  keysMax: limits.jsonValuesMax,
  keyBytesMax: limits.jsonKeyBytesMax,
});

/** The same for what a recovery kit gives back: more values, and deeper. */
export const wideJsonBounds = (limits: GatewayLimits): JsonBounds => ({
  depthMax: limits.aiJsonDepthMax,
  valuesMax: limits.wideJsonValuesMax,
  containersMax: limits.wideJsonContainersMax,
  keysMax: limits.wideJsonValuesMax,
  keyBytesMax: limits.jsonKeyBytesMax,
});

/** The same for bodies that carry conversations, or texts to embed: their values are many, and not their keys. */
export const aiJsonBounds = (limits: GatewayLimits): JsonBounds => ({
  ...wideJsonBounds(limits),
  keysMax: limits.aiJsonKeysMax,
});

/** Where those have schemas, whose numbers are passed on as they were written. */
const schemaPaths: readonly WrittenPath[] = [
  "tools/*/function/parameters",
  "tools/*/parameters",
  "tools/*/input_schema",
  "response_format/json_schema/schema",
  "response_format/schema",
  "text/format/json_schema/schema",
  "text/format/schema",
  "output_config/format/json_schema/schema",
  "output_config/format/schema",
  "output_format/json_schema/schema",
  "output_format/schema",
  "format",
  "guided_json",
  "structured_outputs/json",
].map((path) => path.split("/"));

/** The row of what goes beyond a bound. */
export function excessFailure(excess: JsonExcess, bounds: JsonBounds): Failure {
  const max = bounds[excess];
  switch (excess) {
    case "depthMax":
      return failure("BAD_REQUEST", { path: "", problem: `nested deeper than ${max}` });
    case "keyBytesMax":
      return failure("BAD_REQUEST", { path: "", problem: `a key is longer than ${max} bytes` });
    case "valuesMax":
      return failure("TOO_LARGE", { limit: "jsonValuesMax", max });
    case "containersMax":
      return failure("TOO_LARGE", { limit: "jsonContainersMax", max });
    case "keysMax":
      return failure("TOO_LARGE", { limit: "jsonKeysMax", max });
  }
}

/** True when an object carries a key that would reach a prototype if somebody copied it key by key. */
function isPoisoned(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Object.hasOwn(value, "__proto__")) return true;
  if (Object.hasOwn(value, "constructor")) {
    const made = (value as { constructor: unknown }).constructor;
    if (typeof made === "object" && made !== null && Object.hasOwn(made, "prototype")) return true;
  }
  return Object.values(value).some(isPoisoned);
}

/** Parses JSON from outside. Errors: BAD_REQUEST with the problem; TOO_LARGE with the limit. */
export function parseJson(text: string, bounds: JsonBounds): Result<unknown> {
  const excess = jsonExcess(text, bounds);
  return excess === undefined ? parseCounted(text) : refused(excessFailure(excess, bounds));
}

/** The same of a request for a model, whose schemas may have numbers that the language rounds. */
export function parseAsked(text: string, bounds: JsonBounds): Result<unknown> {
  const parsed = parseJson(text, bounds);
  if (parsed.ok) noteWritten(parsed.value, text, schemaPaths);
  return parsed;
}

/** A letter of one of the words that are looked for, written as an escape. */
const escapedLetter = /\\u00[567]/i;

function parseCounted(text: string): Result<unknown> {
  const problem = (what: string) => refused(failure("BAD_REQUEST", { path: "", problem: what }));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return problem("not JSON");
  }
  // The walk is bounded by the depth; most texts name none of the words and skip it.
  const suspicious = text.includes("proto") || escapedLetter.test(text);
  return suspicious && isPoisoned(value) ? problem("a forbidden key") : ok(value);
}

/** Bytes of bodies that are read, of all requests together. */
interface Held {
  bytes: number;
}

/** Reads a body; throws as soon as it is longer than it may be, or made of more. Nothing of it is kept then. */
function readBody(
  request: FastifyRequest,
  payload: IncomingMessage,
  bounds: JsonBounds,
  { held, bytesAtOnceMax }: { readonly held: Held; readonly bytesAtOnceMax: number },
): Promise<Buffer> {
  const { bodyLimit } = request.routeOptions;
  const announced = Number(request.headers["content-length"]);
  if (announced > bodyLimit) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE();
  const meter = new JsonMeter(bounds);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let chunks: Buffer[] = [];
  let bytes = 0;
  let ended = false;
  const end = (error: Error | undefined): void => {
    if (ended) return;
    ended = true;
    payload.off("data", onData).off("end", onEnd).off("error", onError).off("close", onClose);
    held.bytes -= bytes;
    if (error === undefined) resolve(Buffer.concat(chunks, bytes));
    else reject(error);
    chunks = [];
  };
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length;
    held.bytes += chunk.length;
    if (bytes > bodyLimit) return end(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    if (held.bytes > bytesAtOnceMax)
      return end(new PlexusError(failure("OVERLOADED", { limit: "bodiesBytesMax", max: bytesAtOnceMax })));
    const excess = meter.push(chunk);
    if (excess !== undefined) return end(new PlexusError(excessFailure(excess, bounds)));
    chunks.push(chunk);
  };
  const onEnd = (): void =>
    end(
      Number.isNaN(announced) || announced === bytes ? undefined : new errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH(),
    );
  // The sender is gone, or sent what is not a body.
  const onError = (error: Error): void => end(Object.assign(error, { statusCode: 400 }));
  const onClose = (): void => onError(new Error("the body has no end"));
  payload.on("data", onData).on("end", onEnd).on("error", onError).on("close", onClose);
  payload.resume();
  return promise;
}

/** Encodings by which a body is packed. What else stands there changes nothing: `identity`, or the name of letters. */
const packed: ReadonlySet<string> = new Set(["gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress"]);

/** Makes the server take bodies of JSON, and all that are large at their pace. */
export function takeJson(app: FastifyInstance, at: { readonly limits: GatewayLimits; readonly pace: BodyPace }): void {
  const { limits, pace } = at;
  paceBodies(app, pace, limits);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const usual = jsonBounds(limits);
  const room = { held: { bytes: 0 }, bytesAtOnceMax: limits.bodiesBytesMax };
  app.addContentTypeParser("application/json", async (request: FastifyRequest, payload: IncomingMessage) => {
    const { json = usual, written, isAsked } = request.routeOptions.config;
    const encoding = request.headers["content-encoding"]?.trim().toLowerCase() ?? "";
    if (packed.has(encoding)) {
      const problem = `a body in ${encoding} is not read: send it without content-encoding`;
      throw new PlexusError(failure("BAD_REQUEST", { path: "", problem }));
    }
    const body = await readBody(request, payload, json, room);
    if (body.length === 0) return {};
    request.bodyBytes = body.length;
    let text: string;
    try {
      text = decoder.decode(body);
    } catch {
      throw new PlexusError(failure("BAD_REQUEST", { path: "", problem: "not UTF-8" }));
    }
    const parsed = parseCounted(text);
    if (!parsed.ok) throw new PlexusError(parsed.error);
    if (isAsked === true) noteWritten(parsed.value, text, schemaPaths);
    if (written !== undefined) request.written = writtenTexts(text, written);
    return parsed.value;
  });
}
