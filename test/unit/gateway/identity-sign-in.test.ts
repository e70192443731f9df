import { createClock } from "../../../node/platform/index.ts";
import { expect } from "chai";
import { pathOfPage } from "../../../node/gateway/identity/identity-attempts.ts";
import type { AuditEvent, Credentials, SetIdentityProvider } from "../../../protocols/index.ts";
import { Browser } from "../../fixtures/identity/browser.ts";
import { clientId, clientSecret, startOidcServer, type OidcServer } from "../../fixtures/identity/oidc-server.ts";
import { lastingPort } from "../../fixtures/ports.ts";
import { codeAt, seedOf } from "./codes.ts";
import { controlToken, startFixture, type Reply, type Fixture } from "./fixture.ts";

describe("gateway: sign-in by another server where the page has a public address", function () {
  let fixture: Fixture;
  let server: OidcServer;
  let publicUrl: string;
  before(async () => {
    const port = await lastingPort();
    publicUrl = `http://localhost:${port}`;
    fixture = await startFixture({ clock: createClock(), port, publicUrl: () => publicUrl });
    await fixture.signUp("root");
    // The server knows this address alone.
    server = await startOidcServer({ pages: [publicUrl], names: ["main"] });
    const body = { server: { kind: "oidc", issuer: server.issuer, clientId }, label: "Company", secret: clientSecret, registration: "create" }; // prettier-ignore
    const set = await fixture.request("PUT", "/api/v1/admin/identity-providers/main", { token: controlToken, body });
    expect(set.status).to.equal(200);
    server.person = { sub: "1", preferred_username: "ada" };
  });
  after(async () => {
    await fixture.stop();
    await server.stop();
  });

  it("sends people back there, and says so to admins and to the page", async () => {
    const shown = await fixture.request("GET", "/api/v1/admin/identity-providers/main", { token: controlToken });
    expect(shown.body.back).to.equal(`${publicUrl}/api/v1/sign-in/back/main`);
    const browser = new Browser();
    const { url, way } = await browser.go(`${publicUrl}/api/v1/sign-in/with/main?return=/room/lobby`);
    expect(url.href, way.join("\n")).to.equal(`${publicUrl}/room/lobby`);
    expect((await browser.ask(publicUrl, "GET", "/api/v1/me")).body).to.deep.include({ user: "ada" });
    expect((await fixture.request("GET", "/api/v1/setup")).body.publicUrl, "the page goes there first").to.equal(
      publicUrl,
    );
  });

  it("lets nobody in who began at another address: the cookie of the attempt is that address's", async () => {
    const { url } = await new Browser().go(`${fixture.url}/api/v1/sign-in/with/main`);
    expect(url.origin).to.equal(publicUrl);
    expect(url.searchParams.get("signIn")).to.equal("SIGN_IN_EXPIRED");
  });

  it("links nothing to an account from a page at another address, and says where to open it", async () => {
    const { token } = await fixture.signUp("bob");
    const begin = (origin: string) =>
      fixture.request("POST", "/api/v1/me/identities/with/main", { token, body: {}, headers: { origin } });
    const refused = await begin("http://other.example");
    expect(refused.status).to.equal(403);
    const begun = await begin(publicUrl);
    expect(begun.status, JSON.stringify(begun.body)).to.equal(200);
    expect(new URL(begun.body.url).searchParams.get("redirect_uri")).to.equal(`${publicUrl}/api/v1/sign-in/back/main`);
  });
});

