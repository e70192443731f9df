/** Sign-in over HTTP beyond the password: what is answered after each proof, the proofs themselves, and how people set
 *  up and remove what they prove themselves with. What a step needs of the one before is in the attempt
 *  (`attempts.ts`). */
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from "@simplewebauthn/server";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import encodeQR from "qr";
import { Type, type Static } from "typebox";
import {
  failure,
  ok,
  PlexusError,
  refused,
  schema,
  wireLimits,
  type AuditAction,
  type Fact,
  type Result,
  type SignedIn,
  type SignInNeeds,
} from "../../../protocols/index.ts";
import type { Accounts, Origin, Progress } from "./accounts.ts";
import { noteAccount, notedAccount } from "../audited.ts";
import { attemptCookie, deviceCookie, presentedAttempt, presentedDevice, sessionCookie } from "./callers.ts";
import { callerOf, originOf } from "../edge/http.ts";
import { tellByMail } from "./mail.ts";
import type { GatewayContext } from "../options.ts";
import { pageOf, type Asked, type ProofChecks } from "./proofs.ts";
import { demand } from "../edge/refusals.ts";
import { shownBy } from "./rights.ts";

/** Whether the browser speaks TLS, as far as is known. */
export const isSecure = (request: FastifyRequest): boolean =>
  request.protocol === "https" || request.headers["x-forwarded-proto"] === "https";

/** The cookie of a sign-in under way. Lax: people who come back from another server's page come from another site. */
export function setAttempt(request: FastifyRequest, reply: FastifyReply, attempt: string, lifeMs: number): void {
  const maxAge = Math.floor(lifeMs / 1000);
  reply.setCookie(attemptCookie, attempt, {
    httpOnly: true,
    sameSite: "lax",
    secure: isSecure(request),
    path: `${request.mount}/api`,
    maxAge,
  });
}

/** Answers a sign-in, with its cookies: 200 with the session, or 202 with what is still needed. */
export function answerSignIn(
  at: GatewayContext,
  request: FastifyRequest,
  reply: FastifyReply,
  progress: Progress,
): SignedIn | SignInNeeds {
  const { clock, limits } = at;
  const ours = { httpOnly: true, sameSite: "strict", secure: isSecure(request) } as const;
  const secondsTo = (atMs: number): number => Math.max(0, Math.floor((atMs - clock.nowMs()) / 1000));
  if (progress.type === "unfinished") {
    const { attempt, needs, setUp, expiresAtMs } = progress;
    setAttempt(request, reply, attempt, Math.max(0, expiresAtMs - clock.nowMs()));
    reply.code(202);
    return { attempt, needs, setUp, expiresAtMs };
  }
  const { session, device } = progress;
  if (presentedAttempt(request.raw) !== undefined) reply.clearCookie(attemptCookie, { path: `${request.mount}/api` });
  reply.setCookie(sessionCookie, session.token, {
    ...ours,
    path: request.mount || "/",
    maxAge: secondsTo(session.expiresAtMs),
  });
  // It outlives the session: it is for the next time.
  reply.setCookie(deviceCookie, device, {
    ...ours,
    path: `${request.mount}/api`,
    maxAge: Math.floor(limits.deviceLifeMs / 1000),
  });
  return session;
}

/** Where the request comes from, with the device that the browser says it is. */
export const fromDevice = (request: FastifyRequest): Origin => ({
  ...originOf(request),
  device: presentedDevice(request.raw),
});

const attemptField = { attempt: Type.Optional(Type.String({ maxLength: 64 })) };
const withCode = schema.object({ ...attemptField, code: Type.String({ minLength: 1, maxLength: 64 }) });
const alone = schema.object(attemptField);
const typedCode = schema.object({ code: withCode.properties.code });
/** What a browser's API gives; the library that checks it looks at its form. */
const credential = Type.Object({
  id: Type.String({ maxLength: 512 }),
  rawId: Type.String({ maxLength: 512 }),
  response: Type.Object({}),
});
const withPasskey = schema.object({ ...attemptField, passkey: credential });
const newPasskey = schema.object({
  ...attemptField,
  passkey: credential,
  name: schema.line(wireLimits.passkeyNameCharsMax),
});
const confirmation = schema.object({
  ...attemptField,
  password: Type.Optional(Type.String({ minLength: 1, maxLength: wireLimits.passwordCharsMax })),
  code: Type.Optional(withCode.properties.code),
  passkey: Type.Optional(credential),
});
const passwordReset = schema.object({
  user: schema.userName,
  secret: Type.String({ minLength: 1, maxLength: 64 }),
  password: Type.String({ minLength: wireLimits.passwordCharsMin, maxLength: wireLimits.passwordCharsMax }),
});
const byId = schema.object({ id: Type.String({ maxLength: 512 }) });

/** What an attempt was asked with, if it was a passkey. Error: SIGN_IN_EXPIRED. */
function askedOf(asked: unknown): Result<Asked> {
  const said = asked as Partial<Asked> | undefined;
  return said?.challenge === undefined || said.page === undefined
    ? refused(failure("SIGN_IN_EXPIRED"))
    : { ok: true, value: said as Asked };
}

