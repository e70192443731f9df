/** Streams as the servers that the documents name write them, by their own documentation: the same answer, whoever gives it. */
import { expect } from "chai";
import { readChat } from "../../../../runtimes/openai/chat.ts";
import { continuation, dialectOf, furtherSampling, thinkingFields } from "../../../../runtimes/openai/dialect.ts";
import { json, startDouble, type Double } from "../../../fixtures/providers/double.ts";
import { ask, loadRemote, textOf } from "./fixture.ts";

/** What comes of a stream. */
interface Came {
  readonly text: string;
  readonly thought: string;
  readonly calls: readonly string[];
  readonly answer: unknown;
}

const chunk = (delta: object, more: object = {}): object => ({
  id: "1",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});
const call = (id: string | undefined, index: number, said: string, name: string | undefined): object => ({
  ...(id !== undefined && { id }),
  index,
  type: "function",
  function: { ...(name !== undefined && { name }), arguments: said },
});
const end = (reason: string, more: object = {}): object => chunk({}, { finish_reason: reason, ...more });
const usage = { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 };

const lines: Readonly<Record<string, { readonly events: readonly (object | string)[]; readonly came: Partial<Came> }>> = {
  "Gemini: calls made together all have index 0, some in one event": {
    events: [
      chunk({ role: "assistant", tool_calls: [call("function-call-1", 0, '{"place":"Bern"}', "weather")] }),
      chunk({ role: "assistant", tool_calls: [call("function-call-2", 0, '{"place":"Oslo"}', "weather"), call("function-call-3", 0, "{}", "clock")] }),
      { ...end("tool_calls"), usage },
    ],
    came: { calls: ['weather {"place":"Bern"}', 'weather {"place":"Oslo"}', "clock {}"], answer: { end: "calls", promptTokens: 9, completionTokens: 5 } },
  },
  "Gemini, its older ids: empty ones": {
    events: [
      chunk({ tool_calls: [call("", 0, '{"place":"Bern"}', "weather")] }),
      chunk({ tool_calls: [call("", 0, '{"place":"Oslo"}', "weather")] }),
      end("stop"),
    ],
    came: { calls: ['weather {"place":"Bern"}', 'weather {"place":"Oslo"}'] },
  },
  "vLLM: pieces of two calls, each with its index, and the text that ended an answer": {
    events: [
      chunk({ role: "assistant", content: "" }),
      chunk({ reasoning: "Hm." }),
      chunk({ tool_calls: [call("chatcmpl-tool-1", 0, "", "weather")] }),
      chunk({ tool_calls: [call(undefined, 0, '{"place":', undefined)] }),
      chunk({ tool_calls: [call(undefined, 0, '"Bern"}', undefined)] }),
      chunk({ tool_calls: [call("chatcmpl-tool-2", 1, "{}", "clock")] }),
      end("tool_calls", { stop_reason: 128_008 }),
      { id: "1", choices: [], usage },
    ],
    came: { thought: "Hm.", calls: ['weather {"place":"Bern"}', "clock {}"] },
  },
  "a server that repeats id and name with each piece": {
    events: [
      chunk({ tool_calls: [call("c1", 0, '{"place":', "weather")] }),
      chunk({ tool_calls: [call("c1", 0, '"Bern"}', "weather")] }),
      end("tool_calls"),
    ],
    came: { calls: ['weather {"place":"Bern"}'] },
  },
  "Mistral: content as a list of parts, with thoughts and references": {
    events: [
      chunk({ role: "assistant", content: "" }),
      chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: "Let me " }] }] }),
      chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: "think." }] }] }),
      chunk({ content: [{ type: "text", text: "It is " }, { type: "reference", reference_ids: [0] }] }),
      chunk({ content: "so." }),
      { ...end("stop"), usage },
    ],
    came: { text: "It is so.", thought: "Let me think." },
  },
  "Mistral: whole calls, in the event that ends": {
    events: [
      { ...chunk({ content: "", tool_calls: [{ id: "D681PevKs", index: 0, function: { name: "weather", arguments: '{"place":"Bern"}' } }] }, { finish_reason: "tool_calls" }), usage },
    ],
    came: { calls: ['weather {"place":"Bern"}'] },
  },
  "DeepSeek: thoughts apart, and what was in its cache": {
    events: [
      chunk({ role: "assistant", content: null, reasoning_content: "Hm" }),
      chunk({ content: null, reasoning_content: "." }),
      chunk({ content: "Yes.", reasoning_content: null }),
      { ...end("stop"), usage: { ...usage, prompt_cache_hit_tokens: 4, prompt_cache_miss_tokens: 5 } },
    ],
    came: { text: "Yes.", thought: "Hm.", answer: { end: "complete", promptTokens: 9, completionTokens: 5, cachedTokens: 4 } },
  },
  "Groq: usage beside the answer": {
    events: [
      { ...chunk({ role: "assistant", content: "" }), x_groq: { id: "req_1" } },
      chunk({ reasoning: "Hm." }),
      chunk({ content: "Yes." }),
      { ...end("stop"), x_groq: { id: "req_1", usage: { queue_time: 0.1, ...usage } } },
    ],
    came: { text: "Yes.", thought: "Hm.", answer: { end: "complete", promptTokens: 9, completionTokens: 5 } },
  },
  "OpenRouter: comments while it works, thoughts twice": {
    events: [
      ": OPENROUTER PROCESSING",
      chunk({ role: "assistant", content: "", reasoning: "Hm.", reasoning_details: [{ type: "reasoning.text", text: "Hm." }] }),
      chunk({ content: "Yes." }),
      end("stop", { native_finish_reason: "stop" }),
      { ...chunk({ role: "assistant", content: "" }), usage },
    ],
    came: { text: "Yes.", thought: "Hm.", answer: { end: "complete", promptTokens: 9, completionTokens: 5 } },
  },
  "Azure: what its filter says comes first, without a choice": {
    events: [
      { id: "", object: "", created: 0, model: "", choices: [], prompt_filter_results: [{ prompt_index: 0, content_filter_results: {} }] },
      chunk({ role: "assistant", content: "", refusal: null }),
      chunk({ content: "Yes." }, { content_filter_results: { hate: { filtered: false } }, logprobs: null }),
      end("stop"),
      { id: "1", choices: [], usage },
    ],
    came: { text: "Yes." },
  },
  "llama-server: times with the end": {
    events: [
      chunk({ role: "assistant", content: null }),
      chunk({ reasoning_content: "Hm." }),
      chunk({ content: "Yes." }),
      end("stop"),
      { id: "1", choices: [], usage, timings: { cache_n: 0, prompt_n: 9, predicted_n: 5 } },
    ],
    came: { text: "Yes.", thought: "Hm.", answer: { end: "complete", promptTokens: 9, completionTokens: 5 } },
  },
  "LM Studio: a call without the word for its end": {
    events: [
      chunk({ role: "assistant", tool_calls: [call("365174485", 0, "", "weather")] }),
      chunk({ tool_calls: [call(undefined, 0, '{"place":"Bern"}', undefined)] }),
      end("stop"),
    ],
    came: { calls: ['weather {"place":"Bern"}'], answer: { end: "calls", promptTokens: 0, completionTokens: 2 } },
  },
}; // prettier-ignore

