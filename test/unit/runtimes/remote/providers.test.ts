/** What each provider is asked, and what its events mean, beyond what the suite of the port shows. */
import { expect } from "chai";
import { Kept } from "../../../../runtimes/remote/kept.ts";
import type { ChatMessage, GenerationRequest } from "../../../../protocols/index.ts";
import { messagesMapping, turnsOf } from "../../../../runtimes/anthropic/adapter.ts";
import { contentMapping, contentsOf } from "../../../../runtimes/gemini/adapter.ts";
import { promptOf, readMetadata, streamMapping } from "../../../../runtimes/kserve/adapter.ts";
import { chatMapping as ollamaMapping, describedBy as shownBy } from "../../../../runtimes/ollama/adapter.ts";
import { describedBy, propsOf, scoresOf, transcriptOf, vectorsOf } from "../../../../runtimes/openai/adapter.ts";
import type { Dialect } from "../../../../runtimes/openai/dialect.ts";
import { chatMapping, isStrict, readChat } from "../../../../runtimes/openai/chat.ts";
import { abilitiesByName, abilitiesOf } from "../../../../runtimes/remote/abilities.ts";
import { TextInProgress, type Delta, type TextMapping } from "../../../../runtimes/remote/text.ts";
import { startDouble, json, type Double } from "../../../fixtures/providers/double.ts";
import { ollamaDouble } from "../../../fixtures/providers/ollama.ts";
import { openAiDouble } from "../../../fixtures/providers/openai.ts";
import { ask, loadRemote, textOf } from "./fixture.ts";

const image = { type: "image", mediaType: "image/png", bytes: Uint8Array.of(1, 2, 3) } as const;
const conversation: readonly ChatMessage[] = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "What is it?", media: [image] },
  { role: "assistant", content: "", calls: [{ id: "c1", name: "look", arguments: '{"far":true}' }] },
  { role: "tool", callId: "c1", content: "a cat" },
  { role: "user", content: "Sure?" },
];
const look = {
  name: "look",
  description: "Looks.",
  parameters: { type: "object", properties: { far: { type: "boolean" } } },
};
const requestOf = (fields: Partial<GenerationRequest> = {}): GenerationRequest => ({
  id: "r1",
  model: "m",
  timeoutMs: 1_000,
  messages: conversation,
  sampling: { temperature: 1.5, topP: 0.9, maxTokens: 50, seed: 7 },
  tools: [look],
  ...fields,
});
const bodyOf = ({ ask: { body } }: TextMapping): Record<string, unknown> => JSON.parse(JSON.stringify(body)) as never;

/** What a provider's events make of an answer. */
function told({ read }: Pick<TextMapping, "read">, events: readonly unknown[]) {
  const text = new TextInProgress({ sampling: {} }, 1_000);
  const parts = [...events.map((event) => text.take(read(event))), text.rest()].filter((part) => part !== undefined);
  return {
    text: parts.map((part) => part.text).join(""),
    thought: parts.map((part) => part.thought ?? "").join(""),
    calls: parts.flatMap((part) => part.calls ?? []),
    answer: text.answer(),
  };
}

