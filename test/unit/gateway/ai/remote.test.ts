/** Another Plexus is a server like others: our adapters ask its interfaces of OpenAI, Ollama and Anthropic. */
import { expect } from "chai";
import { floatsOf } from "../../../../protocols/index.ts";
import { createEchoRuntime } from "../../../../runtimes/echo/echo.ts";
import { echoAnswer } from "../../../../runtimes/echo/reply.ts";
import { listModels } from "../../../../runtimes/remote/catalogue.ts";
import { ask, loadRemote, textOf } from "../../runtimes/remote/fixture.ts";
import { createWorld, startFixture, type Fixture } from "../fixture.ts";
import { seeing } from "./seeing.ts";

const keyName = "PLEXUS_TEST_OTHER_KEY";
const question = { role: "user", content: "Are you there?" } as const;

/** A model that the other one only passes on. */
const relayed = { model: "third/gpt", runtime: "openai", capabilities: ["chat"], contextTokens: 8_000, sizeBytes: 0, demonstration: false, state: "ready" } as const; // prettier-ignore

describe("a model on another Plexus", () => {
  let fixture: Fixture;
  before(async () => {
    const world = createWorld();
    const engines = seeing(createEchoRuntime({ clock: world.clock() }), () => undefined);
    const { generate } = engines;
    fixture = await startFixture({
      world,
      engines: { ...engines, generate: { ...generate, models: () => [...generate.models(), relayed] } },
    });
    const { token } = await fixture.signUp("ada");
    process.env[keyName] = token;
    await fixture.request("POST", "/api/v1/agents", { token, body: { name: "helper", model: "echo" } });
  });
  after(async () => {
    delete process.env[keyName];
    await fixture.stop();
  });
  const endpoint = (model = "echo") => ({ url: fixture.url, model, key: { env: keyName } });
  const look = {
    name: "look",
    parameters: { type: "object", properties: { far: { type: "boolean" } }, required: ["far"] },
  };

  for (const adapter of ["openai", "ollama", "anthropic"])
    it(`lists, writes, calls and refuses, as ${adapter}`, async () => {
      const spec = { name: "m", adapter, path: "", endpoint: endpoint() };
      expect((await listModels(spec)).map(({ model }) => model)).to.include("echo");
      const { model, warnings } = await loadRemote({ adapter, endpoint: endpoint() });
      expect(warnings).to.deep.equal([]);
      expect(model.capabilities).to.include.members(["chat", "tools"]);
      const heard = ask(model, "generate", { messages: [question] });
      expect(await heard.ended)
        .to.deep.include({ ok: true })
        .and.have.nested.property("value.end", "complete");
      expect(textOf(heard)).to.equal(echoAnswer([question]));
      const calling = ask(model, "generate", { messages: [{ role: "user", content: "Please look." }], tools: [look] });
      expect(await calling.ended).to.have.nested.property("value.end", "calls");
      expect(calling.parts.flatMap(({ calls = [] }) => calls)[0]).to.include({
        name: "look",
        arguments: '{"far":false}',
      });
      const format = { type: "schema", schema: look.parameters } as const;
      const formed = ask(model, "generate", { messages: [question], format });
      await formed.ended;
      expect(JSON.parse(textOf(formed))).to.deep.equal({ far: false });
    });

  it("says what it can do and how much it reads, so that nobody guesses by its name", async () => {
    const { model } = await loadRemote({ adapter: "openai", endpoint: endpoint("seeing") });
    expect(model.capabilities).to.have.members(["chat", "vision", "hearing"]);
    expect(model.contextTokens).to.equal(4_096);
    // The echo counts tokens, and there is no path for that.
    expect((await loadRemote({ adapter: "openai", endpoint: endpoint() })).model.capabilities).not.to.include(
      "tokenize",
    );
  });

  it("is offered whole without what is somebody's agent, and what is passed on from a third", async () => {
    const token = process.env[keyName] ?? "";
    const { body } = await fixture.request("GET", "/v1/models", { token });
    const named = (body.data as readonly { readonly id: string }[]).map(({ id }) => id);
    expect(named).to.include.members(["echo", "third/gpt"]);
    expect(named.filter((id) => id.startsWith("agent:"))).to.have.length(1);
    const offered = await listModels({ name: "m", adapter: "openai", path: "", endpoint: endpoint() });
    expect(offered.map(({ model }) => model)).to.have.members(["echo", "seeing"]);
    // Who names it gets it.
    expect((await loadRemote({ adapter: "openai", endpoint: endpoint("third/gpt") })).model.contextTokens).to.equal(
      8_000,
    );
  });

  for (const adapter of ["openai", "ollama"])
    it(`embeds, as ${adapter}`, async () => {
      const { model } = await loadRemote({ adapter, endpoint: endpoint(), capabilities: ["embed"] });
      const ended = await ask(model, "embed", { inputs: ["one", "another"] }).ended;
      if (!ended.ok) throw new Error(JSON.stringify(ended.error));
      for (const vector of ended.value.vectors) expect(Math.hypot(...floatsOf(vector))).to.be.closeTo(1, 1e-3);
    });

  it("is not there for a wrong key", async () => {
    process.env[`${keyName}_2`] = "wrong";
    const loading = loadRemote({ adapter: "openai", endpoint: { ...endpoint(), key: { env: `${keyName}_2` } } });
    expect(
      await loading.then(
        () => "loaded",
        (thrown: Error) => thrown.message,
      ),
    ).to.match(/refuses the key/u);
    delete process.env[`${keyName}_2`];
  });
});
