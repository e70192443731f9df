/** OpenID Connect by `openid-client`: the authorization code flow with PKCE (S256), state and nonce. What the library
 *  checks of an answer: `iss` (RFC 9207, against mix-up), state, the token's issuer, audience, age and nonce; and its
 *  signature by the published keys, since `enableNonRepudiationChecks` asks for that. Only asymmetric signatures are
 *  taken: a token that is signed with the client secret, or not at all, is refused before. */
import { isSafeServer, ok, PlexusError, refused, type Failure, type Result } from "../../protocols/index.ts";
import type { authorizationCodeGrant, Configuration, CustomFetch, ServerMetadata } from "openid-client";
import { boundedFetch } from "./ask.ts";
import { claimAt, claimsOf, identityAway as away, identityRefused, isTwo } from "./claims.ts";
import { identityLimits as limits } from "./limits.ts";
import type { Claims, ProviderAdapter } from "./provider.ts";

const algorithms: readonly string[] = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];
const algorithmDefault = "RS256";
const secretBytes = 32;

/** It is loaded when somebody signs in by it. */
const library = () => import("openid-client");

/** What was thrown by the library, in the words of the table. What the other server wrote is shown only where it is a
 *  word. */
export function refusalOf(error: unknown, otherwise: (reason: string) => Failure): Failure {
  for (let at = error, depth = 0; at !== undefined && depth < 5; depth += 1) {
    if (at instanceof PlexusError) return at.failure;
    at = (at as { cause?: unknown }).cause;
  }
  const { error: said, code, message } = error as { error?: unknown; code?: unknown; message?: unknown };
  const word = [said, code].find((one) => typeof one === "string" && /^[A-Za-z0-9_]{1,64}$/.test(one));
  return otherwise(
    typeof word === "string"
      ? word
      : String(message)
          .replace(/[^\w ".-]/g, "")
          .slice(0, 100),
  );
}

/** The adapter. */
export const oidc: ProviderAdapter<"oidc"> = (settings, ports) => {
  const { name, label, server, secret, groupClaim } = settings;
  const { issuer, clientId, scopes = ["profile", "email"] } = server;
  const ask = boundedFetch(ports.fetch);
  let known: { readonly config: Promise<Configuration>; readonly untilMs: number } | undefined;

  async function discover(): Promise<Configuration> {
    if (!isSafeServer(issuer)) throw new PlexusError(away("its address needs https"));
    const client = await library();
    const insecure = issuer.startsWith("http:") ? [client.allowInsecureRequests] : [];
    const asked = await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
      execute: insecure,
      [client.customFetch]: ask as unknown as CustomFetch,
    });
    const metadata: ServerMetadata = structuredClone({ ...asked.serverMetadata() });
    const offered = metadata.id_token_signing_alg_values_supported ?? [algorithmDefault];
    const taken = offered.filter((one) => algorithms.includes(one));
    const ways = metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
    const proof =
      secret === undefined
        ? client.None()
        : ways.includes("client_secret_basic")
          ? client.ClientSecretBasic(secret)
          : client.ClientSecretPost(secret);
    const config = new client.Configuration(
      { ...metadata, id_token_signing_alg_values_supported: taken },
      clientId,
      undefined,
      proof,
    );
    config[client.customFetch] = ask as unknown as CustomFetch;
    client.enableNonRepudiationChecks(config);
    for (const extend of insecure) extend(config);
    return config;
  }

  /** Discovered again now and then; callers meanwhile wait for the same answer. Rejects as the library does. */
  function configuration(): Promise<Configuration> {
    if (known !== undefined && ports.nowMs() < known.untilMs) return known.config;
    const config = discover();
    const mine = { config, untilMs: ports.nowMs() + limits.discoveredMs };
    known = mine;
    config.catch(() => {
      if (known === mine) known = undefined;
    });
    return config;
  }

  const random = (): string => Buffer.from(ports.random(secretBytes)).toString("base64url");

  async function claimed(
    config: Configuration,
    tokens: Answered,
    begunAtMs: number,
    again: boolean,
  ): Promise<Result<Claims>> {
    const token = tokens.claims();
    if (token === undefined) return refused(identityRefused("no id token"));
    if (
      again &&
      !(typeof token.auth_time === "number" && token.auth_time * 1_000 >= begunAtMs - limits.clockToleranceMs)
    )
      return refused(identityRefused("it did not ask you to sign in again"));
    const wanted = ["email", "name", ...(groupClaim === undefined ? [] : [groupClaim])];
    const isWhole = wanted.every((one) => claimAt(token, one) !== undefined);
    const { fetchUserInfo } = await library();
    const more: Readonly<Record<string, unknown>> =
      isWhole || config.serverMetadata().userinfo_endpoint === undefined
        ? {}
        : await fetchUserInfo(config, tokens.access_token, token.sub);
    // What is signed counts above what is only told.
    const said: Readonly<Record<string, unknown>> = { ...more, ...token };
    const { email, preferred_username, nickname } = said;
    // Of the address that counts: what is told of another one confirms nothing.
    const { email_verified } = token["email"] === undefined || more["email"] === token["email"] ? said : token;
    return claimsOf({
      issuer: token.iss,
      subject: token.sub,
      label: email ?? preferred_username ?? said["name"],
      mail: email,
      mailConfirmed: email_verified,
      name: preferred_username ?? nickname ?? email,
      displayName: said["name"],
      groups: groupClaim === undefined ? undefined : claimAt(said, groupClaim),
      two: isTwo(settings, { amr: token["amr"], acr: token["acr"] }),
    });
  }

  return {
    name,
    label,
    kind: "oidc",

    async begin({ back, state, again }) {
      try {
        const client = await library();
        const config = await configuration();
        const nonce = random();
        const verifier = random();
        const acr = settings.trustTwo?.acr?.join(" ");
        const url = client.buildAuthorizationUrl(config, {
          redirect_uri: back,
          scope: [...new Set(["openid", ...scopes])].join(" "),
          state,
          nonce,
          code_challenge: await client.calculatePKCECodeChallenge(verifier),
          code_challenge_method: "S256",
          ...(acr !== undefined && acr !== "" && { acr_values: acr }),
          ...(again && { prompt: "login", max_age: "0" }),
        });
        if (!isSafeServer(url.href)) return refused(away("its sign-in page needs https"));
        return ok({ url: url.href, kept: { nonce, verifier, begunAtMs: ports.nowMs() } });
      } catch (error) {
        return refused(refusalOf(error, away));
      }
    },

    async finish({ url, back, state, again }, kept) {
      const { nonce, verifier, begunAtMs } = kept;
      if (typeof nonce !== "string" || typeof verifier !== "string" || typeof begunAtMs !== "number")
        return refused(identityRefused("nothing was begun"));
      const config = await configuration().catch((error: unknown) => refusalOf(error, away));
      if ("code" in config) return refused(config);
      // The address that was begun with, whatever name this request came by.
      const come = new URL(back);
      come.search = url.search;
      try {
        const { authorizationCodeGrant } = await library();
        const checks = {
          pkceCodeVerifier: verifier,
          expectedNonce: nonce,
          expectedState: state,
          idTokenExpected: true,
        };
        const tokens = await authorizationCodeGrant(config, come, checks);
        return await claimed(config, tokens, begunAtMs, again);
      } catch (error) {
        return refused(refusalOf(error, identityRefused));
      }
    },

    async signOut({ back }) {
      try {
        const config = await configuration();
        if (config.serverMetadata().end_session_endpoint === undefined) return undefined;
        const { buildEndSessionUrl } = await library();
        const { href } = buildEndSessionUrl(config, { client_id: clientId, post_logout_redirect_uri: back });
        return isSafeServer(href) ? href : undefined;
      } catch {
        return undefined;
      }
    },

    async test() {
      try {
        const metadata = (await discover()).serverMetadata();
        const taken = metadata.id_token_signing_alg_values_supported ?? [];
        const row = (what: string, says: string | undefined, isOk = says !== undefined) => ({
          what,
          says: says ?? "none",
          ok: isOk,
        });
        const found = [
          row("issuer", metadata.issuer),
          row("sign-in page", metadata.authorization_endpoint),
          row("token endpoint", metadata.token_endpoint),
          row("signatures", taken.join(" "), taken.length > 0),
          row("PKCE", metadata.code_challenge_methods_supported?.join(" ") ?? "not said", true),
          row(
            "iss in answers (RFC 9207)",
            metadata.authorization_response_iss_parameter_supported === true ? "yes" : "no",
            true,
          ),
          row("sign-out", metadata.end_session_endpoint ?? "none", true),
        ];
        return { ok: found.every((one) => one.ok), found };
      } catch (error) {
        const { code, details } = refusalOf(error, away);
        return {
          ok: false,
          found: [{ what: "discovery", says: `${code}: ${String(details?.["reason"])}`, ok: false }],
        };
      }
    },
  };
};

type Answered = Awaited<ReturnType<typeof authorizationCodeGrant>>;