describe("OpenAI", () => {
  const mapping = (fields: Partial<GenerationRequest> = {}, dialect: Dialect = "other") =>
    chatMapping(requestOf(fields), { model: "gpt", dialect });

  it("is asked in its own words", () => {
    const body = bodyOf(mapping({ stop: ["1", "2", "3", "4", "5"], toolChoice: { name: "look" }, logprobs: 2 }));
    expect(body).to.deep.include({
      model: "gpt",
      stream: true,
      stream_options: { include_usage: true },
      temperature: 1.5,
      top_p: 0.9,
      max_tokens: 50,
      seed: 7,
      stop: ["1", "2", "3", "4"],
      tool_choice: { type: "function", function: { name: "look" } },
      logprobs: true,
      top_logprobs: 2,
    });
    expect(body["messages"]).to.deep.equal([
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } },
          { type: "text", text: "What is it?" },
        ],
      },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: '{"far":true}' } }],
      },
      { role: "tool", tool_call_id: "c1", content: "a cat" },
      { role: "user", content: "Sure?" },
    ]);
    expect(bodyOf(mapping({}, "openai")))
      .to.include({ max_completion_tokens: 50 })
      .and.not.have.property("max_tokens");
  });

  it("is held to a schema only where it can be", () => {
    const strict = {
      type: "object",
      properties: { a: { type: "string" } },
      required: ["a"],
      additionalProperties: false,
    };
    expect(isStrict(strict)).to.equal(true);
    expect(isStrict({ ...strict, required: [] })).to.equal(false);
    expect(isStrict({ ...strict, properties: { a: { type: "object", properties: {} } } })).to.equal(false);
    for (const part of [{ type: "string", minLength: 1 }, { not: {} }, { anyOf: [{ pattern: "x" }] }, true])
      expect(isStrict({ ...strict, properties: { a: part } }), JSON.stringify(part)).to.equal(false);
    expect(
      isStrict({
        ...strict,
        properties: { a: { anyOf: [{ type: "null" }, { $ref: "#/$defs/b" }] } },
        $defs: { b: strict },
      }),
    ).to.equal(true);
    const asked = (schema: object, said: { readonly strict?: boolean }): unknown =>
      bodyOf(mapping({ format: { type: "schema", schema: schema as Readonly<Record<string, unknown>>, ...said } }))[
        "response_format"
      ];
    // Who asks decides; the schema is the one that came.
    const odd = { ...strict, not: {} };
    expect(asked(odd, {})).to.have.deep.property("json_schema", { name: "answer", schema: odd, strict: false });
    expect(asked(odd, { strict: true })).to.have.nested.property("json_schema.strict", true);
    expect(asked(strict, { strict: false })).to.have.nested.property("json_schema.strict", false);
    const body = bodyOf(mapping({ format: { type: "schema", schema: strict } }));
    expect(body["response_format"]).to.deep.include({ type: "json_schema" });
    expect(bodyOf(mapping({ format: { type: "json" } }))["response_format"]).to.deep.equal({ type: "json_object" });
  });

  it("thinks, calls in pieces, and says what it took behind the end", () => {
    const delta = (fields: object, reason: string | null = null): object => ({
      choices: [{ index: 0, delta: fields, finish_reason: reason }],
    });
    const call = (index: number, more: object): object => delta({ tool_calls: [{ index, ...more }] });
    const came = told({ read: readChat }, [
      delta({ role: "assistant", content: "" }),
      delta({ reasoning_content: "Hm" }),
      delta({ content: "I \ud83d" }),
      delta({ content: "\ude00 look" }),
      call(0, { id: "c1", function: { name: "look", arguments: "" } }),
      call(1, { id: "c2", function: { name: "look", arguments: '{"far"' } }),
      call(1, { function: { arguments: ":true}" } }),
      delta({}, "tool_calls"),
      { choices: [], usage: { prompt_tokens: 9, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 4 } } },
    ]);
    expect(came).to.deep.equal({
      text: "I 😀 look",
      thought: "Hm",
      calls: [
        { id: "c1", name: "look", arguments: "{}" },
        { id: "c2", name: "look", arguments: '{"far":true}' },
      ],
      answer: { end: "calls", promptTokens: 9, completionTokens: 5, cachedTokens: 4 },
    });
  });

  it("may answer all at once, with arguments that are an object, and without ids", () => {
    const message = { content: null, tool_calls: [{ function: { name: "look", arguments: { far: true } } }] };
    const { calls, answer } = told({ read: readChat }, [{ choices: [{ message, finish_reason: "stop" }] }]);
    expect(calls[0]).to.include({ name: "look", arguments: '{"far":true}' });
    expect(calls[0]?.id).to.match(/^call_/u);
    expect(answer.end).to.equal("calls");
  });

  it("shows what a model can do by what its server tells, then by its name", () => {
    const able = (row: unknown, model: string, owner?: string) => describedBy(row, model, owner).capabilities;
    expect(
      able({ capabilities: { completion_chat: true, function_calling: true, vision: false } }, "mistral"),
    ).to.have.members(["chat", "tools", "json"]);
    expect(abilitiesOf({ architecture: { input_modalities: ["text", "image"] } })).to.include("vision");
    expect(abilitiesOf({ type: "embeddings" })).to.deep.equal(["embed"]);
    expect(abilitiesOf({ capabilities: ["embed", "image-embed"] })).to.deep.equal(["embed", "image-embed"]);
    expect(abilitiesOf({ id: "m" })).to.equal(undefined);
    expect(able({ id: "text-embedding-3-small" }, "text-embedding-3-small")).to.deep.equal(["embed"]);
    expect(able({}, "qwen", "vllm")).to.include("logprobs");
    expect(able({}, "o3-mini", "openai")).to.not.include("logprobs");
    expect(describedBy({ max_model_len: 9_000 }, "m", "vllm").contextTokens).to.equal(9_000);
    for (const [name, ability] of [
      ["BAAI/bge-m3", "embed"],
      ["bge-reranker-v2-m3", "rerank"],
      ["openai/whisper-large-v3", "transcribe"],
      ["gpt-4o-mini-tts", "speak"],
      ["dall-e-3", "draw"],
      ["llama3.2:3b", "chat"],
    ] as const)
      expect(abilitiesByName(name)[0], name).to.equal(ability);
    const props = { default_generation_settings: { n_ctx: 2_048 }, modalities: { vision: true, audio: false } };
    expect(propsOf(props, { capabilities: ["chat"] })).to.deep.equal({
      capabilities: ["chat", "vision", "tokenize"],
      contextTokens: 2_048,
    });
  });

  it("refuses vectors, scores and transcripts that are not whole", () => {
    const data = (vectors: readonly unknown[]) => ({ data: vectors.map((embedding, index) => ({ index, embedding })) });
    for (const bad of [
      data([[1, 2]]),
      data([[1], [1, 2]]),
      data([
        [1, "x"],
        [2, 3],
      ]),
      data([[], []]),
      {},
    ])
      expect(() => vectorsOf(bad, 2), JSON.stringify(bad)).to.throw("PROVIDER_FAILED");
    expect(() => scoresOf({ results: [{ index: 0, relevance_score: 1 }] }, 2)).to.throw("PROVIDER_FAILED");
    expect(() => transcriptOf({})).to.throw("PROVIDER_FAILED");
    const bare = scoresOf(
      {
        results: [
          { index: 1, relevance_score: 4 },
          { index: 0, relevance_score: -4 },
        ],
      },
      2,
    );
    expect(bare.scores.map((one) => Math.round(one * 100))).to.deep.equal([2, 98]);
    expect(transcriptOf({ text: "Hi", duration: "2.5" })).to.deep.equal({
      parts: [{ text: "Hi", fromMs: 0, toMs: 2_500 }],
      answer: { durationMs: 2_500 },
    });
  });

  describe("with sounds and images", () => {
    let double: Double;
    before(async () => (double = await startDouble(openAiDouble())));
    after(() => double.close());
    const load = async (model: string) =>
      (await loadRemote({ adapter: "openai", endpoint: { url: double.url, model } })).model;

    it("hears a sound as a file, and tells its stretches", async () => {
      const audio = { type: "audio", mediaType: "audio/wav", bytes: Uint8Array.of(1, 2) } as const;
      const heard = ask(await load("whisper-1"), "transcribe", { audio, language: "en", prompt: "names" });
      expect(await heard.ended).to.deep.equal({ ok: true, value: { durationMs: 1_500, language: "english" } });
      expect(heard.parts.map(({ text }) => text)).to.deep.equal(["Hello", " there."]);
      const { text, headers } = double.asked.at(-1)!;
      expect(headers["content-type"]).to.match(/^multipart\/form-data/u);
      for (const field of ["audio.wav", "verbose_json", "names"]) expect(text).to.include(field);
    });

    it("does not fetch an image from an address that it is told", async () => {
      const model = await load("dall-e-3");
      const elsewhere = await startDouble();
      double.script = (_asked, response) => json(response, { data: [{ url: `${elsewhere.url}/image.png` }] });
      expect(await ask(model, "draw", { prompt: "a cat" }).ended).to.have.nested.property(
        "error.code",
        "PROVIDER_FAILED",
      );
      expect(elsewhere.asked).to.have.length(0);
      await elsewhere.close();
      double.script = openAiDouble();
    });

    it("refuses a form of sound that it does not know", async () => {
      const heard = ask(await load("tts-1"), "speak", { text: "Hi", mediaType: "audio/midi" });
      expect(await heard.ended).to.have.nested.property("error.code", "BAD_REQUEST");
    });
  });
});

