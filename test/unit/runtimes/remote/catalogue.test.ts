import { expect } from "chai";
import type { ModelSpec } from "../../../../runtimes/adapter.ts";
import { specsOf, watchCatalogue } from "../../../../runtimes/remote/catalogue.ts";
import { remoteLimits } from "../../../../runtimes/remote/limits.ts";
import { keptLog } from "../../../conformance/real-time.ts";
import { anthropicDouble } from "../../../providers/anthropic.ts";
import { json, startDouble, type Script } from "../../../providers/double.ts";
import { ollamaDouble } from "../../../providers/ollama.ts";
import { openAiDouble, openAiModels } from "../../../providers/openai.ts";

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
      const catalogue = watchCatalogue({ entries: [entryOf(adapter, double.url)], ...options });
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
    const catalogue = watchCatalogue({ entries, clock, log, changed: () => changed.resolve() });
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

  it("may list what it likes: names that are none, the same twice, or too many", () => {
    const many = Array.from({ length: 1_000 }, (_none, index) => ({ model: `m${index}` }));
    const odd = ["", "two words", "x".repeat(100), "line\nfeed", "m0"].map((model) => ({ model }));
    const specs = specsOf(entryOf("openai", "http://127.0.0.1"), [...odd, ...many, { model: "unable", expected: [] }]);
    expect(specs).to.have.length(remoteLimits.modelsPerEntryMax);
    expect(new Set(specs.map(({ name }) => name)).size).to.equal(specs.length);
    expect(specs[0]).to.have.nested.property("endpoint.model", "m0");
  });
});
