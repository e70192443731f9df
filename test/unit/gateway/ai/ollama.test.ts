import { expect } from "chai";
import { Ollama } from "ollama";
import {
  failure,
  ok,
  type EngineName,
  type EngineRequest,
  type PullView,
  type StoredModel,
} from "../../../../protocols/index.ts";
import type { ModelStore } from "../../../../runtimes/store/port.ts";
import { createEchoRuntime } from "../../../../runtimes/echo/echo.ts";
import { createWorld, startFixture, type Fixture, type FixtureOptions } from "../fixture.ts";
import { pixel, seeing } from "./seeing.ts";

describe("gateway: Ollama's client, unchanged", () => {
  let fixture: Fixture;
  let token: string;
  let client: Ollama;
  const asked: { readonly engine: EngineName; readonly request: EngineRequest }[] = [];
  before(async () => {
    const world = createWorld();
    const runtime = createEchoRuntime({ clock: world.clock() });
    fixture = await startFixture({
      world,
      engines: seeing(runtime, (engine, request) => asked.push({ engine, request })),
    });
    token = (await fixture.signUp("ada")).token;
    client = new Ollama({ host: fixture.url, headers: { Authorization: `Bearer ${token}` } });
  });
  beforeEach(() => void asked.splice(0));
  after(() => fixture.stop());

  const refusalOf = (work: Promise<unknown>): Promise<Error & { status_code?: number }> =>
    work.then(
      () => Promise.reject(new Error("it was not refused")),
      (error: unknown) => error as Error,
    );
  const user = (content: string) => ({ role: "user", content });
  const weather = {
    type: "function",
    function: { name: "get_weather", description: "", parameters: { type: "object", properties: {} } },
  };

  it("lists, shows and finds what is in memory", async () => {
    await fixture.request("POST", "/api/v1/agents", { token, body: { name: "helper", persona: "A pirate." } });
    const { models } = await client.list();
    expect(models.map(({ name }) => name)).to.deep.equal(["echo", "seeing", "agent:ada.helper"]);
    expect((await client.ps()).models.map(({ name }) => name)).to.deep.equal(["echo", "seeing"]);
    const shown = await client.show({ model: "echo:latest" });
    expect(shown.capabilities).to.deep.equal(["completion", "tools", "embedding"]);
    expect(shown.model_info).to.have.property("plexus.context_length", 4_096);
    expect((await client.version()).version).to.match(/^\d+\.\d+\.\d+$/);
    expect((await client.generate({ model: "agent:ada.helper", prompt: "hi", stream: false })).response).to.contain(
      "hi",
    );
  });

  it("generates, whole and as a stream, with counts and times", async () => {
    const whole = await client.generate({ model: "echo", prompt: "hello", system: "Be brief.", options: { seed: 7, num_predict: 3, num_ctx: 2_048, top_k: 40 } }); // prettier-ignore
    expect(whole).to.include({ response: "You said: hello", done: true, done_reason: "length", eval_count: 3 });
    expect(whole.total_duration).to.be.at.least(whole.eval_duration);
    expect((asked[0]!.request as EngineRequest<"generate">).sampling).to.deep.equal({
      seed: 7,
      maxTokens: 3,
      topK: 40,
    });
    let text = "";
    let last;
    for await (const part of await client.generate({ model: "echo", prompt: "hello", stream: true })) {
      text += part.response ?? "";
      last = part;
    }
    expect(text).to.contain("You said: hello");
    expect(last).to.include({ done: true, done_reason: "stop" });
    expect(await client.generate({ model: "echo", prompt: "" })).to.include({ done_reason: "load" });
    const told = await client.generate({ model: "echo", prompt: "hello", logprobs: true, top_logprobs: 2 });
    expect(told.logprobs?.[0]?.top_logprobs).to.have.length(2);
  });

  it("says how long a model stays in memory", async () => {
    for (const [given, ms] of [
      ["5m", 300_000],
      ["1h30m", 5_400_000],
      [0, 0],
      [10, 10_000],
      ["-1", -1],
      [-1, -1],
      ["1.5s", 1_500],
    ] as const) {
      await client.generate({ model: "echo", prompt: "hi", keep_alive: given });
      expect(asked.at(-1)!.request.keepAliveMs, String(given)).to.equal(ms);
    }
    expect((await refusalOf(client.generate({ model: "echo", prompt: "hi", keep_alive: "soon" }))).message).to.match(
      /keep_alive/,
    );
  });

  it("chats with tools, whole and as a stream", async () => {
    const tools = [weather];
    const first = await client.chat({ model: "echo", messages: [user('call get_weather {"city":"Rome"}')], tools });
    expect(first.message.tool_calls).to.deep.equal([{ function: { name: "get_weather", arguments: { city: "Rome" } } }]);
    const messages = [user("the weather?"), first.message, { role: "tool", tool_name: "get_weather", content: "20 degrees" }];
    const second = await client.chat({ model: "echo", messages, tools });
    expect(second.message.content).to.equal("The tool said: 20 degrees");
    const calls: unknown[] = [];
    for await (const part of await client.chat({ model: "echo", messages: [user("call get_weather")], tools, stream: true }))
      calls.push(...(part.message.tool_calls ?? []));
    expect(calls).to.deep.equal([{ function: { name: "get_weather", arguments: {} } }]);
    const loose = await refusalOf(client.chat({ model: "echo", messages: [{ role: "tool", content: "x" }] }));
    expect(loose.message).to.match(/answers no call of a tool/);
  }); // prettier-ignore

  it("refuses arguments in a text of JSON beyond its bounds, by their place", async () => {
    const deep = `${"[".repeat(5_000)}${"]".repeat(5_000)}`;
    const said = { role: "assistant", content: "", tool_calls: [{ function: { name: "look", arguments: deep } }] };
    const refusal = await refusalOf(client.chat({ model: "echo", messages: [user("look"), said as never] }));
    expect(refusal.message).to.include("messages[1].tool_calls[0]: its arguments");
  });

  it("gets JSON of a schema", async () => {
    const format = { type: "object", properties: { age: { type: "integer", minimum: 3 } }, required: ["age"] };
    const { message } = await client.chat({ model: "echo", messages: [user("hello")], format });
    expect(JSON.parse(message.content)).to.deep.equal({ age: 3 });
    const any = await client.generate({ model: "echo", prompt: "hello", format: "json" });
    expect(JSON.parse(any.response ?? "")).to.deep.equal({ said: "hello" });
  });

  it("shows images to a model that can see", async () => {
    await client.chat({ model: "seeing", messages: [{ ...user("look"), images: [pixel] }] });
    const [message] = (asked[0]!.request as EngineRequest<"generate">).messages;
    expect(message?.media).to.deep.equal([{ type: "image", mediaType: "image/png", bytes: pixel }]);
  });

  it("gets vectors", async () => {
    const { embeddings, prompt_eval_count: count } = await client.embed({ model: "echo", input: ["one two", "three"] });
    expect([embeddings.length, embeddings[0]?.length, count]).to.deep.equal([2, 64, 3]);
    const { embedding } = await client.embeddings({ model: "echo", prompt: "one two" });
    expect(embedding).to.deep.equal(embeddings[0]);
  });

  it("is told that a model which is here need not be pulled", async () => {
    expect(await client.pull({ model: "echo" })).to.include({ status: "success" });
    const states: string[] = [];
    for await (const { status } of await client.pull({ model: "echo:latest", stream: true })) states.push(status);
    expect(states).to.deep.equal(["success"]);
    expect((await refusalOf(client.pull({ model: "llama3" }))).message).to.match(/does not exist/);
  });

  it("calls a model by every name that Ollama takes for the same, and is told what is none", async () => {
    const digest = "1".repeat(64);
    const asks: readonly ((model: string) => Promise<unknown>)[] = [
      (model) => client.chat({ model, messages: [user("hi")] }),
      (model) => client.generate({ model, prompt: "hi" }),
      (model) => client.generate({ model, prompt: "" }),
      (model) => client.embed({ model, input: "hi" }),
      (model) => client.embeddings({ model, prompt: "hi" }),
      (model) => client.show({ model }),
      (model) => client.pull({ model }),
    ];
    const names = ["echo", "echo:latest", "library/echo", "registry.ollama.ai/library/echo", "https://ollama.com/library/Echo:latest", "echo:local", " echo "];
    for (const name of names) for (const ask of asks) await ask(name);
    for (const name of [`echo@sha256:${digest}`, `library/echo:latest@sha256:${digest}`, `@sha256:${digest}`, "echo:", "a/b/c/d", "../echo"])
      for (const ask of asks) {
        const refusal = await refusalOf(ask(name));
        expect(refusal, name).to.include({ status_code: 400 });
        expect(refusal.message, name).to.match(/invalid model name/u);
      }
    // Names, and nothing is called so.
    for (const name of ["localhost:5000/lib/name:tag", "localhost:5000/library/echo", "me/echo", "echo:8b"])
      for (const ask of asks.slice(0, -1)) expect(await refusalOf(ask(name)), name).to.include({ status_code: 404 });
  }); // prettier-ignore

  it("sends nothing to servers of Ollama, and says so; and says what is called nearly so", async () => {
    for (const model of ["echo:cloud", "gpt-oss:120b-cloud", "gpt-oss:20b:cloud"]) {
      for (const ask of [() => client.chat({ model, messages: [user("hi")] }), () => client.show({ model }), () => client.pull({ model })]) {
        const refusal = await refusalOf(ask());
        // As an endpoint that serves it may be down for a moment.
        expect(refusal, model).to.include({ status_code: 404 });
        expect(refusal.message, model).to.match(/with cloud it is a model on Ollama's servers/u);
      }
      const body = { model, messages: [{ role: "user", content: "hi" }] };
      const { status, body: said } = await fixture.request("POST", "/v1/chat/completions", { token, body });
      expect([status, said.error.code]).to.deep.equal([404, "model_not_found"]);
    }
    expect((await refusalOf(client.show({ model: "someone/Echo-GGUF" }))).message).to.match(/near: \["echo"\]/u);
  }); // prettier-ignore

  it("pulls to the node's store, and is told how far it is and what failed", async () => {
    const sources: string[] = [];
    const accepted: boolean[] = [];
    let stored: readonly Pick<StoredModel, "name" | "source">[] = [];
    let view: PullView;
    let wake: () => void = () => undefined;
    const store = {
      pull(request: { source: string; acceptLicence?: boolean }) {
        const { source } = request;
        sources.push(source);
        accepted.push(request.acceptLicence === true);
        view = { id: "1", source, state: "fetching", doneBytes: 1, totalBytes: 2, startedAtMs: 0 };
        return ok(view);
      },
      pulls: () => [view],
      list: () => stored,
      watch(listener: () => void) {
        wake = listener;
        return () => undefined;
      },
      async ended() {
        await new Promise((resolve) => setImmediate(resolve));
        view = { ...view, doneBytes: 2, state: "checking" };
        wake();
        wake();
        const failed = /broken|licensed/.test(view.source) && accepted.at(-1) !== true;
        const error = view.source.endsWith("licensed")
          ? failure("LICENCE_NOT_ACCEPTED", { licence: "llama3.2" })
          : failure("SOURCE_FAILED", { reason: "it hangs up" });
        return ok({ ...view, ...(failed ? { state: "failed", error } : { state: "done" }) });
      },
    } as unknown as ModelStore;
    const wanted = { current: () => [], set: () => Promise.resolve(ok(null)), onChange: () => () => undefined };
    const world = createWorld();
    const { generate, ...engines } = createEchoRuntime({ clock: world.clock() }).engines;
    const elsewhere = {
      models: () => generate.models().map((info) => ({ ...info, source: "hf:elsewhere/model:Q4_0" })),
      watch: (listener: () => void) => generate.watch(listener),
      call: (...call: Parameters<typeof generate.call>) => generate.call(...call),
    };
    const pulling = await startFixture({
      world,
      engines: { ...engines, generate: elsewhere },
      models: { store, wanted } as unknown as NonNullable<FixtureOptions["models"]>,
    });
    let adminKey = "";
    const of = async (name: string) => {
      const { token: key } = await pulling.signUp(name);
      if (name === "ada") adminKey = key;
      return new Ollama({ host: pulling.url, headers: { Authorization: `Bearer ${key}` } });
    };
    const admin = await of("ada");
    const lines: unknown[] = [];
    for await (const line of await admin.pull({ model: "llama3:8b", stream: true })) lines.push(line);
    expect(lines).to.deep.equal([
      { status: "fetching ollama:llama3:8b", digest: "ollama:llama3:8b", total: 2, completed: 1 },
      { status: "checking ollama:llama3:8b", digest: "ollama:llama3:8b", total: 2, completed: 2 },
      { status: "success" },
    ]);
    expect(await admin.pull({ model: "hf.co/owner/repo:Q4_0" })).to.include({ status: "success" });
    expect((await refusalOf(admin.pull({ model: "broken" }))).message).to.match(/it hangs up/);
    // A licence is named, and how to accept it; a model is then called by the name that it was pulled by.
    const licence = await refusalOf(admin.pull({ model: "hf.co/owner/licensed:latest" }));
    expect(licence.message).to.match(/accept_licence": true/);
    const accepting = new Ollama({
      host: pulling.url,
      headers: { Authorization: `Bearer ${adminKey}`, "x-plexus-accept-licence": "true" },
    });
    await accepting.pull({ model: "hf.co/owner/licensed:latest" });
    expect([sources.at(-1), accepted.at(-1)]).to.deep.equal(["hf:owner/licensed", true]);
    const body = { model: "hf.co/owner/licensed", accept_licence: true, stream: false };
    expect((await pulling.request("POST", "/api/pull", { token: adminKey, body })).body).to.deep.equal({
      status: "success",
    });
    expect([sources.at(-1), accepted.at(-1)]).to.deep.equal(["hf:owner/licensed", true]);
    stored = [
      { name: "echo", source: "hf:owner/licensed" },
      { name: "echo", source: "ollama:llama3.2:3b" },
      { name: "echo", source: "ollama://library/qwen3:latest" },
      { name: "echo", source: "ollama:localhost:5000/lib/name:tag" },
      // Of a registry, whose host has no dot; and of a branch.
      { name: "echo", source: "ollama:registry/team/model.gguf" },
      { name: "echo", source: "hf:owner/branches@fp16" },
      { name: "echo", source: "hf:owner/Keyed-GGUF:Q4_K_M" },
    ];
    // Capital letters tell no names apart, for Ollama as for Hugging Face.
    const spelled = [
      "HF.co/Owner/Licensed:LATEST",
      "Llama3.2:3B",
      "registry.ollama.ai/library/qwen3",
      "LOCALHOST:5000/lib/name:Tag",
    ];
    const branches = ["hf.co/owner/branches@fp16", "https://huggingface.co/owner/branches/tree/fp16"];
    const others = [...branches, "registry/team/model.gguf", ...spelled];
    // LM Studio's key of what is here.
    for (const model of ["keyed", "keyed@q4_k_m"])
      expect((await admin.chat({ model, messages: [user("hi")] })).message.content, model).to.contain("hi");
    for (const model of ["hf.co/owner/licensed", "hf.co/owner/licensed:latest", "llama3.2:3b", ...others]) {
      expect((await admin.chat({ model, messages: [user("hi")] })).message.content, model).to.contain("hi");
      expect((await admin.show({ model })).capabilities, model).to.include("completion");
      expect(await admin.pull({ model })).to.include({ status: "success" });
    }
    // A registry by its host and port; without encryption only where that is asked for.
    const fetches = async (model: string, insecure = false) => (await admin.pull({ model, insecure }), sources.at(-1));
    expect(await fetches("registry:5000/lib/other:tag")).to.equal("ollama:registry:5000/lib/other:tag");
    expect((await refusalOf(fetches("http://registry:5000/lib/other"))).message).to.match(/insecure protocol http/);
    expect(await fetches("http://registry:5000/lib/other", true)).to.equal("ollama:http://registry:5000/lib/other");
    for (const model of ["registry:5000/lib/other:tag", "echo"])
      expect((await refusalOf(fetches(model, true))).message).to.match(/^insecure: only/);
    // Of a model that another node has, its row among the members says the source.
    stored = [];
    expect(
      (await admin.chat({ model: "hf.co/elsewhere/model:Q4_0", messages: [user("hi")] })).message.content,
    ).to.contain("hi");
    const unread = sources.splice(3).length;
    expect(unread).to.equal(5);
    const other = await of("bob");
    expect((await refusalOf(other.pull({ model: "llama3" }))).message).to.match(/do not have permission/);
    expect(sources).to.deep.equal(["ollama:llama3:8b", "hf:owner/repo:Q4_0", "ollama:broken"]);
    await pulling.stop();
  });

  it("is not needed: curl's own content type is taken for JSON, and elsewhere it is refused", async () => {
    const post = (path: string) =>
      fetch(`${fixture.url}${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/x-www-form-urlencoded" },
        body: JSON.stringify({
          model: "echo",
          prompt: "hello",
          messages: [user("hello")],
          input: "hello",
          max_tokens: 9,
        }),
      });
    for (const path of ["/api/generate", "/api/chat", "/api/embed", "/v1/chat/completions", "/v1/messages"])
      expect((await post(path)).status, path).to.equal(200);
    expect((await post("/api/v1/agents")).status).to.equal(400);
  });

  it("gets errors of its own shape", async () => {
    const unknown = await refusalOf(client.chat({ model: "llama3", messages: [user("hi")] }));
    expect(unknown).to.include({ status_code: 404 });
    expect(unknown.message).to.match(/model: llama3/);
    const stranger = new Ollama({ host: fixture.url });
    expect(await refusalOf(stranger.list())).to.include({ status_code: 401 });
    const missing = await fixture.request("POST", "/api/copy", { token, body: {} });
    expect([missing.status, missing.body]).to.deep.equal([
      404,
      { error: "This endpoint is not supported. (path: /api/copy)" },
    ]);
    expect((await refusalOf(client.generate({ model: "echo", prompt: "x", suffix: "y" }))).message).to.match(/suffix/);
  });

  it("leaves the paths of REST where they were", async () => {
    const { status, headers } = await fixture.request("GET", "/api/me", { token });
    expect([status, headers.get("deprecation") !== null]).to.deep.equal([200, true]);
    const { headers: own } = await fixture.request("GET", "/api/tags", { token });
    expect(own.get("deprecation")).to.equal(null);
  });
});
