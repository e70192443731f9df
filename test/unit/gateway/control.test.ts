import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { TlsFiles, TlsPort } from "../../../node/gateway/edge/tls.ts";
import { failureOf } from "../../../protocols/index.ts";
import { makeCertificate } from "../../fixtures/certificates.ts";
import { createClock } from "../../../node/platform/index.ts";
import { ask, codeOf, type Answer } from "./control-client.ts";
import { everyPart } from "./permission-table.ts";
import { createWorld, controlToken, startFixture, type Fixture } from "./fixture.ts";

/** Certificates that a test changes. */
function tlsOf(first: TlsFiles): TlsPort & { set(files: TlsFiles): void } {
  let current = first;
  const listeners = new Set<() => void>();
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set(files) {
      current = files;
      for (const listener of listeners) listener();
    },
  };
}

describe("gateway: the control endpoint", function () {
  let fixture: Fixture;
  let url: string;
  let ada: string;
  let shiftMs = 0;
  const make = async (body: object, by = controlToken): Promise<Answer> =>
    ask(url, "/api/v1/admin/control/tokens", { method: "POST", token: by, body });
  const tokenFor = async (name: string, ...scopes: readonly string[]): Promise<string> => {
    const made = await make({ name, scopes });
    expect(made.status, JSON.stringify(made.body)).to.equal(200);
    return made.body.token as string;
  };

  before(async () => {
    const world = createWorld();
    const clock = world.clock();
    fixture = await startFixture({
      ...everyPart,
      world,
      clock: { ...clock, nowMs: () => clock.nowMs() + shiftMs },
      controlListen: { host: "127.0.0.1", port: 0 },
    });
    url = fixture.gateway.controlUrl as string;
    ada = (await fixture.signUp("ada")).token;
  });
  after(() => fixture.stop());

  it("has the routes of admins and the health checks, and nothing of the page or of people", async () => {
    for (const { method, path } of fixture.gateway.routes()) {
      const asked = path.replaceAll(/:\w+/g, "nobody");
      const { status } = await ask(url, asked, { method, headers: { "content-type": "application/x-unknown" } });
      const isHere = path.startsWith("/api/v1/admin/") || path === "/metrics";
      const isOpen =
        ["/healthz", "/readyz", "/openapi.json", "/api/v1/openapi.json"].includes(path) ||
        path.startsWith("/api-docs") ||
        // Its command works with a control token.
        (method === "GET" && path === "/api/v1/branding");
      if (isHere) expect(status, `${method} ${path}`).to.equal(401);
      else if (isOpen) expect([200, 302, 404], `${method} ${path}`).to.include(status);
      else expect(status, `${method} ${path}`).to.equal(404);
    }
    for (const path of ["/", "/index.html", "/ws", "/rooms/lobby"])
      expect((await ask(url, path, { headers: { accept: "text/html" } })).status, path).to.equal(404);
  });

  it("takes the operator's token, an admin's session by bearer, and control tokens; no cookie", async () => {
    const path = "/api/v1/admin/control/self";
    expect((await ask(url, path, { token: controlToken })).body.by).to.equal("operator");
    expect((await ask(url, path, { token: ada })).body.by).to.equal("user/ada");
    const ops = await tokenFor("ops", "cluster.see");
    const self = await ask(url, path, { token: ops });
    expect(self.body).to.deep.equal({ by: "control/ops", permissions: ["cluster.see"] });
    expect(codeOf(await ask(url, path, { headers: { cookie: `plexus_session=${ada}` } }))).to.equal("UNAUTHENTICATED");
    expect(codeOf(await ask(url, path))).to.equal("UNAUTHENTICATED");
    expect(codeOf(await ask(url, path, { token: `${ops.slice(0, -1)}x` })), "forged").to.equal("UNAUTHENTICATED");
  });

  it("a control token opens nothing at the gateway, and nothing beyond its scopes", async () => {
    const token = await tokenFor("narrow", "cluster.see");
    const atGateway = await fixture.request("GET", "/api/v1/admin/control/self", { token });
    expect(atGateway.body.error.code).to.equal("UNAUTHENTICATED");
    expect((await fixture.request("GET", "/api/v1/me", { token })).body.error.code).to.equal("UNAUTHENTICATED");
    const drained = await ask(url, "/api/v1/admin/control/tokens/ops", { method: "DELETE", token });
    expect(codeOf(drained)).to.equal("FORBIDDEN");
    const wide = (await make({ name: "wide", role: "owner" })).body.token as string;
    expect(codeOf(await ask(url, "/api/v1/admin/users", { token: wide }))).to.equal("ok");
    // What takes from others it has; what gives somebody something it has not, whatever role it is for.
    expect(
      codeOf(
        await ask(url, "/api/v1/admin/users/ada/suspended", { method: "PUT", token: wide, body: { suspended: true } }),
      ),
    ).to.equal("ok");
    expect(
      codeOf(
        await ask(url, "/api/v1/admin/users/ada/suspended", { method: "PUT", token: wide, body: { suspended: false } }),
      ),
    ).to.equal("FORBIDDEN");
    expect(codeOf(await ask(url, "/api/v1/admin/users/ada/suspended", { method: "PUT", token: controlToken, body: { suspended: false } }))).to.equal("ok"); // prettier-ignore
    ada = (await fixture.request("POST", "/api/v1/sign-in", { body: { name: "ada", password: "correct horse" } })).body
      .token;
    expect(
      codeOf(
        await ask(url, "/api/v1/admin/users/ada/roles", { method: "PUT", token: wide, body: { roles: ["owner"] } }),
      ),
    ).to.equal("FORBIDDEN");
    expect(
      codeOf(await ask(url, "/api/v1/admin/backups/requests/x/approve", { method: "POST", token: wide, body: {} })),
    ).to.equal("FORBIDDEN");
  });

  it("nobody gives more than they have, and no token makes another, nor is for what tokens never have", async () => {
    expect((await make({ name: "maker", scopes: ["control.manage"] })).body.error.details.problem).to.match(
      /needs a person/,
    );
    const wide = await make({ name: "wide-2", role: "owner" });
    for (const body of [
      { name: "same", scopes: ["cluster.see"] },
      { name: "as-admin", role: "admin" },
    ])
      expect(codeOf(await make(body, wide.body.token))).to.equal("FORBIDDEN");
    const revoked = await ask(url, "/api/v1/admin/control/tokens/wide", { method: "DELETE", token: wide.body.token });
    expect(codeOf(revoked)).to.equal("FORBIDDEN");
    const short = (await make({ name: "short", scopes: ["cluster.see"], expiresInMs: 60_000 })).body;
    expect(codeOf(await make({ name: "ops", scopes: ["cluster.see"] }))).to.equal("NAME_TAKEN");
    expect(codeOf(await make({ name: "neither" }))).to.equal("BAD_REQUEST");
    expect(codeOf(await make({ name: "unknown", scopes: ["everything"] }))).to.equal("BAD_REQUEST");
    shiftMs += 61_000;
    expect(codeOf(await ask(url, "/api/v1/admin/control/tokens", { token: short.token })), "over").to.equal(
      "UNAUTHENTICATED",
    );
  });

  it("revoked, a token is refused at once, though it was used a moment ago and its connection is open", async () => {
    const token = await tokenFor("replayed", "cluster.see");
    const path = "/api/v1/admin/control/self";
    expect(codeOf(await ask(url, path, { token }))).to.equal("ok");
    const { body } = await ask(url, "/api/v1/admin/control/tokens/replayed", { method: "DELETE", token: controlToken });
    expect(body).to.include({ name: "replayed" }).and.not.to.have.property("tokenHash");
    expect(codeOf(await ask(url, path, { token }))).to.equal("UNAUTHENTICATED");
    const { tokens } = (await ask(url, "/api/v1/admin/control/tokens", { token: controlToken })).body;
    expect(JSON.stringify(tokens)).not.to.match(/tokenHash|plxc_/);
    const ops = tokens.find((one: { name: string }) => one.name === "ops");
    expect(ops.usedAtMs, "its use is noted").to.be.greaterThan(0);
  });

  it("a token for a role has what the role grants when it is used", async () => {
    const { token } = (await make({ name: "moderating", role: "moderator" })).body;
    const { permissions } = (await ask(url, "/api/v1/admin/users/ada/sessions", { token })).body;
    expect(permissions).to.equal(undefined);
    expect(codeOf(await ask(url, "/api/v1/admin/users", { token }))).to.equal("ok");
    expect(codeOf(await ask(url, "/api/v1/admin/control/self", { token }))).to.equal("FORBIDDEN");
  });

  it("pages of other sites and other names get nowhere", async () => {
    const headers = { origin: "https://evil.example", "sec-fetch-site": "cross-site", cookie: `plexus_session=${ada}` };
    const asked = await ask(url, "/api/v1/admin/control/tokens", {
      method: "POST",
      headers,
      body: { name: "x", scopes: ["read"] },
    });
    expect(codeOf(asked)).to.equal("FORBIDDEN");
    expect(asked.headers["access-control-allow-origin"]).to.equal(undefined);
    const named = await ask(url, "/healthz", { headers: { host: "rebound.example" } });
    expect(codeOf(named)).to.equal("HOST_NOT_ALLOWED");
  });

  it("describes itself: every route of admins with its permission and errors, and a page that asks no other host", async () => {
    const { body } = await ask(url, "/api/v1/openapi.json");
    const operations = Object.entries(body.paths as Record<string, Record<string, Record<string, unknown>>>).flatMap(
      ([path, methods]) =>
        Object.entries(methods).map(([method, said]) => ({ what: `${method.toUpperCase()} ${path}`, said })),
    );
    const declared = fixture.gateway.routes().filter(({ path }) => path.startsWith("/api/v1/admin/"));
    for (const { method, path, permission } of declared) {
      const what = `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`;
      const said = operations.find((one) => one.what === what)?.said;
      expect(said, what).to.include({ "x-permission": permission });
      expect(said?.["summary"], what).to.be.a("string");
      expect(said?.["x-errors"], what).to.include.members(["UNAUTHENTICATED", "FORBIDDEN"]);
      expect(said?.["responses"], what).to.include.keys("200", "401", "403");
    }
    expect(operations.filter(({ what }) => / \/api\/v1\/(?!admin\/)/.test(what))).to.deep.equal([]);
    const whole = (await fixture.request("GET", "/api/v1/openapi.json")).body;
    expect(Object.keys(whole.paths)).to.include.members(["/api/v1/me", "/api/v1/admin/status"]);

    const page = await ask(url, "/api-docs/");
    expect(page.status).to.equal(200);
    expect(page.headers["content-security-policy"]).to.include("script-src 'self'");
    const named = [...(page.body as string).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, found]) => found as string);
    expect(named.length).to.be.greaterThan(3);
    for (const one of named) {
      expect(one, "from here")
        .to.match(/^\.\/|^[a-z]/)
        .and.not.to.match(/^https?:/);
      expect((await ask(url, new URL(one, "http://x/api-docs/").pathname)).status, one).to.equal(200);
    }
    expect((page.body as string).match(/<script(?![^>]*src)/), "no script in the page").to.equal(null);
    expect((await ask(url, "/api-docs/json")).body.paths).to.deep.equal(body.paths);
    expect((await fixture.request("GET", "/api-docs/")).status, "at the gateway for admins").to.equal(401);
    expect((await fixture.request("GET", "/api-docs/", { token: ada })).status).to.equal(200);
  });
});

