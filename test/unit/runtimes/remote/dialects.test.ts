/** Servers that speak like OpenAI, where their ways differ: what is asked of each, and endings that are none. What they
 *  write is in `transcripts.test.ts`. */
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

const lines: Readonly<Record<string, { readonly events: readonly (object | string)[]; readonly came: Partial<Came> }>> = {
  "a server that repeats id and name with each piece": {
    events: [
      chunk({ tool_calls: [call("c1", 0, '{"place":', "weather")] }),
      chunk({ tool_calls: [call("c1", 0, '"Bern"}', "weather")] }),
      end("tool_calls"),
    ],
    came: { calls: ['weather {"place":"Bern"}'] },
  },
  "a server whose parts refer to sources": {
    events: [chunk({ content: [{ type: "text", text: "It is " }, { type: "reference", reference_ids: [0] }] }), chunk({ content: "so." }), end("stop")],
    came: { text: "It is so." },
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
      for (const event of events)
        response.write(typeof event === "string" ? `${event}\n\n` : `data: ${JSON.stringify(event)}\n\n`);
      return response.end("data: [DONE]\n\n");
    };
    const { model } = await loadRemote({
      adapter: "openai",
      endpoint: { url: `${double.url}/v1`, model: "m" },
      capabilities: ["chat", "tools"],
    });
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
    for (const reason of ["error", "abort", "insufficient_system_resource"])
      expect(() => readChat(end(reason)), reason).to.throw("PROVIDER_FAILED");
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