/** Adds the routes. */
export function addSignInRoutes(
  app: FastifyInstance,
  at: GatewayContext,
  accounts: Accounts,
  checks: ProofChecks,
): void {
  const { limits } = at;
  const tags = ["account"];
  const open = { tags, security: [] };
  const person = { access: "person", permission: "account.use" } as const;
  /** Of what makes or ends a way into the own account. */
  const secured = { access: "person", permission: "account.secure" } as const;
  const ways = (audit: "addFactor" | "removeFactor") => ({ ...secured, audit }) as const;
  const secretOf = (request: FastifyRequest): string =>
    (request.body as { attempt?: string }).attempt ?? presentedAttempt(request.raw) ?? "";
  const note = (request: FastifyRequest, action: AuditAction, user: string, outcome?: string): Promise<void> =>
    noteAccount(at, request, action, user, outcome);

  /** The user of an attempt in which something is proven already. */
  const userOf = (request: FastifyRequest): string => {
    const { user } = demand(accounts.find(secretOf(request)));
    if (user === undefined) throw new PlexusError(failure("SIGN_IN_EXPIRED"));
    return user;
  };

  /** Takes the attempt, and goes on with one fact more. */
  async function go(request: FastifyRequest, reply: FastifyReply, user: string, fact: Fact) {
    const attempt = demand(accounts.take(secretOf(request)));
    const facts = attempt.user === undefined || attempt.user === user ? [...attempt.facts, fact] : [fact];
    const progress = demand(await accounts.prove(user, facts, fromDevice(request), attempt));
    await note(request, progress.type === "entered" ? "signIn" : "signInStep", user);
    return answerSignIn(at, request, reply, progress);
  }

  /** The attempt again, under a new secret, with what its next step is asked with. */
  function ask(request: FastifyRequest, reply: FastifyReply, challenge: string, user: string | undefined): string {
    const before = user === undefined ? undefined : accounts.take(secretOf(request));
    const page = pageOf(request.raw);
    const kept = before?.ok === true ? before.value : { facts: [] };
    const secret = accounts.begin({ ...kept, user, asked: { challenge, page } satisfies Asked }, fromDevice(request));
    setAttempt(request, reply, secret, limits.attemptMs);
    return secret;
  }

  app.post<{ Body: Static<typeof withCode> }>(
    "/sign-in/code",
    {
      config: { audit: "signIn", proves: true },
      schema: {
        ...open,
        summary: "Goes on with a sign-in by a one-time code or a recovery code",
        body: withCode,
      },
    },
    async (request, reply) => {
      demand(accounts.knock(originOf(request)));
      const user = userOf(request);
      const fact = await checks.code(user, request.body.code, fromDevice(request));
      if (!fact.ok) await note(request, "signIn", user, fact.error.code);
      return go(request, reply, user, demand(fact));
    },
  );

  app.post(
    "/sign-in/passkey/options",
    {
      schema: {
        ...open,
        summary: "What a browser asks its passkeys with: to begin a sign-in, or to go on with one",
        body: alone,
      },
    },
    async (request, reply) => {
      demand(accounts.knock(originOf(request)));
      const begun = accounts.find(secretOf(request));
      const user = begun.ok && begun.value.facts.length > 0 ? begun.value.user : undefined;
      const options = demand(await checks.ask(pageOf(request.raw), user, fromDevice(request)));
      return { options, attempt: ask(request, reply, options.challenge, user) };
    },
  );

  app.post<{ Body: Static<typeof withPasskey> }>(
    "/sign-in/passkey",
    {
      config: { audit: "signIn", proves: true },
      schema: { ...open, summary: "Begins or goes on with a sign-in by a passkey", body: withPasskey },
    },
    async (request, reply) => {
      demand(accounts.knock(originOf(request)));
      const { user: known, asked } = demand(accounts.find(secretOf(request)));
      const answer = request.body.passkey as unknown as AuthenticationResponseJSON;
      const proven = await checks.passkey(demand(askedOf(asked)), known, answer, fromDevice(request));
      if (!proven.ok) await note(request, "signIn", known ?? "unknown", proven.error.code);
      const { user, fact } = demand(proven);
      return go(request, reply, user, fact);
    },
  );

  app.post<{ Body: Static<typeof passwordReset> }>(
    "/sign-in/reset",
    {
      config: { audit: "resetPassword", proves: true },
      schema: {
        ...open,
        summary: "Sets a password by a link from an admin or by mail; sessions and keys end",
        body: passwordReset,
      },
    },
    async (request) => {
      const { user, secret, password } = request.body;
      const done = accounts.reset(user, secret, password, originOf(request));
      await notedAccount(at, request, { action: "resetPassword", user }, done);
      await tellByMail(at, user, (to) => ({ what: "passwordSet", to, user })).catch(() => undefined);
      return {};
    },
  );

  const remove = async (request: FastifyRequest, type: string, fields: object = {}): Promise<Record<never, never>> => {
    const { actor, user } = callerOf(request);
    const message = { ...fields, type, ...shownBy(at, request) };
    const done = at.kernel.ask({ to: actor, from: "gateway", message, timeoutMs: limits.askTimeoutMs });
    return ((await notedAccount(at, request, { action: "removeFactor", user }, done)) as object | undefined) ?? {};
  };

  app.post<{ Body: Static<typeof confirmation> }>(
    "/me/session/confirm",
    {
      config: { ...person, audit: "proveAgain", proves: true },
      schema: {
        summary:
          "Proves again who the caller is, for what asks for a fresh sign-in (SIGN_IN_AGAIN): by the second factor where there is one",
        tags,
        body: confirmation,
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const from = { ...fromDevice(request), session: caller.session };
      const { password, code, passkey } = request.body;
      const confirmBy = async (fact: Result<Fact>) => (fact.ok ? accounts.confirmBy(caller, [fact.value]) : fact);
      const prove = async (): Promise<Result<unknown>> => {
        if (password !== undefined) return accounts.confirm(caller, password, from);
        demand(accounts.knock(from));
        if (code !== undefined) return confirmBy(await checks.code(caller.user, code, from));
        if (passkey === undefined)
          throw new PlexusError(failure("BAD_REQUEST", { path: "", problem: "needs password, code or passkey" }));
        const { user, asked } = demand(accounts.take(secretOf(request)));
        if (user !== caller.user) throw new PlexusError(failure("SIGN_IN_EXPIRED"));
        const answer = passkey as unknown as AuthenticationResponseJSON;
        const proven = await checks.passkey(demand(askedOf(asked)), user, answer, from);
        return confirmBy(proven.ok ? ok(proven.value.fact) : proven);
      };
      await notedAccount(at, request, { action: "proveAgain", user: caller.user }, prove());
      return {};
    },
  );

  app.post(
    "/me/session/confirm/options",
    { config: person, schema: { summary: "What a browser asks the caller's passkeys with", tags, body: alone } },
    async (request, reply) => {
      const { user } = callerOf(request);
      const options = demand(await checks.ask(pageOf(request.raw), user, fromDevice(request)));
      return { options, attempt: ask(request, reply, options.challenge, user) };
    },
  );

  app.post(
    "/me/totp",
    {
      config: secured,
      schema: {
        summary: "Begins to set up one-time codes; only this answer shows the seed",
        tags,
        body: schema.object({}),
      },
    },
    async (request) => {
      const { user } = callerOf(request);
      const { secret, uri } = demand(await checks.beginTotp(user, shownBy(at, request)));
      return { secret, uri, qr: encodeQR(uri, "svg") };
    },
  );

  app.post<{ Body: Static<typeof typedCode> }>(
    "/me/totp/confirm",
    {
      config: ways("addFactor"),
      schema: {
        summary: "Sets up one-time codes by one of them; only this answer shows the recovery codes",
        tags,
        body: typedCode,
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const from = { ...fromDevice(request), session: caller.session };
      const fact = demand(await checks.confirmTotp(caller.user, request.body.code, from, shownBy(at, request)));
      await note(request, "addFactor", caller.user);
      demand(await accounts.confirmBy(caller, [fact]));
      return { recovery: demand(await checks.recovery(caller.user, shownBy(at, request))) };
    },
  );

  app.delete(
    "/me/totp",
    { config: ways("removeFactor"), schema: { summary: "Removes one-time codes", tags } },
    async (request) => remove(request, "removeTotp"),
  );

  app.post(
    "/me/recovery",
    {
      config: ways("addFactor"),
      schema: { summary: "Makes new recovery codes; only this answer shows them", tags, body: schema.object({}) },
    },
    async (request) => {
      const { user } = callerOf(request);
      const recovery = demand(await checks.recovery(user, shownBy(at, request)));
      await note(request, "addFactor", user);
      return { recovery };
    },
  );

  app.post(
    "/me/passkeys/options",
    { config: secured, schema: { summary: "What a browser makes a passkey with", tags, body: alone } },
    async (request, reply) => {
      const { user } = callerOf(request);
      const options = demand(await checks.offer(pageOf(request.raw), user, fromDevice(request)));
      return { options, attempt: ask(request, reply, options.challenge, user) };
    },
  );

  app.post<{ Body: Static<typeof newPasskey> }>(
    "/me/passkeys",
    { config: ways("addFactor"), schema: { summary: "Adds a passkey", tags, body: newPasskey } },
    async (request) => {
      const caller = callerOf(request);
      const { user, asked } = demand(accounts.take(secretOf(request)));
      if (user !== caller.user) throw new PlexusError(failure("SIGN_IN_EXPIRED"));
      const { name, passkey } = request.body;
      const answer = passkey as unknown as RegistrationResponseJSON;
      const fact = demand(await checks.add(demand(askedOf(asked)), user, name, answer, shownBy(at, request)));
      await note(request, "addFactor", user);
      demand(await accounts.confirmBy(caller, [fact]));
      return {};
    },
  );

  app.delete<{ Params: Static<typeof byId> }>(
    "/me/passkeys/:id",
    { config: ways("removeFactor"), schema: { summary: "Removes a passkey", tags, params: byId } },
    async (request) => remove(request, "removePasskey", { id: request.params.id }),
  );
}
