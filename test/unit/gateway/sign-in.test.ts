import { expect } from "chai";
import { base32, codeOf, stepAt, stepOf } from "../../../node/gateway/identity/totp.ts";
import type { FactorsView, SignInNeeds } from "../../../protocols/index.ts";
import { Authenticator } from "./authenticator.ts";
import { codeAt, seedOf } from "./codes.ts";
import { createWorld, controlToken, password, startFixture, type Reply, type Fixture } from "./fixture.ts";

describe("one-time codes", () => {
  it("are those of RFC 6238, appendix B", () => {
    const seed = Buffer.from("12345678901234567890");
    const at = (seconds: number) => codeOf(seed, stepAt(seconds * 1_000));
    expect([59, 1_111_111_109, 1_111_111_111, 1_234_567_890, 2_000_000_000, 20_000_000_000].map(at)).to.deep.equal([
      "287082", "081804", "050471", "005924", "279037", "353130",
    ]); // prettier-ignore
  });

  it("are taken a step early or late, and no more", () => {
    const seed = Buffer.from("12345678901234567890");
    const code = codeOf(seed, 1_000);
    const steps = [998, 999, 1_000, 1_001, 1_002].map((step) => stepOf(seed, code, step * 30_000));
    expect(steps).to.deep.equal([undefined, 1_000, 1_000, 1_000, undefined]);
  });

  it("have seeds that people can type, as RFC 4648 has them", () => {
    const pairs = { f: "MY", fo: "MZXQ", foo: "MZXW6", foob: "MZXW6YQ", fooba: "MZXW6YTB", foobar: "MZXW6YTBOI" };
    for (const [plain, coded] of Object.entries(pairs)) expect(base32(Buffer.from(plain))).to.equal(coded);
  });
});