describe("Ollama", () => {
  const mapping = (fields: Partial<GenerationRequest> = {}) =>
    ollamaMapping(requestOf(fields), { model: "llama", contextTokens: 2_048 });

  it("is told the context always, and forbidden to cut", () => {
    const body = bodyOf(mapping({ stop: ["x"], format: { type: "json" } }));
    expect(body).to.deep.include({ truncate: false, shift: false, format: "json", stream: true });
    expect(body["options"]).to.deep.equal({
      num_ctx: 2_048,
      temperature: 1.5,
      top_p: 0.9,
      num_predict: 50,
      seed: 7,
      stop: ["x"],
    });
    const [, user, assistant, tool] = body["messages"] as object[];
    expect(user).to.deep.equal({ role: "user", content: "What is it?", images: ["AQID"] });
    expect(assistant).to.deep.equal({
      role: "assistant",
      content: "",
      tool_calls: [{ function: { name: "look", arguments: { far: true } } }],
    });
    expect(tool).to.deep.equal({ role: "tool", content: "a cat", tool_name: "look" });
  });

  it("is held to a call by the form of its text", () => {
    const demanded = mapping({ toolChoice: "required" });
    expect(bodyOf(demanded)).to.have.nested.property("format.anyOf[0].properties.name.const", "look");
    expect(bodyOf(demanded)).to.not.have.property("tools");
    const line = (content: string, more: object = { done: false }): object => ({ message: { content }, ...more });
    const whole = [
      line('{"name":"look",'),
      line('"arguments":{"far":false}}'),
      line("", { done: true, done_reason: "stop" }),
    ];
    const came = told(demanded, whole);
    expect(came.text).to.equal("");
    expect(came.calls[0]).to.include({ name: "look", arguments: '{"far":false}' });
    expect(came.answer.end).to.equal("calls");
    const cut = told(mapping({ toolChoice: { name: "look" } }), [
      line('{"name":'),
      line("", { done: true, done_reason: "length" }),
    ]);
    expect(cut).to.deep.include({ calls: [] }).and.have.nested.property("answer.end", "length");
    expect(bodyOf(mapping({ toolChoice: "none" }))).to.not.have.any.keys("tools", "format");
  });

  it("thinks before it answers", () => {
    const came = told(mapping(), [
      { message: { role: "assistant", content: "", thinking: "Hm" }, done: false },
      { message: { role: "assistant", content: "Yes" }, done: false },
      { message: { content: "" }, done: true, done_reason: "stop", prompt_eval_count: 3, eval_count: 2 },
    ]);
    expect(came).to.deep.equal({
      text: "Yes",
      thought: "Hm",
      calls: [],
      answer: { end: "complete", promptTokens: 3, completionTokens: 2 },
    });
  });

  it("gets as much context as is configured, up to what the model has", () => {
    const shown = {
      model_info: { "general.architecture": "llama", "llama.context_length": 8_192 },
      capabilities: ["completion", "tools"],
    };
    const of = (contextTokens: number | undefined, version = "0.15.2") =>
      shownBy(shown, { endpoint: { model: "m" }, version, ...(contextTokens !== undefined && { contextTokens }) });
    expect(of(undefined).contextTokens).to.equal(4_096);
    expect(of(6_000).contextTokens).to.equal(6_000);
    expect(of(100_000).contextTokens).to.equal(8_192);
    expect(of(6_000).capabilities).to.have.members(["chat", "continue", "json", "logprobs", "tools"]);
    expect(of(6_000, "0.12.9").capabilities).to.not.include("logprobs");
    expect(
      shownBy({ capabilities: ["embedding"] }, { endpoint: { model: "m" }, version: "" }).capabilities,
    ).to.deep.equal(["embed"]);
  });

  describe("without the model", () => {
    let double: Double;
    before(async () => (double = await startDouble(ollamaDouble())));
    after(() => double.close());
    const load = (model: string, pull: boolean) =>
      loadRemote({ adapter: "ollama", endpoint: { url: double.url, model, pull } });

    it("fails, or fetches it when it may, and says so until it is there", async () => {
      const refused = await load("new", false).then(
        () => "loaded",
        (thrown: Error) => thrown.message,
      );
      expect(refused).to.equal("the server has no model new");
      const { model, warnings } = await load("new", true);
      expect(warnings).to.deep.equal(["the server fetches the model"]);
      const first = await ask(model, "generate", {}).ended;
      expect(first).to.have.nested.property("error.code", "MODEL_UNAVAILABLE");
      expect(first)
        .to.have.nested.property("error.details.reason")
        .match(/fetches it: \d+ %/u);
      for (;;) {
        const heard = ask(model, "generate", {});
        const ended = await heard.ended;
        if (!ended.ok) {
          expect(ended.error.code).to.equal("MODEL_UNAVAILABLE");
          await new Promise((resolve) => setImmediate(resolve));
          continue;
        }
        expect(textOf(heard)).to.match(/^You said: Hi/u);
        break;
      }
    });

    it("says that it could not be fetched", async () => {
      const { model } = await load("no-such-model", true);
      for (;;) {
        const ended = await ask(model, "generate", {}).ended;
        if (ended.ok) throw new Error("it answered");
        if (/could not/u.test(String(ended.error.details?.["reason"]))) break;
        await new Promise((resolve) => setImmediate(resolve));
      }
      await model.unload();
    });
  });
});