// By the machine's clock, by which OpenSSL takes certificates for good.
describe("gateway: the control endpoint over TLS", function () {
  const nowMs = Date.now();
  const ca = makeCertificate("operators", nowMs);
  const own = makeCertificate("localhost", nowMs);
  const client = makeCertificate("ops", nowMs, { by: ca });
  const tls = tlsOf({ cert: own.pem, key: own.keyPem, clientCa: ca.pem });
  const self = "/api/v1/admin/control/self";
  let fixture: Fixture;
  let url: string;

  before(async () => {
    fixture = await startFixture({ clock: createClock(), controlListen: { host: "127.0.0.1", port: 0 }, tls });
    url = fixture.gateway.controlUrl as string;
    const body = { name: "ops", scopes: ["cluster.see"], subject: "CN=ops" };
    const made = await ask(url, "/api/v1/admin/control/tokens", { method: "POST", token: controlToken, body });
    expect(made.body).to.include({ subject: "CN=ops" }).and.not.to.have.property("token");
  });
  after(() => fixture.stop());

  it("speaks TLS at both listeners", async () => {
    expect(url).to.match(/^https:/);
    expect(fixture.url).to.match(/^https:/);
    expect((await ask(fixture.url, "/healthz")).body).to.deep.equal({ alive: true });
    expect((await ask(url, "/healthz", { ca: own.pem, rejectUnauthorized: true, servername: "localhost", host: "localhost" })).status).to.equal(200); // prettier-ignore
  });

  it("lets in who shows a certificate of the operator's authority that a token stands for", async () => {
    const shown = await ask(url, self, { cert: client.pem, key: client.keyPem });
    expect(shown.body).to.deep.equal({ by: "control/ops", permissions: ["cluster.see"] });
    const other = makeCertificate("stranger", nowMs, { by: ca });
    const refused = await ask(url, self, { cert: other.pem, key: other.keyPem });
    expect(codeOf(refused)).to.equal("UNAUTHENTICATED");
    expect(refused.body.error.details.subject).to.equal("CN=stranger");
  });

  it("refuses certificates of another authority, expired ones, and a good token beside a bad certificate", async () => {
    const wrong = makeCertificate("ops", nowMs, { by: makeCertificate("operators", nowMs) });
    const expired = makeCertificate("ops", nowMs, { by: ca, lifeMs: -60_000 });
    const alone = makeCertificate("ops", nowMs);
    for (const [bad, why] of [
      [wrong, "another authority"],
      [expired, "expired"],
      [alone, "signed by itself"],
    ] as const) {
      const shown = { cert: bad.pem, key: bad.keyPem };
      expect(codeOf(await ask(url, self, shown)), why).to.equal("UNAUTHENTICATED");
      expect(codeOf(await ask(url, self, { ...shown, token: controlToken })), why).to.equal("UNAUTHENTICATED");
    }
  });

  it("a browser that shows its certificate by itself is not led to change anything by another site", async () => {
    const headers = { origin: "https://evil.example" };
    const asked = await ask(url, "/api/v1/admin/control/tokens", { method: "POST", cert: client.pem, key: client.keyPem, headers, body: { name: "x", scopes: ["read"] } }); // prettier-ignore
    expect(codeOf(asked)).to.equal("FORBIDDEN");
    expect(asked.body.error.details.reason).to.match(/another site/);
  });

  it("shows a renewed certificate, and takes those of a new authority, without a restart", async () => {
    const renewed = makeCertificate("localhost", nowMs);
    const next = makeCertificate("operators of next year", nowMs);
    tls.set({ cert: renewed.pem, key: renewed.keyPem, clientCa: next.pem });
    const trusting = { ca: renewed.pem, rejectUnauthorized: true, servername: "localhost", host: "localhost" };
    expect((await ask(url, "/healthz", trusting)).status).to.equal(200);
    expect((await ask(fixture.url, "/healthz", trusting)).status).to.equal(200);
    expect(codeOf(await ask(url, self, { cert: client.pem, key: client.keyPem })), "of before").to.equal(
      "UNAUTHENTICATED",
    );
    const now = makeCertificate("ops", nowMs, { by: next });
    expect(codeOf(await ask(url, self, { cert: now.pem, key: now.keyPem }))).to.equal("ok");
    await ask(url, "/api/v1/admin/control/tokens/ops", { method: "DELETE", token: controlToken });
    expect(codeOf(await ask(url, self, { cert: now.pem, key: now.keyPem })), "revoked").to.equal("UNAUTHENTICATED");
  });
});