describe("gateway: sign-in with more than a password", () => {
  let fixture: Fixture;
  let nowMs = 1_800_000_000_000;
  let page: { origin: string; host: string };
  before(async () => {
    const world = createWorld();
    fixture = await startFixture({ world, clock: { ...world.clock(), nowMs: () => nowMs } });
    page = { origin: fixture.url.replace("127.0.0.1", "localhost"), host: "localhost" };
    await fixture.signUp("root");
  });
  after(() => fixture.stop());

  const post = (path: string, body: object, token?: string): Promise<Reply> =>
    fixture.request("POST", `/api/v1${path}`, { body, ...(token !== undefined && { token }) });
  const signIn = (name: string): Promise<Reply> => post("/sign-in", { name, password });
  const code = (seed: Buffer): string => codeAt(seed, nowMs);
  const factors = async (token: string): Promise<FactorsView> =>
    (await fixture.request("GET", "/api/v1/me/factors", { token })).body;

  async function withCodes(name: string): Promise<{ token: string; seed: Buffer; recovery: string[] }> {
    const { token } = await fixture.signUp(name);
    const begun = await post("/me/totp", {}, token);
    expect(begun.status, JSON.stringify(begun.body)).to.equal(200);
    expect(begun.body.uri).to.include(`secret=${begun.body.secret}`);
    expect(begun.body.qr).to.match(/^<svg/);
    const seed = seedOf(begun.body.secret);
    const confirmed = await post("/me/totp/confirm", { code: code(seed) }, token);
    expect(confirmed.status, JSON.stringify(confirmed.body)).to.equal(200);
    return { token, seed, recovery: confirmed.body.recovery };
  }

  it("asks for the code where there is one, opens nothing before it, and takes each code once", async () => {
    const { token, seed } = await withCodes("ada");
    expect(await factors(token))
      .to.deep.include({ password: true, recovery: 10 })
      .and.to.have.property("totp");
    nowMs += 30_000;
    const begun = await signIn("ada");
    expect(begun.status).to.equal(202);
    const { attempt, needs } = begun.body as SignInNeeds;
    expect(needs).to.deep.equal(["totp", "recovery"]);
    expect(begun.body).to.not.have.property("token");
    expect(begun.headers.get("set-cookie"))
      .to.match(/plexus_sign_in=.*HttpOnly.*SameSite=Lax/)
      .and.not.contain("plexus_session");

    const wrong = await post("/sign-in/code", { attempt, code: code(seed) === "000000" ? "000001" : "000000" });
    expect(wrong.body.error.code).to.equal("CODE_WRONG");
    const right = await post("/sign-in/code", { attempt, code: code(seed) });
    expect(right.status, JSON.stringify(right.body)).to.equal(200);
    expect(right.body.token).to.match(/^plx_/);
    expect((await post("/sign-in/code", { attempt, code: code(seed) })).body.error.code).to.equal("SIGN_IN_EXPIRED");
    const again = await signIn("ada");
    const replayed = await post("/sign-in/code", { attempt: again.body.attempt, code: code(seed) });
    expect(replayed.body.error.code, "the same code again").to.equal("CODE_WRONG");
    nowMs += 30_000;
    expect((await post("/sign-in/code", { attempt: again.body.attempt, code: code(seed) })).status).to.equal(200);
    const { sessions } = (await fixture.request("GET", "/api/v1/me/sessions", { token })).body;
    expect(sessions.at(-1).proofs.map(({ type }: { type: string }) => type)).to.deep.equal(["password", "totp"]);
    expect(sessions.at(-1).address).to.equal("127.0.0.1");
  });

  it("takes a recovery code once, however it is typed", async () => {
    const { token, recovery } = await withCodes("bob");
    const [first = ""] = recovery;
    const one = await signIn("bob");
    const typed = first.toLowerCase().replaceAll("-", " ");
    expect((await post("/sign-in/code", { attempt: one.body.attempt, code: typed })).status).to.equal(200);
    const two = await signIn("bob");
    const replayed = await post("/sign-in/code", { attempt: two.body.attempt, code: first });
    expect(replayed.body.error.code).to.equal("CODE_WRONG");
    expect((await factors(token)).recovery).to.equal(9);
  });

  it("asks for the second factor, not the password, where a fresh proof is needed", async () => {
    const { token, seed } = await withCodes("cyd");
    nowMs += 11 * 60_000;
    const stale = await fixture.request("DELETE", "/api/v1/me/totp", { token });
    expect(stale.body.error.code).to.equal("SIGN_IN_AGAIN");
    const weak = await post("/me/session/confirm", { password }, token);
    expect(weak.body.error).to.deep.include({ code: "SIGN_IN_UNFINISHED" });
    expect(weak.body.error.details.needs).to.deep.equal(["totp", "recovery"]);
    expect((await post("/me/session/confirm", { code: code(seed) }, token)).status).to.equal(200);
    expect((await fixture.request("DELETE", "/api/v1/me/totp", { token })).status).to.equal(200);
    expect(await factors(token))
      .to.deep.include({ recovery: 0 })
      .and.to.not.have.property("totp");
    expect((await signIn("cyd")).body.token).to.match(/^plx_/);
  });

  it("shows no seed again, neither in answers nor in the journal's records", async () => {
    const { token, seed } = await withCodes("dan");
    const again = await post("/me/totp", {}, token);
    expect(again.body.error.code).to.equal("ALREADY_DONE");
    const shown = JSON.stringify([
      await factors(token),
      (await fixture.request("GET", "/api/v1/me", { token })).body,
      (await fixture.request("GET", "/api/v1/admin/actors/user/dan", { token: controlToken })).body,
      await fixture.kernel.ask({ to: "user/dan", from: "gateway", message: { type: "credentials" }, timeoutMs: 5_000 }),
    ]);
    for (const form of [seed.toString("base64url"), seed.toString("hex"), base32(seed)])
      expect(shown).to.not.include(form);
  });

  const browser = { host: "", "content-type": "application/json" };
  /** As a browser at `localhost`: fetch does not let a program choose its host. */
  async function fromPage(path: string, body: object, token?: string): Promise<Reply> {
    const { request } = await import("node:http");
    return new Promise((resolve, reject) => {
      const url = new URL(`/api/v1${path}`, fixture.url);
      const headers = { ...browser, host: new URL(page.origin).host, origin: page.origin, ...(token !== undefined && { authorization: `Bearer ${token}` }) }; // prettier-ignore
      const sent = request(url, { method: "POST", headers }, (response) => {
        let said = "";
        response.on("data", (piece: Buffer) => (said += piece.toString()));
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: new Headers(), body: JSON.parse(said) }),
        );
      });
      sent.on("error", reject);
      sent.end(JSON.stringify(body));
    });
  }

  async function withPasskey(name: string): Promise<{ token: string; passkey: Authenticator }> {
    const { token } = await fixture.signUp(name);
    const passkey = new Authenticator(page.origin);
    const offered = await fromPage("/me/passkeys/options", {}, token);
    expect(offered.status, JSON.stringify(offered.body)).to.equal(200);
    const { options, attempt } = offered.body;
    const added = await fromPage("/me/passkeys", { attempt, name: "Laptop", passkey: passkey.make(options) }, token);
    expect(added.status, JSON.stringify(added.body)).to.equal(200);
    return { token, passkey };
  }

  it("lets a passkey in alone, without a name typed, and as the second factor", async () => {
    const { token, passkey } = await withPasskey("eve");
    expect((await factors(token)).passkeys).to.have.length(1);
    const begun = await fromPage("/sign-in/passkey/options", {});
    expect(begun.body.options.userVerification).to.equal("required");
    expect(begun.body.options.allowCredentials ?? []).to.deep.equal([]);
    const alone = await fromPage("/sign-in/passkey", {
      attempt: begun.body.attempt,
      passkey: passkey.answer(begun.body.options),
    });
    expect(alone.body, JSON.stringify(alone.body)).to.deep.include({ user: "eve" });

    const first = await signIn("eve");
    expect(first.body.needs).to.deep.equal(["passkey"]);
    const asked = await fromPage("/sign-in/passkey/options", { attempt: first.body.attempt });
    const answer = passkey.answer(asked.body.options, { verified: false });
    const second = await fromPage("/sign-in/passkey", { attempt: asked.body.attempt, passkey: answer });
    expect(second.status, JSON.stringify(second.body)).to.equal(200);

    const lone = await fromPage("/sign-in/passkey/options", {});
    const weak = passkey.answer(lone.body.options, { verified: false });
    const unverified = await fromPage("/sign-in/passkey", { attempt: lone.body.attempt, passkey: weak });
    expect(unverified.status, "a stolen key without its PIN is not two factors").to.equal(202);
    expect(unverified.body.needs).to.include("password");
  });

  it("refuses a passkey's answer to another page, challenge or host, a copied one, and one that is repeated", async () => {
    const { passkey } = await withPasskey("fay");
    const ask = async (wrong: object): Promise<string> => {
      const { options, attempt } = (await fromPage("/sign-in/passkey/options", {})).body;
      const reply = await fromPage("/sign-in/passkey", { attempt, passkey: passkey.answer(options, wrong) });
      return reply.body.error?.code ?? "entered";
    };
    expect(await ask({})).to.equal("entered");
    expect(await ask({ origin: "https://evil.example" })).to.equal("PASSKEY_REFUSED");
    expect(
      await ask({ origin: page.origin.replace("http:", "https:").replace("localhost", "evil.localhost") }),
    ).to.equal("PASSKEY_REFUSED");
    expect(await ask({ host: "evil.example" })).to.equal("PASSKEY_REFUSED");
    expect(await ask({ challenge: "AAAA" })).to.equal("PASSKEY_REFUSED");
    expect(await ask({ counter: 1 }), "a counter that does not rise").to.equal("PASSKEY_REFUSED");
    expect(await ask({})).to.equal("entered");

    const { options, attempt } = (await fromPage("/sign-in/passkey/options", {})).body;
    const answer = passkey.answer(options);
    expect((await fromPage("/sign-in/passkey", { attempt, passkey: answer })).status).to.equal(200);
    expect((await fromPage("/sign-in/passkey", { attempt, passkey: answer })).body.error.code).to.equal(
      "SIGN_IN_EXPIRED",
    );
    const other = (await fromPage("/sign-in/passkey/options", {})).body;
    expect((await fromPage("/sign-in/passkey", { attempt: other.attempt, passkey: answer })).body.error.code).to.equal(
      "PASSKEY_REFUSED",
    );
  });

  it("lets in by a passkey nobody but whose it is, and of two answers with one counter one", async () => {
    const { passkey: ivys } = await withPasskey("ivy");
    const { passkey: joes } = await withPasskey("joe");
    const begun = await signIn("ivy");
    const asked = await fromPage("/sign-in/passkey/options", { attempt: begun.body.attempt });
    const stolen = await fromPage("/sign-in/passkey", {
      attempt: asked.body.attempt,
      passkey: joes.answer(asked.body.options),
    });
    expect(stolen.body.error?.code, "another's, as the second factor").to.equal("PASSKEY_REFUSED");
    const lone = (await fromPage("/sign-in/passkey/options", {})).body;
    const renamed = { ...ivys.answer(lone.options), id: (joes.answer(lone.options) as { id: string }).id };
    expect((await fromPage("/sign-in/passkey", { attempt: lone.attempt, passkey: renamed })).body.error?.code).to.equal(
      "PASSKEY_REFUSED",
    );

    const [one, two] = [
      (await fromPage("/sign-in/passkey/options", {})).body,
      (await fromPage("/sign-in/passkey/options", {})).body,
    ];
    const counter = ivys.counter + 10;
    const both = await Promise.all(
      [one, two].map(({ options, attempt }) =>
        fromPage("/sign-in/passkey", { attempt, passkey: ivys.answer(options, { counter }) }),
      ),
    );
    expect(both.filter(({ body }) => body.user === "ivy")).to.have.length(1);
    expect(both.filter(({ body }) => body.error?.code === "PASSKEY_REFUSED")).to.have.length(1);
  });

  it("sets a password by an admin's link, once, which ends sessions and leaves the second factor", async () => {
    const { token, seed } = await withCodes("gus");
    const made = await fixture.request("POST", "/api/v1/admin/users/gus/reset", { token: controlToken });
    expect(made.body.path).to.equal(`/#reset=gus.${made.body.secret}`);
    const reset = (secret: string, user = "gus") =>
      post("/sign-in/reset", { user, secret, password: "a new password" });
    expect((await reset("not-it")).body.error.code).to.equal("LINK_INVALID");
    expect((await reset(made.body.secret, "nobody")).body.error.code).to.equal("LINK_INVALID");
    expect((await reset(made.body.secret)).status).to.equal(200);
    expect((await reset(made.body.secret)).body.error.code).to.equal("LINK_INVALID");
    expect((await fixture.request("GET", "/api/v1/me", { token })).status).to.equal(401);
    expect((await signIn("gus")).body.error.code).to.equal("SIGN_IN_FAILED");
    const begun = await post("/sign-in", { name: "gus", password: "a new password" });
    expect(begun.status).to.equal(202);
    nowMs += 30_000;
    expect((await post("/sign-in/code", { attempt: begun.body.attempt, code: code(seed) })).status).to.equal(200);

    const late = await fixture.request("POST", "/api/v1/admin/users/gus/reset", { token: controlToken });
    nowMs += 24 * 3_600_000;
    expect((await reset(late.body.secret)).body.error.code).to.equal("LINK_INVALID");
  });

  it("keeps a suspended person out, tells only who has the password, and lets them in again", async () => {
    const { token } = await fixture.signUp("hal");
    const suspend = (suspended: boolean) =>
      fixture.request("PUT", "/api/v1/admin/users/hal/suspended", { token: controlToken, body: { suspended } });
    expect((await suspend(true)).status).to.equal(200);
    expect((await fixture.request("GET", "/api/v1/me", { token })).status).to.equal(401);
    expect((await signIn("hal")).body.error.code).to.equal("SUSPENDED");
    const wrong = await post("/sign-in", { name: "hal", password: "not hal's" });
    expect(wrong.body.error.code).to.equal("SIGN_IN_FAILED");
    await suspend(false);
    expect((await signIn("hal")).status).to.equal(200);
  });

  it("lets in where sign-up is by invitation only who has one, as often as it is good for", async () => {
    const closed = await startFixture({ signUp: "invitation" });
    await closed.signUp("root");
    const signUp = (name: string, invitation?: string): Promise<Reply> =>
      closed.request("POST", "/api/v1/sign-up", {
        body: { name, password, ...(invitation !== undefined && { invitation }) },
      });
    expect((await signUp("ada")).body.error).to.deep.include({
      code: "SIGN_UP_NEEDS",
      details: { needs: ["invitation"] },
    });
    expect((await signUp("ada", "made-up")).body.error.code).to.equal("SIGN_UP_INVITATION_INVALID");
    const path = "/api/v1/admin/sign-up-invitations";
    const made = await closed.request("POST", path, { token: controlToken, body: { uses: 2, expiresInMs: 60_000 } });
    const { code, id } = made.body;
    expect(made.body.path).to.equal(`/#invitation=${code}`);
    expect((await signUp("root", code)).body.error.code, "a name that is taken uses nothing up").to.equal("NAME_TAKEN");
    const together = await Promise.all(["ada", "bob", "cyd", "dan"].map((name) => signUp(name, code)));
    expect(together.filter(({ status }) => status === 200)).to.have.length(2);
    expect(together.filter(({ body }) => body.error?.code === "SIGN_UP_INVITATION_INVALID")).to.have.length(2);
    const listed = await closed.request("GET", path, { token: controlToken });
    expect(JSON.stringify(listed.body)).to.not.include(code);
    expect((await closed.request("DELETE", `${path}/${id}`, { token: controlToken })).status).to.equal(200);
    expect((await closed.request("DELETE", `${path}/${id}`, { token: controlToken })).status).to.equal(404);
    await closed.stop();
  });
});
