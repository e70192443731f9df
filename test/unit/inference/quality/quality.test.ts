import { expect } from "chai";
import {
  createQuality,
  readSeries,
  type QualityFile,
  type QualityPorts,
} from "../../../../node/inference/quality/index.ts";
import { qualityLimits } from "../../../../node/inference/quality/limits.ts";
import { failure, type GenerationRequest } from "../../../../protocols/index.ts";
import { everyEngine, type Engine } from "../../../../runtimes/engine.ts";
import { memberRecord } from "../../../fixtures/members.ts";
import { quietLog } from "../../../fixtures/quiet.ts";
import { ended, failed, text, type Spoken } from "../../../fixtures/engine-answers.ts";
import { simulatedClock, World } from "../../../world/index.ts";

type Answer = (node: string) => unknown;

/** A node that calls one model. */
function openFixture({ file, other = () => undefined, says = [text("hi"), ended("complete", 1, 10)] }: { file?: QualityFile; other?: Answer; says?: readonly Spoken[] } = {}) {
  const world = new World(1);
  const clock = simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true });
  const logged: string[] = [];
  const gauges: number[] = [];
  let read: (() => Promise<unknown>) | undefined;
  const members = [memberRecord("me", { name: "me" }), memberRecord("b", { name: "b" })];
  const quality = createQuality({
    node: "me",
    exchange: {
      on: (_name: string, serve: () => Promise<unknown>) => (read = serve),
      call: (node: string) => Promise.resolve(other(node) ?? { ok: false, error: failure("UNREACHABLE") }),
    } as unknown as QualityPorts["exchange"],
    membership: { members: () => ({ members }), isUp: () => true } as unknown as QualityPorts["membership"],
    clock,
    log: { ...quietLog, warn: (event) => void logged.push(event), info: (event) => void logged.push(event) },
    meter: { count: () => undefined, observeMs: () => undefined, gauge: (_name, value) => void gauges.push(value) },
    ...(file && { file }),
  });
  let script = says;
  const generate: Engine<"generate"> = {
    models: () => [{ model: "m", runtime: "echo", capabilities: ["chat"], contextTokens: 1, sizeBytes: 1, demonstration: false, state: "ready", version: "v1" }],
    watch: () => () => undefined,
    call(_request, hear) {
      for (const [index, said] of script.entries()) clock.after(1_000 * (index + 1), () => hear(said));
      return { cancel: () => undefined };
    },
  };
  const engines = quality.watched(everyEngine({ generate }));
  const pass = (ms: number) => {
    world.after(ms, () => undefined);
    return world.run(() => false, world.nowMs + ms);
  };
  const ask = async (count: number, next: readonly Spoken[] = says): Promise<void> => {
    script = next;
    const request: GenerationRequest = { id: "r", model: "m", messages: [], sampling: {}, timeoutMs: 1 };
    for (let index = 0; index < count; index += 1) engines.generate.call(request, () => undefined);
    await pass(5_000);
  };
  return { quality, ask, pass, logged, gauges, read: () => read?.() };
} // prettier-ignore

