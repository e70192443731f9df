import type { Socket } from "node:net";
import statics from "@fastify/static";
import swagger from "@fastify/swagger";
import {
  fastify,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchemaCompiler,
} from "fastify";
import type { TSchema } from "typebox";
import type { TLocalizedValidationError } from "typebox/error";
import { Value } from "typebox/value";
import { checkOf } from "../../protocols/check.ts";
import { apiPrefix, failure, PlexusError, type Failure, type Permission } from "../../protocols/index.ts";
import type { Accounts, Caller, Origin } from "./accounts.ts";
import { errorBody, isOllamaPath, wireOf } from "./ai/errors.ts";
import { addOrigins } from "./ai/origins.ts";
import { checkSameOrigin, isSafeMethod, presentedToken } from "./callers.ts";
import type { Entrance } from "./entrance.ts";
import { parseJson } from "./json.ts";
import type { GatewayContext } from "./options.ts";
import { createProtection } from "./protection.ts";
import type { RateLimit } from "./rates.ts";
import { demand, invalid, rawAnswer, refusalOf, retryAfterSeconds, statusOf } from "./refusals.ts";
import { refusalOfRight } from "./rights.ts";
import { sameSecret } from "./tokens.ts";

/** Who may use a route. `person` is a session and no API key; `admin` is an admin or the operator's control token. */
export type Access = "anyone" | "user" | "person" | "admin";

declare module "fastify" {
  interface FastifyContextConfig {
    access?: Access;
    /** What the audit calls it, where a request changes the cluster. */
    audit?: string;
    /** What an admin needs for it; absent: that of admins. */
    permission?: Permission;
    /** The largest body, when it is not the usual one. */
    bytesMax?: number;
    /** How deep JSON may be nested, when it is not as usual. */
    jsonDepthMax?: number;
  }
  interface FastifyRequest {
    caller: Caller | null;
    /** Bytes of its body. */
    bodyBytes: number;
    /** Where it comes from. `ip` is who is connected: behind a proxy always the same. */
    readonly address: string;
  }
}

/** The caller of a route that only users reach. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new PlexusError(failure("UNAUTHENTICATED"));
  return request.caller;
}

/** Where an attempt to come in is from. */
export const originOf = (request: FastifyRequest): Origin => ({
  address: request.address,
  label: request.headers["user-agent"] ?? "unknown device",
});

/** The paths of REST had no version before there was `/api/v1`. Until 1.0 they lead to the same routes; Ollama's were never among them. */
export const versionedUrl = (url: string): string =>
  /^\/api\/(?!v\d+(?:[/?]|$))/.test(url) && !isOllamaPath(url) ? `${apiPrefix}${url.slice("/api".length)}` : url;

/** RFC 9745, with the day from which on the paths without a version were deprecated; RFC 5829 for the link. */
const deprecation = {
  deprecation: `@${Date.UTC(2026, 10, 23) / 1000}`,
  link: `<${apiPrefix}>; rel="successor-version"`,
};

function sendFailure(request: FastifyRequest, reply: FastifyReply, reason: Failure): FastifyReply {
  const wait = retryAfterSeconds(reason);
  if (wait !== undefined) reply.header("retry-after", wait);
  // OpenAI's and Anthropic's clients ask again by themselves, which for hours is of no use.
  if (reason.code === "QUOTA_EXCEEDED") reply.header("x-should-retry", "false");
  const wire = wireOf(request);
  return reply.code(statusOf(reason)).send(wire === undefined ? { error: reason } : errorBody[wire](reason));
}

/** What checks a part of a request. Of a body nothing is converted, and a command without parameters may be sent without one; all else
 *  arrives as text. */
const validatorOf: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const check = checkOf(schema);
  return (said: unknown) => {
    const value = httpPart === "body" ? (said ?? {}) : Value.Convert(schema, said);
    return check.Check(value) ? { value } : { error: check.Errors(value) as unknown as Error };
  };
};

/** Both are given to fastify when it is made: else it loads compilers of its own, for nothing. */
const compilersFactory: object = {
  buildValidator: () => validatorOf,
  buildSerializer: () => () => (value: unknown) => JSON.stringify(value),
};

