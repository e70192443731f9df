/** Servers of OpenID Connect that lie, and GitHub as its documentation says it is. */
import { createClock } from "../../../node/platform/index.ts";
import { expect } from "chai";
import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from "jose";
import type { SetIdentityProvider } from "../../../protocols/index.ts";
import { Browser } from "../../fixtures/identity/browser.ts";
import { startGithub, type GithubDouble } from "../../fixtures/identity/github-double.ts";
import { controlToken, startFixture, type Fixture } from "./fixture.ts";

const clientId = "plexus";
const secret = "a client secret that is long enough for HS256";

describe("gateway: sign-in by servers that lie", () => {
  let fixture: Fixture;
  let server: Server;
  let issuer: string;
  /** How the token is made that comes next. */
  let forge: (honest: JWTPayload & { nonce: string }, sign: (claims: JWTPayload) => Promise<string>) => Promise<string>;
  before(async () => {
    // By the machine's clock, which the library of the forger has.
    fixture = await startFixture({ clock: createClock() });
    await fixture.signUp("root");
    const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: "k", alg: "RS256", use: "sig" }] };
    const sign = (claims: JWTPayload) =>
      new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "k" }).sign(privateKey);
    const nonces = new Map<string, string>();
    const answer = async (request: IncomingMessage): Promise<{ status: number; body?: object; location?: string }> => {
      const url = new URL(request.url ?? "/", issuer);
      if (url.pathname === "/.well-known/openid-configuration")
        return {
          status: 200,
          body: {
            issuer,
            authorization_endpoint: `${issuer}/authorize`,
            token_endpoint: `${issuer}/token`,
            jwks_uri: `${issuer}/jwks`,
            response_types_supported: ["code"],
            subject_types_supported: ["public"],
            // It says that it would do all of it.
            id_token_signing_alg_values_supported: ["RS256", "HS256", "none"],
          },
        };
      if (url.pathname === "/jwks") return { status: 200, body: jwks };
      if (url.pathname === "/authorize") {
        nonces.set("code", url.searchParams.get("nonce") ?? "");
        return {
          status: 302,
          location: `${url.searchParams.get("redirect_uri")}?code=code&state=${url.searchParams.get("state")}`,
        };
      }
      const nowS = Math.floor(Date.now() / 1_000);
      const honest = { iss: issuer, aud: clientId, sub: "somebody", iat: nowS, exp: nowS + 60, nonce: nonces.get("code") ?? "", name: "Some Body", email: "s@example.org" }; // prettier-ignore
      return { status: 200, body: { access_token: "a", token_type: "Bearer", id_token: await forge(honest, sign) } };
    };
    server = createServer((request, response) => {
      request.resume();
      void answer(request).then(({ status, body, location }) => {
        response.writeHead(status, { "content-type": "application/json", ...(location !== undefined && { location }) });
        response.end(body === undefined ? "" : JSON.stringify(body));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const body: SetIdentityProvider = { server: { kind: "oidc", issuer, clientId }, label: "Liar", secret, registration: "create" }; // prettier-ignore
    const set = await fixture.request("PUT", "/api/v1/admin/identity-providers/liar", { token: controlToken, body });
    expect(set.status, JSON.stringify(set.body)).to.equal(200);
  });
  after(async () => {
    await fixture.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const outcome = async (): Promise<string | null> =>
    (await new Browser().go(`${fixture.url}/api/v1/sign-in/with/liar`)).url.searchParams.get("signIn");

  it("takes what is signed as it should be", async () => {
    forge = (honest, sign) => sign(honest);
    expect(await outcome()).to.equal(null);
  });

  const lies: Readonly<Record<string, typeof forge>> = {
    "a token that nobody signed": async (honest) => `${part({ alg: "none" })}.${part(honest)}.`,
    "one that is signed with the client secret": async (honest) => {
      const signed = `${part({ alg: "HS256" })}.${part(honest)}`;
      return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
    },
    "one that is signed with a key that is not published": async (honest) => {
      const { privateKey } = await generateKeyPair("RS256");
      return new SignJWT(honest).setProtectedHeader({ alg: "RS256", kid: "k" }).sign(privateKey);
    },
    "one whose claims were changed": async (honest, sign) => {
      const [head, , signature] = (await sign(honest)).split(".");
      return `${head}.${part({ ...honest, sub: "root" })}.${signature}`;
    },
    "one for another client": (honest, sign) => sign({ ...honest, aud: "another" }),
    "one for others as well, that does not say for whom": (honest, sign) =>
      sign({ ...honest, aud: [clientId, "another"] }),
    "one of another issuer": (honest, sign) => sign({ ...honest, iss: "https://accounts.google.com" }),
    "one with another nonce": (honest, sign) => sign({ ...honest, nonce: "another" }),
    "one without a nonce": ({ nonce: _nonce, ...honest }, sign) => sign(honest),
    "one that is over": (honest, sign) =>
      sign({ ...honest, exp: (honest.exp ?? 0) - 600, iat: (honest.iat ?? 0) - 600 }),
    "one that names nobody": ({ sub: _sub, ...honest }, sign) => sign(honest),
    "one that names somebody with a line end": (honest, sign) => sign({ ...honest, sub: "a\nb" }),
  };
  for (const [what, made] of Object.entries(lies))
    it(`refuses ${what}`, async () => {
      forge = made;
      expect(await outcome()).to.equal("IDENTITY_REFUSED");
    });

  it("says that a server is away, and what a test found", async () => {
    const body = {
      server: { kind: "oidc", issuer: "http://127.0.0.1:9", clientId },
      label: "Away",
      registration: "create",
    };
    await fixture.request("PUT", "/api/v1/admin/identity-providers/away", { token: controlToken, body });
    const { url } = await new Browser().go(`${fixture.url}/api/v1/sign-in/with/away`);
    expect(url.searchParams.get("signIn")).to.equal("IDENTITY_PROVIDER_AWAY");
    const tested = await fixture.request("POST", "/api/v1/admin/identity-providers/away/test", {
      token: controlToken,
      body: {},
    });
    expect(tested.body.ok).to.equal(false);
    expect(tested.body.found[0].says).to.contain("IDENTITY_PROVIDER_AWAY");
  });

  it("asks nobody without TLS who is not on this machine", async () => {
    const body = {
      server: { kind: "oidc", issuer: "http://sso.example.org", clientId },
      label: "Plain",
      registration: "create",
    };
    const set = await fixture.request("PUT", "/api/v1/admin/identity-providers/plain", { token: controlToken, body });
    expect(set.body.error.details.problem).to.contain("https");
  });

  describe("gateway: sign-in by GitHub", () => {
    let github: GithubDouble;
    before(async () => {
      github = await startGithub({ clientId, clientSecret: secret });
      const body: SetIdentityProvider = {
        server: { kind: "github", issuer: github.url, clientId },
        label: "GitHub",
        secret,
        registration: "create",
        mailDomains: ["example.org"],
        roles: [{ group: "octo/core", role: "moderator" }],
      };
      const set = await fixture.request("PUT", "/api/v1/admin/identity-providers/github", {
        token: controlToken,
        body,
      });
      expect(set.status, JSON.stringify(set.body)).to.equal(200);
    });
    after(() => github.stop());
    const begin = (browser: Browser) => browser.go(`${fixture.url}/api/v1/sign-in/with/github`);

    it("makes an account by the number of somebody, not the login, with a confirmed address and the roles of a team", async () => {
      github.person = { id: 42, login: "Octo-Cat", name: "Mona", emails: [{ email: "mona@example.org", primary: true, verified: true }], orgs: ["octo"], teams: [{ org: "octo", slug: "core" }] }; // prettier-ignore
      const browser = new Browser();
      const { url, way } = await begin(browser);
      expect(url.search, way.join("\n")).to.equal("");
      const { body } = await browser.ask(fixture.url, "GET", "/api/v1/me");
      expect(body).to.deep.include({ user: "octo-cat", displayName: "Mona", roles: ["member", "moderator"] });
      github.person = { ...github.person, login: "renamed" };
      const again = new Browser();
      await begin(again);
      expect((await again.ask(fixture.url, "GET", "/api/v1/me")).body.user).to.equal("octo-cat");
    });

    it("refuses an address that GitHub has not confirmed, and one of another domain", async () => {
      github.person = { id: 43, login: "two", emails: [{ email: "two@example.org", primary: true, verified: false }] };
      expect((await begin(new Browser())).url.searchParams.get("signIn")).to.equal("SIGN_UP_NEEDS");
      github.person = { id: 43, login: "two", emails: [{ email: "two@example.com", primary: true, verified: true }] };
      expect((await begin(new Browser())).url.searchParams.get("signIn")).to.equal("MAIL_DOMAIN_REFUSED");
    });

    it("refuses a code that is wrong or was used, and says when somebody says no", async () => {
      github.person = { id: 42, login: "octo-cat" };
      const browser = new Browser();
      const isBack = (url: URL): boolean => url.pathname.startsWith("/api/v1/sign-in/back/");
      const { url } = await browser.go(`${fixture.url}/api/v1/sign-in/with/github`, { until: isBack });
      url.searchParams.set("code", "guessed");
      expect((await browser.go(url.href)).url.searchParams.get("signIn")).to.equal("IDENTITY_REFUSED");
      github.person = undefined;
      expect((await begin(new Browser())).url.searchParams.get("signIn")).to.equal("IDENTITY_REFUSED");
    });
  });
});
