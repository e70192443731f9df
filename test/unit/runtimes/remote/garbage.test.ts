/** Whatever JSON a server sends, each reader of it gives a value or one of our errors. */
import { expect } from "chai";
import { Kept } from "../../../../runtimes/remote/kept.ts";
import fc from "fast-check";
import { Value } from "typebox/value";
import { meshMessages } from "../../../../protocols/mesh/index.ts";
import { errorTable, PlexusError, type GenerationRequest } from "../../../../protocols/index.ts";
import { messagesMapping } from "../../../../runtimes/anthropic/adapter.ts";
import { contentMapping, describedBy as geminiDescribedBy } from "../../../../runtimes/gemini/adapter.ts";
import { readMetadata, streamMapping, textMapping, type Shape } from "../../../../runtimes/kserve/adapter.ts";
import { chatMapping as ollamaMapping, describedBy as ollamaDescribedBy } from "../../../../runtimes/ollama/adapter.ts";
import { describedBy, propsOf, scoresOf, transcriptOf, vectorsOf } from "../../../../runtimes/openai/adapter.ts";
import { chatMapping, readChat } from "../../../../runtimes/openai/chat.ts";
import { errorIn, judge } from "../../../../runtimes/remote/refusals.ts";
import { TextInProgress, type TextMapping } from "../../../../runtimes/remote/text.ts";

const seed = 20_262;
/** The names that providers use, so that what is made up gets deep into the readers. */
const names = fc.constantFrom(
  ...[
    "choices delta message content tool_calls function name arguments index id logprobs finish_reason",
    "usage type content_block partial_json text thinking stop_reason done error candidates parts",
    "functionCall args finishReason usageMetadata promptFeedback blockReason outputs inputs datatype",
    "shape data text_output embedding embeddings results capabilities model_info general.architecture",
    "details code status token logprob top_logprobs segments",
  ].flatMap((line) => line.split(" ")),
);
const words = fc.constantFrom(
  "tool_use",
  "content_block_start",
  "content_block_delta",
  "message_delta",
  "stop",
  "BYTES",
  "FP32",
  "{",
  "",
);
const { value: anything } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.jsonValue({ maxDepth: 1 }),
    words,
    tie("list"),
    tie("object"),
  ),
  list: fc.array(tie("value"), { maxLength: 3 }),
  object: fc.dictionary(names, tie("value"), { maxKeys: 5 }),
}));

const request: GenerationRequest = {
  id: "r",
  model: "m",
  timeoutMs: 1,
  messages: [{ role: "user", content: "Hi" }],
  sampling: { maxTokens: 20 },
  tools: [{ name: "look" }],
};
const shape: Shape = { input: "text_input", output: "text_output", makes: "stream", settings: [] };
const at = { model: "m", contextTokens: 100 };
const mappings: Readonly<Record<string, () => TextMapping>> = {
  openai: () => chatMapping(request, { model: "m", dialect: "other" }),
  ollama: () => ollamaMapping(request, at),
  "ollama with a call demanded": () => ollamaMapping({ ...request, toolChoice: "required" }, at),
  anthropic: () => messagesMapping(request, at),
  "anthropic with a form": () => messagesMapping({ ...request, format: { type: "json" } }, at),
  gemini: () => contentMapping(request, { model: "m", facts: undefined, kept: new Kept() }),
  kserve: () => streamMapping(request, "m", shape),
  "kserve without a stream": () => textMapping(request, "m", shape),
};

/** What is said must fit the messages between nodes: what does not is taken for a fault of ours. */
function fits(engine: "generate" | "embed" | "rerank" | "transcribe", said: object): void {
  const { schema } = meshMessages[`engine.${engine}.said`];
  const whole = { run: 1, parts: [], ...said };
  expect([...Value.Errors(schema, whole)], JSON.stringify(whole)).to.deep.equal([]);
}
const answered = (value: unknown): object => ({ result: { ok: true, value } });

/** Only our own errors may come out. */
function tolerates(act: () => unknown): void {
  try {
    act();
  } catch (thrown) {
    expect(thrown, String((thrown as Error).stack)).to.be.instanceOf(PlexusError);
    expect(errorTable).to.have.property((thrown as PlexusError).failure.code);
  }
}

