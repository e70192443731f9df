import Anthropic from "@anthropic-ai/sdk";
import { expect } from "chai";
import OpenAI from "openai";
import type { ActivityView, BudgetView, UsageView } from "../../../protocols/index.ts";
import { startFixture, type Reply, type Fixture } from "./fixture.ts";

describe("gateway: usage and budgets", () => {
  let fixture: Fixture;
  let admin: string;
  let bob: string;
  let key: string;
  before(async () => {
    fixture = await startFixture({ settleIntervalMs: 20 });
    admin = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
    const made = await fixture.request("POST", "/api/v1/me/keys", { token: bob, body: { label: "bot" } });
    key = made.body.key as string;
  });
  after(() => fixture.stop());

  const say = (token: string, more: object = {}): Promise<Reply> =>
    fixture.request("POST", "/v1/chat/completions", {
      token,
      body: { model: "echo", messages: [{ role: "user", content: "say hello" }], max_tokens: 20, ...more },
    });
  const set = (path: string, body: object, token = admin): Promise<Reply> =>
    fixture.request("PUT", `/api/v1/admin${path}`, { token, body });
  const usage = async (path = "/api/v1/usage", token = bob): Promise<UsageView> =>
    (await fixture.request("GET", path, { token })).body as UsageView;

  /** Waits until what was taken has been told. */
  async function told(calls: number): Promise<UsageView> {
    for (;;) {
      const view = await usage();
      if (view.day.rows.reduce((sum, row) => sum + row.calls, 0) >= calls) return view;
      await fixture.world.sleep(10);
    }
  }

  it("shows people what they took, by key and model, and admins what everybody took", async () => {
    expect((await set("/prices/echo", { input: 1, output: 100, call: 0.5 })).status).to.equal(200);
    const [one] = await Promise.all([say(bob), say(key)]);
    const took = one.body.usage as { prompt_tokens: number; completion_tokens: number };
    const { day, month } = await told(2);
    expect(day.rows.map((row) => row.key?.replace(/\/.*/, ""))).to.have.members(["key", "session"]);
    expect(day.rows[0]).to.include({
      model: "echo",
      provider: "local",
      calls: 1,
      promptTokens: took.prompt_tokens,
      completionTokens: took.completion_tokens,
      cost: 500_000 + took.prompt_tokens + 100 * took.completion_tokens,
    });
    expect(month.rows).to.deep.equal(day.rows);
    expect((await usage("/api/v1/usage?days=1")).days).to.have.length(2);
    const all = await usage("/api/v1/admin/usage", admin);
    expect(all.day.rows).to.have.length(1);
    expect(all.day.rows[0]).to.include({ person: "bob", model: "echo", calls: 2 });
    expect((await usage("/api/v1/admin/usage?person=bob", admin)).day.rows).to.deep.equal(day.rows);
    expect((await fixture.request("GET", "/api/v1/admin/usage", { token: bob })).status).to.equal(403);
  });

  it("refuses what a budget stops in each interface's shape, says until when, and lets no client try for hours", async () => {
    expect((await set("/budgets/none", { of: "key", measure: "calls", limit: 0, per: "day", ending: "stop" })).status).to.equal(200);
    const refusal = await say(key);
    expect(refusal.status).to.equal(429);
    expect(refusal.body.error).to.include({ type: "insufficient_quota", code: "insufficient_quota" });
    expect(refusal.body.error.message).to.match(/budget.+none/);
    expect(Number(refusal.headers.get("retry-after"))).to.be.within(1, 24 * 3_600);
    expect(refusal.headers.get("x-should-retry")).to.equal("false");
    const ollama = await fixture.request("POST", "/api/chat", { token: key, body: { model: "echo", messages: [{ role: "user", content: "hi" }] } });
    expect([ollama.status, typeof ollama.body.error]).to.deep.equal([429, "string"]);
    let requests = 0;
    const counted: typeof fetch = (...of) => {
      requests += 1;
      return fetch(...of);
    };
    const openai = new OpenAI({ apiKey: key, baseURL: `${fixture.url}/v1`, fetch: counted });
    const anthropic = new Anthropic({ apiKey: key, baseURL: fixture.url, fetch: counted });
    const messages = [{ role: "user" as const, content: "hi" }];
    const ends = await Promise.allSettled([
      openai.chat.completions.create({ model: "echo", messages }),
      openai.chat.completions.create({ model: "echo", messages, stream: true }),
      anthropic.messages.create({ model: "echo", max_tokens: 5, messages }),
    ]);
    for (const end of ends) expect(end).to.have.nested.property("reason.status", 429);
    expect(requests, "no client asked again by itself").to.equal(ends.length);
    expect((await say(bob)).status, "a device is no key").to.equal(200);
    const mine = (await fixture.request("GET", "/api/v1/budgets", { token: bob })).body as { budgets: readonly BudgetView[] };
    expect(mine.budgets.map(({ name, spent }) => [name, spent[0]?.amount])).to.deep.equal([["none", 1]]);
    expect((await fixture.request("DELETE", "/api/v1/admin/budgets/none", { token: admin })).body).to.include({ name: "none" });
    expect((await say(key)).status).to.equal(200);
  }); // prettier-ignore

  it("says with an answer that a budget is near its end, and which model was called in place", async () => {
    const most = { of: "person", names: ["bob"], measure: "calls", limit: 3, per: "month" };
    await told(4);
    expect((await set("/budgets/most", { ...most, ending: "warn" })).status).to.equal(200);
    let near: string | null = null;
    while (near === null) {
      // What was taken is told now and then.
      await fixture.world.sleep(20);
      near = (await say(bob)).headers.get("x-plexus-budget");
    }
    expect(near).to.match(/^most; used=\d{3}; resets=\d{4}-\d\d-01T00:00:00.000Z$/);
    expect((await set("/budgets/most", { ...most, ending: "instead", instead: "echo" })).status).to.equal(200);
    for (const stream of [false, true]) {
      const answer = await say(bob, { stream });
      expect([answer.status, answer.headers.get("x-plexus-model")]).to.deep.equal([200, "echo"]);
    }
    const { budgets } = (await fixture.request("GET", "/api/v1/admin/budgets", { token: admin })).body as {
      budgets: readonly BudgetView[];
    };
    expect(budgets[0]?.spent[0]).to.include({ name: "bob" });
  });

  it("lets nobody but admins set them, and refuses nonsense", async () => {
    const fine = { of: "person", measure: "tokens", limit: 1, per: "day", ending: "stop" };
    for (const path of ["/budgets/x", "/prices/x"]) expect((await set(path, fine, bob)).status).to.equal(403);
    for (const more of [
      { of: "planet" },
      { of: "team" },
      { of: "cluster", names: ["a"] },
      { ending: "instead" },
      { instead: "echo" },
      { limit: -1 },
      { limit: 1.5 },
      { warnPercent: 0 },
    ])
      expect((await set("/budgets/x", { ...fine, ...more })).status, JSON.stringify(more)).to.equal(400);
    expect((await set("/budgets/X%20y", fine)).status).to.equal(400);
    expect((await set("/prices/x", { input: -1, output: 1 })).status).to.equal(400);
    expect((await fixture.request("DELETE", "/api/v1/admin/budgets/x", { token: admin })).status).to.equal(404);
  });
});

