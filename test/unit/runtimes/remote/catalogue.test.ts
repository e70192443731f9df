import { expect } from "chai";
import { failure, type Failure } from "../../../../protocols/index.ts";
import type { ModelSpec } from "../../../../runtimes/adapter.ts";
import { after, nextLookMs, specsOf, watchCatalogue, type Standing } from "../../../../runtimes/remote/catalogue.ts";
import { remoteLimits } from "../../../../runtimes/remote/limits.ts";
import { keptLog } from "../../../conformance/real-time.ts";
import { anthropicDouble } from "../../../fixtures/providers/anthropic.ts";
import { json, startDouble, type Script } from "../../../fixtures/providers/double.ts";
import { ollamaDouble } from "../../../fixtures/providers/ollama.ts";
import { openAiDouble, openAiModels } from "../../../fixtures/providers/openai.ts";

const entryOf = (adapter: string, url: string): ModelSpec => ({
  name: "there",
  adapter,
  path: "",
  endpoint: { url, model: "*", key: { env: "PATH" } },
});

/** A clock whose timers ring when the test says so. */
function handClock() {
  let waiting: (() => void)[] = [];
  return {
    nowMs: () => 0,
    after: (_delayMs: number, callback: () => void) => {
      waiting.push(callback);
      return () => (waiting = waiting.filter((one) => one !== callback));
    },
    ring: () => waiting.splice(0).forEach((callback) => callback()),
    waiting: () => waiting.length,
  };
}

describe("a server that is configured whole", () => {
  const rows: readonly (readonly [string, Script, readonly string[]])[] = [
    ["openai", openAiDouble(), openAiModels],
    ["ollama", ollamaDouble(), ["echo", "slow", "echo-embed"]],
    ["anthropic", anthropicDouble(), ["echo", "slow"]],
  ];
  for (const [adapter, script, models] of rows)
    it(`offers every model that it lists: ${adapter}`, async () => {
      const double = await startDouble(script);
      const changed = Promise.withResolvers<void>();
      const clock = handClock();
      const options = { clock, log: keptLog(), changed: changed.resolve };
      const catalogue = watchCatalogue(options);
      catalogue.set([entryOf(adapter, double.url)]);
      await changed.promise;
      const specs = catalogue.models("there");
      expect(specs.map(({ name }) => name)).to.deep.equal(models.map((model) => `there/${model}`));
      for (const spec of specs) expect(spec).to.include({ adapter, preload: false });
      catalogue.stop();
      await double.close();
    });

  it("is asked again: new models come, those that are gone go, and what was known stays while it is silent", async () => {
    let models = ["a"];
    let status = 200;
    const double = await startDouble((_asked, response) =>
      json(response, { data: models.map((id) => ({ id })) }, status),
    );
    const clock = handClock();
    const log = keptLog();
    let changed = Promise.withResolvers<void>();
    const entries = [entryOf("openai", double.url)];
    const catalogue = watchCatalogue({ clock, log, changed: () => changed.resolve() });
    catalogue.set(entries);
    const names = (): readonly string[] => catalogue.models("there").map(({ name }) => name);
    const again = async (next: readonly string[]): Promise<void> => {
      models = [...next];
      changed = Promise.withResolvers();
      while (clock.waiting() === 0) await new Promise((resolve) => setImmediate(resolve));
      clock.ring();
    };
    await changed.promise;
    expect(names()).to.deep.equal(["there/a"]);
    await again(["a", "b"]);
    await changed.promise;
    expect(names()).to.deep.equal(["there/a", "there/b"]);
    status = 401;
    const failed = log.next("models.list.failed");
    await again([]);
    expect((await failed).facts).to.include({ entry: "there", code: "PROVIDER_REFUSED" });
    expect(names()).to.deep.equal(["there/a", "there/b"]);
    status = 200;
    await again(["b"]);
    await changed.promise;
    expect(names()).to.deep.equal(["there/b"]);
    catalogue.stop();
    await double.close();
  });

  it("is away when it is not reached again and again: its models go, it is asked less and less, and comes back", async () => {
    const script = (_asked: unknown, response: Parameters<Script>[1]) => json(response, { data: [{ id: "a" }] });
    let double = await startDouble(script);
    const { url } = double;
    const clock = handClock();
    const log = keptLog();
    const catalogue = watchCatalogue({ clock, log, changed: () => undefined });
    catalogue.set([entryOf("openai", url)]);
    const looked = async (): Promise<void> => {
      while (clock.waiting() === 0) await new Promise((resolve) => setImmediate(resolve));
    };
    const look = async (): Promise<unknown> => {
      clock.ring();
      await looked();
      const { state, misses, models } = catalogue.standing("there") ?? {};
      return { state, misses, listed: models?.length, offered: catalogue.models("there").length };
    };
    await looked();
    expect(catalogue.standing("there")).to.include({ state: "ready" });
    await double.close();
    expect(await look()).to.deep.equal({ state: "failing", misses: 1, listed: 1, offered: 1 });
    expect(await look()).to.deep.equal({ state: "failing", misses: 2, listed: 1, offered: 1 });
    expect(await look()).to.deep.equal({ state: "away", misses: 3, listed: 0, offered: 0 });
    expect(log.lines.map(({ event }) => event)).to.include("models.server.away");
    double = await startDouble(script, Number(new URL(url).port));
    expect(await look()).to.deep.equal({ state: "ready", misses: 0, listed: 1, offered: 1 });
    expect(log.lines.map(({ event }) => event)).to.include("models.server.back");
    // One that is given no more is asked no more.
    catalogue.set([]);
    expect([catalogue.standing("there"), clock.waiting()]).to.deep.equal([undefined, 0]);
    await double.close();
  });

  it("that refuses keeps its models, however often, and a hundred misses wait no longer than the longest pause", () => {
    const missed = (code: Failure["code"], details = {}) =>
      ({ type: "missed", error: failure(code, details) }) as const;
    let standing: Standing = { state: "ready", misses: 0, models: [{ model: "a" }] };
    const waits: number[] = [];
    for (let miss = 0; miss < 100; miss += 1) {
      standing = after(standing, missed("PROVIDER_REFUSED", { status: 401 }), miss);
      expect(standing).to.deep.include({ state: "failing", models: [{ model: "a" }] });
      waits.push(nextLookMs(standing));
    }
    expect(waits).to.deep.equal(waits.toSorted((one, other) => one - other));
    expect(waits.at(-1)).to.equal(remoteLimits.listAgainMsMax);
    expect(after(standing, missed("MODEL_UNAVAILABLE"), 0)).to.include({ state: "away" });
    expect(after(standing, missed("PROVIDER_FAILED", { status: 502 }), 0)).to.include({ state: "failing" });
  });

  it("may list what it likes: names that are none, the same twice, or too many", () => {
    const many = Array.from({ length: 1_000 }, (_none, index) => ({ model: `m${index}` }));
    const odd = ["", "two words", "x".repeat(100), "line\nfeed", "m0"].map((model) => ({ model }));
    const specs = specsOf(entryOf("openai", "http://127.0.0.1"), [...odd, ...many, { model: "unable", expected: [] }]);
    expect(specs).to.have.length(remoteLimits.modelsPerEntryMax);
    expect(new Set(specs.map(({ name }) => name)).size).to.equal(specs.length);
    expect(specs[0]).to.have.nested.property("endpoint.model", "m0");
  });
});
