/** The doubles of the providers are understood by the providers' own clients: so what our adapters read of them is what
 *  there is to read. */
import Anthropic from "@anthropic-ai/sdk";
import { expect } from "chai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { anthropicDouble } from "../../../fixtures/providers/anthropic.ts";
import { startDouble, type Double, type Script } from "../../../fixtures/providers/double.ts";
import { ollamaDouble } from "../../../fixtures/providers/ollama.ts";
import { openAiDouble } from "../../../fixtures/providers/openai.ts";

const said = "You said: Hi\nThese were 1 words, repeated without a model.";
const question = [{ role: "user" as const, content: "Hi" }];
const parameters = { type: "object" as const, properties: { far: { type: "boolean" } }, required: ["far"] };
const png = Buffer.from("iVBORw0KGgo=", "base64");

describe("the provider's own client understands the double of", function () {
  let double: Double;
  const start = (script: Script) => async (): Promise<void> => void (double = await startDouble(script));

  describe("OpenAI", () => {
    before(start(openAiDouble()));
    after(() => double.close());
    const client = () => new OpenAI({ baseURL: `${double.url}/v1`, apiKey: "key", maxRetries: 0 });

    it("lists, writes, streams and counts", async () => {
      expect((await client().models.list()).data.map(({ id }) => id)).to.include("echo");
      const whole = await client().chat.completions.create({ model: "echo", messages: question });
      expect(whole.choices[0]?.message.content).to.equal(said);
      const stream = client().chat.completions.stream({
        model: "echo",
        messages: question,
        stream_options: { include_usage: true },
      });
      expect(await stream.finalContent()).to.equal(said);
      expect((await stream.totalUsage()).prompt_tokens).to.be.greaterThan(0);
    });

    it("calls tools, and refuses with its errors", async () => {
      const tools = [{ type: "function" as const, function: { name: "look", parameters } }];
      const stream = client().chat.completions.stream({
        model: "echo",
        messages: question,
        tools,
        tool_choice: "required",
      });
      const { tool_calls: calls } = (await stream.finalChatCompletion()).choices[0]!.message;
      expect(calls?.[0]).to.have.nested.property("function.name", "look");
      const missing = await client()
        .chat.completions.create({ model: "none", messages: question })
        .then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
      expect(missing).to.be.instanceOf(OpenAI.NotFoundError);
    });

    it("embeds, hears, speaks and draws", async () => {
      const { data } = await client().embeddings.create({ model: "echo-embed", input: ["a", "b"] });
      expect(data.toSorted((one, other) => one.index - other.index)[0]?.embedding.length).to.be.greaterThan(1);
      const file = await OpenAI.toFile(png, "a.wav");
      expect((await client().audio.transcriptions.create({ model: "whisper-1", file })).text).to.equal("Hello there.");
      const sound = await client().audio.speech.create({ model: "tts-1", input: "Hi", voice: "alloy" });
      expect((await sound.arrayBuffer()).byteLength).to.be.greaterThan(44);
      const images = await client().images.generate({ model: "dall-e-3", prompt: "a cat" });
      expect(images.data?.[0]?.b64_json).to.match(/^iVBOR/u);
    });
  });

  describe("Ollama", () => {
    before(start(ollamaDouble()));
    after(() => double.close());
    const client = () => new Ollama({ host: double.url });

    it("lists, shows, writes, streams, calls, embeds and pulls", async () => {
      expect((await client().list()).models.map(({ name }) => name)).to.include("echo");
      expect((await client().show({ model: "echo" })).capabilities).to.include("tools");
      expect((await client().chat({ model: "echo", messages: question })).message.content).to.equal(said);
      let text = "";
      for await (const part of await client().chat({ model: "echo", messages: question, stream: true }))
        text += part.message.content;
      expect(text).to.equal(said);
      const tools = [{ type: "function", function: { name: "look", description: "Looks.", parameters } }];
      const asked = [{ role: "user", content: "Please look." }];
      const { message } = await client().chat({ model: "echo", messages: asked, tools: tools as never });
      expect(message.tool_calls?.[0]?.function.name).to.equal("look");
      expect((await client().embed({ model: "echo-embed", input: ["a", "b"] })).embeddings).to.have.length(2);
      const states: string[] = [];
      for await (const { status } of await client().pull({ model: "new", stream: true })) states.push(status);
      expect(states.at(-1)).to.equal("success");
    });
  });

  describe("Anthropic", () => {
    before(start(anthropicDouble()));
    after(() => double.close());
    const client = () => new Anthropic({ baseURL: double.url, apiKey: "key", maxRetries: 0 });

    it("lists, writes, streams and calls, and refuses with its errors", async () => {
      expect((await client().models.list()).data.map(({ id }) => id)).to.include("echo");
      const whole = await client().messages.create({ model: "echo", max_tokens: 100, messages: question });
      expect(whole.content).to.deep.equal([{ type: "text", text: said }]);
      const stream = client().messages.stream({ model: "echo", max_tokens: 100, messages: question });
      expect(await stream.finalText()).to.equal(said);
      const tools = [{ name: "look", input_schema: parameters }];
      const calling = client().messages.stream({
        model: "echo",
        max_tokens: 100,
        messages: question,
        tools,
        tool_choice: { type: "any" },
      });
      const { content, stop_reason: reason } = await calling.finalMessage();
      expect(reason).to.equal("tool_use");
      expect(content[0]).to.include({ type: "tool_use", name: "look" });
      const missing = await client()
        .models.retrieve("none")
        .then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
      expect(missing).to.be.instanceOf(Anthropic.NotFoundError);
    });
  });
});
