/** GitHub: OAuth 2 with PKCE and state, which says who somebody is by its API. It signs nothing, so what counts is that
 *  the API is asked over TLS with a token that came for a code of this sign-in. Organisations are groups, and so are
 *  teams: `octo`, `octo/core`.
 *
 *  Source: docs.github.com, “Authorizing OAuth apps” and “REST API endpoints for users, emails, organizations,
 *  teams”. */
import { isSafeServer, ok, refused, type Result } from "../../protocols/index.ts";
import type { CustomFetch } from "openid-client";
import { boundedFetch } from "./ask.ts";
import { claimsOf, identityAway as away, identityRefused } from "./claims.ts";
import { identityLimits as limits } from "./limits.ts";
import { refusalOf } from "./oidc.ts";
import type { ProviderAdapter } from "./provider.ts";

const publicServer = "https://github.com";
const pageRows = 100;
const secretBytes = 32;
const library = () => import("openid-client");

/** The adapter. */
export const github: ProviderAdapter<"github"> = (settings, ports) => {
  const { name, label, server, secret, wantsGroups } = settings;
  const issuer = (server.issuer ?? publicServer).replace(/\/+$/, "");
  const api = issuer === publicServer ? "https://api.github.com" : `${issuer}/api/v3`;
  const ask = boundedFetch(ports.fetch);

  async function configuration() {
    const client = await library();
    const metadata = {
      // As GitHub's own answers say it, where they say it.
      issuer: `${issuer}/login/oauth`,
      authorization_endpoint: `${issuer}/login/oauth/authorize`,
      token_endpoint: `${issuer}/login/oauth/access_token`,
    };
    const proof = secret === undefined ? client.None() : client.ClientSecretPost(secret);
    const config = new client.Configuration(metadata, server.clientId, undefined, proof);
    config[client.customFetch] = ask as unknown as CustomFetch;
    if (issuer.startsWith("http:")) client.allowInsecureRequests(config);
    return config;
  }

  async function read(path: string, token: string): Promise<unknown> {
    const headers = {
      accept: "application/vnd.github+json",
      authorization: `Bearer ${token}`,
      "user-agent": "Plexus",
      "x-github-api-version": "2022-11-28",
    };
    const answer = await ask(api + path, { headers });
    if (answer.status !== 200) throw new Error(`status ${answer.status}`);
    return answer.json();
  }

  async function list(path: string, token: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const all: Readonly<Record<string, unknown>>[] = [];
    for (let page = 1; page <= limits.listPagesMax; page += 1) {
      const rows = await read(`${path}?per_page=${pageRows}&page=${page}`, token);
      if (!Array.isArray(rows)) throw new Error("no list");
      all.push(
        ...(rows as Readonly<Record<string, unknown>>[]).filter((row) => typeof row === "object" && row !== null),
      );
      if (rows.length < pageRows) break;
    }
    return all;
  }

  async function groupsOf(token: string): Promise<readonly string[]> {
    if (!wantsGroups) return [];
    const organisations = (await list("/user/orgs", token)).map(({ login }) => String(login));
    const teams = (await list("/user/teams", token)).map(({ slug, organization }) => {
      const { login } = (organization ?? {}) as { login?: unknown };
      return `${String(login)}/${String(slug)}`;
    });
    return [...organisations, ...teams];
  }

  return {
    name,
    label,
    kind: "github",

    async begin({ back, state, again }) {
      if (!isSafeServer(issuer)) return refused(away("its address needs https"));
      const client = await library();
      const verifier = Buffer.from(ports.random(secretBytes)).toString("base64url");
      const url = client.buildAuthorizationUrl(await configuration(), {
        redirect_uri: back,
        scope: ["read:user", "user:email", ...(wantsGroups ? ["read:org"] : [])].join(" "),
        state,
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
        ...(again && { prompt: "select_account" }),
      });
      return ok({ url: url.href, kept: { verifier } });
    },

    async finish({ url, back, state }, { verifier }) {
      if (typeof verifier !== "string") return refused(identityRefused("nothing was begun"));
      const come = new URL(back);
      come.search = url.search;
      let token: string;
      try {
        const { authorizationCodeGrant } = await library();
        const checks = { pkceCodeVerifier: verifier, expectedState: state };
        ({ access_token: token } = await authorizationCodeGrant(await configuration(), come, checks));
      } catch (error) {
        return refused(refusalOf(error, identityRefused));
      }
      try {
        const [person, mails, groups] = await Promise.all([
          read("/user", token) as Promise<Readonly<Record<string, unknown>>>,
          list("/user/emails", token),
          groupsOf(token),
        ]);
        const mail = mails.find(({ primary, verified }) => primary === true && verified === true);
        const { id, login } = person;
        // A login can be given to somebody else later; the number never is.
        return typeof id === "number" && Number.isSafeInteger(id)
          ? claimsOf({
              issuer,
              subject: String(id),
              label: login,
              mail: mail?.["email"],
              mailConfirmed: mail !== undefined,
              name: login,
              displayName: person["name"],
              groups,
            })
          : refused(identityRefused("it names nobody"));
      } catch (error) {
        return refused(refusalOf(error, away));
      }
    },

    async test() {
      const answer: Result<Response> = await ask(
        `${issuer}/login/oauth/authorize?client_id=${encodeURIComponent(server.clientId)}`,
      ).then(ok, (error: unknown) => refused(refusalOf(error, away)));
      const says = answer.ok ? `status ${answer.value.status}` : String(answer.error.details?.["reason"]);
      const isThere = answer.ok && answer.value.status < 500 && answer.value.status !== 404;
      const rows = [
        { what: "sign-in page", says, ok: isThere },
        {
          what: "client secret",
          says: secret === undefined ? "none: GitHub needs one" : "kept",
          ok: secret !== undefined,
        },
      ];
      return { ok: rows.every((row) => row.ok), found: rows };
    },
  };
};
