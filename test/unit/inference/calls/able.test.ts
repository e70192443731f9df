/** Calls that may go without tools: how often a model is asked, and with what. */
import { expect } from "chai";
import { askedAsAble, withoutTools } from "../../../../node/inference/calls/able.ts";
import { callLimits } from "../../../../node/inference/calls/limits.ts";
import {
  failure,
  ok,
  refused,
  type GenerationAnswer,
  type GenerationRequest,
  type ModelInfo,
  type Result,
} from "../../../../protocols/index.ts";
import type { Engine } from "../../../../runtimes/engine.ts";

const limits = { ...callLimits, unableMax: 2, unableMs: 1_000 };
const tool = { name: "clock" };
const asked = (model: string, more: Partial<GenerationRequest> = {}): GenerationRequest => ({
  id: "1",
  model,
  messages: [{ role: "user", content: "hi" }],
  sampling: {},
  timeoutMs: 1_000,
  tools: [tool],
  ifAble: ["tools"],
  ...more,
});

/** Models of which some refuse tools; `runs` says of each call whether it had any. */
function createModels(
  infos: readonly { readonly model: string; readonly says: boolean; readonly refuses?: boolean }[],
) {
  let nowMs = 0;
  const models = infos.map(({ model, says }) => ({
    model,
    runtime: "played",
    capabilities: says ? ["chat", "tools"] : ["chat"],
    contextTokens: 8,
    sizeBytes: 1,
    demonstration: false,
    state: "ready" as const,
  }));
  const runs: string[] = [];
  const inner = {
    models: (): readonly ModelInfo[] => models,
    watch: () => () => undefined,
    call(request: GenerationRequest, hear: Parameters<Engine<"generate">["call"]>[1]) {
      runs.push(`${request.model} ${request.tools === undefined ? "without" : "with"}`);
      expect(request).to.not.have.property("ifAble");
      const info = infos.find(({ model }) => model === request.model);
      const unable = request.tools !== undefined && (info?.refuses ?? info?.says === false);
      const result: Result<GenerationAnswer> = unable
        ? refused(failure("MODEL_UNSUPPORTED", { model: request.model, capability: "tools" }))
        : ok({ end: "complete", promptTokens: 1, completionTokens: 1 });
      hear({ type: "answered", result });
      return { cancel: () => undefined };
    },
  } as unknown as Engine<"generate">;
  const engine = askedAsAble(inner, {
    clock: { monotonicMs: () => nowMs },
    limits,
    offersOf: (model) => models.filter((one) => model === "" || one.model === model),
  });
  /** What is answered, and the calls that it took. */
  const ask = (request: GenerationRequest) => {
    const before = runs.length;
    const heard: Result<GenerationAnswer>[] = [];
    engine.call(request, (said) => {
      if (said.type === "answered") heard.push(said.result);
    });
    expect(heard, "one end").to.have.length(1);
    return { result: heard[0], took: runs.slice(before) };
  };
  return { ask, models, pass: (ms: number) => (nowMs += ms) };
}

describe("calls that may go without tools", () => {
  it("ask a model once: with tools where it has them, without where it has none, each time", () => {
    const { ask } = createModels([
      { model: "able", says: true },
      { model: "plain", says: false },
    ]);
    for (let turn = 0; turn < 3; turn += 1) {
      expect(ask(asked("able")).took).to.deep.equal(["able with"]);
      const { result, took } = ask(asked("plain"));
      expect(took).to.deep.equal(["plain without"]);
      expect(result).to.have.deep.nested.property("value.without", ["tools"]);
    }
    const { result: strict } = ask(asked("plain", { ifAble: [] }));
    expect(strict, "who needs tools is told").to.have.nested.property("error.code", "MODEL_UNSUPPORTED");
  });

  it("remember a refusal that nobody could foresee, until the model is another one, and for an hour", () => {
    const { ask, models, pass } = createModels([{ model: "sly", says: true, refuses: true }]);
    expect(ask(asked("sly")).took).to.deep.equal(["sly with", "sly without"]);
    for (let turn = 0; turn < 3; turn += 1) expect(ask(asked("sly")).took).to.deep.equal(["sly without"]);
    models[0]!.sizeBytes = 2;
    expect(ask(asked("sly")).took, "other files").to.deep.equal(["sly with", "sly without"]);
    expect(ask(asked("sly")).took).to.deep.equal(["sly without"]);
    pass(limits.unableMs);
    expect(ask(asked("sly")).took, "long ago").to.deep.equal(["sly with", "sly without"]);
  });

  it("remember a bounded number of models", () => {
    const names = ["a", "b", "c"];
    const { ask } = createModels(names.map((model) => ({ model, says: true, refuses: true })));
    for (const model of names) ask(asked(model));
    expect(ask(asked("c")).took).to.deep.equal(["c without"]);
    expect(ask(asked("b")).took).to.deep.equal(["b without"]);
    expect(ask(asked("a")).took, "the one that was longest ago").to.have.length(2);
  });

  it("leave out what tools were asked and answered before, and keep what was said", () => {
    const messages = [
      { role: "user", content: "when?" },
      { role: "assistant", content: "I look.", calls: [{ id: "1", name: "clock", arguments: "{}" }] },
      { role: "tool", content: "noon", callId: "1" },
      { role: "assistant", content: "", calls: [{ id: "2", name: "clock", arguments: "{}" }] },
      { role: "tool", content: "noon", callId: "2" },
      { role: "user", content: "so?" },
    ] as const;
    const plain = withoutTools(asked("m", { messages, toolChoice: "auto" }));
    expect(plain).to.not.have.any.keys("tools", "toolChoice");
    expect(plain.messages).to.deep.equal([
      { role: "user", content: "when?" },
      { role: "assistant", content: "I look." },
      { role: "user", content: "so?" },
    ]);
  });
});
