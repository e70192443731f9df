import swagger from "@fastify/swagger";
import {
  fastify,
  type FastifyContextConfig,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchemaCompiler,
} from "fastify";
import type { TSchema } from "typebox";
import type { TLocalizedValidationError } from "typebox/error";
import { Value } from "typebox/value";
import { checkOf } from "../../../protocols/wire/check.ts";
import {
  apiPrefix,
  assert,
  auditActionOf,
  failure,
  isAtLeast,
  isControlToken,
  permissionOf,
  PlexusError,
  traceIdOf,
  type AuditAction,
  type ErrorCode,
  type Failure,
  type JsonBounds,
  type Permission,
  type WrittenPath,
  type WrittenTexts,
  type Power,
  plexusMark,
} from "../../../protocols/index.ts";
import type { Accounts } from "../identity/accounts.ts";
import { admit as admitCaller, identify } from "./admission.ts";
import { errorBody, isOllamaPath, wireOf } from "../ai/errors.ts";
import { servePage } from "./page.ts";
import { describeRoute } from "../api-docs.ts";
import { addOrigins } from "../ai/origins.ts";
import { checkSameOrigin, isSafeMethod, presentedToken, type Caller, type Origin } from "../identity/callers.ts";
import type { ConnectionGovernor } from "./connections.ts";
import { countResponse, turnAway } from "./counts.ts";
import { takeJson } from "./json.ts";
import type { GatewayContext } from "../options.ts";
import { createProtection } from "./protection.ts";
import type { Span } from "../../ports/index.ts";
import { demand, invalid, refuseBroken, refusalOf, retryAfterSeconds, statusOf, toldOf } from "./refusals.ts";
import { secureOptions } from "./tls.ts";
import { sameSecret } from "../identity/tokens.ts";

/** Which callers may use a route at all; `permission` says which of them. `person` is a session and no API key; `admin`
 *  is a caller with the permission, or with the operator's control token. */
export type Access = "anyone" | "user" | "person" | "admin";

declare module "fastify" {
  interface FastifyContextConfig {
    access?: Access;
    /** What the audit calls it, where a request changes the cluster. */
    audit?: AuditAction;
    /** It changes nothing, whatever its method. */
    looks?: true;
    /** It carries a proof of its own (a password, a code, a link that was sent), so no guard stands before what it
     *  gives. */
    proves?: true;
    /** Open to everybody who reaches the control endpoint, even where the gateway restricts it. */
    control?: "open";
    /** What a caller who shows no proof of identity is told. */
    hint?: string;
    /** Pages of other sites send it: what it says proves nothing of the browser's own. */
    crossSite?: true;
    /** What the caller needs for it; see `permissionFor`. */
    permission?: Permission;
    /** What it may refuse beyond what its door refuses. */
    errors?: readonly ErrorCode[];
    /** The largest body, when it is not the usual one. */
    bytesMax?: number;
    /** What its JSON may be made of, when it is not as usual. */
    json?: JsonBounds;
    /** It asks a model: numbers of its schemas are noted as they were written. */
    isAsked?: boolean;
    /** Where values of the body are whose texts are kept as they were written. */
    written?: readonly WrittenPath[];
  }
  interface FastifyRequest {
    caller: Caller | null;
    /** The texts of those values, of a route that keeps some. */
    written: WrittenTexts | null;
    /** What it did is written down, and where it has power told to all admins. */
    isNoted: boolean;
    /** Bytes of its body. */
    bodyBytes: number;
    /** The step of a trace that it is; null: it is not traced. */
    span: Span | null;
    /** Where it comes from. `ip` is the address that is connected: behind a proxy always the same. */
    readonly address: string;
    /** The path below which its sender reaches this node, by a proxy in front; mostly nothing. */
    readonly mount: string;
  }
}

/** What a route needs. Undefined: being signed in is enough, or not even that. */
const permissionFor = (
  { access, permission }: { readonly access?: Access; readonly permission?: Permission },
  method: string | undefined,
): Permission | undefined =>
  permission ?? (access === "admin" ? (isSafeMethod(method) ? "cluster.see" : "cluster.administer") : undefined);

