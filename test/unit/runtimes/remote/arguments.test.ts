/** Arguments of calls on the way to other servers and back: as they were written. */
import { expect } from "chai";
import type { ChatMessage, GenerationRequest } from "../../../../protocols/index.ts";
import { startDouble, type Script } from "../../../fixtures/providers/double.ts";
import { anthropicDouble } from "../../../fixtures/providers/anthropic.ts";
import { geminiDouble } from "../../../fixtures/providers/gemini.ts";
import { ollamaDouble } from "../../../fixtures/providers/ollama.ts";
import { openAiDouble } from "../../../fixtures/providers/openai.ts";
import { ask, loadRemote } from "./fixture.ts";

const given = '{ "id": 2512292042121000001,"price":1.10,  "big":1e400, "id":7, "\\u00e9": [1.0 ,{ }] }';
const spaced = `{ "2": 1.10,  "1": 2512292042121000001, "e": "\\u00e9" }`;
const messages: readonly ChatMessage[] = [
  { role: "user", content: "go" },
  { role: "assistant", content: "", calls: [{ id: "c1", name: "look", arguments: given }] },
  { role: "tool", callId: "c1", content: "1.10" },
];

/** Each with the path of a call, the type of its stream, and an event that holds a call with its arguments as an
 *  object. */
const servers: readonly (readonly [adapter: "openai" | "ollama" | "gemini" | "anthropic", script: Script, path: RegExp, event: string])[] = [
  ["openai", openAiDouble(), /completions/, `data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"look","arguments": ${spaced} }}]},"finish_reason":"tool_calls"}]}\n\n`],
  ["ollama", ollamaDouble(), /chat/, `{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"look","arguments": ${spaced} }}]},"done":true}\n`],
  ["gemini", geminiDouble(), /streamGenerateContent/, `data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"look","args": ${spaced} }}]},"finishReason":"STOP"}]}\n\n`],
  ["anthropic", anthropicDouble(), /messages/, [
    { type: "content_block_start", index: 0, content_block: { type: "tool_use", id: "c", name: "look", input: {} } },
    { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: spaced } },
    { type: "message_delta", delta: { stop_reason: "tool_use" } },
  ].map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")],
]; // prettier-ignore

describe("arguments of calls", () => {
  for (const [adapter, script, path, event] of servers)
    it(`go to ${adapter} and come from there character by character`, async () => {
      const double = await startDouble((asked, response) => {
        // The keys of the doubles are of no matter here.
        Object.assign(asked.headers, { "x-api-key": "key", "x-goog-api-key": "key" });
        if (!path.test(asked.path)) return void script(asked, response);
        response.writeHead(200, {
          "content-type": adapter === "ollama" ? "application/x-ndjson" : "text/event-stream",
        });
        response.end(event);
      });
      try {
        const { model } = await loadRemote({ adapter, endpoint: { url: double.url, model: "echo" } });
        const request: Partial<GenerationRequest> = { messages, tools: [{ name: "look" }] };
        const { parts, ended } = ask(model, "generate", request);
        expect(await ended).to.have.nested.property("value.end", "calls");
        expect(parts.flatMap(({ calls = [] }) => calls.map((call) => call.arguments))).to.deep.equal([spaced]);
        const sent = adapter === "openai" ? JSON.stringify(given) : given;
        expect(double.asked.findLast((one) => path.test(one.path))?.text).to.contain(`:${sent}`);
      } finally {
        await double.close();
      }
    });
});

describe("schemas", () => {
  const written =
    '{"type":"object","properties":{"id":{"const":2512292042121000001,"enum":[1.10,-0],"default":1e400}}}';
  const schema = JSON.parse(written) as Record<string, unknown>;
  for (const [adapter, script, path] of servers)
    it(`go to ${adapter} with their numbers as they were written, of tools and of the form`, async () => {
      const double = await startDouble((asked, response) => {
        Object.assign(asked.headers, { "x-api-key": "key", "x-goog-api-key": "key" });
        script(asked, response);
      });
      try {
        const { model } = await loadRemote({ adapter, endpoint: { url: double.url, model: "echo" } });
        const asked = async (request: Partial<GenerationRequest>): Promise<string> => {
          await ask(model, "generate", request).ended;
          return double.asked.findLast((one) => path.test(one.path))?.text ?? "";
        };
        const tools = [{ name: "look", parameters: schema, written }];
        expect(await asked({ tools })).to.contain(written);
        expect(await asked({ tools, toolChoice: { name: "look" } })).to.contain(written);
        expect(await asked({ format: { type: "schema", schema, written } })).to.contain(written);
      } finally {
        await double.close();
      }
    });
});
