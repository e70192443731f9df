import { expect } from "chai";
import fc from "fast-check";
import { Value } from "typebox/value";
import { Type } from "typebox";
import {
  floatsOf,
  ok,
  type EngineAnswer,
  type EngineName,
  type EnginePart,
  type EngineRequest,
  type GenerationRequest,
  type Result,
} from "../../../protocols/index.ts";
import { createEchoRuntime } from "../../../runtimes/echo/echo.ts";
import { engineOf } from "../../../runtimes/engine.ts";
import { exampleOf } from "../../../runtimes/echo/example.ts";
import { echoTokenCount, echoTokens } from "../../../runtimes/echo/reply.ts";
import { simulatedClock, World } from "../../world/index.ts";

/** Asks the echo on simulated time. */
async function ask<Name extends EngineName>(
  engine: Name,
  request: Omit<EngineRequest<Name>, "id" | "model" | "timeoutMs">,
): Promise<{ readonly parts: EnginePart<Name>[]; readonly result: Result<EngineAnswer<Name>> }> {
  const world = new World(1);
  const echo = createEchoRuntime({ clock: simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true }) });
  const parts: EnginePart<Name>[] = [];
  const answered: Result<EngineAnswer<Name>>[] = [];
  const whole = { ...request, id: "t", model: "echo", timeoutMs: 60_000 } as unknown as EngineRequest<Name>;
  engineOf(echo.engines, engine).call(whole, (said) => {
    if (said.type === "part") parts.push(said.part as EnginePart<Name>);
    else answered.push(said.result as Result<EngineAnswer<Name>>);
  });
  await world.run(() => answered.length > 0, 60_000);
  const [result] = answered;
  if (result === undefined || answered.length > 1) throw new Error(`it ended ${answered.length} times`);
  return { parts, result };
}