describe("gateway: sign-in by a real server of OpenID Connect", function () {
  let fixture: Fixture;
  let server: OidcServer;
  let owner: string;
  const written: AuditEvent[] = [];
  before(async () => {
    // By the machine's clock, which the server of OpenID Connect has.
    fixture = await startFixture({ clock: createClock(), audit: { write: async (event) => void written.push(event) } });
    ({ token: owner } = await fixture.signUp("root"));
    server = await startOidcServer({ pages: [fixture.url], names: ["main", "invited", "linked", "roled", "two"] });
    for (const [name, more] of Object.entries(rows())) expect((await set(name, more)).status, name).to.equal(200);
  });
  after(async () => {
    await fixture.stop();
    await server.stop();
  });

  const base = (): SetIdentityProvider => ({
    server: { kind: "oidc", issuer: server.issuer, clientId, scopes: ["profile", "email", "groups"] },
    label: "Company",
    secret: clientSecret,
    registration: "create",
  });
  const rows = (): Record<string, Partial<SetIdentityProvider>> => ({
    main: { signOut: true },
    invited: { registration: "invitation" },
    linked: { registration: "link-only" },
    roled: { groupClaim: "groups", roles: [{ group: "helpers", role: "moderator" }, { group: "bosses", role: "admin" }] },
    two: { trustTwo: { amr: ["mfa"] } },
  }); // prettier-ignore
  const set = (name: string, more: Partial<SetIdentityProvider> = {}, token = controlToken): Promise<Reply> =>
    fixture.request("PUT", `/api/v1/admin/identity-providers/${name}`, { token, body: { ...base(), ...more } });
  const begin = (browser: Browser, name = "main", query = "") =>
    browser.go(`${fixture.url}/api/v1/sign-in/with/${name}${query}`);
  const isBack = (url: URL): boolean => url.pathname.startsWith("/api/v1/sign-in/back/");
  const me = async (browser: Browser) => (await browser.ask(fixture.url, "GET", "/api/v1/me")).body;

  it("makes an account, signs in, and finds the same account the next time", async () => {
    server.person = { sub: "1", name: "Ada Lovelace", preferred_username: "Ada.L", email: "ada@example.org", email_verified: true }; // prettier-ignore
    const browser = new Browser();
    const { url, way } = await begin(browser, "main", "?return=/room/lobby");
    expect(url.pathname, way.join("\n")).to.equal("/room/lobby");
    expect(url.search).to.equal("");
    expect(await me(browser)).to.deep.include({ user: "ada-l", displayName: "Ada Lovelace", admin: false });
    expect(browser.cookie(fixture.url, "plexus_sign_in")).to.equal(undefined);
    const asked = new URL(way.find((one) => one.includes("code_challenge")) ?? "").searchParams;
    expect(asked.get("code_challenge_method")).to.equal("S256");
    expect(asked.get("nonce")).to.match(/^[\w-]{43}$/);

    const again = new Browser();
    const next = await begin(again);
    expect((await me(again)).user).to.equal("ada-l");
    // What binds an answer to its sign-in is another one each time.
    const askedAgain = new URL(next.way.find((one) => one.includes("code_challenge")) ?? "").searchParams;
    for (const name of ["nonce", "state", "code_challenge"])
      expect(askedAgain.get(name), name)
        .to.match(/^[\w-]{20,}$/)
        .and.not.equal(asked.get(name));
    const { body } = await again.ask(fixture.url, "GET", "/api/v1/me/factors");
    expect(body.identities[0]).to.deep.include({ provider: "main", issuer: server.issuer, subject: "1", label: "ada@example.org" }); // prettier-ignore
    expect(body.password).to.equal(false);
  });

  it("never finds an account by its name or mail", async () => {
    await fixture.signUp("bob");
    server.person = { sub: "2", preferred_username: "bob", email: "root@example.org", email_verified: true };
    const browser = new Browser();
    await begin(browser);
    expect((await me(browser)).user).to.equal("bob-2");
  });

  it("makes one only with an invitation where that is the rule, and none where people link", async () => {
    server.person = { sub: "3", preferred_username: "cy" };
    const browser = new Browser();
    const refused = await begin(browser, "invited");
    expect(refused.url.searchParams.get("signIn")).to.equal("SIGN_UP_NEEDS");
    const unknown = await begin(browser, "linked");
    expect(unknown.url.searchParams.get("signIn")).to.equal("IDENTITY_UNKNOWN");
    const made = await fixture.request("POST", "/api/v1/admin/sign-up-invitations", {
      token: controlToken,
      body: { uses: 1, expiresInMs: 60_000 },
    });
    expect(made.status, JSON.stringify(made.body)).to.equal(200);
    const wrong = await begin(browser, "invited", "?invitation=AAAA-BBBB");
    expect(wrong.url.searchParams.get("signIn")).to.equal("SIGN_UP_INVITATION_INVALID");
    await begin(browser, "invited", `?invitation=${encodeURIComponent(made.body.code)}`);
    expect((await me(browser)).user).to.equal("cy");
    const used = new Browser();
    server.person = { sub: "33", preferred_username: "cyril" };
    expect((await begin(used, "invited", `?invitation=${encodeURIComponent(made.body.code)}`)).url.search).to.contain(
      "SIGN_UP_INVITATION_INVALID",
    );
  });

  it("still asks for the account's own second factor, unless the server is trusted to have asked for two", async () => {
    server.person = { sub: "4", preferred_username: "dora" };
    const first = new Browser();
    await begin(first, "two");
    const token = first.cookie(fixture.url, "plexus_session") ?? "";
    const seed = seedOf((await fixture.request("POST", "/api/v1/me/totp", { token, body: {} })).body.secret);
    const code = codeAt(seed, Date.now());
    expect((await fixture.request("POST", "/api/v1/me/totp/confirm", { token, body: { code } })).status).to.equal(200);
    const browser = new Browser();
    const { url } = await begin(browser, "two");
    expect(url.searchParams.get("signIn")).to.equal("step");
    expect(browser.cookie(fixture.url, "plexus_session")).to.equal(undefined);
    const standing = await browser.ask(fixture.url, "GET", "/api/v1/sign-in/attempt");
    expect(standing.body.needs).to.deep.equal(["totp", "recovery"]);
    const done = await browser.ask(fixture.url, "POST", "/api/v1/sign-in/code", {
      code: codeAt(seed, Date.now() + 30_000),
    });
    expect(done.status, JSON.stringify(done.body)).to.equal(200);

    server.person = { sub: "4", preferred_username: "dora", amr: ["pwd", "mfa"] };
    const trusted = new Browser();
    expect((await begin(trusted, "two")).url.search).to.equal("");
    expect((await me(trusted)).user).to.equal("dora");
    const untrusted = new Browser();
    expect((await begin(untrusted, "main")).url.searchParams.get("signIn")).to.equal("step");
  });

  it("gives and takes the roles of a map with each sign-in, and leaves others", async () => {
    server.person = { sub: "5", preferred_username: "eve", groups: ["helpers"] };
    const browser = new Browser();
    await begin(browser, "roled");
    const roles = async () => ((await fixture.request("GET", "/api/v1/admin/users", { token: controlToken })).body.people as { user: string; roles: string[] }[]).find(({ user }) => user === "eve")?.roles; // prettier-ignore
    expect(await roles()).to.deep.equal(["member", "moderator"]);
    await fixture.request("PUT", "/api/v1/admin/users/eve/roles", {
      token: controlToken,
      body: { roles: ["guest", "moderator"] },
    });
    server.person = { sub: "5", preferred_username: "eve", groups: [] };
    await begin(new Browser(), "roled");
    expect(await roles()).to.deep.equal(["guest"]);
    server.person = { sub: "5", preferred_username: "eve", groups: ["bosses"] };
    await begin(new Browser(), "roled");
    expect(await roles()).to.deep.equal(["guest", "admin"]);
  });

  it("links an identity to an account that is signed in, when its person says yes, and to one account only", async () => {
    const { token } = await fixture.signUp("fay");
    const browser = new Browser();
    browser.plant(fixture.url, "plexus_session", token);
    server.person = { sub: "6", preferred_username: "fay.at.work", email: "fay@example.org" };
    const begun = await browser.ask(fixture.url, "POST", "/api/v1/me/identities/with/linked", { return: "/settings" });
    expect(begun.status, JSON.stringify(begun.body)).to.equal(200);
    const { url } = await browser.go(begun.body.url);
    expect(url.pathname + url.search).to.equal("/settings?signIn=link&with=linked");
    const shown = await browser.ask(fixture.url, "GET", "/api/v1/me/identities/proven");
    expect(shown.body).to.deep.equal({ purpose: "link", provider: "linked", issuer: server.issuer, label: "fay@example.org" }); // prettier-ignore
    expect((await browser.ask(fixture.url, "POST", "/api/v1/me/identities/proven", {})).status).to.equal(200);
    expect((await browser.ask(fixture.url, "POST", "/api/v1/me/identities/proven", {})).body.error.code).to.equal(
      "SIGN_IN_EXPIRED",
    );
    const in_ = new Browser();
    await begin(in_, "linked");
    expect((await me(in_)).user).to.equal("fay");

    const other = await fixture.signUp("gus");
    const taker = new Browser();
    taker.plant(fixture.url, "plexus_session", other.token);
    const taking = await taker.ask(fixture.url, "POST", "/api/v1/me/identities/with/linked", {});
    await taker.go(taking.body.url);
    expect((await taker.ask(fixture.url, "POST", "/api/v1/me/identities/proven", {})).body.error.code).to.equal(
      "IDENTITY_TAKEN",
    );

    const { body } = await browser.ask(fixture.url, "GET", "/api/v1/me/factors");
    const [{ claim: id }] = body.identities;
    expect((await browser.ask(fixture.url, "DELETE", `/api/v1/me/identities/${id}`)).status).to.equal(200);
    expect((await begin(new Browser(), "linked")).url.searchParams.get("signIn")).to.equal("IDENTITY_UNKNOWN");
  });

  it("proves anew by the server, which asks the person again", async () => {
    server.person = { sub: "1" };
    const browser = new Browser();
    await begin(browser);
    const begun = await browser.ask(fixture.url, "POST", "/api/v1/me/session/confirm/with/main", {});
    const asked = new URL(begun.body.url).searchParams;
    expect([asked.get("prompt"), asked.get("max_age")]).to.deep.equal(["login", "0"]);
    const { url } = await browser.go(begun.body.url);
    expect(url.search).to.equal("?signIn=confirm&with=main");
    const done = await browser.ask(fixture.url, "POST", "/api/v1/me/identities/proven", {});
    expect(done.status, JSON.stringify(done.body)).to.equal(200);
  });

  it("signs out there as well", async () => {
    server.person = { sub: "1" };
    const browser = new Browser();
    await begin(browser);
    const { body } = await browser.ask(fixture.url, "POST", "/api/v1/sign-out", {});
    const leaving = new URL(body.url);
    expect(leaving.origin).to.equal(server.issuer);
    expect(leaving.searchParams.get("post_logout_redirect_uri")).to.equal(`${fixture.url}/`);
    expect((await browser.go(body.url)).status).to.equal(200);
    expect((await me(browser)).error.code).to.equal("UNAUTHENTICATED");
  });

  it("says that somebody said no there, and blames no account that is called like the server", async () => {
    server.person = undefined;
    expect((await begin(new Browser())).url.searchParams.get("signIn")).to.equal("IDENTITY_REFUSED");
    expect(written.at(-1)).to.deep.include({ action: "signIn", by: "stranger", target: "provider/main", outcome: "IDENTITY_REFUSED" }); // prettier-ignore
  });

  describe("attacks", () => {
    beforeEach(() => {
      server.person = { sub: "1" };
    });

    it("by a code of another browser: login CSRF, and injection into one's own sign-in", async () => {
      const attacker = new Browser();
      const stolen = (await attacker.go(`${fixture.url}/api/v1/sign-in/with/main`, { until: isBack })).url;
      const victim = new Browser();
      expect((await victim.go(stolen.href, { from: "https://evil.example" })).url.search).to.contain("SIGN_IN_EXPIRED");
      // With a sign-in of the victim's own under way, and with its state put in.
      const own = (await victim.go(`${fixture.url}/api/v1/sign-in/with/main`, { until: isBack })).url;
      expect((await victim.go(stolen.href)).url.search).to.contain("SIGN_IN_EXPIRED");
      const mixed = new URL(own);
      mixed.searchParams.set("code", stolen.searchParams.get("code") ?? "");
      expect((await victim.go(mixed.href)).url.search, "the verifier is another").to.contain("IDENTITY_REFUSED");
      expect(victim.cookie(fixture.url, "plexus_session")).to.equal(undefined);
    });

    it("by a state that is absent, another, or used before", async () => {
      const browser = new Browser();
      const back = (await browser.go(`${fixture.url}/api/v1/sign-in/with/main`, { until: isBack })).url;
      for (const state of [undefined, "", "x".repeat(43)]) {
        const url = new URL(back);
        if (state === undefined) url.searchParams.delete("state");
        else url.searchParams.set("state", state);
        expect((await browser.go(url.href)).url.search).to.contain("SIGN_IN_EXPIRED");
      }
      expect((await browser.go(back.href)).url.search).to.equal("");
      expect((await browser.go(back.href)).url.search, "a second time").to.contain("SIGN_IN_EXPIRED");
    });

    it("by mix-up: the answer of one server at the address of another, or with another `iss`", async () => {
      const browser = new Browser();
      const back = (await browser.go(`${fixture.url}/api/v1/sign-in/with/main`, { until: isBack })).url;
      expect(back.searchParams.get("iss")).to.equal(server.issuer);
      const other = new URL(back.href.replace("/back/main", "/back/linked"));
      expect((await browser.go(other.href)).url.search).to.contain("SIGN_IN_EXPIRED");
      const again = (await browser.go(`${fixture.url}/api/v1/sign-in/with/main`, { until: isBack })).url;
      again.searchParams.set("iss", "https://evil.example");
      expect((await browser.go(again.href)).url.search).to.contain("IDENTITY_REFUSED");
    });

    it("by an attempt that was planted", async () => {
      const attacker = new Browser();
      const stolen = (await attacker.go(`${fixture.url}/api/v1/sign-in/with/main`, { until: isBack })).url;
      const planted = attacker.cookie(fixture.url, "plexus_sign_in") ?? "";
      const { token } = await fixture.signUp("hal");
      const victim = new Browser();
      victim.plant(fixture.url, "plexus_session", token);
      victim.plant(fixture.url, "plexus_sign_in", planted);
      // Signed in as hal: nothing of the attacker's is linked, whatever the page is made to ask.
      await victim.go(stolen.href, { from: "https://evil.example" });
      expect((await victim.ask(fixture.url, "POST", "/api/v1/me/identities/proven", {})).body.error.code).to.be.oneOf([
        "SIGN_IN_EXPIRED",
        "UNAUTHENTICATED",
      ]);
    });

    it("by another site that begins a sign-in", async () => {
      const browser = new Browser();
      const landed = await browser.go(`${fixture.url}/api/v1/sign-in/with/main`, { from: "https://evil.example" });
      expect(landed.way).to.have.length(2);
      expect(landed.url.pathname + landed.url.search).to.equal("/");
    });

    it("by a path to come back to that is none of the page", async () => {
      for (const bad of [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/api/v1/me",
        "/.//evil.example",
        "/x/..//evil.example",
      ])
        expect(pathOfPage(bad), bad).to.equal("/");
      expect(pathOfPage("/room/lobby?a=b")).to.equal("/room/lobby?a=b");
      const browser = new Browser();
      const { url } = await begin(browser, "main", `?return=${encodeURIComponent("//evil.example/x")}`);
      expect(url.href).to.equal(`${fixture.url}/`);
    });

    it("by another name of the host: the server knows no such address", async () => {
      const response = await fetch(`${fixture.url}/api/v1/sign-in/with/main`, {
        headers: { host: "evil.example" },
        redirect: "manual",
      }).catch(() => undefined);
      if (response !== undefined) expect(response.headers.get("location") ?? "").to.not.contain("evil.example");
    });

    it("by a row that is pointed elsewhere: the attempt ends, and the same subject is somebody else", async () => {
      const evil = await startOidcServer({ pages: [fixture.url], names: ["main"] });
      try {
        const browser = new Browser();
        const back = (await browser.go(`${fixture.url}/api/v1/sign-in/with/main`, { until: isBack })).url;
        const moved = { server: { kind: "oidc", issuer: evil.issuer, clientId } } as const;
        const without = await fixture.request("PUT", "/api/v1/admin/identity-providers/main", {
          token: controlToken,
          body: { ...base(), ...moved, secret: undefined },
        });
        expect(without.body.error.details.path, "the secret must not go there").to.equal("/secret");
        expect((await set("main", moved)).status).to.equal(200);
        expect((await browser.go(back.href)).url.search).to.contain("SIGN_IN_EXPIRED");
        evil.person = { sub: "1", preferred_username: "ada-l" };
        const impostor = new Browser();
        await begin(impostor);
        expect((await me(impostor)).user).to.equal("ada-l-2");
      } finally {
        await set("main", { signOut: true });
        await evil.stop();
      }
    });

    it("by an admin who sets a server to become an owner, or maps a group to what he has not", async () => {
      const admin = await fixture.signUp("ivy");
      await fixture.request("PUT", "/api/v1/admin/users/ivy/roles", {
        token: controlToken,
        body: { roles: ["admin"] },
      });
      const given = await set("low", { groupClaim: "groups", roles: [{ group: "x", role: "owner" }] }, admin.token);
      expect(given.body.error.code).to.equal("FORBIDDEN");
      const browser = new Browser();
      browser.plant(fixture.url, "plexus_session", owner);
      server.person = { sub: "7" };
      const begun = await browser.ask(fixture.url, "POST", "/api/v1/me/identities/with/linked", {});
      await browser.go(begun.body.url);
      expect((await browser.ask(fixture.url, "POST", "/api/v1/me/identities/proven", {})).status).to.equal(200);
      const before = new Browser();
      await begin(before, "linked");
      expect((await me(before)).user).to.equal("root");
      expect((await set("linked", { registration: "link-only" }, admin.token)).status).to.equal(200);
      expect((await begin(new Browser(), "linked")).url.searchParams.get("signIn")).to.equal("FORBIDDEN");
    });

    it("by an admin who sets a server to come in as another: the link counts as its person made it", async () => {
      const admins = ["ida", "kim"].map(async (name) => {
        const { token } = await fixture.signUp(name);
        await fixture.request("PUT", `/api/v1/admin/users/${name}/roles`, {
          token: controlToken,
          body: { roles: ["admin"] },
        });
        return token;
      });
      const [ida = "", kim = ""] = await Promise.all(admins);
      server.person = { sub: "kim-there" };
      const link = async (token: string) => {
        const browser = new Browser();
        browser.plant(fixture.url, "plexus_session", token);
        await browser.go((await browser.ask(fixture.url, "POST", "/api/v1/me/identities/with/main", {})).body.url);
        expect((await browser.ask(fixture.url, "POST", "/api/v1/me/identities/proven", {})).status).to.equal(200);
      };
      const comeIn = async () => {
        const browser = new Browser();
        const { url } = await begin(browser, "main");
        return url.searchParams.get("signIn") ?? (await me(browser)).user;
      };
      const isYoung = async (): Promise<boolean> => {
        const found = await fixture.kernel.ask({ to: "user/kim", from: "gateway", message: { type: "credentials" }, timeoutMs: 5_000 }); // prettier-ignore
        return found.ok && (found.value as Credentials).linkUsedAgoMs !== undefined;
      };
      await link(kim);
      expect(await comeIn()).to.equal("kim");
      // It says from now on that one factor is two; a certificate of SAML is the same.
      expect((await set("main", { trustTwo: { amr: ["pwd"] } }, ida)).status).to.equal(200);
      expect(await comeIn(), "set by an equal").to.equal("FORBIDDEN");
      const browser = new Browser();
      browser.plant(fixture.url, "plexus_session", kim);
      await browser.go((await browser.ask(fixture.url, "POST", "/api/v1/me/session/confirm/with/main", {})).body.url);
      const fresh = await browser.ask(fixture.url, "POST", "/api/v1/me/identities/proven", {});
      expect(fresh.body.error.code, "nor does it make an open browser a fresh one").to.equal("FORBIDDEN");
      await link(kim);
      expect([await comeIn(), await isYoung()], "linked again by its person").to.deep.equal(["kim", false]);
      expect((await set("main", { trustTwo: { amr: ["otp"] } }, owner)).status).to.equal(200);
      expect([await comeIn(), await isYoung()], "set by an owner, it is noted").to.deep.equal(["kim", true]);
      const reset = await fixture.request("POST", "/api/v1/admin/users/kim/reset", { token: ida, body: {} });
      expect(reset.body.error.code, "an equal's password").to.equal("FORBIDDEN");
      expect(
        (await fixture.request("POST", "/api/v1/admin/users/kim/reset", { token: owner, body: {} })).status,
      ).to.equal(200);
      await set("main", { signOut: true });
    });

    it("to read the secret: no answer has it", async () => {
      const { body } = await fixture.request("GET", "/api/v1/admin/identity-providers", { token: controlToken });
      expect(body.providers).to.have.length.above(3);
      expect(JSON.stringify(body)).to.not.contain(clientSecret).and.not.contain("sealed");
      expect(body.providers[0].hasSecret).to.equal(true);
      const tested = await fixture.request("POST", "/api/v1/admin/identity-providers/main/test", {
        token: controlToken,
        body: {},
      });
      expect(tested.body).to.deep.include({ ok: true, back: `${fixture.url}/api/v1/sign-in/back/main` });
      expect(JSON.stringify(fixture.troubles)).to.not.contain(clientSecret);
    });
  });
});