describe("garbage from a server", () => {
  for (const [name, mapping] of Object.entries(mappings))
    it(`as events: ${name}`, () => {
      fc.assert(
        fc.property(fc.array(anything, { maxLength: 6 }), (events) => {
          const { read } = mapping();
          const text = new TextInProgress(request, 100);
          tolerates(() => {
            for (const event of events) {
              const part = text.take(read(event));
              expect(part?.text.isWellFormed() ?? true).to.equal(true);
              if (part !== undefined) fits("generate", { parts: [part] });
            }
            const rest = text.rest();
            for (const { arguments: said } of rest?.calls ?? []) expect(JSON.parse(said)).to.be.an("object");
            fits("generate", { parts: rest === undefined ? [] : [rest], result: { ok: true, value: text.answer() } });
          });
        }),
        { seed, numRuns: 300 },
      );
    });

  it("as answers, descriptions and errors", () => {
    fc.assert(
      fc.property(anything, fc.integer({ min: 100, max: 599 }), (body, status) => {
        for (const read of [
          () => fits("embed", answered(vectorsOf(body, 2))),
          () => fits("rerank", answered(scoresOf(body, 2))),
          () => {
            const { parts, answer } = transcriptOf(body);
            fits("transcribe", { parts, ...answered(answer) });
          },
          () => describedBy(body, "m", "vllm"),
          () => propsOf(body, { capabilities: ["chat"] }),
          () => ollamaDescribedBy(body, { endpoint: { model: "m" }, version: "1" }),
          () => geminiDescribedBy(body),
          () => readMetadata(body),
          () => readChat(body),
          () => errorIn(body, () => ({ model: "m" })),
          () => judge({ status, body }, { model: "m" }),
        ])
          tolerates(read);
      }),
      { seed, numRuns: 500 },
    );
  });
});

describe("lies of a server", () => {
  const usage = (tokens: unknown): object => ({ prompt_tokens: tokens, completion_tokens: tokens });
  for (const tokens of [-1, 1.5, 1e300, "5", null, Number.MAX_SAFE_INTEGER])
    it(`of what an answer took are not believed: ${JSON.stringify(tokens)}`, () => {
      const text = new TextInProgress(request, 100);
      text.take(readChat({ choices: [{ delta: { content: "Hi" }, finish_reason: "stop" }], usage: usage(tokens) }));
      expect(text.answer()).to.deep.equal({ end: "complete", promptTokens: 0, completionTokens: 1 });
      expect(vectorsOf({ data: [{ embedding: [1] }], usage: usage(tokens) }, 1).promptTokens).to.equal(0);
      expect(describedBy({ max_model_len: tokens }, "m", "vllm").contextTokens).to.equal(undefined);
    });

  it("of times are not believed", () => {
    for (const time of [-5, 1e300, "long", {}, null])
      expect(
        transcriptOf({ text: "Hi", duration: time, segments: [{ text: "Hi", start: time, end: time }] }),
      ).to.deep.equal({
        parts: [{ text: "Hi", fromMs: 0, toMs: 0 }],
        answer: { durationMs: 0 },
      });
  });

  it("as names and calls without end are refused", () => {
    const call = (index: number, name: string, id: string): object => ({
      index,
      id,
      function: { name, arguments: "{}" },
    });
    const restOf = (calls: readonly object[]) => {
      const text = new TextInProgress({ sampling: {} }, 1_000);
      text.take(readChat({ choices: [{ message: { tool_calls: calls }, finish_reason: "tool_calls" }] }));
      return text.rest()?.calls;
    };
    expect(() => restOf([call(0, "x".repeat(1_000), "1")])).to.throw("PROVIDER_FAILED");
    expect(() => restOf(Array.from({ length: 200 }, (_none, index) => call(index, "look", String(index))))).to.throw(
      "PROVIDER_FAILED",
    );
    expect(restOf([call(0, "look", "x".repeat(1_000))])?.[0]?.id).to.match(/^call_/u);
  });
});
