/** What is asked of a model on another server reaches that server, or is refused by name, or is on the list of what its
 *  interface has not. */
import { expect } from "chai";
import { Kept } from "../../../../runtimes/remote/kept.ts";
import type { GenerationRequest } from "../../../../protocols/index.ts";
import { messagesMapping } from "../../../../runtimes/anthropic/adapter.ts";
import { contentMapping } from "../../../../runtimes/gemini/adapter.ts";
import { streamMapping } from "../../../../runtimes/kserve/adapter.ts";
import { chatMapping as ollamaMapping } from "../../../../runtimes/ollama/adapter.ts";
import { chatMapping } from "../../../../runtimes/openai/chat.ts";
import { relayLacks } from "../../../../runtimes/remote/lacks.ts";
import type { TextMapping } from "../../../../runtimes/remote/text.ts";

const look = { name: "look", parameters: { type: "object", properties: {} } };
const base: GenerationRequest = {
  id: "r",
  model: "m",
  timeoutMs: 1_000,
  messages: [{ role: "user", content: "Hello." }],
  sampling: {},
};
const sampled = (sampling: GenerationRequest["sampling"]) => ({ sampling });

/** Each wish of the port. Logprobs, tools, forms and beginnings are also capabilities: a model without them is not
 *  asked. */
const wishes: Readonly<Record<string, Partial<GenerationRequest>>> = {
  temperature: sampled({ temperature: 0.3 }),
  topP: sampled({ topP: 0.5 }),
  topK: sampled({ topK: 5 }),
  minP: sampled({ minP: 0.1 }),
  maxTokens: sampled({ maxTokens: 7 }),
  seed: sampled({ seed: 7 }),
  stop: { stop: ["x"] },
  tools: { tools: [look] },
  toolChoice: { tools: [look], toolChoice: "required" },
  json: { format: { type: "json" } },
  schema: { format: { type: "schema", schema: { type: "object", properties: {} } } },
  logprobs: { logprobs: 2 },
  thinking: { thinking: false },
  continues: { messages: [...base.messages, { role: "assistant", content: "He", continues: true }] },
};

const shape = { input: "text_input", output: "text_output", makes: "stream", settings: [] } as const;
const servers: Readonly<Record<string, { readonly map: (request: GenerationRequest) => TextMapping }>> = {
  vLLM: { map: (request) => chatMapping(request, { model: "m", dialect: "vllm" }) },
  OpenAI: { map: (request) => chatMapping(request, { model: "gpt-5.1", dialect: "openai" }) },
  Ollama: { map: (request) => ollamaMapping(request, { model: "m", contextTokens: 100, facts: { thinks: true } }) },
  Anthropic: { map: (request) => messagesMapping(request, { model: "m", contextTokens: 4_096 }) },
  Gemini: {
    map: (request) => contentMapping(request, { model: "gemini-2.5-flash", facts: { thinks: true }, kept: new Kept() }),
  },
  Triton: { map: (request) => streamMapping(request, "m", shape) },
};

describe("what is asked of a model on another server", () => {
  const bodyOf = (map: (request: GenerationRequest) => TextMapping, fields: Partial<GenerationRequest>): string => {
    try {
      return JSON.stringify(map({ ...base, ...fields }).ask.body);
    } catch (thrown) {
      return String(thrown);
    }
  };
  for (const [server, { map }] of Object.entries(servers)) {
    const nothing = Object.keys(relayLacks[server] ?? {});
    for (const [wish, fields] of Object.entries(wishes))
      it(`${server}: ${wish} ${nothing.includes(wish) ? "is nothing there" : "reaches it, or is refused"}`, () => {
        const before = wish === "toolChoice" ? { tools: [look] } : {};
        const body = bodyOf(map, fields);
        if (nothing.includes(wish)) expect(body).to.equal(bodyOf(map, before));
        else expect(body).to.not.equal(bodyOf(map, before));
        if (body.startsWith("PlexusError")) expect(body).to.contain("BAD_REQUEST");
      });
  }

  it("is on the list by the names of servers and wishes that there are", () => {
    expect(Object.keys(servers)).to.include.members(Object.keys(relayLacks));
    for (const lacks of Object.values(relayLacks)) expect(Object.keys(wishes)).to.include.members(Object.keys(lacks));
  });
});