/** The caller of a route that only users reach. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new PlexusError(failure("UNAUTHENTICATED"));
  return request.caller;
}

const powerOf = (config: FastifyContextConfig, method: string | undefined): Power => {
  const permission = permissionFor(config, method);
  return permission === undefined ? "none" : permissionOf(permission).power;
};

/** Whether a request is let in by the guards of what has power (`protocols/authority/permissions.ts`). */
export const hasPower = ({ routeOptions: { config }, method }: FastifyRequest): boolean =>
  powerOf(config, method) !== "none";

/** A route whose permission lets in more than what comes of it bears is no route: a gateway with it does not start. */
function checkPower(config: FastifyContextConfig, method: string, url: string): void {
  const { audit, proves } = config;
  const comes = audit === undefined ? "none" : (auditActionOf(audit)?.power ?? "everything");
  assert(
    proves === true || isAtLeast(powerOf(config, method), comes),
    `${method} ${url}: its permission has no guard for ${audit ?? ""}`,
  );
}

/** What lines of the log call a request: itself, its trace, and who asked. The same names are in every line that has
 *  such an id; `actor` is the one that a line is about. */
export function idsOf({ id, span, caller }: FastifyRequest): { requestId: string; trace?: string; by?: string } {
  const trace = traceIdOf(span?.context);
  return { requestId: id, ...(trace !== undefined && { trace }), ...(caller !== null && { by: caller.actor }) };
}

/** Where an attempt to come in is from. */
export const originOf = (request: FastifyRequest): Origin => ({
  address: request.address,
  label: request.headers["user-agent"] ?? "unknown device",
});

/** The paths of REST had no version before there was `/api/v1`. Until 1.0 they lead to the same routes; Ollama's were
 *  never among them. */
const versionedUrl = (url: string): string =>
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

