import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Type, type Static } from "typebox";
import {
  actorId,
  createApiKey,
  credentials,
  failure,
  PlexusError,
  refused,
  schema,
  signUp,
  wireLimits,
  type AgentView,
  type Result,
  type Session,
  type SignedIn,
  type UserView,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
import type { Accounts, Caller, Entered, Origin } from "./accounts.ts";
import { deviceCookie, presentedDevice, sessionCookie } from "./callers.ts";
import { answerCosts, commandRoutes, isPersonOnly, messageOf, operationName, schemasOf } from "./commands.ts";
import { callerOf, originOf } from "./http.ts";
import type { GatewayContext } from "./options.ts";
import type { Permit } from "./outflow.ts";
import { noteRating } from "./ratings.ts";
import { demand } from "./refusals.ts";

const operationHeader = Type.Object({
  "idempotency-key": Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: wireLimits.operationIdCharsMax,
      pattern: "^[\\x21-\\x7e]+$",
      description: "Makes the command idempotent: the first answer is given again",
    }),
  ),
});

const operationOf = (request: FastifyRequest): string | undefined => {
  const value = request.headers["idempotency-key"];
  return typeof value === "string" ? value : undefined;
};

const directRoom = schema.object({ with: Type.String({ pattern: "^user/[a-z0-9][a-z0-9_-]{0,31}$" }) });
const newPassword = schema.object({ current: credentials.properties.password, password: signUp.properties.password });
const confirmation = schema.object({ password: credentials.properties.password });
const claim = schema.object({ adminCode: Type.String({ minLength: 1, maxLength: 64 }) });

/** The room in which two people talk alone. Sorted, so that both find the same one. */
const directKey = (left: string, right: string): string =>
  `dm.${[left, right].map((principal) => principal.slice(principal.indexOf("/") + 1)).sort().join(".")}`; // prettier-ignore

/** Adds the routes below `apiPrefix` that people use. */
export function addRoutes(app: FastifyInstance, at: GatewayContext, accounts: Accounts): void {
  const { kernel, limits } = at;
  const ask = (caller: Caller, to: `${string}/${string}`, message: Message, operationId?: string) =>
    kernel.ask({
      to,
      from: caller.actor,
      message,
      timeoutMs: limits.askTimeoutMs,
      ...(operationId !== undefined && { operationId }),
    });

  for (const command of commandRoutes) {
    const { kind, row, route } = command;
    app.route({
      method: route.method,
      url: route.path,
      config: { access: isPersonOnly(row) ? "person" : "user" },
      schema: {
        summary: route.summary ?? row.summary,
        operationId: operationName(command),
        tags: [kind],
        ...schemasOf(command),
        response: { 200: row.result },
        ...(route.method !== "GET" && { headers: operationHeader }),
      },
      async handler(request, reply) {
        const caller = callerOf(request);
        const { to, message } = messageOf(command, caller.user, request);
        const answer = (): Promise<Result<unknown>> => ask(caller, to, message, operationOf(request));
        const { answers } = row;
        const result =
          answers === undefined ? await answer() : await untilRead(at, reply, limits[answerCosts[answers]], answer);
        noteRating(at, { to, message, operationId: operationOf(request) }, result);
        return demand(result) ?? {};
      },
    });
  }

  addAccountRoutes(app, at, accounts, ask);

  app.post<{ Body: Static<typeof directRoom> }>(
    "/rooms/direct",
    {
      config: { access: "user" },
      schema: { summary: "Finds or creates the direct room with somebody", tags: ["room"], body: directRoom },
    },
    async (request) => {
      const caller = callerOf(request);
      const room = directKey(caller.actor, request.body.with);
      const to = actorId("room", room);
      const made = await ask(caller, to, { type: "create", visibility: "direct", with: request.body.with });
      const exists = made.ok || made.error.code === "NAME_TAKEN" || made.error.code === "ALREADY_DONE";
      if (!exists) demand(made);
      return demand(await ask(caller, to, { type: "describe" }));
    },
  );

  app.get(
    "/agents",
    { config: { access: "user" }, schema: { summary: "The caller's agents", tags: ["agent"] } },
    async (request) => {
      const caller = callerOf(request);
      const { agents } = demand(await ask(caller, caller.actor, { type: "describe" })) as UserView;
      const views = await Promise.all(agents.map((agent) => ask(caller, agentOf(agent), { type: "describe" })));
      // One agent that can not answer now must not hide the others; its name is listed apart, as with rooms.
      return {
        agents: views.flatMap((view) => (view.ok ? [view.value as AgentView] : [])),
        unreachable: agents.filter((_, index) => views[index]?.ok === false),
      };
    },
  );

  app.get(
    "/models",
    {
      config: { access: "user" },
      schema: { summary: "The models that the cluster serves, default first", tags: ["node"] },
    },
    async () => ({ models: at.engines.generate.models() }),
  );

  app.get(
    "/nodes",
    { config: { access: "user" }, schema: { summary: "The nodes that serve clients, this one first", tags: ["node"] } },
    async () => ({ nodes: at.nodes() }),
  );
}

