import { expect } from "chai";
import { Ollama } from "ollama";
import type { EngineName, EngineRequest } from "../../../../protocols/index.ts";
import { createClock } from "../../../../node/platform/index.ts";
import { createEchoRuntime } from "../../../../runtimes/index.ts";
import { startStand, type Stand } from "../stand.ts";
import { pixel, seeing } from "./seeing.ts";

describe("gateway: Ollama's client, unchanged", () => {
  let stand: Stand;
  let token: string;
  let client: Ollama;
  const asked: { readonly engine: EngineName; readonly request: EngineRequest }[] = [];
  before(async () => {
    const runtime = createEchoRuntime({ clock: createClock() });
    stand = await startStand({ engines: seeing(runtime, (engine, request) => asked.push({ engine, request })) });
    token = (await stand.signUp("ada")).token;
    client = new Ollama({ host: stand.url, headers: { Authorization: `Bearer ${token}` } });
  });
  beforeEach(() => void asked.splice(0));
  after(() => stand.stop());

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
    await stand.request("POST", "/api/v1/agents", { token, body: { name: "helper", persona: "A pirate." } });
    const { models } = await client.list();
    expect(models.map(({ name }) => name)).to.deep.equal(["echo", "seeing", "agent:ada.helper"]);
    expect((await client.ps()).models.map(({ name }) => name)).to.deep.equal(["echo", "seeing"]);
    const shown = await client.show({ model: "echo:latest" });
    expect(shown.capabilities).to.deep.equal(["completion", "tools", "embedding"]);
    expect(shown.model_info).to.have.property("plexus.context_length", 4_096);
    expect((await client.version()).version).to.match(/^\d+\.\d+\.\d+$/);
    expect((await client.generate({ model: "agent:ada.helper", prompt: "hi", stream: false })).response).to.contain("hi");
  }); // prettier-ignore

  it("generates, whole and as a stream, with counts and times", async () => {
    const whole = await client.generate({ model: "echo", prompt: "hello", system: "Be brief.", options: { seed: 7, num_predict: 3, num_ctx: 2_048, top_k: 40 } }); // prettier-ignore
    expect(whole).to.include({ response: "You said: hello", done: true, done_reason: "length", eval_count: 3 });
    expect(whole.total_duration).to.be.at.least(whole.eval_duration);
    expect((asked[0]!.request as EngineRequest<"generate">).sampling).to.deep.equal({ seed: 7, maxTokens: 3 });
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

  it("chats with tools, whole and as a stream", async () => {
    const tools = [weather];
    const first = await client.chat({ model: "echo", messages: [user('call get_weather {"city":"Rome"}')], tools });
    expect(first.message.tool_calls).to.deep.equal([{ function: { name: "get_weather", arguments: { city: "Rome" } } }]);
    const messages = [user("the weather?"), first.message, { role: "tool", tool_name: "get_weather", content: "20 degrees" }]; // prettier-ignore
    const second = await client.chat({ model: "echo", messages, tools });
    expect(second.message.content).to.equal("The tool said: 20 degrees");
    const calls: unknown[] = [];
    for await (const part of await client.chat({ model: "echo", messages: [user("call get_weather")], tools, stream: true }))
      calls.push(...(part.message.tool_calls ?? []));
    expect(calls).to.deep.equal([{ function: { name: "get_weather", arguments: {} } }]);
    const loose = await refusalOf(client.chat({ model: "echo", messages: [{ role: "tool", content: "x" }] }));
    expect(loose.message).to.match(/answers no call of a tool/);
  }); // prettier-ignore

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

  it("is told that a model which is here need not be pulled, and what to do about others", async () => {
    expect(await client.pull({ model: "echo" })).to.include({ status: "success" });
    const states: string[] = [];
    for await (const { status } of await client.pull({ model: "echo:latest", stream: true })) states.push(status);
    expect(states).to.deep.equal(["success"]);
    const refused = await refusalOf(client.pull({ model: "llama3" }));
    expect(refused.message).to.match(/this node pulls no models itself|only admins/);
  });

  it("pulls where the node can", async () => {
    async function* pull(name: string) {
      yield { status: `pulling ${name}`, digest: "sha256:1", total: 2, completed: 1 };
      await Promise.resolve();
    }
    const pulling = await startStand({ pull });
    const own = new Ollama({ host: pulling.url, headers: { Authorization: `Bearer ${(await pulling.signUp("ada")).token}` } });
    const states: string[] = [];
    for await (const { status } of await own.pull({ model: "llama3", stream: true })) states.push(status);
    expect(states).to.deep.equal(["pulling llama3", "success"]);
    const other = new Ollama({ host: pulling.url, headers: { Authorization: `Bearer ${(await pulling.signUp("bob")).token}` } });
    expect((await refusalOf(other.pull({ model: "llama3" }))).message).to.match(/only admins may pull/);
    await pulling.stop();
  }); // prettier-ignore

  it("gets errors of its own shape", async () => {
    const unknown = await refusalOf(client.chat({ model: "llama3", messages: [user("hi")] }));
    expect(unknown).to.include({ status_code: 404 });
    expect(unknown.message).to.match(/model: llama3/);
    const stranger = new Ollama({ host: stand.url });
    expect(await refusalOf(stranger.list())).to.include({ status_code: 401 });
    const missing = await stand.request("POST", "/api/copy", { token, body: {} });
    expect([missing.status, missing.body]).to.deep.equal([
      404,
      { error: "This endpoint is not supported. (path: /api/copy)" },
    ]);
    expect((await refusalOf(client.generate({ model: "echo", prompt: "x", suffix: "y" }))).message).to.match(/suffix/);
  });

  it("leaves the paths of REST where they were", async () => {
    const { status, headers } = await stand.request("GET", "/api/me", { token });
    expect([status, headers.get("deprecation") !== null]).to.deep.equal([200, true]);
    const { headers: own } = await stand.request("GET", "/api/tags", { token });
    expect(own.get("deprecation")).to.equal(null);
  });
});