/** The HTTP server without its routes: parsing, validation, who is calling, errors, headers, the page. */
export async function createHttp(
  at: GatewayContext,
  accounts: Accounts,
  commands: RateLimit,
): Promise<FastifyInstance> {
  const { limits, log, meter } = at;
  const answerError = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const { reason, fault } = refusalOf(error, request.routeOptions.config.bytesMax ?? limits.bodyBytesMax);
    if (!fault) return sendFailure(request, reply, reason);
    log.error("request.failed", { requestId: request.id, route: request.routeOptions.url, error: String((error as Error)?.stack ?? error) });
    return sendFailure(request, reply, failure("INTERNAL", { requestId: request.id }));
  }; // prettier-ignore

  const app = fastify({
    bodyLimit: limits.bodyBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: 72_000,
    // What it would answer itself has another shape than all else.
    return503OnClosing: false,
    http: {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headerTimeoutMs,
      // Half a minute by default: what is said to end after ten seconds would end after forty.
      connectionsCheckingInterval: limits.requestSweepMs,
    },
    routerOptions: { maxParamLength: 256 },
    schemaController: { compilersFactory },
    rewriteUrl: (request) => versionedUrl(request.url ?? "/"),
    genReqId: () => at.newId(),
    // An id from outside could name a line of the log that is not its own.
    requestIdHeader: false,
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
    schemaErrorFormatter: (errors, where) =>
      new PlexusError(invalid(errors as unknown as TLocalizedValidationError[], where === "body" ? "" : `/${where}`)),
    clientErrorHandler(error, socket) {
      // In the middle of an answer (pipelined garbage behind a stream) another status line would be part of its body.
      const answering = (socket as { _httpMessage?: { headersSent: boolean } | null })._httpMessage?.headersSent;
      if (answering === true || !socket.writable) return void socket.destroy();
      const problem =
        (error.code as string) === "ERR_HTTP_REQUEST_TIMEOUT"
          ? "the request was not complete in time"
          : "not a valid HTTP request";
      const tooLarge = error.code === "HPE_HEADER_OVERFLOW";
      const reason = tooLarge
        ? failure("TOO_LARGE", { limitBytes: limits.headerBytesMax })
        : failure("BAD_REQUEST", { path: "", problem });
      socket.write(rawAnswer(reason));
      // Not only our half of it: who keeps his open would keep the connection.
      (socket as Socket).destroySoon();
    },
  });

  app.setErrorHandler(answerError);
  app.decorateRequest("caller", null);
  app.decorateRequest("bodyBytes", 0);
  app.decorateRequest("address", {
    getter() {
      return at.addresses.of(this.raw);
    },
  });

  app.removeAllContentTypeParsers();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, body, done) => {
    if (body.length === 0) return done(null, {});
    request.bodyBytes = body.length;
    let text: string;
    try {
      text = decoder.decode(body as Buffer);
    } catch {
      return done(new PlexusError(failure("BAD_REQUEST", { path: "", problem: "not UTF-8" })), undefined);
    }
    const parsed = parseJson(text, request.routeOptions.config.jsonDepthMax ?? limits.jsonDepthMax);
    return parsed.ok ? done(null, parsed.value) : done(new PlexusError(parsed.error), undefined);
  });
  // Of routes that take files.
  app.addContentTypeParser(
    "multipart/form-data",
    { parseAs: "buffer" },
    async (request: FastifyRequest, body: Buffer) => {
      const form = new Response(new Uint8Array(body), {
        headers: { "content-type": request.headers["content-type"] ?? "" },
      });
      return form.formData().catch(() => {
        throw new PlexusError(failure("BAD_REQUEST", { path: "", problem: "not multipart/form-data" }));
      });
    },
  );
  const protection = createProtection();
  // Hooks that call back: what they do is done at once, and a promise for each would cost a request more than they do.
  app.addHook("onRequest", (request, reply, done) => {
    reply.headers(protection(request.headers.host));
    if (request.originalUrl !== request.url) {
      reply.headers(deprecation);
      meter.count("gateway_deprecated_requests");
    }
    done();
  });

  addOrigins(app, at.allowedOrigins ?? []);

  let stopping = false;
  app.addHook("preClose", async () => {
    stopping = true;
  });

  /** Lets a caller in whom his token names, where the route is for him. */
  function admit(request: FastifyRequest, access: Access, caller: Caller): void {
    if (access === "person" && caller.kind !== "session")
      throw new PlexusError(failure("FORBIDDEN", { reason: "this needs a signed-in session; API keys may not do it" }));
    const retryAfterMs = commands.take(caller.user);
    if (retryAfterMs > 0) throw new PlexusError(failure("RATE_LIMITED", { retryAfterMs }));
    const { audit: action, permission = "cluster.administer" } = request.routeOptions.config;
    const reason = access === "admin" ? refusalOfRight(permission, caller, limits.freshSignInMs) : undefined;
    if (reason !== undefined) {
      if (action !== undefined)
        log.info("audit.cluster", { action, by: caller.user, address: request.address, outcome: reason.code });
      throw new PlexusError(reason);
    }
    request.caller = caller;
  }

  /** Lets a request in; a promise where the caller's actor has to be asked. */
  function enter(request: FastifyRequest): Promise<void> | undefined {
    demand(at.isOurs(request.raw));
    at.addresses.look(request.raw);
    if (stopping) throw new PlexusError(failure("STOPPING"));
    const access = request.routeOptions.config.access ?? "anyone";
    const unsafe = !isSafeMethod(request.method);
    const presented = presentedToken(request.raw);
    // Also where nobody is signed in yet: else another site could sign a browser in as somebody else.
    if (unsafe && presented?.by !== "bearer") demand(checkSameOrigin(request.raw));
    if (access === "anyone") return undefined;
    if (presented === undefined) throw new PlexusError(failure("UNAUTHENTICATED"));
    if (access === "admin" && presented.by === "bearer" && at.controlToken !== undefined)
      if (sameSecret(presented.token, at.controlToken)) return undefined;
    const trusted = access === "user" ? accounts.trusted(presented.token) : undefined;
    if (trusted !== undefined) {
      admit(request, access, trusted);
      return undefined;
    }
    return accounts
      .authenticate(presented.token, request.address)
      .then((known) => admit(request, access, demand(known)));
  }

  app.addHook("onRequest", (request, _reply, done) => {
    try {
      const entering = enter(request);
      if (entering === undefined) done();
      else entering.then(() => done(), done);
    } catch (error) {
      done(error as Error);
    }
  });

  app.addHook("onResponse", (request, reply, done) => {
    const labels = { route: request.routeOptions.url ?? "none", method: request.method, status: String(reply.statusCode) };
    meter.observeMs("gateway_request", reply.elapsedTime, labels);
    done();
  }); // prettier-ignore

  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Plexus", version: at.version, description: "The HTTP interface of a Plexus node." },
      components: {
        securitySchemes: {
          bearer: { type: "http", scheme: "bearer" },
          cookie: { type: "apiKey", in: "cookie", name: "plexus_session" },
        },
      },
      security: [{ bearer: [] }, { cookie: [] }],
    },
  });
  await servePage(app, at.webFolder, sendFailure);
  return app;
}

