import { expect } from "chai";
import { routeFault, type ModelRoutes } from "../../../node/cluster/facts/model-routes.ts";
import { routedEngines } from "../../../node/inference/routes/index.ts";
import { ok, refused, type ModelRoute, type QualityView } from "../../../protocols/index.ts";
import { createEchoRuntime } from "../../../runtimes/echo/echo.ts";
import { quietMeter } from "../../fixtures/quiet.ts";
import { createWorld, controlToken, startFixture, type Fixture } from "./fixture.ts";

describe("gateway: names that stand for several models", () => {
  const all = new Map<string, ModelRoute>();
  const modelRoutes: ModelRoutes = {
    current: () => [...all.values()],
    async set(route) {
      const fault = routeFault(route);
      if (fault !== undefined) return refused(fault);
      all.set(route.name, route);
      return ok(route);
    },
    remove: () => Promise.reject(new Error("nobody removes one here")),
    onChange: () => () => undefined,
    stop: () => undefined,
  };
  const ratings: unknown[] = [];
  const view: QualityView = { rows: [] };
  const world = createWorld();
  const clock = world.clock();
  const runtime = createEchoRuntime({ clock, tokenDelayMs: 0 });
  let fixture: Fixture;
  let tokens: Readonly<Record<string, string>>;
  before(async () => {
    const routed = routedEngines(runtime.engines, { routes: () => modelRoutes.current(), clock, meter: quietMeter });
    fixture = await startFixture({
      world,
      engines: routed,
      modelRoutes,
      explainRoute: (...asked) => routed.explain(...asked),
      quality: { view: async () => view, rated: (rating) => void ratings.push(rating) },
    });
    tokens = { ada: (await fixture.signUp("ada")).token, bob: (await fixture.signUp("bob")).token };
  });
  after(() => fixture.stop());
  after(() => runtime.stop(1_000));

  const admin = (method: string, path: string, body?: unknown) =>
    fixture.request(method, `/api/v1/admin/${path}`, { token: controlToken, ...(body !== undefined && { body }) });
  const steps = (...models: string[]) => [models.map((model) => ({ model, weight: 1 }))];
  const ask = (model: string, who = "ada", more: object = {}, headers: Readonly<Record<string, string>> = {}) =>
    fixture.request("POST", "/v1/chat/completions", {
      token: tokens[who] ?? "",
      body: { model, temperature: 0, messages: [{ role: "user", content: "hello there" }], ...more },
      headers,
    });
  const fromOf = ({ headers }: Awaited<ReturnType<typeof ask>>) =>
    Object.fromEntries(
      ["model", "cache", "members", "instead"].flatMap((name) =>
        headers.get(`x-plexus-${name}`) === null ? [] : [[name, headers.get(`x-plexus-${name}`)]],
      ),
    );

  it("are set and explained by admins, and refused with the place of what is wrong", async () => {
    const kinds = [{ name: "code", when: { code: true }, steps: steps("none") }];
    expect((await admin("PUT", "model-routes/sorted", { steps: steps("echo"), kinds })).status).to.equal(200);
    const told = await admin("POST", "model-routes/sorted/explain", { text: "const x = 1;\nf(x);" });
    expect(told.body).to.deep.include({ kind: "code", models: [{ model: "none", because: "alone in its step" }] });
    const asks = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `${index}`, when: { classified: { model: `m${index === 0 ? "" : index}`.replace(/^m$/, "echo"), labels: ["question"] } }, steps: steps("none") }));
    expect((await admin("PUT", "model-routes/asking", { steps: steps("echo"), kinds: asks(1) })).status).to.equal(200);
    const asked = await admin("POST", "model-routes/asking/explain", { text: "Is it?" });
    expect(asked.body).to.deep.include({ kind: "0", models: [{ model: "none", because: "alone in its step" }] });
    expect(asked.body.classified).to.have.length(1);
    expect(asked.body.classified[0]).to.include({ model: "echo", said: "question 1.00" });
    const many = await admin("PUT", "model-routes/asking", { steps: steps("echo"), kinds: asks(5) });
    expect([many.status, many.body.error.details.path]).to.deep.equal([400, "/kinds"]);
    expect((await admin("POST", "model-routes/none/explain", { text: "?" })).status).to.equal(404);
    const wrong = await admin("PUT", "model-routes/x", { steps: steps("a", "b"), ensemble: { form: "merge" } });
    expect([wrong.status, wrong.body.error.details.path]).to.deep.equal([400, "/ensemble/judge"]);
    const unknown = await admin("PUT", "model-routes/x", { steps: steps("a"), balance: "by luck" });
    expect([unknown.status, unknown.body.error.code]).to.deep.equal([400, "BAD_REQUEST"]);
    const nobody = await fixture.request("PUT", "/api/v1/admin/model-routes/x", { token: tokens["bob"] ?? "", body: { steps: steps("a") } });
    expect(nobody.status).to.equal(403);
  }); // prettier-ignore

  it("say in headers where an answer comes from, also before a stream, and count it as cached", async () => {
    await admin("PUT", "model-routes/faq", { steps: steps("echo"), cache: { seconds: 60 } });
    const [first, again] = [await ask("faq"), await ask("faq")];
    expect([fromOf(first), fromOf(again)]).to.deep.equal([{ model: "echo" }, { model: "echo", cache: "exact" }]);
    expect(again.body.choices).to.deep.equal(first.body.choices);
    expect(again.body.usage.prompt_tokens_details.cached_tokens).to.equal(again.body.usage.prompt_tokens);
    const streamed = await ask("faq", "ada", { stream: true });
    expect(fromOf(streamed)).to.deep.equal({ model: "echo", cache: "exact" });
    expect(streamed.body).to.include(JSON.stringify(first.body.choices[0].message.content.slice(0, 3)).slice(0, -1));
    // Nobody else's, and only as the caller wants.
    expect(fromOf(await ask("faq", "bob"))).to.deep.equal({ model: "echo" });
    expect(fromOf(await ask("faq", "ada", {}, { "x-plexus-cache": "renew" }))).to.deep.equal({ model: "echo" });
    expect(fromOf(await ask("faq", "ada", { temperature: 1 }))).to.deep.equal({ model: "echo" });
    expect((await ask("faq", "ada", {}, { "x-plexus-cache": "please" })).status).to.equal(400);
    const two = await ask("faq", "ada", { n: 2, temperature: 1, seed: 4 }, { "x-plexus-cache": "use" });
    expect(two.body.choices).to.have.length(2);
  });

  it("say how each of several models ended, and which answer it is", async () => {
    await admin("PUT", "model-routes/jury", { steps: steps("echo", "none"), ensemble: { form: "vote" } });
    const answer = await ask("jury");
    expect(answer.status).to.equal(200);
    expect(fromOf(answer)).to.deep.equal({ model: "echo", members: "echo=complete, none=MODEL_NOT_FOUND" });
  });

  it("are counted by what people think of answers, once the agent has taken it", async () => {
    const token = tokens["ada"] ?? "";
    await fixture.request("POST", "/api/v1/agents", { token, body: { name: "helper" } });
    const rate = (body: object) => fixture.request("PUT", "/api/v1/agents/ada.helper/turns/2/thumb", { token, body });
    expect((await rate({ thumb: "up" })).status).to.equal(404);
    expect(ratings).to.deep.equal([]);
    await fixture.request("POST", "/api/v1/agents/ada.helper/say", { token, body: { text: "hello" } });
    const isAnswered = async (): Promise<boolean> =>
      (await fixture.request("GET", "/api/v1/agents/ada.helper/turns", { token })).body.turns.length > 1;
    while (!(await isAnswered()));
    // The model that the default is, though the agent's settings name none.
    expect((await rate({ thumb: "up" })).body).to.deep.equal({ turn: 2, model: "echo", thumb: "up" });
    expect(ratings).to.deep.equal([{ model: "echo", from: undefined, to: "up" }]);
    expect((await admin("GET", "quality")).body).to.deep.equal(view);
    expect((await fixture.request("GET", "/api/v1/admin/quality", { token: tokens["bob"] ?? "" })).status).to.equal(
      403,
    );
  });
});
