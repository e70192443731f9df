/** What the models of an adapter promise by their capabilities, as one suite: each is asked for everything that it says
 *  it can do, and has to refuse the rest with `MODEL_UNSUPPORTED`. A model that claims too much fails, and so does one
 *  that does what it does not claim.
 *
 *  A new adapter takes part with one subject in `runtime.test.ts`. Tests of what none of its models can do are reported
 *  as skipped. */
import { expect } from "chai";
import {
  capabilities,
  floatsOf,
  type Capability,
  type EngineAnswer,
  type EngineName,
  type EnginePart,
  type EngineRequest,
  type GenerationRequest,
  type Media,
  type Result,
  type Tool,
} from "../../protocols/index.ts";
import type { LocalModels } from "../../runtimes/index.ts";
import type { Running } from "../../runtimes/engine.ts";
import { ampleMs } from "./runtime.ts";

/** Models under test. All are ready. */
export interface ModelsSubject {
  readonly local: LocalModels;
}

/** What came of a call. */
interface Came<Name extends EngineName> {
  readonly parts: readonly EnginePart<Name>[];
  readonly result: Result<EngineAnswer<Name>>;
}

type Asked<Name extends EngineName> = Omit<EngineRequest<Name>, "id" | "model" | "timeoutMs">;

const image: Media = {
  type: "image",
  mediaType: "image/png",
  // One grey pixel.
  bytes: Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==",
    "base64",
  ),
};
const sound: Media = { type: "audio", mediaType: "audio/wav", bytes: silence() };