describe("Anthropic", () => {
  const mapping = (fields: Partial<GenerationRequest> = {}) =>
    messagesMapping(requestOf(fields), { model: "claude", contextTokens: 200_000 });

  it("gets turns that alternate, on its own scale", () => {
    const body = bodyOf(mapping({ stop: ["x", " "] }));
    expect(body).to.deep.include({ system: "Be brief.", max_tokens: 50, temperature: 1, stop_sequences: ["x"] });
    expect(body).to.not.have.property("top_p");
    expect(body["messages"]).to.deep.equal([
      {
        role: "user",
        content: [
          { type: "image", source: { type: "base64", media_type: "image/png", data: "AQID" } },
          { type: "text", text: "What is it?" },
        ],
      },
      { role: "assistant", content: [{ type: "tool_use", id: "c1", name: "look", input: { far: true } }] },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "c1", content: "a cat" },
          { type: "text", text: "Sure?" },
        ],
      },
    ]);
    expect(turnsOf([{ role: "user", content: " " }])).to.deep.equal([]);
    expect(bodyOf(mapping({ sampling: {} }))["max_tokens"]).to.equal(8_192);
  });

  const start = (block: object, index = 0): object => ({ type: "content_block_start", index, content_block: block });
  const piece = (delta: object, index = 0): object => ({ type: "content_block_delta", index, delta });
  const end = (reason: string): object => ({
    type: "message_delta",
    delta: { stop_reason: reason },
    usage: { output_tokens: 8 },
  });

  it("thinks, speaks and calls in blocks, and counts its cache apart", () => {
    const came = told(mapping(), [
      {
        type: "message_start",
        message: { usage: { input_tokens: 5, cache_read_input_tokens: 20, cache_creation_input_tokens: 3 } },
      },
      { type: "ping" },
      start({ type: "thinking", thinking: "" }),
      piece({ type: "thinking_delta", thinking: "Hm" }),
      piece({ type: "signature_delta", signature: "abc" }),
      start({ type: "text", text: "" }, 1),
      piece({ type: "text_delta", text: "I look." }, 1),
      start({ type: "tool_use", id: "t1", name: "look", input: {} }, 2),
      piece({ type: "input_json_delta", partial_json: '{"far"' }, 2),
      piece({ type: "input_json_delta", partial_json: ":true}" }, 2),
      end("tool_use"),
      { type: "message_stop" },
    ]);
    expect(came).to.deep.equal({
      text: "I look.",
      thought: "Hm",
      calls: [{ id: "t1", name: "look", arguments: '{"far":true}' }],
      answer: { end: "calls", promptTokens: 28, completionTokens: 8, cachedTokens: 20 },
    });
  });

  it("is held to a form by a tool whose input is the text", () => {
    const schema = { type: "object", properties: { a: { type: "number" } } };
    const alone = mapping({ tools: [], format: { type: "schema", schema } });
    expect(bodyOf(alone)).to.deep.include({ tool_choice: { type: "tool", name: "final_answer" } });
    const events = [
      start({ type: "text", text: "" }),
      piece({ type: "text_delta", text: "Here it is:" }),
      start({ type: "tool_use", id: "t", name: "final_answer", input: {} }, 1),
      piece({ type: "input_json_delta", partial_json: '{"a":' }, 1),
      piece({ type: "input_json_delta", partial_json: "1}" }, 1),
      end("tool_use"),
    ];
    expect(told(alone, events)).to.deep.include({ text: '{"a":1}', calls: [] });
    expect(told(alone, events).answer.end).to.equal("complete");
    const beside = bodyOf(mapping({ format: { type: "schema", schema } }));
    expect(beside).to.deep.include({ tool_choice: { type: "any" } });
    expect(beside["tools"]).to.have.length(2);
  });
});

