/** Short-lived tokens for services: JWTs, signed with Ed25519 by whichever node was asked, good at every node, and
 *  readable by others with the keys at `/.well-known/jwks.json`.
 *
 *      session or API key ─► POST /tokens ─► JWT: who, for whom, of which session, until when
 *      JWT ─► signature, algorithm, type, audience, time ─► the person's actor: is that session still open? ─► caller
 *
 *  Each node signs with a key of its own, which is made in memory, changed each day, and gone with the process; its
 *  public half is in the directory until the last token that it signed has ended. So there is no key that nodes share,
 *  and none to steal from a disk.
 *
 *  Invariant: a token says nothing of rights. It names a session, and may do what that session's account may do now, as
 *  an API key of that account could. With the session the token ends. */
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";
import {
  keyScope,
  failure,
  inScope,
  ok,
  PlexusError,
  refused,
  schema,
  unknownScopes,
  wireLimits,
  type Permission,
} from "../../../protocols/index.ts";
import type { TokenKey, TokenKeys } from "../../cluster/facts/token-keys.ts";
import type { Clock, Random } from "../../ports/index.ts";
import { presentedToken } from "./callers.ts";
import { callerOf } from "../edge/http.ts";
import type { GatewayLimits } from "../limits.ts";
import type { GatewayContext } from "../options.ts";
import { isUserName, readToken, sha256, isServiceToken } from "./tokens.ts";
import type { ServiceTokenOptions, ServiceTokens } from "../ports.ts";

/** The audience of tokens that nodes themselves accept. One that is for another service is none here. */
const ownAudience = "plexus";
const algorithm = "EdDSA";
/** RFC 9068. */
const type = "at+jwt";

/** Whose a token says that it is, before anything of it is checked. Undefined: it is no token. */
export function claimedUser(token: string): string | undefined {
  if (!isServiceToken(token)) return readToken(token)?.user;
  try {
    const { sub } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as {
      readonly sub?: unknown;
    };
    return typeof sub === "string" && isUserName(sub) ? sub : undefined;
  } catch {
    return undefined;
  }
}

type TokenLimits = Pick<
  GatewayLimits,
  "serviceTokenLifeMs" | "serviceTokenLifeMsMax" | "serviceTokenSkewMs" | "tokenKeyMs" | "tokenKeyLookMs"
>;

/** Makes it. Nothing is signed, loaded or asked before somebody wants a token or has one. */
export function createServiceTokens(at: {
  readonly options: ServiceTokenOptions;
  readonly limits: TokenLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly newId: () => string;
}): ServiceTokens {
  const { limits, clock, newId } = at;
  const { node, keys } = at.options;
  interface Own extends TokenKey {
    readonly privateKey: KeyObject;
    readonly signUntilMs: number;
  }
  let own: Promise<Own> | undefined;
  let lookedAtMs = Number.NEGATIVE_INFINITY;

  async function make(): Promise<Own> {
    const nowMs = clock.nowMs();
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const { x = "" } = publicKey.export({ format: "jwk" });
    const signUntilMs = nowMs + limits.tokenKeyMs;
    const key = {
      kid: `${node}.${newId()}`,
      x,
      untilMs: signUntilMs + limits.serviceTokenLifeMsMax + limits.serviceTokenSkewMs,
    };
    // Before anything is signed: a token that nobody can verify is none.
    await keys.publish(key, nowMs);
    return { ...key, privateKey, signUntilMs };
  }

  async function signing(): Promise<Own> {
    const nowMs = clock.nowMs();
    const before = own;
    const held = await before?.catch(() => undefined);
    if (held !== undefined && nowMs < held.signUntilMs && nowMs > held.signUntilMs - 2 * limits.tokenKeyMs) return held;
    if (own === before) own = make();
    return own as Promise<Own>;
  }

  async function keyNamed(kid: string | undefined): Promise<TokenKey | undefined> {
    const nowMs = clock.nowMs();
    const find = () => keys.current(nowMs).find((key) => key.kid === kid);
    const found = find();
    if (found !== undefined || kid === undefined || clock.monotonicMs() - lookedAtMs < limits.tokenKeyLookMs)
      return found;
    lookedAtMs = clock.monotonicMs();
    await keys.look(kid);
    return find();
  }

  return {
    async issue(
      { user, session, expiresAtMs },
      { scopes, audience = ownAudience, lifeMs = limits.serviceTokenLifeMs },
    ) {
      const { SignJWT } = await import("jose");
      const { kid, privateKey } = await signing();
      const nowMs = clock.nowMs();
      const untilMs = Math.min(nowMs + Math.min(lifeMs, limits.serviceTokenLifeMsMax), expiresAtMs);
      const token = await new SignJWT({ sid: session, ...(scopes !== undefined && { scope: scopes.join(" ") }) })
        .setProtectedHeader({ alg: algorithm, typ: type, kid })
        .setIssuer(ownAudience)
        .setSubject(user)
        .setAudience(audience)
        .setJti(newId())
        .setIssuedAt(Math.floor(nowMs / 1_000))
        .setExpirationTime(Math.floor(untilMs / 1_000))
        .sign(privateKey);
      return { token, expiresAtMs: Math.floor(untilMs / 1_000) * 1_000 };
    },
    async verify(token) {
      const { jwtVerify } = await import("jose");
      try {
        const { payload } = await jwtVerify(
          token,
          async ({ kid }) => {
            const key = await keyNamed(kid);
            if (key === undefined) throw new Error("no such key");
            // Of this kind whatever the header says, so that no key is taken for one of another kind.
            return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key.x }, format: "jwk" });
          },
          {
            algorithms: [algorithm],
            typ: type,
            audience: ownAudience,
            requiredClaims: ["sub", "sid", "jti", "iat", "exp"],
            clockTolerance: limits.serviceTokenSkewMs / 1_000,
            maxTokenAge: limits.serviceTokenLifeMsMax / 1_000,
            currentDate: new Date(clock.nowMs()),
          },
        );
        const { sub, sid, exp, scope } = payload;
        if (sub === undefined || !isUserName(sub) || typeof sid !== "string" || exp === undefined)
          return refused(failure("UNAUTHENTICATED"));
        const scopes = typeof scope === "string" ? { scopes: scope.split(" ") } : {};
        return ok({ user: sub, tokenHash: sha256(token), session: sid, ...scopes, expiresAtMs: exp * 1_000 });
      } catch {
        return refused(failure("UNAUTHENTICATED"));
      }
    },
  };
}

