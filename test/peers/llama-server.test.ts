/** Adapters against the real `llama-server`: what the doubles of the conformance suite cannot show. Only in `npm run test:long`, which builds it
 *  where it is not there yet. */
import { expect } from "chai";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startInferenceHost, type InferenceHost, type ModelSpec } from "../../runtimes/index.ts";
import type { EngineAnswer, EngineName, EnginePart, EngineRequest, Result } from "../../protocols/index.ts";
import { startLlamaServer, type LlamaServer } from "../bench/llama-server.ts";
import { writeChainModel } from "../conformance/chain-model.ts";
import { describeModels } from "../conformance/models.ts";
import { keptLog, realClock } from "../conformance/real-time.ts";

const tinyModel = join(import.meta.dirname, "../../runtimes/tiny-model/plexus-tiny.gguf");
const adapters = [
  { adapter: "openai", path: "/v1" },
  { adapter: "anthropic", path: "" },
] as const;

const start = (model: string, flags: readonly string[]): Promise<LlamaServer> =>
  startLlamaServer({ model, alias: "served", parallel: 4, "ctx-size": 8_192, threads: 1 }, ["--jinja", ...flags]);

async function hosted(server: LlamaServer, { adapter, path }: (typeof adapters)[number]): Promise<InferenceHost> {
  const endpoint = { url: `http://127.0.0.1:${server.port}${path}`, model: "served" };
  const spec: ModelSpec = { name: "served", adapter, path: "", endpoint, sequences: 4 };
  const host = startInferenceHost({ models: [spec], clock: realClock(), log: keptLog() });
  await host.settled();
  return host;
}

function call<Name extends EngineName>(
  host: InferenceHost,
  engine: Name,
  asked: Omit<EngineRequest<Name>, "id" | "model" | "timeoutMs">,
): Promise<{ readonly parts: readonly EnginePart<Name>[]; readonly result: Result<EngineAnswer<Name>> }> {
  const parts: EnginePart<Name>[] = [];
  const request = { ...asked, id: "test", model: "served", timeoutMs: 20_000 } as EngineRequest<Name>;
  return new Promise((resolve) => {
    host.call(engine, request, (said) => {
      if (said.type === "part") parts.push(said.part as EnginePart<Name>);
      else resolve({ parts, result: said.result as Result<EngineAnswer<Name>> });
    });
  });
}

describe("llama-server", function () {
  this.timeout(3_600_000);

  describe("with the tiny model", () => {
    let server: LlamaServer;
    before(async () => (server = await start(tinyModel, [])));
    after(() => server.stop());
    const lacks = ["classify", "embed", "rerank", "tools", "vision"] as const;
    describeModels("llama-server", async () => ({ local: await hosted(server, adapters[0]) }), lacks);
  });

  describe("with a model that calls functions", () => {
    const [file, template] = ["gguf", "jinja"].map((end) => join(tmpdir(), `plexus-peer-${process.pid}.${end}`));
    const weather = { name: "weather", parameters: { type: "object", properties: { place: { enum: ["Bern"] } }, required: ["place"] } }; // prettier-ignore
    const messages = [{ role: "user", content: "Hello." }] as const;
    let server: LlamaServer;
    before(async () => {
      const said = '<tool_call>\n{"name": "weather", "arguments": {"place": "Bern"}}\n</tool_call>';
      writeChainModel(file!, { text: [said], after: "end", contextTokens: 2_048 });
      // As Hermes has it: llama-server tells by the template how calls look.
      writeFileSync(
        template!,
        "{%- if tools %}<|system|>Functions: <tools>{{ tools | tojson }}</tools><|end|>{% endif %}" +
          "{%- for m in messages %}<|{{ m.role }}|>{{ m.content if m.content is string }}" +
          "{%- for one in m.tool_calls or [] %}<tool_call>\n" +
          '{"name": "{{ one.function.name }}", "arguments": {{ one.function.arguments | tojson }}}\n</tool_call>' +
          "{%- endfor %}<|end|>{% endfor %}{%- if add_generation_prompt %}<|assistant|>{% endif %}",
      );
      server = await start(file!, ["--chat-template-file", template!]);
    });
    after(async () => {
      await server.stop();
      for (const path of [file!, template!]) rmSync(path);
    });

    for (const one of adapters)
      it(`gives its calls by the adapter ${one.adapter}, also of the function that is named`, async () => {
        const host = await hosted(server, one);
        expect(host.models()[0]?.capabilities).to.include.members(["chat", "tools"]);
        expect(host.models()[0]?.capabilities).to.not.include("vision");
        for (const toolChoice of ["required", { name: "weather" }] as const) {
          const tools = [weather, { name: "clock" }];
          const { parts, result } = await call(host, "generate", { messages, tools, toolChoice, sampling: { maxTokens: 200, temperature: 0 } }); // prettier-ignore
          expect(result).to.have.nested.property("value.end", "calls");
          const calls = parts.flatMap((part) => part.calls ?? []);
          expect(calls.map(({ name, arguments: given }) => [name, JSON.parse(given)])).to.deep.equal([
            ["weather", { place: "Bern" }],
          ]);
        }
        await host.stop(1_000);
      });
  });

  it("with embeddings is found to give them, and says when a text is too long for it", async () => {
    const server = await start(tinyModel, ["--embeddings", "--pooling", "mean"]);
    const host = await hosted(server, adapters[0]);
    expect(host.models()[0]?.capabilities).to.include("embed").and.not.include("rerank");
    const { result } = await call(host, "embed", { inputs: ["one", "another", "a third"] });
    expect(result).to.have.nested.property("value.vectors.length", 3);
    const long = await call(host, "embed", { inputs: ["word ".repeat(5_000)] });
    expect(long.result).to.have.nested.property("error.code", "CONTEXT_TOO_LONG");
    await host.stop(1_000);
    await server.stop();
  });
});