describe("Gemini", () => {
  const kept = new Kept();
  const mapping = (fields: Partial<GenerationRequest> = {}, model = "gemini-3-pro") =>
    contentMapping(requestOf(fields), { model, facts: { thinks: true }, kept });

  it("is asked in its own words, with the key out of the address", () => {
    const { ask: asked } = mapping({
      stop: ["1", "2", "3", "4", "5", "6"],
      toolChoice: { name: "look" },
      format: { type: "json" },
    });
    expect(asked.path).to.equal("/models/gemini-3-pro:streamGenerateContent?alt=sse");
    const body = JSON.parse(JSON.stringify(asked.body)) as Record<string, unknown>;
    expect(body["systemInstruction"]).to.deep.equal({ parts: [{ text: "Be brief." }] });
    expect(body["generationConfig"]).to.deep.equal({
      temperature: 1.5,
      topP: 0.9,
      maxOutputTokens: 50,
      seed: 7,
      stopSequences: ["1", "2", "3", "4", "5"],
      responseMimeType: "application/json",
      thinkingConfig: { includeThoughts: true },
    });
    expect(body["toolConfig"]).to.deep.equal({
      functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["look"] },
    });
  });

  it("gets back the signature of its calls, and a word for those of others", () => {
    const parts = [
      { text: "Hm", thought: true },
      { functionCall: { name: "look", args: { far: true } }, thoughtSignature: "signed" },
    ];
    const came = told(mapping(), [
      { candidates: [{ content: { parts } }] },
      {
        candidates: [{ content: { parts: [{ text: "" }] }, finishReason: "STOP" }],
        usageMetadata: { promptTokenCount: 4, candidatesTokenCount: 2, thoughtsTokenCount: 3 },
      },
    ]);
    expect(came.thought).to.equal("Hm");
    expect(came.answer).to.deep.equal({ end: "calls", promptTokens: 4, completionTokens: 5 });
    const [call] = came.calls;
    expect(call).to.deep.equal({ id: "r1-1", name: "look", arguments: '{"far":true}' });
    const turn = (id: string): readonly ChatMessage[] => [
      { role: "assistant", content: "", calls: [{ ...call!, id }] },
      { role: "tool", callId: id, content: "a cat" },
    ];
    const signed = contentsOf(turn("r1-1"), { kept, isDemanded: true });
    expect(JSON.parse(JSON.stringify(signed))).to.deep.equal([
      { role: "model", parts: [{ functionCall: { name: "look", args: { far: true } }, thoughtSignature: "signed" }] },
      { role: "user", parts: [{ functionResponse: { name: "look", response: { result: "a cat" } } }] },
    ]);
    const others = JSON.stringify(contentsOf(turn("other"), { kept, isDemanded: true }));
    expect(others).to.include("skip_thought_signature_validator");
    expect(JSON.stringify(contentsOf(turn("other"), { kept, isDemanded: false }))).to.not.include("thoughtSignature");
  });

  it("refuses what it may not answer", () => {
    for (const event of [
      { promptFeedback: { blockReason: "SAFETY" } },
      { candidates: [{ finishReason: "PROHIBITED_CONTENT" }] },
    ])
      expect(() => mapping().read(event)).to.throw("PROVIDER_REFUSED");
  });
});

