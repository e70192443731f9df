/** The description of the interface, made of the routes themselves, and a page on which it is tried.
 *
 *      /openapi.json, /api/v1/openapi.json    OpenAPI 3.1; at the control endpoint the routes that are there
 *      /api-docs                              Swagger UI, for admins; at the control endpoint for all who reach it
 *
 *  Swagger UI is loaded when somebody asks for it: most nodes never show it. It is served under the page's own policy
 *  (protection.ts), asks no other host, and sends the browser's session at the gateway; at the control endpoint one
 *  enters a token. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { apiPrefix, errorTable, needsFresh, type ErrorCode, type Permission } from "../../protocols/index.ts";
import type { GatewayContext } from "./options.ts";

type Described = Readonly<Record<string, unknown>> & {
  readonly components: Readonly<Record<string, object | undefined>>;
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly [field: string]: unknown }>>>>;
};

/** What a route may refuse: at its door, whatever it does, and what its row says. */
function doorErrors(route: {
  readonly permission?: string;
  readonly checks: boolean;
  readonly errors: readonly ErrorCode[];
}): readonly ErrorCode[] {
  const { permission, checks, errors } = route;
  const fresh = permission !== undefined && needsFresh(permission as Permission);
  const door: readonly ErrorCode[] = [
    ...(checks ? (["BAD_REQUEST"] as const) : []),
    ...(permission === undefined ? [] : (["UNAUTHENTICATED", "FORBIDDEN"] as const)),
    ...(fresh ? (["SIGN_IN_AGAIN"] as const) : []),
    "HOST_NOT_ALLOWED",
    "RATE_LIMITED",
    "STOPPING",
  ];
  return [...new Set([...door, ...errors])];
}

/** Adds to what a route says of itself what its table says: the permission, and the errors of its door, by status. */
export function describeRoute(
  schema: Readonly<Record<string, unknown>>,
  route: {
    readonly permission: string | undefined;
    readonly audit?: string;
    readonly errors?: readonly ErrorCode[];
  },
): Record<string, unknown> {
  const { permission, audit, errors: own = [] } = route;
  const checks = ["body", "params", "querystring"].some((part) => schema[part] !== undefined);
  const byStatus = Map.groupBy(
    doorErrors({ ...(permission !== undefined && { permission }), checks, errors: own }),
    (code) => errorTable[code].http,
  );
  const errors = Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      String(status),
      {
        description: codes.map((code) => `${code}: ${errorTable[code].help}`).join("\n\n"),
        content: { "application/json": { schema: { $ref: "#/components/schemas/Refused" } } },
      },
    ]),
  );
  const said = schema["description"];
  const needs = permission === undefined ? undefined : `Needs the permission \`${permission}\`.`;
  return {
    ...schema,
    ...((said !== undefined || needs !== undefined) && { description: [said, needs].filter(Boolean).join("\n\n") }),
    ...(permission !== undefined && { "x-permission": permission }),
    ...(audit !== undefined && { "x-audit": audit }),
    "x-errors": [...byStatus.values()].flat(),
    response: {
      200: { description: "Done", type: "object", additionalProperties: true },
      ...errors,
      ...(schema["response"] as object | undefined),
    },
  };
}

/** The body of every answer that is an error. */
const refusedSchema = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "outcome"],
      properties: {
        code: { type: "string", description: "A row of docs/reference/errors.md" },
        message: { type: "string" },
        outcome: { enum: ["failed", "not_started", "unknown"] },
        details: { type: "object", additionalProperties: true },
      },
    },
  },
} as const;

/** What routes answer, as test/tidy/answers.ts has read it from the types of their handlers. A star stands for a part
 *  of a path. */
interface Answers {
  readonly routes: Readonly<Record<string, object | null>>;
  readonly schemas: Readonly<Record<string, object>>;
}
const answersPath = fileURLToPath(new URL("../../protocols/answers.json", import.meta.url));

/** Finds what a route answers; undefined: nothing says so. What a row describes is no route of a pattern. */
function answerFinder({
  routes,
}: Answers): (method: string, path: string, isDescribed: boolean) => object | null | undefined {
  const patterns = Object.entries(routes)
    .filter(([name]) => name.includes("*"))
    .map(([name, answer]) => [new RegExp(`^${name.replaceAll("*", "[^/:]+")}$`), answer] as const);
  return (method, path, isDescribed) => {
    const written = path.replaceAll(/\{(\w+)\}/g, ":$1");
    const place = written.startsWith(`${apiPrefix}/`) ? written.slice(apiPrefix.length) : written;
    const name = `${method.toUpperCase()} ${place}`;
    if (name in routes) return routes[name];
    return isDescribed ? undefined : patterns.find(([pattern]) => pattern.test(name))?.[1];
  };
}

/** A schema with references to the types that it names. A row names the type of an answer; what the type says is read
 *  by the compiler. */
function referring(schema: Json, schemas: Answers["schemas"]): object {
  const { title } = schema;
  if (title !== undefined && title in schemas) return { $ref: `#/components/schemas/${title}` };
  const inner = (value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value) ? referring(value, schemas) : value;
  return Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [name, Array.isArray(value) ? value.map(inner) : inner(value)]),
  );
}