async function answerOf<Name extends EngineName>(
  engine: Name,
  request: Omit<EngineRequest<Name>, "id" | "model" | "timeoutMs">,
): Promise<EngineAnswer<Name>> {
  const { result } = await ask(engine, request);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

const user = (content: string) => ({ role: "user" as const, content });
const generation = (more: Partial<GenerationRequest>) => ({ messages: [user("hello")], sampling: {}, ...more });
const weather = {
  name: "get_weather",
  parameters: { type: "object", properties: { city: { type: "string", minLength: 1 } }, required: ["city"] },
};
const clock = { name: "clock" };

describe("the echo", () => {
  const callsOf = async (more: Partial<GenerationRequest>) => {
    const { parts, result } = await ask("generate", generation({ tools: [weather, clock], ...more }));
    expect(result.ok && result.value.end).to.equal(parts.some(({ calls }) => calls) ? "calls" : "complete");
    return parts.flatMap(({ calls }) => calls ?? []);
  };

  it("calls the tools that a message names, with what is given or the smallest that fits", async () => {
    expect(await callsOf({ messages: [user('call get_weather {"city":"Rome"}\ncall clock')] })).to.deep.equal([
      { id: "call_1", name: "get_weather", arguments: '{"city":"Rome"}' },
      { id: "call_2", name: "clock", arguments: "{}" },
    ]);
    expect(await callsOf({ messages: [user("What is the weather?")] })).to.deep.equal([
      { id: "call_1", name: "get_weather", arguments: '{"city":"x"}' },
    ]);
    expect(await callsOf({})).to.deep.equal([]);
    expect(await callsOf({ messages: [user("call nobody {}")] })).to.deep.equal([]);
  });

  it("calls one when it must, the one that it must, and none when it must not", async () => {
    expect((await callsOf({ toolChoice: "required" })).map(({ name }) => name)).to.deep.equal(["get_weather"]);
    expect((await callsOf({ toolChoice: { name: "clock" } })).map(({ name }) => name)).to.deep.equal(["clock"]);
    expect(await callsOf({ toolChoice: "none", messages: [user("call clock")] })).to.deep.equal([]);
  });

  it("repeats what a tool answered", async () => {
    const [call] = await callsOf({ messages: [user("call clock")] });
    const messages = [
      user("call clock"),
      { role: "assistant" as const, content: "", calls: [call!] },
      { role: "tool" as const, content: "12:00", callId: call!.id },
    ];
    const { parts } = await ask("generate", generation({ tools: [weather, clock], messages }));
    expect(parts.map(({ text }) => text).join("")).to.equal("The tool said: 12:00");
    const again = await callsOf({ messages, toolChoice: "required" });
    expect(again.map(({ id }) => id)).to.deep.equal(["call_2"]);
  });

  it("says of calls that are not whole what there is of them, and no call", async () => {
    const { parts, result } = await ask(
      "generate",
      generation({ tools: [weather], toolChoice: "required", sampling: { maxTokens: 1 } }),
    );
    const begun = { index: 0, id: "call_1", name: "get_weather", arguments: "" };
    const end = ok({ end: "length", promptTokens: 1, completionTokens: 1 });
    expect([parts, result]).to.deep.equal([[{ text: "", tokens: 0, pieces: [begun] }], end]);
  });

  it("tells of each token how likely it was, also of one that a stop text held back", async () => {
    const stop = ["repeated without a model!"];
    const { parts } = await ask("generate", generation({ logprobs: 3, stop }));
    const told = parts.flatMap(({ logprobs }) => logprobs ?? []);
    expect(told.map(({ token }) => token).join("")).to.equal(parts.map(({ text }) => text).join(""));
    for (const { token, logprob, top } of told) {
      expect(logprob).to.be.lessThan(0);
      expect(top?.map((one) => one.token))
        .to.have.length(3)
        .and.include(token);
    }
  });

  it("writes the smallest JSON that a schema allows", async () => {
    const text = async (format: GenerationRequest["format"]) =>
      JSON.parse((await ask("generate", generation({ format: format! }))).parts.map((part) => part.text).join("")) as unknown;
    expect(await text({ type: "json" })).to.deep.equal({ said: "hello" });
    const schema = {
      type: "object",
      properties: {
        name: { $ref: "#/$defs/name" },
        age: { type: "integer", minimum: 18 },
        tags: { type: "array", minItems: 2, items: { enum: ["a", "b"] } },
        kind: { anyOf: [{ $ref: "#" }, { type: "null" }] },
        more: { type: "string" },
      },
      required: ["name", "age", "tags", "kind"],
      $defs: { name: { type: "string", minLength: 3 } },
    };
    expect(await text({ type: "schema", schema })).to.deep.equal({ name: "xxx", age: 18, tags: ["a", "a"], kind: null });
  }); // prettier-ignore

  it("makes examples that fit their schemas", () => {
    const { schema } = fc.letrec<{ schema: Type.TSchema }>((tie) => ({
      schema: fc.oneof(
        { maxDepth: 3 },
        fc.constant(Type.String({ minLength: 2 })),
        fc.integer({ min: -9, max: 9 }).map((minimum) => Type.Integer({ minimum, maximum: minimum + 3 })),
        fc.integer({ min: -9, max: 9 }).map((maximum) => Type.Number({ maximum, multipleOf: 0.5 })),
        fc.integer({ min: -9, max: 9 }).map((exclusiveMinimum) => Type.Number({ exclusiveMinimum })),
        fc.constantFrom(Type.Boolean(), Type.Null(), Type.Literal("a"), Type.String({ format: "uuid" })),
        fc.record({ a: tie("schema"), b: tie("schema") }).map(({ a, b }) => Type.Object({ a, b: Type.Optional(b) })),
        fc.tuple(tie("schema"), fc.nat(3)).map(([items, minItems]) => Type.Array(items, { minItems })),
        fc.array(tie("schema"), { minLength: 1, maxLength: 3 }).map((some) => Type.Union(some)),
      ),
    }));
    fc.assert(
      fc.property(schema, (one) => {
        const plain = JSON.parse(JSON.stringify(one)) as Type.TSchema;
        expect(Value.Check(one, exampleOf(plain)), JSON.stringify([plain, exampleOf(plain)])).to.equal(true);
      }),
    );
    fc.assert(fc.property(fc.jsonValue(), (any) => void JSON.stringify(exampleOf(any) ?? null)));
  });

  it("has equal vectors of length 1 for equal texts, and nearer ones for texts that share words", async () => {
    const { vectors, promptTokens } = await answerOf("embed", {
      inputs: ["a red house", "a red house", "my red house", "seven cold winters", ""],
    });
    const [first, same, near, far, none] = vectors.map(floatsOf);
    const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, index) => sum + value * b[index]!, 0);
    expect([...first!]).to.deep.equal([...same!]);
    for (const one of [first!, none!]) expect(dot(one, one)).to.be.closeTo(1, 1e-5);
    expect(dot(first!, near!)).to.be.greaterThan(dot(first!, far!) + 0.2);
    expect(promptTokens).to.equal(12);
  });

  it("ranks documents by the words that they share with a query", async () => {
    const { scores } = await answerOf("rerank", { query: "red house", documents: ["a red house", "Red!", "cold"] });
    expect(scores).to.deep.equal([1, 0.5, 0]);
  });

  it("tells questions from statements by their last mark", async () => {
    const { labels, scores, exclusive } = await answerOf("classify", { inputs: ["Is it? ", "It is."] });
    expect([labels, exclusive]).to.deep.equal([["statement", "question"], true]);
    expect(scores.map((one) => [...floatsOf(one)])).to.deep.equal([
      [0, 1],
      [1, 0],
    ]);
  });

  it("numbers tokens: as many as it counts", async () => {
    const { tokens } = await answerOf("tokenize", { text: "one two one" });
    expect(tokens).to.have.length(3);
    const { result } = await ask("generate", generation({ messages: [user("one two one")] }));
    expect(result.ok && result.value.promptTokens).to.equal(3);
  });

  it("speaks a tone for each word, as a WAV file", async () => {
    const { parts, result } = await ask("speak", { text: "one two", speed: 2 });
    expect(result).to.deep.equal(ok({ mediaType: "audio/wav" }));
    const file = Buffer.concat(parts.map(({ bytes }) => bytes));
    expect(file.toString("latin1", 0, 4) + file.toString("latin1", 8, 12)).to.equal("RIFFWAVE");
    expect(file.readUInt32LE(4)).to.equal(file.length - 8);
    expect(file.length).to.equal(44 + 2 * 2 * 480);
  });

  it("refuses what it cannot do, and what is too long", async () => {
    const image = { type: "image" as const, mediaType: "image/png", bytes: new Uint8Array(1) };
    const seen = await ask("generate", generation({ messages: [{ ...user("look"), media: [image] }] }));
    expect(seen.result).to.have.nested.property("error.code", "MODEL_UNSUPPORTED");
    expect(seen.result).to.have.nested.property("error.details.capability", "vision");
    expect((await ask("transcribe", { audio: { ...image, type: "audio" } })).result).to.have.property("ok", false);
    const long = await ask("embed", { inputs: ["word ".repeat(5_000)] });
    expect(long.result).to.have.nested.property("error.code", "CONTEXT_TOO_LONG");
  });

  it("stops a call that is under way when it is cancelled", async () => {
    const world = new World(1);
    const echo = createEchoRuntime({
      clock: simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true }),
      tokenDelayMs: 100,
    });
    const ends: unknown[] = [];
    const asked = {
      id: "t",
      model: "",
      timeoutMs: 60_000,
      sampling: {},
      messages: [user("call clock")],
      tools: [clock],
    };
    const run = echo.call(asked, (said) => ends.push(said));
    await world.run(() => false, 20);
    run.cancel();
    await world.run(() => false, 60_000);
    expect(ends).to.deep.equal([
      { type: "answered", result: ok({ end: "stopped", promptTokens: 2, completionTokens: 0 }) },
    ]);
  });
});

describe("echo: tokens", () => {
  it("are counted without being made", () => {
    const piece = fc.constantFrom(
      "a",
      "word",
      "  ",
      "\n",
      "\t ",
      "thirteenchars",
      "é",
      "\u00a0",
      "\ud83d\ude00",
      "\ud83d",
      "\u2028",
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join("")),
    );
    fc.assert(
      fc.property(text, (given) => {
        expect(echoTokenCount(given)).to.equal(echoTokens(given).length);
      }),
    );
  });
});
