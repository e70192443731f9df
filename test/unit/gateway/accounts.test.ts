import { expect } from "chai";
import { failure, PlexusError } from "../../../protocols/index.ts";
import { startStand, adminCode, controlToken, password, type Stand } from "./stand.ts";

describe("gateway: accounts", () => {
  let stand: Stand;
  before(async () => {
    stand = await startStand();
  });
  after(() => stand.stop());

  it("asks the first account for the admin code and makes it the admin", async () => {
    const setup = await stand.request("GET", "/api/setup");
    expect(setup.body).to.deep.include({ adminNeeded: true, signUp: "open", demonstrationModel: true });

    const body = { name: "ada", password };
    const without = await stand.request("POST", "/api/sign-up", { body });
    expect(without.status).to.equal(403);
    expect(without.body.error.code).to.equal("ADMIN_CODE_WRONG");
    const wrong = await stand.request("POST", "/api/sign-up", { body: { ...body, adminCode: "XXXX" } });
    expect(wrong.body.error.code).to.equal("ADMIN_CODE_WRONG");

    const typed = adminCode.toLowerCase().replaceAll("-", " ");
    const right = await stand.request("POST", "/api/sign-up", { body: { ...body, adminCode: typed } });
    expect(right.status, JSON.stringify(right.body)).to.equal(200);
    expect(right.body).to.include({ user: "ada" });
    expect((await stand.request("GET", "/api/setup")).body.adminNeeded).to.equal(false);
  });

  it("lets people with an account in while nobody can say whether there is an admin, and new ones wait", async () => {
    const away = failure("SLOT_UNAVAILABLE", { reason: "the manager does not answer" });
    let unknown = false;
    const adminNeeded = () => (unknown ? Promise.reject(new PlexusError(away)) : Promise.resolve(false));
    const dark = await startStand({ adminNeeded });
    await dark.signUp("ada");
    unknown = true;
    expect(await dark.request("GET", "/api/setup")).to.deep.include({ status: 200 }).and.have.nested.property("body.adminNeeded", false); // prettier-ignore
    expect((await dark.request("POST", "/api/sign-in", { body: { name: "ada", password } })).status).to.equal(200);
    const refusal = await dark.request("POST", "/api/sign-up", { body: { name: "eve", password } });
    expect(refusal).to.deep.include({ status: 503, body: { error: away } });
    await dark.stop();
  });

  it("says that a demonstration model answers only where one can", async () => {
    const info = { runtime: "llama", contextTokens: 1, sizeBytes: 1 } as const;
    const failed = { ...info, model: "tiny", demonstration: true, state: "failed" } as const;
    const good = { ...info, model: "good", demonstration: false, state: "ready" } as const;
    const runtime = { models: () => [failed, good], generate: () => ({ cancel() {} }), stop: () => Promise.resolve() };
    const models = await startStand({ runtime });
    expect((await models.request("GET", "/api/setup")).body.demonstrationModel).to.equal(false);
    await models.stop();
  });

  it("leaves no account behind when the code was wrong", async () => {
    const fresh = await startStand();
    await fresh.request("POST", "/api/sign-up", { body: { name: "eve", password, adminCode: "nope" } });
    const signIn = await fresh.request("POST", "/api/sign-in", { body: { name: "eve", password } });
    expect(signIn.body.error.code).to.equal("SIGN_IN_FAILED");
    await fresh.stop();
  });

  it("answers a wrong password and an unknown name alike", async () => {
    const wrong = await stand.request("POST", "/api/sign-in", { body: { name: "ada", password: "not it at all" } });
    const unknown = await stand.request("POST", "/api/sign-in", { body: { name: "nobody", password } });
    const odd = await stand.request("POST", "/api/sign-in", { body: { name: "No.Name/..", password } });
    for (const { status, body } of [wrong, unknown, odd]) {
      expect(status).to.equal(401);
      expect(body).to.deep.equal(wrong.body);
    }
  });

  it("signs in by a strict, script-proof cookie and by a bearer token", async () => {
    const { headers, body } = await stand.request("POST", "/api/sign-in", { body: { name: "ada", password } });
    expect(body.token).to.match(/^plx_/);
    const cookie = headers.get("set-cookie") ?? "";
    expect(cookie).to.contain("HttpOnly").and.to.contain("SameSite=Strict").and.not.to.contain("Secure");
    const me = await stand.request("GET", "/api/me", { token: body.token });
    expect(me.body).to.deep.include({ user: "ada", rooms: [] });
    const byCookie = await stand.request("GET", "/api/me", { headers: { cookie: cookie.split(";")[0] as string } });
    expect(byCookie.body.user).to.equal("ada");
  });

  it("refuses what another site makes a browser send", async () => {
    const { headers } = await stand.request("POST", "/api/sign-in", { body: { name: "ada", password } });
    const cookie = headers.get("set-cookie")?.split(";")[0] as string;
    const patch = (extra: Record<string, string>) =>
      stand.request("PATCH", "/api/me", { body: { theme: "dark" }, headers: { cookie, ...extra } });
    expect((await patch({ origin: "https://evil.example" })).body.error.code).to.equal("FORBIDDEN");
    expect((await patch({ origin: "null" })).status).to.equal(403);
    expect((await patch({ origin: stand.url })).status).to.equal(200);
    const signIn = { body: { name: "ada", password }, headers: { origin: "https://evil.example" } };
    expect((await stand.request("POST", "/api/sign-in", signIn)).status).to.equal(403);
  });

  it("ends a session at once when it signs out", async () => {
    const { body } = await stand.request("POST", "/api/sign-in", { body: { name: "ada", password } });
    const client = await stand.connect(body.token);
    expect((await stand.request("POST", "/api/sign-out", { token: body.token })).status).to.equal(200);
    const { bye } = await client.next((frame) => frame.bye !== undefined);
    expect(bye.code).to.equal("UNAUTHENTICATED");
    expect((await client.closed).code).to.equal(1008);
    expect((await stand.request("GET", "/api/me", { token: body.token })).status).to.equal(401);
  });

  it("lets an API key use the interface but make no keys and change no password", async () => {
    const { token } = await stand.signUp("kim");
    const made = await stand.request("POST", "/api/me/keys", { token, body: { label: "script" } });
    expect(made.body.key).to.match(/^plxk_/);
    const key = made.body.key as string;
    expect((await stand.request("GET", "/api/me", { token: key })).body.session.kind).to.equal("key");
    expect((await stand.request("POST", "/api/me/keys", { token: key, body: { label: "more" } })).status).to.equal(403);
    const change = { token: key, body: { current: password, password: "another one" } };
    expect((await stand.request("PUT", "/api/me/password", change)).status).to.equal(403);

    const listed = await stand.request("GET", "/api/me/keys", { token });
    expect(listed.body.keys).to.have.length(1);
    expect(JSON.stringify(listed.body)).not.to.contain("plxk_");
    await stand.request("DELETE", `/api/me/keys/${made.body.id}`, { token });
    expect((await stand.request("GET", "/api/me", { token: key })).status).to.equal(401);
  });

  it("changes the password, which ends the other sessions", async () => {
    const { token } = await stand.signUp("lee");
    const other = await stand.request("POST", "/api/sign-in", { body: { name: "lee", password } });
    const wrong = { token, body: { current: "not this one", password: "a new password" } };
    expect((await stand.request("PUT", "/api/me/password", wrong)).body.error.code).to.equal("SIGN_IN_FAILED");
    const right = { token, body: { current: password, password: "a new password" } };
    expect((await stand.request("PUT", "/api/me/password", right)).status).to.equal(200);
    expect((await stand.request("GET", "/api/me", { token })).status).to.equal(200);
    expect((await stand.request("GET", "/api/me", { token: other.body.token })).status).to.equal(401);
    const again = await stand.request("POST", "/api/sign-in", { body: { name: "lee", password: "a new password" } });
    expect(again.status).to.equal(200);
  });

  it("opens the admin routes to admins and to the control token, which opens nothing else", async () => {
    const admin = await stand.request("POST", "/api/sign-in", { body: { name: "ada", password } });
    const { token } = await stand.signUp("max");
    expect(admin.body.admin).to.equal(true);
    expect((await stand.request("GET", "/api/admin/status", { token: admin.body.token })).body.url).to.equal(stand.url);
    expect((await stand.request("GET", "/api/admin/status", { token })).status).to.equal(403);
    expect((await stand.request("GET", "/api/admin/status")).status).to.equal(401);
    expect((await stand.request("GET", "/api/admin/status", { token: controlToken })).status).to.equal(200);
    expect((await stand.request("GET", "/api/me", { token: controlToken })).status).to.equal(401);
    const shown = await stand.request("GET", "/api/admin/actors/user/max", { token: controlToken });
    expect(shown.body.actor).to.equal("user/max");
    const rows = await stand.request("GET", "/api/admin/actors?kind=user", { token: controlToken });
    expect(rows.body.rows.map((row: { actor: string }) => row.actor)).to.include("user/max");
  });

  it("slows down who tries passwords, and says for how long", async () => {
    const slow = await startStand({ limits: { signInRate: { count: 3, windowMs: 60_000 } } });
    const attempt = () => slow.request("POST", "/api/sign-in", { body: { name: "ada", password: "guess number" } });
    for (let count = 0; count < 3; count += 1) expect((await attempt()).status).to.equal(401);
    const { status, headers, body } = await attempt();
    expect(status).to.equal(429);
    expect(body.error.code).to.equal("RATE_LIMITED");
    expect(Number(headers.get("retry-after"))).to.be.closeTo(20, 1);
    expect(body.error.details.retryAfterMs).to.be.within(1, 20_000);
    await slow.stop();
  });

  it("takes no new accounts when sign-up is closed, but the first", async () => {
    const closed = await startStand({ signUp: "closed" });
    await closed.signUp("ada");
    const second = await closed.request("POST", "/api/sign-up", { body: { name: "bob", password } });
    expect(second.body.error.code).to.equal("SIGN_UP_CLOSED");
    await closed.stop();
  });
});
