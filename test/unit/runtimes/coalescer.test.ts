import { expect } from "chai";
import fc from "fast-check";
import { once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import { createCoalescer } from "../../../runtimes/coalescer.ts";
import { PortFlow } from "../../../runtimes/host/flow.ts";
import type { FromWorker } from "../../../runtimes/host/messages.ts";
import { runtimeLimits } from "../../../runtimes/limits.ts";
import { engines, ok, type GenerationPart } from "../../../protocols/index.ts";

describe("the coalescer", () => {
  it("sends the first text at once and later text once per interval", () => {
    const coalescer = createCoalescer<GenerationPart>(12, (parts) => engines.generate.join(parts));
    coalescer.push({ text: "a", tokens: 1 });
    expect(coalescer.take(100)).to.deep.equal([{ text: "a", tokens: 1 }]);
    coalescer.push({ text: "b", tokens: 1 });
    coalescer.push({ text: "c", tokens: 2 });
    expect(coalescer.take(105)).to.deep.equal([]);
    expect(coalescer.dueMs()).to.equal(112);
    expect(coalescer.take(112)).to.deep.equal([{ text: "bc", tokens: 3 }]);
    expect(coalescer.dueMs()).to.equal(undefined);
    expect(coalescer.take(200)).to.deep.equal([]);
  });

  it("loses nothing, keeps order, and keeps frames apart", () => {
    const step = fc.record({ text: fc.string(), waitMs: fc.nat({ max: 30 }), force: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const coalescer = createCoalescer<GenerationPart>(10, (parts) => engines.generate.join(parts));
        let nowMs = 0;
        let lastMs = Number.NEGATIVE_INFINITY;
        let out = "";
        let tokens = 0;
        for (const { text, waitMs, force } of steps) {
          nowMs += waitMs;
          coalescer.push({ text, tokens: 1 });
          const [frame] = coalescer.take(nowMs, force);
          if (frame === undefined) continue;
          if (!force) expect(nowMs - lastMs).to.be.at.least(10);
          lastMs = nowMs;
          out += frame.text;
          tokens += frame.tokens;
        }
        const [rest] = coalescer.take(nowMs, true);
        expect(out + (rest?.text ?? "")).to.equal(steps.map((one) => one.text).join(""));
        expect(tokens + (rest?.tokens ?? 0)).to.be.at.most(steps.length);
      }),
    );
  });
});

describe("the flow out of a worker", () => {
  it("pauses when the receiver takes nothing, goes on with credit, and loses no text", async () => {
    const { port1, port2 } = new MessageChannel();
    const flow = new PortFlow(port2, "generate", 0);
    const heard: FromWorker[] = [];
    port1.on("message", (message: FromWorker) => heard.push(message));
    let said = "";
    const say = (): void => {
      said += "x";
      flow.part({ text: "x", tokens: 1 });
    };
    for (let frame = 0; frame < runtimeLimits.creditFrames; frame += 1) {
      expect(flow.ready()).to.equal(undefined);
      say();
    }
    const room = flow.ready();
    expect(room).to.be.instanceOf(Promise);
    say();
    port1.postMessage({ type: "credit", frames: 2 });
    await room;
    expect(flow.ready()).to.equal(undefined);
    say();
    flow.end(ok({ end: "complete", promptTokens: 1, completionTokens: said.length }));
    await once(port1, "close");
    expect(heard.at(-1)).to.include({ type: "end" });
    const texts = heard.flatMap((message) => (message.type === "part" ? [message.part as GenerationPart] : []));
    expect(texts.map((message) => message.text).join("")).to.equal(said);
    expect(texts.reduce((sum, message) => sum + message.tokens, 0)).to.equal(said.length);
  });

  it("wakes a paused generation when it is cancelled, once", async () => {
    const { port1, port2 } = new MessageChannel();
    const flow = new PortFlow(port2, "generate", 0);
    port1.on("message", () => undefined);
    let calls = 0;
    flow.onCancel(() => (calls += 1));
    for (let frame = 0; frame < runtimeLimits.creditFrames; frame += 1) flow.part({ text: "x", tokens: 1 });
    const room = flow.ready();
    port1.postMessage({ type: "cancel" });
    port1.postMessage({ type: "cancel" });
    await room;
    expect(flow.cancelled).to.equal(true);
    flow.end(ok({ end: "stopped", promptTokens: 1, completionTokens: 1 }));
    await once(port1, "close");
    expect(calls).to.equal(1);
  });
});