describe("the quality of models", () => {
  it("is what was seen of calls and thumbs, by model and version", async () => {
    const { quality, ask } = openFixture();
    await ask(3);
    await ask(1, [failed(failure("RUNTIME_FAULT"))]);
    await ask(1, [failed(failure("CANCELLED"))]);
    await ask(1, [text("I'm sorry, I can't do that."), ended("complete", 1, 30)]);
    await ask(1, [text("half"), ended("stopped", 1, 1)]);
    quality.rated({ operation: "1", model: "m", from: undefined, to: "up" });
    quality.rated({ operation: "1", model: "m", from: undefined, to: "up" });
    quality.rated({ model: "m", from: "up", to: "down" });
    quality.rated({ model: "m", from: undefined, to: "up" });
    quality.rated({ model: "m", from: undefined, to: "down" });
    quality.rated({ model: "m", from: "up", to: undefined });
    const { rows, unanswered } = await quality.view();
    expect(unanswered).to.deep.equal(["b"]);
    expect(rows).to.have.length(1);
    const [{ model, version, now }] = rows as [(typeof rows)[number]];
    expect({ model, version, ...now }).to.include({ model: "m", version: "v1", calls: 6, errorShare: 1 / 6, refusalShare: 1 / 4, tokensPerAnswer: 15, up: 0, down: 2 });
    expect(now.firstMs).to.be.within(800, 1_250);
    // Of the one that is long enough: 29 tokens in a second.
    expect(now.tokensPerSecond).to.be.within(24, 36);
  }); // prettier-ignore

  it("has no thumbs that were taken back, also where another node had counted them", async () => {
    const at = openFixture();
    await at.ask(2);
    for (const to of ["up", "up", "down"] as const) at.quality.rated({ model: "m", from: undefined, to });
    const counts = ((await at.read()) as { readonly value: { readonly counts: unknown } }).value.counts;
    const sum = openFixture({ other: () => ({ ok: true, value: { counts } }) });
    await sum.ask(1);
    sum.quality.rated({ model: "m", from: "up", to: "down" });
    const figures = async () => {
      const [row] = (await sum.quality.view()).rows;
      return [row?.now.up, row?.now.down];
    };
    expect(await figures()).to.deep.equal([1, 2]);
    // More than there are: nothing is less than none.
    for (let index = 0; index < 3; index += 1) sum.quality.rated({ model: "m", from: "up", to: undefined });
    expect(await figures()).to.deep.equal([0, 2]);
  });

  it("is the sum of what all nodes have seen", async () => {
    const at = openFixture();
    await at.ask(2);
    const counts = ((await at.read()) as { readonly value: { readonly counts: unknown } }).value.counts;
    const sum = openFixture({ other: () => ({ ok: true, value: { counts } }) });
    await sum.ask(1);
    const { rows, unanswered } = await sum.quality.view();
    expect([rows[0]?.now.calls, unanswered]).to.deep.equal([3, undefined]);
  });

  it("is logged when it gets worse, once, and when it is well again; and is in a metric", async () => {
    const { ask, pass, logged, gauges } = openFixture();
    await ask(200);
    await pass(4 * 3_600_000);
    await ask(50);
    await pass(qualityLimits.writeMs);
    expect([logged, gauges.at(-1)]).to.deep.equal([[], 0]);
    await ask(50, [failed(failure("RUNTIME_FAULT"))]);
    await pass(2 * qualityLimits.writeMs);
    await ask(1);
    await pass(2 * qualityLimits.writeMs);
    expect([logged, gauges.at(-1)]).to.deep.equal([["model.quality.worse"], 1]);
    await pass(4 * 3_600_000);
    await ask(50);
    await pass(qualityLimits.writeMs);
    expect([logged.at(-1), gauges.at(-1)]).to.deep.equal(["model.quality.restored", 0]);
  });

  it("is kept over a restart, but for what a crash loses, and begins anew where the file is none", async () => {
    let kept: string | undefined;
    const file: QualityFile = { read: () => Promise.resolve(kept), write: async (written) => void (kept = written) };
    const first = openFixture({ file });
    await first.ask(2);
    expect(kept).to.equal(undefined);
    await first.pass(qualityLimits.writeMs);
    await first.ask(1);
    expect(readSeries(kept ?? "", qualityLimits)[0]?.hours[0]?.sums.calls).to.equal(2);
    await first.quality.stop();
    const second = openFixture({ file });
    second.quality.start();
    await second.pass(10);
    expect((await second.quality.view()).rows[0]?.now.calls).to.equal(3);
    for (const text of ["", "{", "[]", '{"form":2,"series":[]}', '{"form":1,"series":[{"model":"m"}]}'])
      expect(readSeries(text, qualityLimits), text).to.deep.equal([]);
    const broken = openFixture({
      file: { read: () => Promise.reject(new Error("gone")), write: () => Promise.reject(new Error("full")) },
    });
    broken.quality.start();
    await broken.ask(1);
    await broken.pass(qualityLimits.writeMs);
    expect(broken.logged).to.deep.equal(["model.quality.unwritten"]);
    await broken.quality.stop();
  });
});