/** Gives the answers of a route their schemas. */
function withAnswers(paths: Described["paths"], answers: Answers): Described["paths"] {
  const find = answerFinder(answers);
  const json = (schema: object) => ({ description: "Done", content: { "application/json": { schema } } });
  const answerOf = (method: string, path: string, said: Answered): object => {
    const schema = said.content?.["application/json"]?.schema;
    const found = find(method, path, schema !== undefined);
    if (found === null) return { description: "A file, a stream, or a redirection" };
    if (found !== undefined) return json(found);
    return schema === undefined ? said : json(referring(schema, answers.schemas));
  };
  return Object.fromEntries(
    Object.entries(paths).map(([path, methods]) => [
      path,
      Object.fromEntries(
        Object.entries(methods).map(([method, route]) => {
          const responses = route["responses"] as Readonly<Record<string, Answered>>;
          const { 200: said = {}, 202: further } = responses;
          const answered = {
            200: answerOf(method, path, said),
            ...(further && { 202: answerOf(method, path, further) }),
          };
          return [method, { ...route, responses: { ...responses, ...answered } }];
        }),
      ),
    ]),
  );
}
interface Answered {
  readonly content?: { readonly "application/json"?: { readonly schema?: Json } };
}
interface Json {
  readonly title?: string;
}

/** Adds the description and the page. */
export function addApiDocs(app: FastifyInstance, at: Pick<GatewayContext, "control">): void {
  const texts = new Map<string, Buffer>();
  let answers: Promise<Answers> | undefined;
  /** One for all: anybody may ask for it, and a client that does not read it holds nothing of its own. */
  async function describe(where: "gateway" | "control"): Promise<Buffer> {
    const known = texts.get(where);
    if (known !== undefined) return known;
    const whole = app.swagger() as unknown as Described;
    const told = await (answers ??= readFile(answersPath, "utf8").then((text) => JSON.parse(text) as Answers));
    const open = new Set(["/healthz", "/readyz", "/metrics"]);
    const isHere = (path: string): boolean => path.startsWith(`${apiPrefix}/admin/`) || open.has(path);
    const paths = Object.fromEntries(
      Object.entries(whole.paths).filter(([path]) => where === "gateway" || isHere(path)),
    );
    const text = Buffer.from(
      JSON.stringify({
        ...whole,
        paths: withAnswers(paths, told),
        components: {
          ...whole.components,
          schemas: { ...told.schemas, ...whole.components["schemas"], Refused: refusedSchema },
        },
      }),
    );
    texts.set(where, text);
    return text;
  }
  const describeTo = async ({ raw, mount }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const text = await describe(at.control?.has(raw) === true ? "control" : "gateway");
    const below = Buffer.from(`{"servers":[${JSON.stringify({ url: mount })}],`);
    return reply
      .type("application/json; charset=utf-8")
      .send(mount === "" ? text : Buffer.concat([below, text.subarray(1)]));
  };
  for (const path of ["/openapi.json", `${apiPrefix}/openapi.json`])
    app.get(path, { config: { control: "open" }, schema: { hide: true } }, describeTo);

  let pages: Promise<FastifyInstance> | undefined;
  for (const path of ["/api-docs", "/api-docs/*"])
    app.get(
      path,
      { config: { access: "admin", permission: "cluster.see", control: "open" }, schema: { hide: true } },
      async (request, reply): Promise<FastifyReply> => {
        const [asked] = request.url.split("?", 1);
        if (asked === "/api-docs") return reply.redirect(`${request.mount}/api-docs/`);
        // The page reads this, whatever it is told: the description of the listener that is asked.
        if (asked === "/api-docs/json") return describeTo(request, reply);
        const pagesNow = await (pages ??= openPages());
        const { "if-none-match": known } = request.headers;
        const page = await pagesNow.inject({
          method: "GET",
          url: request.url,
          headers: { ...(known && { "if-none-match": known }) },
        });
        for (const name of ["content-type", "cache-control", "etag", "last-modified", "location"])
          if (page.headers[name] !== undefined) reply.header(name, page.headers[name]);
        return reply.code(page.statusCode).send(page.rawPayload);
      },
    );
}

/** Swagger UI on an instance of its own, which listens nowhere. It reads the description that this node serves. */
async function openPages(): Promise<FastifyInstance> {
  const [{ fastify }, { default: swagger }, { default: ui }] = await Promise.all([
    import("fastify"),
    import("@fastify/swagger"),
    import("@fastify/swagger-ui"),
  ]);
  const pages = fastify();
  const nothing = { openapi: "3.1.0", info: { title: "Plexus", version: "1" }, paths: {} } as const;
  await pages.register(swagger, { mode: "static", specification: { document: nothing } });
  await pages.register(ui, {
    routePrefix: "/api-docs",
    // A validator would be a request to a stranger.
    uiConfig: { validatorUrl: null, tryItOutEnabled: true, deepLinking: true, persistAuthorization: false },
  });
  await pages.ready();
  return pages;
}