/** What checks a part of a request. Of a body nothing is converted, and a command without parameters may be sent
 *  without one; all else arrives as text. */
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
export async function createHttp(at: GatewayContext, accounts: Accounts): Promise<FastifyInstance> {
  const { limits, log, meter } = at;
  const answerError = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const { reason, fault } = refusalOf(error, request.routeOptions.config.bytesMax ?? limits.bodyBytesMax);
    // A connection that is closed while its body still arrives is reset, and the caller never reads why. The rest is
    // read and thrown away instead, for `requestTimeoutMs` at most.
    if (!request.raw.complete) reply.removeHeader("connection");
    // People may sign in by an address alone: of a caller that is known a GET changes nothing. Nobody is there
    // where somebody signs in, and where the operator or a program with a control token asks what admins do.
    const { access, audit, looks = isSafeMethod(request.method) } = request.routeOptions.config;
    const reads = looks && (request.caller !== null || access === "admin") && audit === undefined;
    if (!fault) return sendFailure(request, reply, toldOf(reason, { reads, awaited: at.cluster?.awaited() }));
    log.error("request.failed", {
      ...idsOf(request),
      route: request.routeOptions.url,
      error: String((error as Error)?.stack ?? error),
    });
    return sendFailure(request, reply, failure("INTERNAL", { requestId: request.id }));
  };

  const app: FastifyInstance = fastify({
    bodyLimit: limits.bodyBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: 72_000,
    // What it would answer itself has another shape than all else.
    return503OnClosing: false,
    // Of the two it takes the one that it is given.
    [at.tls === undefined ? "http" : "https"]: {
      ...(at.tls && secureOptions(at.tls.current(), limits, "ignores")),
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headerTimeoutMs,
      // Half a minute by default: what is said to end after ten seconds would end after forty.
      connectionsCheckingInterval: limits.requestSweepMs,
    },
    routerOptions: { maxParamLength: 512 },
    schemaController: { compilersFactory },
    rewriteUrl: (request) => versionedUrl(at.mounts.within(request.url ?? "/")),
    genReqId: () => at.newId(),
    // An id from outside could name a line of the log that is not its own.
    requestIdHeader: false,
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
    schemaErrorFormatter: (errors, where) =>
      new PlexusError(invalid(errors as unknown as TLocalizedValidationError[], where === "body" ? "" : `/${where}`)),
    clientErrorHandler: (error, socket) => refuseBroken(error, socket, limits.headerBytesMax),
  });

  app.addHook("onRoute", ({ method, url, config = {} }) => {
    for (const one of [method].flat())
      if (one !== "HEAD") {
        checkPower(config, one, url);
        at.declared({
          method: one,
          path: url,
          permission: permissionFor(config, one),
          ...(config.audit && { audit: config.audit }),
          ...(config.proves && { proves: true }),
        });
      }
  });
  app.setErrorHandler(answerError);
  app.decorateRequest("caller", null);
  app.decorateRequest("isNoted", false);
  app.decorateRequest("bodyBytes", 0);
  app.decorateRequest("written", null);
  app.decorateRequest("span", null);
  app.decorateRequest("address", {
    getter() {
      return at.control?.isLocal === true && at.control.has(this.raw) ? "127.0.0.1" : at.addresses.of(this.raw);
    },
  });
  app.decorateRequest("mount", {
    getter() {
      return at.mounts.of(this.raw);
    },
  });

  app.removeAllContentTypeParsers();
  takeJson(app, at);
  // Of servers of identities that send one by the browser.
  app.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (request, body, done) => {
    if (request.routeOptions.config.crossSite === true)
      return done(null, Object.fromEntries(new URLSearchParams(body as string)));
    done(new PlexusError(failure("BAD_REQUEST", { path: "", problem: "send JSON" })), undefined);
  });
  // Of routes that take files.
  app.addContentTypeParser(
    "multipart/form-data",
    { parseAs: "buffer" },
    async (request: FastifyRequest, body: Buffer) => {
      // Each part is an object of its own, however small.
      const parts = partsOf(body, request.headers["content-type"] ?? "", limits.formPartsMax);
      if (parts > limits.formPartsMax)
        throw new PlexusError(failure("TOO_LARGE", { limit: "formPartsMax", max: limits.formPartsMax }));
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
    const { headers } = request;
    // `curl -d` says so of whatever it sends, and the documents of these interfaces leave it at that.
    if (
      /^application\/x-www-form-urlencoded\b/.test(headers["content-type"] ?? "") &&
      wireOf(request.raw) !== undefined
    )
      headers["content-type"] = "application/json";
    reply.headers(protection(request.headers.host));
    reply.header(plexusMark, "1");
    if (at.mounts.within(request.originalUrl) !== request.url) {
      reply.headers(deprecation);
      meter.count("gateway_deprecated_requests");
    }
    done();
  });

  const { tracer } = at;
  if (tracer !== undefined)
    app.addHook("onRequest", (request, _reply, done) => {
      const { url } = request.routeOptions;
      // Files of the page are not worth a trace.
      if (url !== undefined && /^\/(?:api|v1)\//.test(url)) {
        const { traceparent } = request.headers;
        const facts = { requestId: request.id, method: request.method, route: url };
        const from = typeof traceparent === "string" ? traceparent : undefined;
        request.span = tracer.enter(`${request.method} ${url}`, from, facts) ?? null;
      }
      done();
    });

  addOrigins(app, at.origins);

  let stopping = false;
  app.addHook("preClose", async () => {
    stopping = true;
  });

  /** Lets a caller in whom his token names, where the route is for him. */
  function admit(request: FastifyRequest, access: Access, caller: Caller): void {
    const { config, url: route = "" } = request.routeOptions;
    const reason = admitCaller(at, caller, {
      address: request.address,
      personOnly: access === "person",
      permission: permissionFor(config, request.method),
      ...(config.audit && { action: config.audit }),
      method: request.method,
      route,
    });
    if (reason !== undefined) throw turnAway(request, caller, reason);
    request.caller = caller;
  }

  /** Lets a request in; a promise where the caller's actor has to be asked. */
  function enter(request: FastifyRequest): Promise<void> | undefined {
    demand(at.isOurs(request.raw));
    at.addresses.look(request.raw);
    const { address } = request;
    const control = at.control?.has(request.raw) === true ? at.control : undefined;
    const { config } = request.routeOptions;
    if (control !== undefined && config.access !== "admin" && config.control !== "open")
      throw new PlexusError(
        failure("NOT_FOUND", {
          path: request.originalUrl.split("?", 1)[0]?.slice(0, 200),
          hint: "this is the control endpoint; the rest is at the gateway",
        }),
      );
    // A direct connection was looked at when it was made.
    if (address !== request.raw.socket.remoteAddress && at.threats?.isBlocked(address) === true)
      throw new PlexusError(failure("ADDRESS_BLOCKED"));
    if (stopping) throw new PlexusError(failure("STOPPING"));
    const access = control !== undefined && config.control === "open" ? "anyone" : (config.access ?? "anyone");
    const unsafe = !isSafeMethod(request.method);
    const presented = presentedToken(request.raw);
    // Also where nobody is signed in yet: else another site could sign a browser in as somebody else.
    if (unsafe && presented?.by !== "bearer" && config.crossSite !== true) demand(checkSameOrigin(request.raw));
    if (access === "anyone") return undefined;
    // Also for what an operator's secret opens: a secret that was stolen is used from elsewhere.
    if (access === "admin" && !at.isAdminAddress(address))
      throw new PlexusError(failure("FORBIDDEN", { reason: "admins may not come from this address" }));
    const shown = control?.caller(request.raw);
    if (shown !== undefined) {
      admit(request, access, demand(shown));
      return undefined;
    }
    // A cookie is none of the control endpoint's: browsers send it to every port of a host.
    if (presented === undefined || (control !== undefined && presented.by !== "bearer"))
      throw new PlexusError(failure("UNAUTHENTICATED", config.hint === undefined ? {} : { hint: config.hint }));
    if (isControlToken(presented.token))
      throw new PlexusError(
        failure("UNAUTHENTICATED", {
          hint: "a control token opens the control endpoint (`plexus up --control`), not the gateway",
        }),
      );
    if (access === "admin" && presented.by === "bearer" && at.controlToken !== undefined)
      if (sameSecret(presented.token, at.controlToken)) return undefined;
    const { token } = presented;
    const permission = permissionFor(request.routeOptions.config, request.method);
    const known =
      access === "user"
        ? identify(at, accounts, { token, address, permission })
        : accounts.authenticate(token, address);
    if (!(known instanceof Promise)) {
      admit(request, access, known);
      return undefined;
    }
    return known.then((result) => admit(request, access, demand(result)));
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

  // What has power and is neither written down nor told is a fault of the route, which its first test sees.
  app.addHook("onSend", (request, reply, _payload, done) => {
    const isDone = reply.statusCode < 300 && hasPower(request) && request.routeOptions.config.audit !== undefined;
    if (isDone && !request.isNoted) done(new Error(`${request.routeOptions.url ?? ""} has power, and nobody was told`));
    else done();
  });

  app.addHook("onResponse", (request, reply, done) => {
    const labels = {
      route: request.routeOptions.url ?? "none",
      method: request.method,
      status: String(reply.statusCode),
    };
    meter.observeMs("gateway_request", reply.elapsedTime, labels);
    countResponse(at, request, reply);
    if (request.span !== null) {
      const by = request.caller?.actor;
      const error = reply.statusCode >= 400 ? String(reply.statusCode) : undefined;
      request.span.end(error, { status: reply.statusCode, ...(by !== undefined && { by }) });
    }
    done();
  });

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
    transform: ({ schema, url, route }) => {
      const { method, config } = route as {
        readonly method: string | string[];
        readonly config?: FastifyContextConfig;
      };
      const permission = permissionFor(config ?? {}, [method].flat()[0]);
      return {
        url,
        schema: describeRoute((schema ?? {}) as Record<string, unknown>, { ...config, permission }),
      };
    },
  });
  await servePage(app, at.webFolder, (request, reply) => {
    const [path = ""] = at.mounts.within(request.originalUrl).split("?", 1);
    const reason = failure("NOT_FOUND", { path: path.slice(0, 200) });
    const isOther = wireOf(request) !== undefined;
    return sendFailure(request, reply, isOther ? { ...reason, message: "This endpoint is not supported." } : reason);
  });
  return app;
}

/** Counts requests that a proxy passes on against the addresses it names. */
export function addEntrance(
  app: FastifyInstance,
  entranceOf: (request: FastifyRequest) => Pick<ConnectionGovernor, "enter">,
): void {
  app.addHook("onRequest", (request, reply, done) => {
    const entered = entranceOf(request).enter(request.raw, request.address);
    if (!entered.ok) return done(new PlexusError(entered.error));
    if (entered.value !== undefined) reply.raw.once("close", entered.value);
    done();
  });
}

/** Parts of a form, counted by the lines that begin them, up to one more than `max`. */
function partsOf(body: Buffer, contentType: string, max: number): number {
  const [, boundary] = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType)?.filter((one) => one !== undefined) ?? [];
  if (boundary === undefined) return 0;
  const line = Buffer.from(`--${boundary}`);
  // The last such line ends the form.
  let count = -1;
  for (let at = body.indexOf(line); at >= 0 && count <= max; at = body.indexOf(line, at + line.length)) count += 1;
  return count;
}