describe("servers that speak like OpenAI, each in its own way", () => {
  let double: Double;
  before(async () => void (double = await startDouble()));
  after(() => double.close());

  const cameOf = async (events: readonly (object | string)[], stop: readonly string[] = []): Promise<Came> => {
    double.script = ({ path }, response) => {
      if (path === "/v1/models") return json(response, { data: [{ id: "m" }] });
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const event of events) response.write(typeof event === "string" ? `${event}\n\n` : `data: ${JSON.stringify(event)}\n\n`); // prettier-ignore
      return response.end("data: [DONE]\n\n");
    };
    const { model } = await loadRemote({ adapter: "openai", endpoint: { url: `${double.url}/v1`, model: "m" }, capabilities: ["chat", "tools"] }); // prettier-ignore
    const heard = ask(model, "generate", { stop });
    const ended = await heard.ended;
    if (!ended.ok) throw new Error(JSON.stringify(ended.error));
    return {
      text: textOf(heard),
      thought: heard.parts.map(({ thought = "" }) => thought).join(""),
      calls: heard.parts.flatMap(({ calls = [] }) => calls.map(({ name, arguments: said }) => `${name} ${said}`)),
      answer: ended.value,
    };
  };

  for (const [title, { events, came }] of Object.entries(lines))
    it(title, async () => {
      const { text, thought, calls, answer } = await cameOf(events);
      const { text: said = "", thought: thinks = "", calls: made = [] } = came;
      expect([text, thought, calls]).to.deep.equal([said, thinks, made]);
      if (came.answer !== undefined) expect(answer).to.deep.equal(came.answer);
    });

  it("vLLM says which text ended an answer", async () => {
    const { answer } = await cameOf([chunk({ content: "So" }), end("stop", { stop_reason: "\n\n" })], ["\n\n"]);
    expect(answer).to.include({ end: "complete", stoppedBy: "\n\n" });
  });

  it("an ending that is none is a failure, and so is a part that nobody knows", () => {
    expect(() => readChat(end("content_filter"))).to.throw("PROVIDER_REFUSED");
    for (const reason of ["error", "abort", "insufficient_system_resource"]) expect(() => readChat(end(reason)), reason).to.throw("PROVIDER_FAILED"); // prettier-ignore
    expect(() => readChat(chunk({ content: [{ type: "smell", smell: "mint" }] }))).to.throw("PROVIDER_FAILED");
  });

  it("are told in their own words not to think, to go on, and to pick few", () => {
    const of = (url: string, owner?: string) => dialectOf(new URL(url), owner);
    expect(of("https://my.openai.azure.com/openai/v1")).to.equal("azure");
    expect(of("http://127.0.0.1:8000/v1", "vllm")).to.equal("vllm");
    expect(of("http://127.0.0.1:1234/v1", "organization_owner")).to.equal("other");
    for (const [url, model, fields] of [
      ["https://api.openai.com/v1", "gpt-5.1", { reasoning_effort: "none" }],
      ["https://api.openai.com/v1", "gpt-5-mini", { reasoning_effort: "minimal" }],
      ["https://api.openai.com/v1", "gpt-4o", {}],
      ["https://api.deepseek.com", "deepseek-chat", { thinking: { type: "disabled" } }],
      ["https://openrouter.ai/api/v1", "x/y", { reasoning: { enabled: false } }],
      ["https://api.groq.com/openai/v1", "qwen/qwen3-32b", { reasoning_effort: "none" }],
      ["https://generativelanguage.googleapis.com/v1beta/openai", "gemini-2.5-flash", { reasoning_effort: "none" }],
      ["http://127.0.0.1:8000/v1", "q", { chat_template_kwargs: { enable_thinking: false, thinking: false } }],
    ] as const)
      expect(thinkingFields(false, of(url), model), `${url} ${model}`).to.deep.equal(fields);
    expect(continuation("vllm").body).to.deep.equal({ add_generation_prompt: false, continue_final_message: true });
    expect(continuation("mistral").message).to.deep.equal({ prefix: true });
    const few = { sampling: { topK: 5 } } as never;
    expect(furtherSampling(few, "vllm")).to.include({ top_k: 5 });
    for (const dialect of ["openai", "azure", "mistral", "groq"] as const)
      expect(() => furtherSampling(few, dialect), dialect).to.throw("BAD_REQUEST");
  });
});