/** Asks for a large answer once there is room for it, which is the answer's until it has been read. */
export async function untilRead<T>(
  { outflow }: GatewayContext,
  reply: FastifyReply,
  bytes: number,
  ask: () => Promise<Result<T>>,
): Promise<Result<T>> {
  const { user } = callerOf(reply.request);
  const reason = "this person has not read the answers to earlier requests yet";
  const unread = refused(failure("RATE_LIMITED", { reason, retryAfterMs: 1_000 }));
  const permit = await outflow.admit(user, bytes);
  if (permit === undefined) return unread;
  const result = await ask();
  if (!result.ok) {
    permit();
    return result;
  }
  let kept: Permit | undefined = permit;
  if (!permit.keep()) {
    kept = await outflow.keep(user, bytes);
    permit();
  }
  if (kept === undefined) return unread;
  if (reply.raw.closed) kept();
  else reply.raw.once("close", kept);
  return result;
}

const agentOf = (agent: string) => actorId("agent", agent.startsWith("agent/") ? agent.slice("agent/".length) : agent);

type Ask = (
  caller: Caller,
  to: `${string}/${string}`,
  message: Message,
  operationId?: string,
) => Promise<Result<unknown>>;

function addAccountRoutes(app: FastifyInstance, at: GatewayContext, accounts: Accounts, ask: Ask): void {
  const { limits } = at;
  const tags = ["account"];
  const fromDevice = (request: FastifyRequest): Origin => ({
    ...originOf(request),
    device: presentedDevice(request.raw),
  });
  const signedIn = (request: FastifyRequest, reply: FastifyReply, { session, device }: Entered): SignedIn => {
    const forwarded = request.headers["x-forwarded-proto"] === "https";
    const ours = {
      httpOnly: true,
      sameSite: "strict",
      secure: request.protocol === "https" || forwarded,
    } as const;
    const maxAge = Math.max(0, Math.floor((session.expiresAtMs - at.clock.nowMs()) / 1000));
    reply.setCookie(sessionCookie, session.token, { ...ours, path: "/", maxAge });
    // It outlives the session: it is for the next time.
    reply.setCookie(deviceCookie, device, { ...ours, path: "/api", maxAge: Math.floor(limits.deviceLifeMs / 1000) });
    return session;
  };

  app.get("/setup", { schema: { summary: "Settings of the sign-in page", tags, security: [] } }, async () => ({
    // Who has an account need not wait for the node that knows; a sign-up asks for itself.
    adminNeeded: await at.adminNeeded().catch(() => false),
    signUp: at.signUp,
    version: at.version,
    node: at.node,
    demonstrationModel: at.engines.generate.models().find(({ state }) => state !== "failed")?.demonstration ?? false,
  }));

  app.post<{ Body: Static<typeof signUp> }>(
    "/sign-up",
    { schema: { summary: "Creates an account and signs in", tags, security: [], body: signUp } },
    async (request, reply) =>
      signedIn(request, reply, demand(await accounts.signUp(request.body, fromDevice(request)))),
  );

  app.post<{ Body: Static<typeof credentials> }>(
    "/sign-in",
    { schema: { summary: "Signs in", tags, security: [], body: credentials } },
    async (request, reply) =>
      signedIn(request, reply, demand(await accounts.signIn(request.body, fromDevice(request)))),
  );

  app.post(
    "/sign-out",
    {
      config: { access: "user" },
      schema: { summary: "Ends this session and its connections; API keys are revoked apart", tags },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      // Whoever has found a key must not be able to end it, and with it the program that it belongs to.
      if (caller.kind !== "session")
        throw new PlexusError(
          failure("FORBIDDEN", {
            reason: "an API key is no session; DELETE /api/v1/me/keys/:id, sent with a session, revokes it",
          }),
        );
      demand(await ask(caller, caller.actor, { type: "revokeSession", id: caller.session }));
      reply.clearCookie(sessionCookie, { path: "/" });
      return {};
    },
  );

  app.post<{ Body: Static<typeof claim> }>(
    "/claim-admin",
    { config: { access: "person" }, schema: { summary: "Makes the caller the first admin, with the admin code that the node printed", tags, body: claim } },
    async (request) =>
      demand(await accounts.claimAdmin(callerOf(request).user, request.body.adminCode, originOf(request))) ?? {},
  ); // prettier-ignore

  app.get("/me", { config: { access: "user" }, schema: { summary: "The caller's account", tags } }, async (request) => {
    const caller = callerOf(request);
    const view = demand(await ask(caller, caller.actor, { type: "describe" })) as UserView;
    return { ...view, admin: caller.admin, session: { id: caller.session, kind: caller.kind } };
  });

  app.put<{ Body: Static<typeof newPassword> }>(
    "/me/password",
    { config: { access: "person" }, schema: { summary: "Changes the password; other sessions end", tags, body: newPassword } },
    async (request) => {
      const { current, password } = request.body;
      demand(await accounts.setPassword(callerOf(request), current, password, fromDevice(request)));
      return {};
    },
  ); // prettier-ignore

  app.post<{ Body: Static<typeof confirmation> }>(
    "/me/session/confirm",
    {
      config: { access: "person" },
      schema: {
        summary: "Gives the password again, for what asks for a fresh sign-in (SIGN_IN_AGAIN)",
        tags,
        body: confirmation,
      },
    },
    async (request) => {
      demand(await accounts.confirm(callerOf(request), request.body.password, fromDevice(request)));
      return {};
    },
  );

  const list = async (request: FastifyRequest, kind: Session["kind"]): Promise<readonly Session[]> => {
    const caller = callerOf(request);
    const answer = demand(await ask(caller, caller.actor, { type: "sessions" }));
    const all = Array.isArray(answer) ? answer : (answer as { sessions: readonly Session[] }).sessions;
    return (all as readonly Session[]).filter((session) => session.kind === kind);
  };

  app.get(
    "/me/sessions",
    { config: { access: "user" }, schema: { summary: "The caller's signed-in devices", tags } },
    async (request) => ({ sessions: await list(request, "session"), current: callerOf(request).session }),
  );

  app.get(
    "/me/keys",
    { config: { access: "user" }, schema: { summary: "The caller's API keys", tags } },
    async (request) => ({ keys: await list(request, "key") }),
  );

  app.post<{ Body: Static<typeof createApiKey> }>(
    "/me/keys",
    { config: { access: "person" }, schema: { summary: "Creates an API key; only this answer shows it", tags, body: createApiKey } },
    async (request) => {
      const { token, session } = demand(await accounts.createKey(callerOf(request), request.body.label));
      return { key: token, ...session };
    },
  ); // prettier-ignore

  app.delete<{ Params: { id: string } }>(
    "/me/keys/:id",
    { config: { access: "person" }, schema: { summary: "Revokes an API key", tags, params: schema.object({ id: schema.key }) } },
    async (request) => {
      const caller = callerOf(request);
      return demand(await ask(caller, caller.actor, { type: "revokeSession", id: request.params.id })) ?? {};
    },
  ); // prettier-ignore
}