/** Counts requests that a proxy passes on against the addresses it names. */
export function addEntrance(app: FastifyInstance, entrance: Entrance): void {
  app.addHook("onRequest", (request, reply, done) => {
    const entered = entrance.enter(request.raw, request.address);
    if (!entered.ok) return done(new PlexusError(entered.error));
    if (entered.value !== undefined) reply.raw.once("close", entered.value);
    done();
  });
}

async function servePage(
  app: FastifyInstance,
  webFolder: string | undefined,
  answer: typeof sendFailure,
): Promise<void> {
  if (webFolder !== undefined)
    await app.register(statics, {
      root: webFolder,
      wildcard: true,
      index: ["index.html"],
      // `web/build.ts` leaves brotli and gzip beside each file: nothing is compressed while somebody waits.
      preCompressed: true,
      cacheControl: false,
      setHeaders(reply, path) {
        // Vite names what lies in assets/ by its content, so it never changes under its name.
        const hashed = /[\\/]assets[\\/]/.test(path);
        reply.header("cache-control", hashed ? "public, max-age=31536000, immutable" : "no-cache");
      },
    });
  app.setNotFoundHandler((request, reply) => {
    const path = request.originalUrl.split("?", 1)[0] as string;
    const isPage =
      webFolder !== undefined &&
      request.method === "GET" &&
      !/^\/(?:api|v1|ws|assets|metrics|healthz|readyz|openapi\.json)(?:\/|$)/.test(path) &&
      (request.headers.accept ?? "*/*").includes("text/html");
    if (isPage) return reply.sendFile("index.html");
    const reason = failure("NOT_FOUND", { path: path.slice(0, 200) });
    return answer(request, reply, wireOf(request) === undefined ? reason : { ...reason, message: "This endpoint is not supported." });
  }); // prettier-ignore
}
