import { expect } from "chai";
import { withAttachments } from "../../../../node/inference/calls/attachments.ts";
import { failure, ok, refused, type Failure, type GenerationRequest } from "../../../../protocols/index.ts";
import type { Engines } from "../../../../runtimes/index.ts";
import { ended, endOf, text, type Spoken } from "../../../fixtures/engine-answers.ts";

const bytes = Buffer.from("pixels");
const request: GenerationRequest = {
  id: "g",
  model: "",
  messages: [
    {
      role: "user",
      content: "[Picture]\nlook",
      attached: [{ of: "agent/ada.helper", hash: "h", mediaType: "image/png" }],
    },
  ],
  sampling: {},
  timeoutMs: 1_000,
};

/** An engine that says what it was asked, and whether it was cancelled. */
function createEngine(read: () => Promise<ReturnType<typeof ok<Uint8Array>> | ReturnType<typeof refused>>) {
  const asked: GenerationRequest[] = [];
  const said: Spoken[] = [];
  const signals: AbortSignal[] = [];
  let cancelled = 0;
  const generate = {
    models: () => [],
    watch: () => () => undefined,
    call(one: GenerationRequest, hear: (spoken: Spoken) => void) {
      asked.push(one);
      setImmediate(() => {
        hear(text("seen"));
        hear(ended("complete"));
      });
      return { cancel: () => void (cancelled += 1) };
    },
  };
  const engines = withAttachments({ generate } as unknown as Engines, {
    attachment: read as never,
    files: async (messages, signal) => {
      signals.push(signal);
      return { messages, leftOut: [] };
    },
  });
  const done = Promise.withResolvers<void>();
  const call = (one = request) =>
    engines.generate.call(one, (spoken) => {
      said.push(spoken);
      if (spoken.type === "answered") done.resolve();
    });
  return { asked, said, signals, call, done: done.promise, cancelled: () => cancelled };
}

describe("pictures and sounds on their way to a model", () => {
  it("get their bytes, and those that are gone are told in words alone", async () => {
    const seeing = createEngine(async () => ok(bytes));
    seeing.call();
    await seeing.done;
    expect(seeing.asked[0]?.messages).to.deep.equal([
      { role: "user", content: "[Picture]\nlook", media: [{ type: "image", mediaType: "image/png", bytes }] },
    ]);
    const named = [{ of: "agent/ada.helper", hash: "s", mediaType: "audio/wav" }] as const;
    const hearing = createEngine(async () => ok(bytes));
    hearing.call({ ...request, messages: [{ role: "user", content: "listen", attached: named }] });
    await hearing.done;
    expect(hearing.asked[0]?.messages[0]?.media).to.deep.equal([{ type: "audio", mediaType: "audio/wav", bytes }]);
    const gone = createEngine(async () => refused(failure("NOT_FOUND")));
    gone.call();
    await gone.done;
    expect(gone.asked[0]?.messages).to.deep.equal([{ role: "user", content: "[Picture]\nlook" }]);
  });

  it("end the call when they cannot be read now, once, and never inside it", async () => {
    const error: Failure = failure("OVERLOADED");
    const engine = createEngine(async () => refused(error));
    engine.call();
    expect(engine.said).to.deep.equal([]);
    await engine.done;
    expect(engine.said.map(endOf)).to.deep.equal(["OVERLOADED"]);
    expect(engine.asked).to.deep.equal([]);
  });

  it("are given up with a call that is cancelled while they are read", async () => {
    const engine = createEngine(async () => ok(bytes));
    engine.call().cancel();
    await engine.done;
    expect(engine.cancelled()).to.equal(1);
    expect(engine.signals.map(({ aborted }) => aborted)).to.deep.equal([true]);
  });

  it("cost a call without any nothing", () => {
    const engine = createEngine(async () => ok(bytes));
    engine.call({ ...request, messages: [{ role: "user", content: "hello" }] });
    expect(engine.asked).to.have.length(1);
  });
});