const terms = schema.object({
  audience: Type.Optional(Type.String({ minLength: 1, maxLength: 200, pattern: "^[\\x21-\\x7e]+$" })),
  lifeMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 3_600_000 })),
  /** What it is narrowed to; absent: all that an API key of the caller's could. */
  scopes: Type.Optional(Type.Array(keyScope, { maxItems: wireLimits.keyScopesMax })),
});

/** Adds the route below the prefix of the interface. */
export function addServiceTokens(app: FastifyInstance, tokens: ServiceTokens): void {
  app.post<{ Body: Static<typeof terms> }>(
    "/tokens",
    {
      config: { access: "user", permission: "account.use" },
      schema: { summary: "Gives a short-lived token (JWT) of this session or API key", tags: ["account"], body: terms },
    },
    async (request) => {
      // Else a token could make itself the next one, for ever.
      if (isServiceToken(presentedToken(request.raw)?.token ?? ""))
        throw new PlexusError(
          failure("FORBIDDEN", { reason: "a short-lived token gives no other; ask with a session or an API key" }),
        );
      const caller = callerOf(request);
      const { scopes = caller.scopes, ...terms } = request.body;
      const unknown = unknownScopes(scopes ?? []);
      if (unknown.length > 0)
        throw new PlexusError(
          failure("BAD_REQUEST", { path: "/scopes", problem: `unknown: ${unknown.join(", ").slice(0, 200)}` }),
        );
      const held = caller.scopes;
      const wider =
        held === undefined
          ? undefined
          : scopes?.find((scope) => !held.includes(scope) && !inScope(held, scope as Permission));
      if (wider !== undefined)
        throw new PlexusError(failure("FORBIDDEN", { reason: `the key that asks is narrower than ${wider}` }));
      return tokens.issue(caller, { ...terms, scopes });
    },
  );
}

/** Adds the keys by which other services verify tokens. */
export function addTokenKeys(app: FastifyInstance, { clock }: GatewayContext, keys: TokenKeys): void {
  app.get(
    "/.well-known/jwks.json",
    {
      schema: {
        summary: "The keys that short-lived tokens are verified with (RFC 7517)",
        tags: ["account"],
        security: [],
      },
    },
    async (_request, reply) => {
      reply.header("cache-control", "public, max-age=300");
      return {
        keys: keys
          .current(clock.nowMs())
          .map(({ kid, x }) => ({ kty: "OKP", crv: "Ed25519", x, kid, alg: algorithm, use: "sig" })),
      };
    },
  );
}
