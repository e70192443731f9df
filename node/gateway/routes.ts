import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Type, type Static } from "typebox";
import {
  actorId,
  createApiKey,
  credentials,
  failure,
  permissions,
  PlexusError,
  schema,
  signUp,
  type AgentView,
  type ModelInfo,
  type OwnRights,
  type Permission,
  type Result,
  type RoomView,
  type Session,
  type UserView,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
import type { Accounts, Caller, Progress } from "./identity/accounts.ts";
import { sessionCookie } from "./identity/callers.ts";
import { callCommand, type Waiting } from "./calls.ts";
import { commandRoutes, isPersonOnly, messageOf, operationName, schemasOf } from "./commands.ts";
import { callerOf, originOf } from "./edge/http.ts";
import { noteAccount, notedAccount, noteOwner } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { createProofChecks } from "./identity/proofs.ts";
import { demand } from "./edge/refusals.ts";
import { operationHeader, operationOf } from "./rest/asker.ts";
import { shownBy } from "./identity/rights.ts";
import { openedElsewhere, signOutElsewhere } from "./identity/identity-links.ts";
import { choicesOf } from "./identity/identity-sign-in.ts";
import { addSignInRoutes, answerSignIn, fromDevice } from "./identity/sign-in.ts";

const directRoom = schema.object({ with: Type.String({ pattern: "^user/[a-z0-9][a-z0-9_-]{0,31}$" }) });
const newPassword = schema.object({ current: credentials.properties.password, password: signUp.properties.password });
const claim = schema.object({ adminCode: Type.String({ minLength: 1, maxLength: 64 }) });

/** The room in which two people talk alone. Sorted, so that both find the same one. */
const directKey = (left: string, right: string): string =>
  `dm.${[left, right]
    .map((principal) => principal.slice(principal.indexOf("/") + 1))
    .sort()
    .join(".")}`;

/** Adds the routes below `apiPrefix` that people use. */
export function addRoutes(app: FastifyInstance, at: GatewayContext, accounts: Accounts): void {
  const { kernel, limits } = at;
  const ask: Ask = (caller, to, message, operationId) =>
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
      config: { access: isPersonOnly(row) ? "person" : "user", ...(row.permission && { permission: row.permission }) },
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
        const result = await callCommand(at, {
          ...waiting(reply),
          ...messageOf(command, caller.user, request),
          caller,
          address: request.address,
          row,
          operationId: operationOf(request),
          timeoutMs: limits.askTimeoutMs,
          trace: request.span?.context,
        });
        return demand(result) ?? {};
      },
    });
  }

  addAccountRoutes(app, at, accounts, ask);
  addSignInRoutes(app, at, accounts, createProofChecks(at, accounts));

  app.post<{ Body: Static<typeof directRoom> }>(
    "/rooms/direct",
    {
      config: { access: "user", permission: "room.create" },
      schema: { summary: "Finds or creates the direct room with somebody", tags: ["room"], body: directRoom },
    },
    async (request) => {
      const caller = callerOf(request);
      const room = directKey(caller.actor, request.body.with);
      const to = actorId("room", room);
      const made = await ask(caller, to, { type: "create", visibility: "direct", with: request.body.with });
      const exists = made.ok || made.error.code === "NAME_TAKEN" || made.error.code === "ALREADY_DONE";
      if (!exists) demand(made);
      return demand(await ask(caller, to, { type: "describe" })) as RoomView;
    },
  );

  app.get(
    "/agents",
    {
      config: { access: "user", permission: "agent.use" },
      schema: { summary: "The caller's agents", tags: ["agent"] },
    },
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
      config: { access: "user", permission: "account.use" },
      schema: { summary: "The models that the cluster serves, default first", tags: ["node"] },
    },
    async ({ caller, address }): Promise<{ readonly models: readonly ModelInfo[] }> => {
      const models = at.engines.generate.models();
      // Why one cannot be used is for those who can do something about it.
      if (caller !== null && at.rights.refusal(caller, "cluster.see", address) === undefined) return { models };
      return { models: models.map(({ reason: _reason, ...info }) => info) };
    },
  );

  app.get(
    "/nodes",
    {
      config: { access: "user", permission: "account.use" },
      schema: { summary: "The nodes that serve clients, this one first", tags: ["node"] },
    },
    async () => ({ nodes: at.nodes() }),
  );
}

