import { expect } from "chai";
import OpenAI from "openai";
import { startStand, type Stand } from "./stand.ts";

describe("gateway: OpenAI's client, unchanged", () => {
  let stand: Stand;
  let token: string;
  let client: OpenAI;
  before(async () => {
    stand = await startStand({ tokenDelayMs: 2 });
    token = (await stand.signUp("ada")).token;
    const { body } = await stand.request("POST", "/api/me/keys", { token, body: { label: "openai" } });
    client = new OpenAI({ apiKey: body.key as string, baseURL: `${stand.url}/v1`, maxRetries: 0 });
  });
  after(() => stand.stop());

  const messages = [
    { role: "developer" as const, content: "Be brief." },
    { role: "user" as const, content: [{ type: "text" as const, text: "say hello to everybody here" }] },
  ];

  it("gets a whole answer with its usage", async () => {
    const answer = await client.chat.completions.create({ model: "echo", messages, temperature: 0, seed: -7 });
    expect(answer.object).to.equal("chat.completion");
    expect(answer.choices).to.have.length(1);
    expect(answer.choices[0]?.message).to.include({ role: "assistant" });
    expect(answer.choices[0]?.message.content).to.contain("hello");
    expect(answer.choices[0]?.finish_reason).to.equal("stop");
    const { usage } = answer;
    expect(usage?.total_tokens).to.equal((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0));
  });

  it("gets the same answer as a stream, with usage when asked for", async () => {
    const whole = await client.chat.completions.create({ model: "echo", messages });
    const stream = await client.chat.completions.create({
      model: "echo",
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    const finishes: (string | null)[] = [];
    let usage: unknown;
    for await (const chunk of stream) {
      expect(chunk.object).to.equal("chat.completion.chunk");
      text += chunk.choices[0]?.delta.content ?? "";
      if (chunk.choices[0]) finishes.push(chunk.choices[0].finish_reason);
      else usage = chunk.usage;
    }
    expect(text).to.equal(whole.choices[0]?.message.content);
    expect(finishes.at(-1)).to.equal("stop");
    expect(usage).to.deep.equal(whole.usage);
  });

  it("ends with length at max_tokens and with stop at a stop text", async () => {
    const short = await client.chat.completions.create({ model: "echo", messages, max_completion_tokens: 1 });
    expect(short.choices[0]?.finish_reason).to.equal("length");
    const stopped = await client.chat.completions.create({ model: "echo", messages, stop: ["hello"] });
    expect(stopped.choices[0]?.finish_reason).to.equal("stop");
    expect(stopped.choices[0]?.message.content).not.to.contain("hello");
  });

  it("lists models and the caller's agents, and writes as an agent without touching its conversation", async () => {
    const made = await stand.request("POST", "/api/agents", { token, body: { name: "helper", persona: "A pirate." } });
    expect(made.status, JSON.stringify(made.body)).to.equal(200);
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).to.deep.equal(["echo", "agent:ada.helper"]);
    expect((await client.models.retrieve("agent:ada.helper")).owned_by).to.equal("ada");
    expect((await client.models.retrieve("echo")).object).to.equal("model");

    const answer = await client.chat.completions.create({ model: "agent:ada.helper", messages });
    expect(answer.model).to.equal("agent:ada.helper");
    expect(answer.choices[0]?.message.content).to.be.a("string").and.not.equal("");
    const view = await stand.request("GET", "/api/agents/ada.helper", { token });
    expect(view.body.turns).to.equal(0);
    const other = await stand.signUp("bob");
    const stranger = new OpenAI({ apiKey: other.token, baseURL: `${stand.url}/v1`, maxRetries: 0 });
    const refusal = await stranger.chat.completions
      .create({ model: "agent:ada.helper", messages })
      .then(() => undefined, (error: { status: number }) => error);
    expect(refusal?.status).to.be.oneOf([403, 404]);
  }); // prettier-ignore

  it("gets errors of its own kinds", async () => {
    const bad = new OpenAI({ apiKey: "plxk_wrong", baseURL: `${stand.url}/v1`, maxRetries: 0 });
    const refusalOf = (work: Promise<unknown>) => work.then(() => undefined, (error: unknown) => error);
    expect(await refusalOf(bad.models.list())).to.be.instanceOf(OpenAI.AuthenticationError);
    const unknown = await refusalOf(client.chat.completions.create({ model: "gpt-none", messages }));
    expect(unknown).to.be.instanceOf(OpenAI.NotFoundError);
    expect(unknown).to.include({ code: "model_not_found" });
    const unknownStream = await refusalOf(client.chat.completions.create({ model: "gpt-none", messages, stream: true }));
    expect(unknownStream).to.be.instanceOf(OpenAI.NotFoundError);
    const many = await refusalOf(client.chat.completions.create({ model: "echo", messages, n: 2 }));
    expect(many).to.be.instanceOf(OpenAI.BadRequestError);
    expect(many).to.include({ param: "/n", type: "invalid_request_error" });
    const image = [{ role: "user" as const, content: [{ type: "image_url" as const, image_url: { url: "data:," } }] }];
    expect(await refusalOf(client.chat.completions.create({ model: "echo", messages: image }))).to.be.instanceOf(
      OpenAI.BadRequestError,
    );
    expect((await stand.request("GET", "/v1/nothing", { token })).body.error.type).to.equal("invalid_request_error");
  }); // prettier-ignore

  it("cancels the generation when it goes away", async () => {
    const slow = await startStand({ tokenDelayMs: 20 });
    const { token: key } = await slow.signUp("ada");
    const hasty = new OpenAI({ apiKey: key, baseURL: `${slow.url}/v1`, maxRetries: 0 });
    const text = "word ".repeat(500);
    const cancelled = new Promise<void>((resolve) => {
      const generate = slow.runtime.generate.bind(slow.runtime);
      (slow.runtime as { generate: typeof generate }).generate = (request, onPart) =>
        generate(request, (part) => {
          onPart(part);
          if (part.type === "done" && part.end === "stopped") resolve();
        });
    });
    const stream = await hasty.chat.completions.create({
      model: "echo",
      messages: [{ role: "user", content: text }],
      stream: true,
    });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    stream.controller.abort();
    await cancelled;
    await slow.stop();
  });

  it("runs a bounded number of generations for one user", async () => {
    const small = await startStand({ tokenDelayMs: 20, limits: { completionsPerUserMax: 1 } });
    const { token: key } = await small.signUp("ada");
    const eager = new OpenAI({ apiKey: key, baseURL: `${small.url}/v1`, maxRetries: 0 });
    const one = await eager.chat.completions.create({ model: "echo", messages, stream: true });
    const two = await eager.chat.completions.create({ model: "echo", messages }).then(() => undefined, (error: unknown) => error);
    expect(two).to.be.instanceOf(OpenAI.RateLimitError);
    for await (const _chunk of one) { /* to its end */ }
    await eager.chat.completions.create({ model: "echo", messages });
    await small.stop();
  }); // prettier-ignore
});
