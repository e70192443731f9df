import { everyEngine } from "../../../runtimes/engine.ts";
import { expect } from "chai";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import { type GatewayOptions } from "../../../node/gateway/options.ts";
import { createToken } from "../../../node/gateway/identity/tokens.ts";
import { createRandom } from "../../../node/platform/index.ts";
import type { Clock } from "../../../node/ports/index.ts";
import { failure, PlexusError, refused } from "../../../protocols/index.ts";
import { startFixture, createWorld, adminCode, controlToken, password, type Reply, type Fixture } from "./fixture.ts";

describe("gateway: accounts", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.stop());

  it("asks the first account for the admin code and makes it the admin", async () => {
    const setup = await fixture.request("GET", "/api/v1/setup");
    expect(setup.body).to.deep.include({ adminNeeded: true, signUp: "open", demonstrationModel: true });

    const body = { name: "ada", password };
    const without = await fixture.request("POST", "/api/v1/sign-up", { body });
    expect(without.status).to.equal(403);
    expect(without.body.error.code).to.equal("ADMIN_CODE_WRONG");
    const wrong = await fixture.request("POST", "/api/v1/sign-up", { body: { ...body, adminCode: "XXXX" } });
    expect(wrong.body.error.code).to.equal("ADMIN_CODE_WRONG");

    const typed = adminCode.toLowerCase().replaceAll("-", " ");
    const right = await fixture.request("POST", "/api/v1/sign-up", { body: { ...body, adminCode: typed } });
    expect(right.status, JSON.stringify(right.body)).to.equal(200);
    expect(right.body).to.include({ user: "ada" });
    expect((await fixture.request("GET", "/api/v1/setup")).body.adminNeeded).to.equal(false);
  });

  it("lets people with an account in while nobody can say whether there is an admin, and new ones wait", async () => {
    const away = failure("SLOT_UNAVAILABLE", { reason: "the manager does not answer" });
    let unknown = false;
    const adminNeeded = () => (unknown ? Promise.reject(new PlexusError(away)) : Promise.resolve(false));
    const dark = await startFixture({ adminNeeded });
    await dark.signUp("ada");
    unknown = true;
    expect(await dark.request("GET", "/api/v1/setup"))
      .to.deep.include({ status: 200 })
      .and.have.nested.property("body.adminNeeded", false);
    expect((await dark.request("POST", "/api/v1/sign-in", { body: { name: "ada", password } })).status).to.equal(200);
    const refusal = await dark.request("POST", "/api/v1/sign-up", { body: { name: "eve", password } });
    expect(refusal).to.deep.include({ status: 503, body: { error: away } });
    await dark.stop();
  });

  it("says that a demonstration model answers only where one can", async () => {
    const info = { runtime: "llama", capabilities: ["chat"], contextTokens: 1, sizeBytes: 1 } as const;
    const failed = { ...info, model: "tiny", demonstration: true, state: "failed" } as const;
    const good = { ...info, model: "good", demonstration: false, state: "ready" } as const;
    const generate = { models: () => [failed, good], watch: () => () => undefined, call: () => ({ cancel() {} }) };
    const models = await startFixture({ engines: everyEngine({ generate }) });
    expect((await models.request("GET", "/api/v1/setup")).body.demonstrationModel).to.equal(false);
    await models.stop();
  });

  it("says why a model cannot be used to admins, and to others only that it cannot", async () => {
    const info = { runtime: "llama", capabilities: ["chat"], contextTokens: 1, sizeBytes: 1 } as const;
    const failed = { ...info, model: "tiny", demonstration: true, state: "failed", reason: "there is no such file" } as const;
    const generate = { models: () => [failed], watch: () => () => undefined, call: () => ({ cancel() {} }) };
    const models = await startFixture({ engines: everyEngine({ generate }) });
    const body = { name: "ada", password, adminCode };
    const admin = (await models.request("POST", "/api/v1/sign-up", { body })).body.token as string;
    const { token } = await models.signUp("bob");
    const seen = async (who: string) => (await models.request("GET", "/api/v1/models", { token: who })).body.models;
    expect(await seen(admin)).to.deep.equal([failed]);
    const { reason: _reason, ...plain } = failed;
    expect(await seen(token)).to.deep.equal([plain]);
    await models.stop();
  }); // prettier-ignore

  it("leaves no account behind when the code was wrong", async () => {
    const fresh = await startFixture();
    await fresh.request("POST", "/api/v1/sign-up", { body: { name: "eve", password, adminCode: "nope" } });
    const signIn = await fresh.request("POST", "/api/v1/sign-in", { body: { name: "eve", password } });
    expect(signIn.body.error.code).to.equal("SIGN_IN_FAILED");
    await fresh.stop();
  });

  it("answers a wrong password and an unknown name alike", async () => {
    const wrong = await fixture.request("POST", "/api/v1/sign-in", {
      body: { name: "ada", password: "not it at all" },
    });
    const unknown = await fixture.request("POST", "/api/v1/sign-in", { body: { name: "nobody", password } });
    const odd = await fixture.request("POST", "/api/v1/sign-in", { body: { name: "No.Name/..", password } });
    for (const { status, body } of [wrong, unknown, odd]) {
      expect(status).to.equal(401);
      expect(body).to.deep.equal(wrong.body);
    }
  });

  it("signs in by a strict, script-proof cookie and by a bearer token", async () => {
    const { headers, body } = await fixture.request("POST", "/api/v1/sign-in", { body: { name: "ada", password } });
    expect(body.token).to.match(/^plx_/);
    const cookie = headers.get("set-cookie") ?? "";
    expect(cookie).to.contain("HttpOnly").and.to.contain("SameSite=Strict").and.not.to.contain("Secure");
    const me = await fixture.request("GET", "/api/v1/me", { token: body.token });
    expect(me.body).to.deep.include({ user: "ada", rooms: [] });
    const byCookie = await fixture.request("GET", "/api/v1/me", {
      headers: { cookie: cookie.split(";")[0] as string },
    });
    expect(byCookie.body.user).to.equal("ada");
  });

  it("refuses what another site makes a browser send", async () => {
    const { headers } = await fixture.request("POST", "/api/v1/sign-in", { body: { name: "ada", password } });
    const cookie = headers.get("set-cookie")?.split(";")[0] as string;
    const patch = (extra: Record<string, string>) =>
      fixture.request("PATCH", "/api/v1/me", { body: { theme: "dark" }, headers: { cookie, ...extra } });
    expect((await patch({ origin: "https://evil.example" })).body.error.code).to.equal("FORBIDDEN");
    expect((await patch({ origin: "null" })).status).to.equal(403);
    expect((await patch({ origin: fixture.url })).status).to.equal(200);
    const signIn = { body: { name: "ada", password }, headers: { origin: "https://evil.example" } };
    expect((await fixture.request("POST", "/api/v1/sign-in", signIn)).status).to.equal(403);
  });

  it("ends a session at once when it signs out", async () => {
    const { body } = await fixture.request("POST", "/api/v1/sign-in", { body: { name: "ada", password } });
    const client = await fixture.connect(body.token);
    expect((await fixture.request("POST", "/api/v1/sign-out", { token: body.token })).status).to.equal(200);
    const { bye } = await client.next((frame) => frame.bye !== undefined);
    expect(bye.code).to.equal("UNAUTHENTICATED");
    expect((await client.closed).code).to.equal(1008);
    expect((await fixture.request("GET", "/api/v1/me", { token: body.token })).status).to.equal(401);
  });

  it("lets an API key use the interface but make no keys, change no password and end nothing, itself included", async () => {
    const { token } = await fixture.signUp("kim");
    const made = await fixture.request("POST", "/api/v1/me/keys", { token, body: { label: "script" } });
    expect(made.body.key).to.match(/^plxk_/);
    const key = made.body.key as string;
    expect((await fixture.request("GET", "/api/v1/me", { token: key })).body.session.kind).to.equal("key");
    expect((await fixture.request("POST", "/api/v1/me/keys", { token: key, body: { label: "more" } })).status).to.equal(
      403,
    );
    const change = { token: key, body: { current: password, password: "another one" } };
    expect((await fixture.request("PUT", "/api/v1/me/password", change)).status).to.equal(403);
    const signOut = await fixture.request("POST", "/api/v1/sign-out", { token: key });
    expect(signOut.body.error).to.include({ code: "FORBIDDEN", outcome: "failed" });
    expect(signOut.body.error.details.reason).to.include("DELETE /api/v1/me/keys/:id");
    expect((await fixture.request("GET", "/api/v1/me", { token: key })).status, "it still works").to.equal(200);

    const listed = await fixture.request("GET", "/api/v1/me/keys", { token });
    expect(listed.body.keys).to.have.length(1);
    expect(JSON.stringify(listed.body)).not.to.contain("plxk_");
    await fixture.request("DELETE", `/api/v1/me/keys/${made.body.id}`, { token });
    expect((await fixture.request("GET", "/api/v1/me", { token: key })).status).to.equal(401);
  });

  it("asks about a token in steady use now and then, and about one that was revoked at once", async () => {
    // So long that only the event ends the trust, on whatever machine.
    const busy = await startFixture({ limits: { tokenTrustMs: 600_000 } });
    const { token } = await busy.signUp("kim");
    const { body } = await busy.request("POST", "/api/v1/me/keys", { token, body: { label: "script" } });
    let asked = 0;
    const ask = busy.kernel.ask.bind(busy.kernel);
    busy.kernel.ask = (request) => {
      if (request.message.type === "authenticate") asked += 1;
      return ask(request);
    };
    const use = async (path = "/api/v1/me") => (await busy.request("GET", path, { token: body.key })).status;
    for (let times = 0; times < 10; times += 1) expect(await use()).to.equal(200);
    expect(asked).to.equal(2);
    expect(await use("/api/v1/admin/status"), "what needs an admin is asked about each time").to.equal(200);
    expect(asked).to.equal(3);
    await busy.request("DELETE", `/api/v1/me/keys/${body.id}`, { token });
    expect(await use()).to.equal(401);
    await busy.stop();
  });

  it("changes the password, which ends the other sessions", async () => {
    const { token } = await fixture.signUp("lee");
    const other = await fixture.request("POST", "/api/v1/sign-in", { body: { name: "lee", password } });
    const wrong = { token, body: { current: "not this one", password: "a new password" } };
    expect((await fixture.request("PUT", "/api/v1/me/password", wrong)).body.error.code).to.equal("SIGN_IN_FAILED");
    const right = { token, body: { current: password, password: "a new password" } };
    expect((await fixture.request("PUT", "/api/v1/me/password", right)).status).to.equal(200);
    expect((await fixture.request("GET", "/api/v1/me", { token })).status).to.equal(200);
    expect((await fixture.request("GET", "/api/v1/me", { token: other.body.token })).status).to.equal(401);
    const again = await fixture.request("POST", "/api/v1/sign-in", {
      body: { name: "lee", password: "a new password" },
    });
    expect(again.status).to.equal(200);
  });

  it("opens the admin routes to admins and to the control token, which opens nothing else", async () => {
    const admin = await fixture.request("POST", "/api/v1/sign-in", { body: { name: "ada", password } });
    const { token } = await fixture.signUp("max");
    expect(admin.body.admin).to.equal(true);
    expect((await fixture.request("GET", "/api/v1/admin/status", { token: admin.body.token })).body.url).to.equal(
      fixture.url,
    );
    expect((await fixture.request("GET", "/api/v1/admin/status", { token })).status).to.equal(403);
    expect((await fixture.request("GET", "/api/v1/admin/status")).status).to.equal(401);
    expect((await fixture.request("GET", "/api/v1/admin/status", { token: controlToken })).status).to.equal(200);
    expect((await fixture.request("GET", "/api/v1/me", { token: controlToken })).status).to.equal(401);
    const engines = await fixture.request("GET", "/api/v1/admin/engines", { token: controlToken });
    const [serving, ...others] = engines.body.serving as { readonly model: string }[];
    expect(others.map(({ model }) => model)).to.deep.equal(["echo", "echo", "echo", "echo", "echo"]);
    expect(serving).to.include({ engine: "generate", model: "echo", node: "test", rank: 1, calls: 0 });
    expect((await fixture.request("GET", "/api/v1/admin/engines", { token })).status).to.equal(403);
    const shown = await fixture.request("GET", "/api/v1/admin/actors/user/max", { token: controlToken });
    expect(shown.body.actor).to.equal("user/max");
    const rows = await fixture.request("GET", "/api/v1/admin/actors?kind=user", { token: controlToken });
    expect(rows.body.rows.map((row: { actor: string }) => row.actor)).to.include("user/max");
  });

  it("slows down who tries passwords, and says for how long", async () => {
    const slow = await startFixture({ limits: { signInRate: { count: 3, windowMs: 60_000 } } });
    const attempt = () => slow.request("POST", "/api/v1/sign-in", { body: { name: "ada", password: "guess number" } });
    for (let count = 0; count < 3; count += 1) expect((await attempt()).status).to.equal(401);
    const { status, headers, body } = await attempt();
    expect(status).to.equal(429);
    expect(body.error.code).to.equal("RATE_LIMITED");
    expect(Number(headers.get("retry-after"))).to.be.closeTo(20, 1);
    expect(body.error.details.retryAfterMs).to.be.within(1, 20_000);
    await slow.stop();
  });

  it("counts wrong tokens before they are looked up, keeps nobody who does not exist, and lets good ones pass", async () => {
    // So long that none is forgotten while the test runs, and no look-up taken for one that hangs, on whatever machine.
    const badTokenRate = { ...gatewayLimits.badTokenRate, windowMs: 3_600_000 };
    const counted = await startFixture({ limits: { badTokenRate, lookUpPatienceMs: 60_000 } });
    const { token } = await counted.signUp("ada");
    const before = counted.kernel.status().active;
    const statuses = new Map<number, number>();
    const wrong = async (name: string) => {
      const bad = createToken("session", name, createRandom());
      const { status } = await counted.request("GET", "/api/v1/me", { token: bad });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      expect(counted.kernel.status().active - before).to.be.at.most(badTokenRate.count);
    };
    for (let round = 0; round < 20; round += 1)
      await Promise.all(Array.from({ length: 50 }, (_, each) => wrong(`nobody-${round}-${each}`)));
    expect(statuses.get(401)).to.be.within(badTokenRate.count, badTokenRate.count + 10);
    expect(statuses.get(429)).to.be.at.least(900);
    // The list of people was told of her meanwhile.
    expect(counted.kernel.status().active).to.be.at.most(before + 1);
    // Its address has tried too much; what was good here is not touched by that.
    expect((await counted.request("GET", "/api/v1/me", { token })).status).to.equal(200);
    const again = await counted.request("POST", "/api/v1/sign-in", { body: { name: "ada", password } });
    expect((await counted.request("GET", "/api/v1/me", { token: again.body.token })).status).to.equal(200);
    await counted.request("POST", "/api/v1/sign-out", { token });
    expect((await counted.request("GET", "/api/v1/me", { token })).status).to.equal(429);
    await counted.stop();
  });

  it("lets others of an address go on while nobody can say whether the token of one is good", async () => {
    const limits = { badTokenRate: { count: 1, windowMs: 600_000 }, tokensKnownMax: 0 };
    const office = await startFixture({ limits });
    const { token: slow } = await office.signUp("ada");
    const { token } = await office.signUp("bob");
    const held = Promise.withResolvers<void>();
    const ask = office.kernel.ask.bind(office.kernel);
    office.kernel.ask = async (request) => {
      if (request.to === "user/ada" && request.message.type === "authenticate") await held.promise;
      return ask(request);
    };
    let answered = false;
    const first = office.request("GET", "/api/v1/me", { token: slow }).finally(() => (answered = true));
    const others = [1, 2, 3].map(() => office.request("GET", "/api/v1/me", { token }));
    expect((await Promise.all(others)).map(({ status }) => status)).to.deep.equal([200, 200, 200]);
    expect(answered).to.equal(false);
    held.resolve();
    expect((await first).status).to.equal(200);
    await office.stop();
  });

  it("lets people sign in while new accounts come in floods from everywhere", async () => {
    const flooded = await startFixture({
      trustedProxies: ["127.0.0.0/8"],
      // Each takes some milliseconds, so that they pile up.
      limits: { passwordsAtOnce: 1, passwordsWaitingMax: 8, passwordMemoryKiB: 8_192 },
    });
    await flooded.signUp("ada");
    const from = (address: string) => ({ "x-forwarded-for": address });
    const floods = Array.from({ length: 60 }, (_, each) =>
      flooded.request("POST", "/api/v1/sign-up", {
        body: { name: `flood-${each}`, password },
        headers: from(`198.51.100.${each}`),
      }),
    );
    const body = { name: "ada", password };
    const signIns = Array.from({ length: 5 }, (_, each) =>
      flooded.request("POST", "/api/v1/sign-in", { body, headers: from(`203.0.113.${each}`) }),
    );
    expect((await Promise.all(signIns)).map(({ status }) => status)).to.deep.equal([200, 200, 200, 200, 200]);
    const codes = (await Promise.all(floods)).map((reply) => reply.body.error?.code ?? "made");
    expect(codes).to.include("OVERLOADED").and.to.include("made");
    await flooded.stop();
  });

  it("keeps no actor for names that were never taken, by whatever way they are named", async () => {
    const { token } = await fixture.signUp("nora");
    const before = fixture.kernel.status().active;
    for (let each = 0; each < 50; each += 1) {
      const name = `never-${each}`;
      await Promise.all([
        fixture.request("POST", "/api/v1/sign-in", { body: { name, password } }),
        fixture.request("GET", "/api/v1/me", { token: createToken("key", name, createRandom()) }),
        fixture.request("GET", `/api/v1/rooms/${name}`, { token }),
        fixture.request("POST", `/api/v1/rooms/${name}/join`, { token }),
        fixture.request("POST", `/api/v1/rooms/${name}/messages`, { token, body: { text: "hi" } }),
        fixture.request("GET", `/api/v1/agents/nora.${name}`, { token }),
        fixture.request("POST", "/api/v1/rooms/direct", { token, body: { with: `user/${name}` } }),
        fixture.request("POST", "/v1/chat/completions", {
          token,
          body: { model: `agent:nora.${name}`, messages: [{ role: "user", content: "hi" }] },
        }),
      ]);
    }
    expect(fixture.kernel.status().active - before).to.be.at.most(2);
  });

  it("says by no answer and by no time whether there is an account", async () => {
    const world = createWorld();
    const clock = world.clock();
    /** What a request waits for that has to do with time or with actors. */
    let steps: string[] = [];
    const after: Clock["after"] = (delayMs, callback) => {
      if (delayMs === gatewayLimits.lookUpFloorMs) steps.push(`waits ${delayMs} ms`);
      return clock.after(delayMs, callback);
    };
    const timed = await startFixture({ world, clock: { ...clock, after } });
    await timed.signUp("ada");
    const ask = timed.kernel.ask.bind(timed.kernel);
    timed.kernel.ask = (request) => {
      steps.push(`asks ${request.to.replace(/(?<=^user\/).*/, "…")} to ${request.message.type}`);
      return ask(request);
    };
    const attempt = async (asked: () => Promise<Reply>) => {
      steps = [];
      const startMs = world.nowMs;
      const { status, body } = await asked();
      // A look-up takes as long as the longest usually does, and no less: what is behind it cannot be told from its
      // time.
      expect(world.nowMs - startMs).to.be.within(gatewayLimits.lookUpFloorMs, gatewayLimits.lookUpFloorMs + 5);
      return { status, body, steps };
    };
    const signIn = (name: string) =>
      timed.request("POST", "/api/v1/sign-in", { body: { name, password: "guess number" } });
    const me = (name: string) =>
      timed.request("GET", "/api/v1/me", { token: createToken("session", name, createRandom()) });
    for (const asked of [signIn, me]) {
      const known = await attempt(() => asked("ada"));
      expect(known.steps).to.include(`waits ${gatewayLimits.lookUpFloorMs} ms`);
      expect(await attempt(() => asked("nobody"))).to.deep.equal(known);
    }
    await timed.stop();
  });

  describe("while somebody guesses a password from many networks", () => {
    const from = (address: string) => ({ "x-forwarded-for": address });
    let guessed: Fixture;
    let device: string;
    let token: string;
    let addresses = 0;
    const guess = (name: string) => {
      addresses += 1;
      const headers = from(`198.51.${Math.floor(addresses / 250)}.${addresses % 250}`);
      return guessed.request("POST", "/api/v1/sign-in", { body: { name, password: `guess ${addresses}` }, headers });
    };
    const signIn = (headers: Record<string, string>) =>
      guessed.request("POST", "/api/v1/sign-in", { body: { name: "ada", password }, headers });
    before(async () => {
      const { nameFailureRate, signInFailureRate } = gatewayLimits;
      const limits = { nameFailureRate, signInFailureRate };
      guessed = await startFixture({ trustedProxies: ["127.0.0.0/8"], limits });
      await guessed.signUp("ada");
      const { headers, body } = await signIn(from("203.0.113.9"));
      token = body.token as string;
      device = headers.getSetCookie().find((cookie) => cookie.startsWith("plexus_device=")) ?? "";
      expect(device).to.contain("HttpOnly").and.to.contain("SameSite=Strict").and.to.contain("Path=/api");
    });
    after(() => guessed.stop());

    it("slows it by the name, whether there is such an account or not", async () => {
      for (const name of ["ada", "nobody"]) {
        const answers: Reply[] = [];
        for (let each = 0; each < 25; each += 1) answers.push(await guess(name));
        const { count, windowMs } = gatewayLimits.nameFailureRate;
        expect(answers.map(({ status }) => status)).to.deep.equal([...Array(count).fill(401), ...Array(5).fill(429)]);
        expect(answers.at(-1)?.body.error.details.retryAfterMs).to.be.within(
          windowMs / count - 60_000,
          windowMs / count,
        );
      }
    });

    it("lets the person in on a device on which they signed in before, from any address", async () => {
      expect((await signIn(from("192.0.2.7"))).status).to.equal(429);
      const cookie = device.split(";")[0] as string;
      const known = await signIn({ ...from("192.0.2.8"), cookie });
      expect(known.status).to.equal(200);
      // The same browser stays the same device, also for who else signs in on it.
      expect(known.headers.getSetCookie().find((one) => one.startsWith("plexus_device="))).to.contain(cookie);
      const other = { ...from("192.0.2.9"), cookie: `plexus_device=${"A".repeat(43)}` };
      expect((await signIn(other)).status).to.equal(429);
    });

    /** What comes of one guess more than may be made, each with other headers. */
    const guesses = async (name: string, headersOf: (nth: number) => Record<string, string>): Promise<number[]> => {
      const statuses: number[] = [];
      for (let nth = 0; nth <= gatewayLimits.signInFailureRate.count; nth += 1) {
        const body = { name, password: "not it at all" };
        statuses.push((await guessed.request("POST", "/api/v1/sign-in", { body, headers: headersOf(nth) })).status);
      }
      return statuses;
    };
    const bounded = [...Array<number>(gatewayLimits.signInFailureRate.count).fill(401), 429];

    it("gives an address few guesses of a name, and other names and addresses theirs", async () => {
      expect(await guesses("bea", () => from("192.0.2.50"))).to.deep.equal(bounded);
      const one = async (name: string, address: string): Promise<number> => {
        const body = { name, password: "not it at all" };
        return (await guessed.request("POST", "/api/v1/sign-in", { body, headers: from(address) })).status;
      };
      expect([await one("bea", "192.0.2.50"), await one("bea", "192.0.2.51"), await one("cid", "192.0.2.50")]).to.deep.equal([429, 401, 401]); // prettier-ignore
    });

    it("gives a device no more guesses than an address had, wherever it comes from", async () => {
      const cookie = device.split(";")[0] as string;
      expect(await guesses("ada", (nth) => ({ ...from(`192.0.2.${nth}`), cookie }))).to.deep.equal(bounded);
    });

    it("tells the person, on every device, and the operator's log", async () => {
      const me = await guessed.request("GET", "/api/v1/me", { token, headers: from("203.0.113.9") });
      expect(me.body.signInsFailed).to.include({ count: 10 });
      expect(guessed.troubles.join())
        .to.contain('signIn.guessed {"actor":"user/ada","count":10}')
        .and.not.to.contain("nobody");
    });
  });

  it("counts new accounts apart from sign-ins", async () => {
    const apart = await startFixture({ limits: { signUpRate: { count: 2, windowMs: 60_000 } } });
    await apart.signUp("ada");
    await apart.signUp("bob");
    const third = await apart.request("POST", "/api/v1/sign-up", { body: { name: "eve", password } });
    expect(third.body.error.code).to.equal("RATE_LIMITED");
    expect((await apart.request("POST", "/api/v1/sign-in", { body: { name: "ada", password } })).status).to.equal(200);
    await apart.stop();
  });

  it("lets in who signs up where it takes long to know whether the account was made, asks for it once, and not for ever", async () => {
    const { signUpTimeoutMs, signUpTriesMax } = gatewayLimits;
    let lateTries = 0;
    const asked = new Set<string | undefined>();
    const slow = await startFixture({
      open: ({ kernel }) => ({
        kernel: {
          ...kernel,
          // It was made, and its node is so busy that nobody hears of it in time.
          async ask(request: Parameters<typeof kernel.ask>[0]) {
            const answer = await kernel.ask(request);
            if (request.message.type !== "create") return answer;
            asked.add(request.operationId);
            lateTries -= 1;
            if (lateTries < 0) return answer;
            await slow.world.sleep(signUpTimeoutMs);
            return refused(failure("ASK_TIMEOUT"));
          },
        } as GatewayOptions["kernel"],
      }),
    });
    lateTries = signUpTriesMax - 1;
    const body = { name: "ada", password, adminCode };
    const first = await slow.request("POST", "/api/v1/sign-up", { body });
    expect(first, JSON.stringify(first.body)).to.have.property("status", 200);
    expect(asked.size).to.equal(1);
    lateTries = signUpTriesMax;
    const second = await slow.request("POST", "/api/v1/sign-up", { body: { name: "bob", password } });
    expect(second).to.deep.include({ status: 504 }).and.have.nested.property("body.error.code", "ASK_TIMEOUT");
    expect([lateTries, asked.size]).to.deep.equal([0, 2]);
    await slow.stop();
  });

  it("gives nothing back of what an account took that may have been made, whatever a later try is told", async () => {
    let tries = 0;
    const lost = await startFixture({
      open: ({ kernel }) => ({
        kernel: {
          ...kernel,
          // It was made, nobody heard of it, and then its slot is away.
          async ask(request: Parameters<typeof kernel.ask>[0]) {
            if (request.message.type !== "create" || request.to !== "user/bob") return kernel.ask(request);
            tries += 1;
            if (tries > 1) return refused(failure("SLOT_UNAVAILABLE"));
            expect((await kernel.ask(request)).ok).to.equal(true);
            return refused(failure("ASK_TIMEOUT"));
          },
        } as GatewayOptions["kernel"],
      }),
    });
    await lost.signUp("ada");
    const made = await lost.request("POST", "/api/v1/sign-up", { body: { name: "bob", password } });
    expect(made).to.deep.include({ status: 504 }).and.have.nested.property("body.error.code", "ASK_TIMEOUT");
    expect(tries).to.equal(2);
    await lost.stop();
  });

  it("takes no new accounts when sign-up is closed, but the first", async () => {
    const closed = await startFixture({ signUp: "closed" });
    await closed.signUp("ada");
    const second = await closed.request("POST", "/api/v1/sign-up", { body: { name: "bob", password } });
    expect(second.body.error.code).to.equal("SIGN_UP_CLOSED");
    await closed.stop();
  });
});