/** A caller who waits for an answer over HTTP. */
export const waiting = (reply: FastifyReply): Waiting => ({
  user: callerOf(reply.request).user,
  ended(listener) {
    if (reply.raw.closed) listener();
    else reply.raw.once("close", listener);
  },
});

const agentOf = (agent: string) => actorId("agent", agent.startsWith("agent/") ? agent.slice("agent/".length) : agent);

type Ask = (
  caller: Caller,
  to: `${string}/${string}`,
  message: Message,
  operationId?: string,
) => Promise<Result<unknown>>;

function addAccountRoutes(app: FastifyInstance, at: GatewayContext, accounts: Accounts, ask: Ask): void {
  const tags = ["account"];
  const signedIn = (request: FastifyRequest, reply: FastifyReply, progress: Progress) =>
    answerSignIn(at, request, reply, progress);

  app.get("/setup", { schema: { summary: "Settings of the sign-in page", tags, security: [] } }, async () => ({
    // People with an account need not wait for the node that knows; a sign-up asks for itself.
    adminNeeded: await at.adminNeeded().catch(() => false),
    signUp: at.signUp,
    // Whether a forgotten password can be set anew by mail.
    mail: at.mail?.publicUrl !== undefined && at.mail.settings.isSet(),
    // Other servers by which people sign in.
    providers: choicesOf(at),
    // Those send people back to this address, so they begin there as well.
    publicUrl: at.publicUrl?.(),
    version: at.version,
    node: at.node,
    demonstrationModel: at.engines.generate.models().find(({ state }) => state !== "failed")?.demonstration ?? false,
  }));

  app.post<{ Body: Static<typeof signUp> }>(
    "/sign-up",
    {
      config: { audit: "signUp", proves: true },
      schema: { summary: "Creates an account and signs in", tags, security: [], body: signUp },
    },
    async (request, reply) => {
      const done = accounts.signUp(request.body, fromDevice(request));
      const act = { action: "signUp", user: request.body.name } as const;
      const entered = await notedAccount(at, request, act, done);
      if (entered.type === "entered" && entered.session.admin === true) await noteOwner(at, request, act.user);
      return signedIn(request, reply, entered);
    },
  );

  app.post<{ Body: Static<typeof credentials> }>(
    "/sign-in",
    {
      config: { audit: "signIn", proves: true },
      schema: { summary: "Signs in", tags, security: [], body: credentials },
    },
    async (request, reply) => {
      const { name: user } = request.body;
      const done = await accounts.signIn(request.body, fromDevice(request));
      const isStep = done.ok && done.value.type !== "entered";
      const act = { action: isStep ? "signInStep" : "signIn", user } as const;
      return signedIn(request, reply, await notedAccount(at, request, act, Promise.resolve(done)));
    },
  );

  app.post(
    "/sign-out",
    {
      config: { access: "user", permission: "account.use" },
      schema: {
        summary:
          "Ends this session and its connections; API keys are revoked apart. With `url`, the browser goes there to sign out at the server by which it signed in",
        tags,
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      // A stranger who has found a key must not be able to end it, and with it the program that it belongs to.
      if (caller.kind !== "session")
        throw new PlexusError(
          failure("FORBIDDEN", {
            reason: "an API key is not a session; DELETE /api/v1/me/keys/:id, sent with a session, revokes it",
          }),
        );
      const elsewhere = await openedElsewhere(at, caller);
      const ended = ask(caller, caller.actor, { type: "revokeSession", id: caller.session });
      await notedAccount(at, request, { action: "signOut", user: caller.user }, ended);
      reply.clearCookie(sessionCookie, { path: request.mount || "/" });
      // It has ended here, whatever the other server answers.
      const url = elsewhere && (await signOutElsewhere(at, request, elsewhere).catch(() => undefined));
      return url === undefined ? {} : { url };
    },
  );

  app.post<{ Body: Static<typeof claim> }>(
    "/claim-admin",
    { config: { access: "person", permission: "account.use", audit: "setRoles", proves: true }, schema: { summary: "Makes the caller the first admin, with the admin code that the node printed", tags, body: claim } },
    async (request) => {
      const { user } = callerOf(request);
      const claimed = await accounts.claimAdmin(user, request.body.adminCode, originOf(request));
      if (claimed.ok) await noteOwner(at, request, user);
      else await noteAccount(at, request, "setRoles", user, claimed.error.code);
      return demand(claimed) ?? {};
    },
  ); // prettier-ignore

  app.get(
    "/me",
    { config: { access: "user", permission: "account.use" }, schema: { summary: "The caller's account", tags } },
    async (request) => {
      const caller = callerOf(request);
      const view = demand(await ask(caller, caller.actor, { type: "describe" })) as UserView;
      return { ...view, admin: caller.admin, session: { id: caller.session, kind: caller.kind } };
    },
  );

  app.get(
    "/me/permissions",
    {
      config: { access: "user", permission: "account.use" },
      schema: {
        summary: "What the caller may do now",
        description: "`again`: what they may do once they have proven again who they are.",
        tags,
      },
    },
    (request): OwnRights => {
      const caller = callerOf(request);
      const all = Object.keys(permissions) as Permission[];
      const refusals = all.map((one) => at.rights.refusal(caller, one, request.address)?.code);
      return {
        permissions: all.filter((_, index) => refusals[index] === undefined),
        again: all.filter((_, index) => refusals[index] === "SIGN_IN_AGAIN"),
      };
    },
  );

  app.put<{ Body: Static<typeof newPassword> }>(
    "/me/password",
    { config: { access: "person", permission: "account.use", audit: "changePassword", proves: true }, schema: { summary: "Changes the password; other sessions end", tags, body: newPassword } },
    async (request) => {
      const { current, password } = request.body;
      const caller = callerOf(request);
      const done = accounts.setPassword(caller, current, password, fromDevice(request));
      await notedAccount(at, request, { action: "changePassword", user: caller.user }, done);
      return {};
    },
  ); // prettier-ignore

  const list = async (request: FastifyRequest, kind: Session["kind"]): Promise<readonly Session[]> => {
    const caller = callerOf(request);
    const answer = demand(await ask(caller, caller.actor, { type: "sessions" }));
    const all = Array.isArray(answer) ? answer : (answer as { sessions: readonly Session[] }).sessions;
    return (all as readonly Session[]).filter((session) => session.kind === kind);
  };

  app.get(
    "/me/sessions",
    {
      config: { access: "user", permission: "account.use" },
      schema: { summary: "The caller's signed-in devices", tags },
    },
    async (request) => ({ sessions: await list(request, "session"), current: callerOf(request).session }),
  );

  app.get(
    "/me/keys",
    { config: { access: "user", permission: "account.use" }, schema: { summary: "The caller's API keys", tags } },
    async (request) => ({ keys: await list(request, "key") }),
  );

  app.post<{ Body: Static<typeof createApiKey> }>(
    "/me/keys",
    { config: { access: "person", permission: "account.secure", audit: "createKey" }, schema: { summary: "Creates an API key; only this answer shows it", tags, body: createApiKey } },
    async (request) => {
      const { user } = callerOf(request);
      const made = accounts.createKey(user, request.body, shownBy(at, request));
      const { token, session } = await notedAccount(at, request, { action: "createKey", user }, made);
      return { key: token, ...session };
    },
  ); // prettier-ignore

  app.delete<{ Params: { id: string } }>(
    "/me/keys/:id",
    { config: { access: "person", permission: "account.revoke", audit: "revokeSession" }, schema: { summary: "Revokes an API key", tags, params: schema.object({ id: schema.key }) } },
    async (request) => {
      const caller = callerOf(request);
      const ended = ask(caller, caller.actor, { type: "revokeSession", id: request.params.id });
      return (await notedAccount(at, request, { action: "revokeSession", user: caller.user }, ended)) ?? {};
    },
  ); // prettier-ignore
}