describe("gateway: an authority of clients that is named while the control endpoint runs", () => {
  it("is asked for from then on, and no more when it is taken away", async () => {
    const nowMs = Date.now();
    const ca = makeCertificate("operators", nowMs);
    const own = makeCertificate("localhost", nowMs);
    const client = makeCertificate("ops", nowMs, { by: ca });
    const files = { cert: own.pem, key: own.keyPem };
    const tls = tlsOf(files);
    const fixture = await startFixture({ clock: createClock(), controlListen: { host: "127.0.0.1", port: 0 }, tls });
    const url = fixture.gateway.controlUrl as string;
    const shows = async (): Promise<string> =>
      codeOf(await ask(url, "/api/v1/admin/control/self", { cert: client.pem, key: client.keyPem }));
    const body = { name: "ops", scopes: ["cluster.see"], subject: "CN=ops" };
    await ask(url, "/api/v1/admin/control/tokens", { method: "POST", token: controlToken, body });
    expect(await shows()).to.equal("UNAUTHENTICATED");
    tls.set({ ...files, clientCa: ca.pem });
    expect(await shows()).to.equal("ok");
    tls.set(files);
    expect(await shows()).to.equal("UNAUTHENTICATED");
    await fixture.stop();
  });
});

describe("gateway: the control endpoint at a socket of the file system", () => {
  it("is for its owner alone, counts as this machine, and takes the place of one that was left", async function () {
    const folder = await mkdtemp(join(tmpdir(), "plexus-control-"));
    const path = join(folder, "control.sock");
    try {
      const fixture = await startFixture({ controlListen: { path }, adminAddresses: ["127.0.0.1"] });
      const { controlUrl = "" } = fixture.gateway;
      expect((await stat(path)).mode & 0o777).to.equal(0o600);
      expect((await ask(controlUrl, "/api/v1/admin/control/self", { token: controlToken })).body.by).to.equal(
        "operator",
      );
      const second = await startFixture({ controlListen: { path } }).catch((error: Error) => error);
      expect(failureOf(second).details).to.include({
        field: "control",
        reason: "another process listens there; name another path",
      });
      await fixture.stop();
      await writeFile(path, "no socket");
      const third = await startFixture({ controlListen: { path } }).catch((error: Error) => error);
      expect(failureOf(third).code).to.equal("CONFIG_INVALID");
      await rm(path);
      const away = await startFixture({ controlListen: { path }, adminAddresses: ["192.0.2.1"] });
      const refused = await ask(away.gateway.controlUrl ?? "", "/api/v1/admin/control/self", { token: controlToken });
      expect(codeOf(refused)).to.equal("FORBIDDEN");
      await away.stop();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