describe("gateway: what people did, by day", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({ settleIntervalMs: 20 });
  });
  after(() => fixture.stop());

  it("counts messages, active people and tokens of everybody and of teams, whatever wire they come by", async () => {
    const ada = (await fixture.signUp("ada")).token;
    const bob = (await fixture.signUp("bob")).token;
    const ask = (method: string, path: string, token: string, body?: object): Promise<Reply> =>
      fixture.request(method, `/api/v1${path}`, { token, ...(body && { body }) });
    const team = { of: "team", names: ["bob"], measure: "calls", limit: 100, per: "day", ending: "warn" };
    expect((await ask("PUT", "/admin/budgets/sales", ada, team)).status).to.equal(200);
    await ask("POST", "/rooms", ada, { room: "lobby", visibility: "public" });
    expect((await ask("POST", "/rooms/lobby/messages", ada, { text: "hello" })).status).to.equal(200);
    const socket = await fixture.connect(bob);
    await socket.ask("room.join", "lobby");
    expect((await socket.ask("room.post", "lobby", { text: "hi" })).ok).not.to.equal(undefined);
    await fixture.request("POST", "/v1/chat/completions", {
      token: bob,
      body: { model: "echo", messages: [{ role: "user", content: "say hello" }], max_tokens: 20 },
    });
    let view: ActivityView;
    do {
      view = (await ask("GET", "/admin/usage/days?days=7", ada)).body as ActivityView;
    } while ((view.days[0]?.messages ?? 0) < 2 || (view.days[0]?.calls ?? 0) < 1);
    const [day] = view.days;
    expect(view.days).to.have.length(1);
    expect(day).to.include({ people: 2, messages: 2, calls: 1 });
    expect(day?.tokens).to.be.above(0);
    expect(day?.teams).to.deep.equal([
      { team: "sales", people: 1, messages: 1, calls: 1, tokens: day?.tokens, cost: 0 },
    ]);
    expect(view.months[0]).to.include({ people: 2, messages: 2 });
    expect((await ask("GET", "/admin/usage/days", bob)).status).to.equal(403);
  });
});
