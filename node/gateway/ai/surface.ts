/** What every surface stands on: a route whose client is watched, whose media are counted, and whose model is looked
 *  up. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Static, TSchema } from "typebox";
import {
  failure,
  failureOf,
  PlexusError,
  stringifyWritten,
  type AuditAction,
  type EngineAnswer,
  type EnginePart,
  type WrittenPath,
} from "../../../protocols/index.ts";
import { aiJsonBounds } from "../edge/json.ts";
import type { GatewayContext } from "../options.ts";
import { whileAsked, type Asked, type Asking, type Calls } from "./calls.ts";
import { withNumbers, type Fields, type Places, type Wanted } from "./conversation.ts";
import { refuseFields, unknownFields, type FieldsPath } from "./fields/index.ts";
import type { MediaReader } from "./media.ts";
import type { Models, Resolved } from "./models.ts";
import { answeredWhole } from "./whole.ts";

/** What surfaces share. */
export interface Surface {
  readonly app: FastifyInstance;
  readonly at: GatewayContext;
  readonly calls: Calls;
  readonly models: Models;
}

/** A request with a body. */
export interface Posted<Body> {
  readonly body: Body;
  readonly asking: Asking;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Adds a route that takes JSON. */
export function addPost<S extends TSchema>(
  { app, at }: Surface,
  path: FieldsPath,
  about: {
    readonly summary: string;
    readonly tag: string;
    readonly body: S;
    readonly audit?: AuditAction;
    readonly written?: readonly WrittenPath[];
    /** What is answered is no JSON. */
    readonly isMedia?: true;
  },
  serve: (posted: Posted<Static<S>>) => Promise<unknown>,
): void {
  const bytesMax = at.limits.aiRequestBytesMax;
  app.post<{ Body: Static<S> }>(
    path,
    {
      bodyLimit: bytesMax,
      config: {
        access: "user",
        permission: "model.use",
        bytesMax,
        json: aiJsonBounds(at.limits),
        isAsked: true,
        ...(about.audit !== undefined && { audit: about.audit }),
        ...(about.written !== undefined && { written: about.written }),
      },
      schema: { summary: about.summary, tags: [about.tag], body: about.body },
    },
    (request, reply) =>
      whileAsked(request, reply, (asking) => {
        checkFields(path, request.body as Fields, reply, betasOf(request));
        const work = (asked: Asking): Promise<unknown> =>
          serve({ body: request.body as Static<S>, asking: asked, request, reply });
        return about.isMedia === true ? work(asking) : answeredWhole(asking, reply, at, work);
      }),
  );
}

/** What a route without a body is asked: where it is, and what its query and the fields of its path are. */
interface PlainAbout<Params extends TSchema, Query extends TSchema> {
  readonly summary: string;
  readonly tag: string;
  readonly params?: Params;
  readonly query?: Query;
  /** It tells nothing of this node: anybody may ask. */
  readonly isOpen?: true;
}

/** Adds a route that takes no body. */
export function addPlain<Params extends TSchema, Query extends TSchema>(
  { app }: Pick<Surface, "app">,
  route: `${"GET" | "POST" | "DELETE"} ${string}`,
  { summary, tag, params, query, isOpen }: PlainAbout<Params, Query>,
  serve: (request: FastifyRequest<{ Params: Static<Params>; Querystring: Static<Query> }>) => unknown,
): void {
  const [method = "", url = ""] = route.split(" ");
  app.route<{ Params: Static<Params>; Querystring: Static<Query> }>({
    method,
    url,
    config: isOpen === true ? {} : { access: "user", permission: "model.use" },
    schema: { summary, tags: [tag], ...(params && { params }), ...(query && { querystring: query }) },
    handler: async (request) => serve(request),
  });
}

/** Refuses fields by their list; those that nobody knows are named in the answer: nothing is passed over in silence. */
export function checkFields(
  path: FieldsPath,
  fields: Fields,
  reply: FastifyReply,
  betas: readonly string[] = [],
): void {
  refuseFields(path, fields);
  const unknown = [...unknownFields(path, fields), ...betas].slice(0, ignoredMax);
  if (unknown.length > 0) reply.header("x-plexus-ignored", ignored(unknown));
}

/** What is answered has arguments of calls in it, which go character by character. */
export const asWritten = (reply: FastifyReply): void =>
  void reply.type("application/json; charset=utf-8").serializer(stringifyWritten);

/** What Anthropic's clients ask to be tried on them, by a header: none of it is known here. */
const betasOf = ({ headers }: FastifyRequest): readonly string[] =>
  [headers["anthropic-beta"] ?? []]
    .flat()
    .flatMap((text) => text.split(",", ignoredMax))
    .map((name) => `anthropic-beta.${name.trim()}`);

/** A header has letters of its own, and an end. */
const ignoredMax = 16;
const ignored = (names: readonly string[]): string =>
  names.map((name) => encodeURIComponent(name.slice(0, 64).toWellFormed())).join(", ");

/** Refuses a request whose texts are more than one message between nodes takes beside its media. */
export function checkTexts(
  { request }: { readonly request: Pick<FastifyRequest, "bodyBytes"> },
  at: GatewayContext,
  media?: MediaReader,
): void {
  const max = at.limits.completionBytesMax;
  if (request.bodyBytes - (media?.chars ?? 0) > max)
    throw new PlexusError(failure("TOO_LARGE", { limit: "completionBytesMax", max }));
}

/** Refuses a conversation of too many messages. */
export function checkMessages(count: number, at: GatewayContext): void {
  const max = at.limits.completionMessagesMax;
  if (count > max) throw new PlexusError(failure("TOO_LARGE", { limit: "completionMessagesMax", max }));
}

/** Seconds, as these interfaces tell time. */
export const nowSeconds = (at: GatewayContext): number => Math.floor(at.clock.nowMs() / 1000);

/** An id as these interfaces have them. */
export const newId = (at: GatewayContext, prefix: string): string => prefix + at.newId();

/** Generates one choice. */
export type Generate = (
  asking: Asking,
  index: number,
  onPart: (part: EnginePart<"generate">) => void,
) => Promise<EngineAnswer<"generate">>;

/** Generates for a model or an agent by name; a promise where the agent has to be asked. */
export function generator(
  surface: Surface,
  asking: Asking,
  name: string,
  wanted: Wanted,
): Generate | Promise<Generate> {
  const { parallel: _parallel, places, ...asked } = withNumbers(wanted);
  const generate = ({ model, persona, sampling }: Resolved): Generate => {
    const messages =
      persona === "" ? asked.messages : [{ role: "system" as const, content: persona }, ...asked.messages];
    const first = { ...asked, model, messages, sampling: { ...sampling, ...asked.sampling } };
    return (each, index, onPart) =>
      surface.calls
        .run(each, "generate", index === 0 ? first : further(first, index), onPart)
        .catch((error: unknown) => Promise.reject(located(error, places)));
  };
  const resolved = surface.models.resolve(asking.caller, name);
  return resolved instanceof Promise ? resolved.then(generate) : generate(resolved);
}

/** A refusal of a schema, with its path in the body. */
function located(error: unknown, places: Places | undefined): unknown {
  const { details = {} } = failureOf(error);
  const { field, place, reason, ...others } = details;
  if (places === undefined || typeof field !== "string" || typeof place !== "string") return error;
  const tool = /^tools\.(.*)\.parameters$/.exec(field)?.[1];
  const path = tool === undefined ? places.format : places.tools.get(tool);
  if (path === undefined) return error;
  return new PlexusError({ ...failureOf(error), details: { ...others, path: `${path}${place}`, problem: reason } });
}

/** What a further choice is asked: the same seed would make the same choice again, and one that was kept would be the
 *  first one. */
function further(first: Asked<"generate">, index: number): Asked<"generate"> {
  const { seed } = first.sampling;
  const other = seed === undefined ? {} : { seed: (seed + index) & 0x7fffffff };
  return { ...first, cache: "skip", sampling: { ...first.sampling, ...other } };
}