describe("the Open Inference Protocol", () => {
  const tensor = (name: string, datatype: string, shape: readonly number[] = [-1]): object => ({
    name,
    datatype,
    shape,
  });
  const madeOf = (inputs: readonly object[], outputs: readonly object[]) => {
    const shape = readMetadata({ inputs, outputs });
    return typeof shape === "string" ? "refused" : shape.makes;
  };

  it("shows by a model's tensors what it is for", () => {
    const text = tensor("text", "BYTES");
    expect(
      madeOf([tensor("text_input", "BYTES"), tensor("stream", "BOOL")], [tensor("text_output", "BYTES")]),
    ).to.equal("stream");
    expect(madeOf([text], [tensor("answer", "BYTES")])).to.equal("text");
    expect(madeOf([text], [tensor("vectors", "FP32", [-1, 384])])).to.equal("vectors");
    expect(madeOf([text], [tensor("tokens", "FP32", [-1, -1, 384])])).to.equal("refused");
    expect(madeOf([text, tensor("second", "BYTES")], [tensor("answer", "BYTES")])).to.equal("refused");
    expect(madeOf([tensor("image", "FP32", [1, 3, 8, 8])], [tensor("classes", "FP32", [1, 9])])).to.equal("refused");
    expect(madeOf([], [])).to.equal("refused");
  });

  it("puts settings where the model has them", () => {
    const shape = readMetadata({
      inputs: [tensor("text_input", "BYTES"), tensor("max_tokens", "INT32")],
      outputs: [tensor("text_output", "BYTES")],
    });
    if (typeof shape === "string") throw new Error(shape);
    const messages = [{ role: "user", content: "Hi" }] as const;
    expect(bodyOf(streamMapping(requestOf({ messages }), "m", shape))).to.deep.equal({
      text_input: "Hi",
      max_tokens: 50,
      parameters: { temperature: 1.5, top_p: 0.9, seed: 7, stream: true },
    });
    expect(promptOf(conversation.slice(0, 2))).to.equal("System: Be brief.\nUser: What is it?\nAssistant:");
  });
});

describe("text from a server", () => {
  const through = (deltas: readonly Delta[], fields: Partial<GenerationRequest> = {}) => {
    const text = new TextInProgress({ sampling: {}, ...fields }, 10);
    const parts = [...deltas.map((delta) => text.take([delta])), text.rest()].filter((part) => part !== undefined);
    return { parts, text: parts.map((part) => part.text).join(""), cut: text.cut };
  };

  it("ends at a stop string that the server did not look for, though it comes in pieces", () => {
    const came = through([{ text: "one, t" }, { text: "wo, " }, { text: "three" }], { stop: ["two"] });
    expect(came).to.deep.include({ text: "one, ", cut: true });
  });

  it("never has half a character in it", () => {
    for (const part of through([{ text: "a\ud83d" }, { text: "b" }, { text: "\ude00" }, { text: "c\ud83d" }]).parts)
      expect(part.text.isWellFormed(), JSON.stringify(part.text)).to.equal(true);
  });

  it("ends at the context, whatever the server says", () => {
    const came = through(Array.from({ length: 50 }, () => ({ text: "x" })));
    expect(came).to.deep.include({ text: "x".repeat(10), cut: true });
    expect(through([{ text: "x".repeat(10_000) }]).cut).to.equal(true);
  });
});