/** A tenth of a second of silence. */
function silence(): Uint8Array {
  const samples = Buffer.alloc(3_200);
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(16_000, 24);
  head.writeUInt32LE(32_000, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}

const weather: Tool = {
  name: "weather",
  description: "Tells the weather.",
  parameters: {
    type: "object",
    properties: { place: { enum: ["Bern", "Oslo"] }, days: { type: "integer", minimum: 1, maximum: 7 } },
    required: ["place", "days"],
  },
};
const clock: Tool = { name: "clock", description: "Tells the time." };
const user = (content: string, media?: readonly Media[]) =>
  ({ role: "user", content, ...(media && { media }) }) as const;
const begins = (content: string) => ({ role: "assistant", content, continues: true }) as const;
const text = (fields: Partial<GenerationRequest> = {}): Asked<"generate"> => ({
  messages: [user("Hello.")],
  sampling: { maxTokens: 400, temperature: 0 },
  ...fields,
});
const person = {
  type: "object",
  properties: {
    name: { type: "string", minLength: 1, maxLength: 12 },
    age: { type: "integer", minimum: 0, maximum: 150 },
    sort: { enum: ["cat", "dog"] },
  },
  required: ["name", "age", "sort"],
};

/** The suite. `start` is called once; the models are stopped by the last test. `lacks`: what none of the models can do,
 *  of what others are tested in more depth for. */
export function describeModels(
  name: string,
  start: () => Promise<ModelsSubject>,
  lacks: readonly Capability[] = [],
): void {
  describe(`the models of ${name}`, function () {
    let local: LocalModels;
    before(async () => {
      ({ local } = await start());
    });
    after(() => local.stop(0));

    function call<Name extends EngineName>(
      engine: Name,
      model: string,
      asked: Asked<Name>,
    ): Promise<Came<Name>> & Running {
      const came = Promise.withResolvers<Came<Name>>();
      const parts: EnginePart<Name>[] = [];
      const request = { ...asked, id: "test", model, timeoutMs: ampleMs } as EngineRequest<Name>;
      const running = local.call(engine, request, (said) => {
        if (said.type === "part") parts.push(said.part as EnginePart<Name>);
        else came.resolve({ parts, result: said.result as Result<EngineAnswer<Name>> });
      });
      return Object.assign(came.promise, { cancel: () => running.cancel() });
    }
    const fine = async <Name extends EngineName>(engine: Name, model: string, asked: Asked<Name>) => {
      const { parts, result } = await call(engine, model, asked);
      if (!result.ok) throw new Error(`${model}, ${engine}: ${JSON.stringify(result.error)}`);
      return { parts, answer: result.value };
    };
    const write = async (model: string, fields: Partial<GenerationRequest> = {}) => {
      const { parts, answer } = await fine("generate", model, text(fields));
      const written = parts.map((part) => part.text).join("");
      return { written, calls: parts.flatMap((part) => part.calls ?? []), parts, answer };
    };
    const codeOf = ({ result }: Came<EngineName>): string => (result.ok ? "answered" : result.error.code);

    /** What shows that a model can do it. */
    const probes: { readonly [Each in Capability]: (model: string) => Promise<unknown> } = {
      chat: (model) => write(model),
      async tools(model) {
        const { calls, answer } = await write(model, { tools: [weather], toolChoice: "required" });
        expect(answer.end).to.equal("calls");
        expect(calls.length).to.be.greaterThan(0);
        for (const one of calls) expectWeather(one);
      },
      async json(model) {
        const { written } = await write(model, { format: { type: "schema", schema: person } });
        expectPerson(JSON.parse(written));
      },
      async logprobs(model) {
        const { parts } = await write(model, { logprobs: 0, sampling: { maxTokens: 3 } });
        expect(parts.flatMap((part) => part.logprobs ?? []).length).to.be.greaterThan(0);
      },
      vision: (model) => write(model, { messages: [user("What is it?", [image])] }),
      hearing: (model) => write(model, { messages: [user("What is it?", [sound])] }),
      async continue(model) {
        const { written } = await write(model);
        const begun = written.slice(0, Math.ceil(written.length / 2));
        const rest = await write(model, { messages: [user("Hello."), begins(begun)] });
        // It says nothing again that is there.
        expect(rest.written.startsWith(begun), `${begun}|${rest.written}`).to.equal(false);
        expect(rest.answer.end).to.equal("complete");
        if (model.startsWith("echo")) expect(begun + rest.written).to.equal(written);
      },
      async embed(model) {
        const { answer } = await fine("embed", model, { inputs: ["one", "another"] });
        const vectors = answer.vectors.map(floatsOf);
        expect(vectors.map(({ length }) => length)).to.deep.equal([vectors[0]?.length, vectors[0]?.length]);
        for (const vector of vectors) expect(Math.hypot(...vector)).to.be.closeTo(1, 1e-3);
      },
      async "image-embed"(model) {
        const { answer } = await fine("embed", model, { inputs: ["one", image] });
        const [ofText, ofImage] = answer.vectors.map(floatsOf);
        expect(ofImage?.length).to.equal(ofText?.length);
      },
      async rerank(model) {
        const { answer } = await fine("rerank", model, { query: "who?", documents: ["they", "we"] });
        expect(answer.scores).to.have.length(2);
        for (const score of answer.scores) expect(score).to.be.within(0, 1);
      },
      async classify(model) {
        const { answer } = await fine("classify", model, { inputs: ["Is it?", "It is."] });
        expect(new Set(answer.labels).size).to.equal(answer.labels.length).and.be.greaterThan(0);
        const all = answer.scores.map((one) => [...floatsOf(one)]);
        expect(all.map(({ length }) => length)).to.deep.equal([answer.labels.length, answer.labels.length]);
        for (const scores of all) {
          for (const score of scores) expect(score).to.be.within(0, 1);
          if (answer.exclusive) expect(scores.reduce((sum, one) => sum + one, 0)).to.be.closeTo(1, 1e-3);
        }
      },
      async transcribe(model) {
        const { answer } = await fine("transcribe", model, { audio: sound });
        expect(answer.durationMs).to.be.greaterThan(0);
      },
      async speak(model) {
        const { parts, answer } = await fine("speak", model, { text: "Hello." });
        expect(answer.mediaType).to.match(/^audio\//u);
        expect(parts.reduce((sum, { bytes }) => sum + bytes.length, 0)).to.be.greaterThan(0);
      },
      async draw(model) {
        const { answer } = await fine("draw", model, { prompt: "a house" });
        for (const one of answer.images) expect(one.mediaType).to.match(/^image\//u);
        expect(answer.images).to.have.length(1);
      },
      async tokenize(model) {
        const { answer } = await fine("tokenize", model, { text: "Hello, world." });
        expect(answer.tokens.length).to.be.greaterThan(0);
        for (const token of answer.tokens) expect(Number.isSafeInteger(token)).to.equal(true);
      },
    };
    const refusal = (model: string, capability: Capability): Promise<Came<EngineName>> => {
      const asked = (fields: Partial<GenerationRequest>) => call("generate", model, text(fields));
      switch (capability) {
        case "chat":
          return asked({});
        case "tools":
          return asked({ tools: [weather] });
        case "json":
          return asked({ format: { type: "json" } });
        case "logprobs":
          return asked({ logprobs: 0 });
        case "vision":
          return asked({ messages: [user("What is it?", [image])] });
        case "hearing":
          return asked({ messages: [user("What is it?", [sound])] });
        case "continue":
          return asked({ messages: [user("Hello."), begins("He")] });
        case "embed":
          return call("embed", model, { inputs: ["one"] });
        case "image-embed":
          return call("embed", model, { inputs: [image] });
        case "rerank":
          return call("rerank", model, { query: "who?", documents: ["we"] });
        case "classify":
          return call("classify", model, { inputs: ["one"] });
        case "transcribe":
          return call("transcribe", model, { audio: sound });
        case "speak":
          return call("speak", model, { text: "Hello." });
        case "draw":
          return call("draw", model, { prompt: "a house" });
        case "tokenize":
          return call("tokenize", model, { text: "Hello." });
      }
    };

    it("can do something, in words of the list", () => {
      for (const { model, capabilities: said } of local.models()) {
        expect(said.length, model).to.be.greaterThan(0);
        for (const one of said) expect(capabilities, model).to.include(one);
      }
    });

    for (const capability of capabilities)
      it(`do what they say of ${capability}, and refuse it otherwise`, async () => {
        for (const { model, capabilities: said } of local.models())
          if (said.includes(capability)) await probes[capability](model);
          else expect(codeOf(await refusal(model, capability)), model).to.equal("MODEL_UNSUPPORTED");
      });

    it("lack what they are known to lack", () => {
      for (const { model, capabilities: said } of local.models())
        expect(
          said.filter((one) => lacks.some((lacked) => lacked === one)),
          model,
        ).to.deep.equal([]);
    });

    /** A test of a model that can do this. */
    const withOne = (capability: Capability, says: string, test: (model: string) => Promise<unknown>): void => {
      if (lacks.includes(capability)) return;
      it(says, async () => {
        const found = local.models().find(({ capabilities: said }) => said.includes(capability));
        expect(found, `no model can ${capability}`).to.not.equal(undefined);
        await test(found?.model ?? "");
      });
    };
    const contextOf = (model: string): number =>
      local.models().find((one) => one.model === model)?.contextTokens ?? Number.NaN;

    describe("with tools", () => {
      withOne("tools", "call the one that is named, and no other", async (model) => {
        for (const { name: wanted } of [clock, weather]) {
          const { calls, answer } = await write(model, { tools: [weather, clock], toolChoice: { name: wanted } });
          expect(answer.end).to.equal("calls");
          expect(new Set(calls.map((one) => one.name))).to.deep.equal(new Set([wanted]));
        }
      });

      withOne("tools", "give each call an id of its own, and arguments of its schema", async (model) => {
        const { calls } = await write(model, { tools: [weather, clock], toolChoice: "required" });
        expect(new Set(calls.map(({ id }) => id)).size).to.equal(calls.length);
        for (const one of calls)
          if (one.name === weather.name) expectWeather(one);
          else expect(JSON.parse(one.arguments)).to.deep.equal({});
      });

      withOne("tools", "call none where none may be called", async (model) => {
        const { calls, answer } = await write(model, { tools: [weather], toolChoice: "none" });
        expect(calls).to.deep.equal([]);
        expect(answer.end).to.be.oneOf(["complete", "length"]);
      });

      withOne("tools", "tell calls in pieces as they write them, which together are the calls, also of one that is cut off", async (model) => {
        const asked = { tools: [weather, clock], toolChoice: "required" as const };
        const { parts, calls, answer } = await write(model, { ...asked, sampling: { seed: 1 } });
        expect(answer.end).to.equal("calls");
        const joined = (said: typeof parts, index: number): string =>
          said.flatMap(({ pieces = [] }) => pieces).map((piece) => (piece.index === index ? piece.arguments : "")).join("");
        const pieces = parts.flatMap((part) => part.pieces ?? []);
        expect(calls.map((_, index) => joined(parts, index))).to.deep.equal(calls.map((call) => call.arguments));
        for (const [index, { id, name }] of calls.entries())
          expect(pieces.find((piece) => piece.index === index)).to.include({ id, name });
        const cut = await write(model, { ...asked, sampling: { seed: 1, maxTokens: answer.completionTokens - 1 } });
        expect(cut.answer.end).to.equal("length");
        for (const [index, call] of calls.entries()) expect(call.arguments.startsWith(joined(cut.parts, index))).to.equal(true);
      }); // prettier-ignore

      withOne("tools", "end with calls when there are some, and only then", async (model) => {
        const { calls, answer } = await write(model, { tools: [weather] });
        expect(answer.end === "calls").to.equal(calls.length > 0);
      });

      withOne("tools", "go on when they are told what came of their calls", async (model) => {
        const { answer } = await write(model, {
          tools: [weather, clock],
          messages: [
            user("What is the weather and the time?"),
            {
              role: "assistant",
              content: "Let me see.",
              calls: [
                { id: "one", name: weather.name, arguments: '{"place":"Bern","days":1}' },
                { id: "two", name: clock.name, arguments: "{}" },
              ],
            },
            { role: "tool", callId: "one", content: '{"sky":"clear"}' },
            { role: "tool", callId: "two", content: "noon" },
          ],
        });
        expect(answer.end).to.be.oneOf(["complete", "calls", "length"]);
      });

      withOne("tools", "refuse a choice that is not offered", async (model) => {
        const asked = text({ tools: [weather], toolChoice: { name: "no-such-tool" } });
        expect(codeOf(await call("generate", model, asked))).to.equal("BAD_REQUEST");
      });
    });

    describe("with JSON", () => {
      withOne("json", "write any object where no schema is given, or are cut off", async (model) => {
        const { written, answer } = await write(model, { format: { type: "json" } });
        if (answer.end === "complete") expect(JSON.parse(written)).to.be.an("object");
        else expect(answer.end).to.equal("length");
      });

      withOne("json", "keep to choices, lists, references and what may be absent", async (model) => {
        const tree = { type: "object", properties: { size: { type: "integer", minimum: -3, maximum: 3 } } };
        const schema = {
          $defs: { tree },
          type: "object",
          properties: {
            trees: { type: "array", items: { $ref: "#/$defs/tree" }, minItems: 1, maxItems: 2 },
            either: { anyOf: [{ type: "boolean" }, { type: "null" }] },
            share: { type: "number", minimum: 0, maximum: 1 },
            on: { type: "string", format: "date" },
          },
          required: ["trees", "either", "on"],
          additionalProperties: false,
        };
        const { written } = await write(model, { format: { type: "schema", schema } });
        const value = JSON.parse(written) as Record<string, unknown>;
        expect(value["trees"]).to.be.an("array").with.length.within(1, 2);
        expect(value["either"]).to.be.oneOf([true, false, null]);
        expect(value["on"]).to.match(/^\d{4}-\d\d-\d\d$/u);
        expect(Object.keys(value)).to.satisfy((keys: string[]) =>
          keys.every((key) => ["trees", "either", "share", "on"].includes(key)),
        );
      });

      withOne("json", "refuse no request for what a schema says that is not strict", async (model) => {
        const sampling = { maxTokens: 20, seed: 1 };
        for (const schema of [
          { type: "no such type" },
          { $ref: "#/nowhere" },
          { minimum: 2, maximum: 1 },
          { pattern: "(" },
        ]) {
          const came = await call("generate", model, text({ format: { type: "schema", schema }, sampling }));
          expect(came.result, JSON.stringify(schema)).to.have.property("ok", true);
          if (
            local
              .models()
              .find((one) => one.model === model)
              ?.capabilities.includes("tools") !== true
          )
            continue;
          const tools = [{ name: "look", parameters: { type: "object", properties: { x: schema } } }];
          const calling = await call("generate", model, text({ tools, sampling }));
          expect(calling.result, JSON.stringify(schema)).to.have.property("ok", true);
        }
      });
    });

    describe("with likelihoods", () => {
      withOne("logprobs", "tell those of each token, and the likeliest in order", async (model) => {
        const { parts, written } = await write(model, { logprobs: 3, sampling: { maxTokens: 5, temperature: 0 } });
        const all = parts.flatMap((part) => part.logprobs ?? []);
        const bytes = all.map((one) => one.bytes ?? Buffer.from(one.token));
        expect(Buffer.concat(bytes).toString()).to.equal(written);
        for (const { token, logprob, top = [] } of all) {
          expect(logprob).to.be.at.most(0);
          expect(top.length).to.be.within(1, 3);
          expect(top[0]).to.deep.equal({ token, logprob });
          const likelihoods = top.map((one) => one.logprob);
          expect(likelihoods).to.deep.equal(likelihoods.toSorted((one, other) => other - one));
          expect(likelihoods.reduce((sum, one) => sum + Math.exp(one), 0)).to.be.at.most(1 + 1e-6);
        }
      });
    });

    describe("that read", () => {
      withOne("embed", "give the same text the same vector, alone or among others", async (model) => {
        const [alone] = (await fine("embed", model, { inputs: ["a house"] })).answer.vectors;
        const crowd = await Promise.all(
          Array.from({ length: 6 }, () => fine("embed", model, { inputs: ["a tree", "a house"] })),
        );
        for (const { answer } of crowd) {
          const likeness = floatsOf(answer.vectors[1]!).reduce((sum, one, at) => sum + one * floatsOf(alone!)[at]!, 0);
          expect(likeness).to.be.closeTo(1, 1e-3);
        }
      });

      withOne("embed", "refuse a text that is too long, before any is read", async (model) => {
        const long = "word ".repeat(contextOf(model) + 1);
        expect(codeOf(await call("embed", model, { inputs: ["short", long] }))).to.equal("CONTEXT_TOO_LONG");
      });

      withOne("embed", "end when they are told to", async (model) => {
        const running = call("embed", model, { inputs: Array.from({ length: 500 }, (_none, at) => `text ${at}`) });
        running.cancel();
        expect(codeOf(await running)).to.equal("CANCELLED");
      });

      withOne("rerank", "score a document by itself, wherever it stands", async (model) => {
        const scores = async (...documents: readonly string[]) =>
          (await fine("rerank", model, { query: "who?", documents })).answer.scores;
        const [first, second] = await scores("we!!", "they");
        expect(await scores("they", "we!!")).to.deep.equal([second, first]);
      });

      withOne("rerank", "refuse a document that is too long", async (model) => {
        const long = "word ".repeat(contextOf(model) + 1);
        expect(codeOf(await call("rerank", model, { query: "who?", documents: ["we", long] }))).to.equal(
          "CONTEXT_TOO_LONG",
        );
      });

      withOne("classify", "judge a text by itself, wherever it stands", async (model) => {
        const scores = async (...inputs: readonly string[]) =>
          (await fine("classify", model, { inputs })).answer.scores.map((one) => [...floatsOf(one)]);
        const [first = [], second = []] = await scores("what?!", "they");
        const [second_ = [], first_ = []] = await scores("they", "what?!");
        for (const [at, score] of [...first, ...second].entries())
          expect([...first_, ...second_][at]).to.be.closeTo(score, 1e-4);
      });

      withOne("classify", "refuse a text that is too long, before any is read", async (model) => {
        const long = "word ".repeat(contextOf(model) + 1);
        expect(codeOf(await call("classify", model, { inputs: ["short", long] }))).to.equal("CONTEXT_TOO_LONG");
      });

      withOne("tokenize", "count a text twice as long about twice", async (model) => {
        const count = async (text_: string) => (await fine("tokenize", model, { text: text_ })).answer.tokens.length;
        const [once, twice] = [await count("one two three "), await count("one two three one two three ")];
        expect(twice).to.be.within(2 * once - 2, 2 * once + 2);
      });
    });
  });
}

function expectWeather({ name, arguments: said }: { readonly name: string; readonly arguments: string }): void {
  expect(name).to.equal(weather.name);
  const value = JSON.parse(said) as Record<string, unknown>;
  expect(Object.keys(value).toSorted()).to.deep.equal(["days", "place"]);
  expect(value["place"]).to.be.oneOf(["Bern", "Oslo"]);
  expect(value["days"]).to.be.within(1, 7);
  expect(Number.isInteger(value["days"])).to.equal(true);
}

function expectPerson(value: unknown): void {
  const { name, age, sort } = value as Record<string, unknown>;
  expect(name).to.be.a("string").with.length.within(1, 12);
  expect(age).to.be.within(0, 150);
  expect(Number.isInteger(age)).to.equal(true);
  expect(sort).to.be.oneOf(["cat", "dog"]);
}
