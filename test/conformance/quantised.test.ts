/** Files that Plexus quantises, as llama.cpp reads them. */
import { expect } from "chai";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { enginesOf, startInferenceHost, type ModelSpec } from "../../runtimes/index.ts";
import { quantise, quantiseTargets } from "../../runtimes/store/index.ts";
import { writeChainModel } from "./chain-model.ts";
import { keptLog, realClock, sharedTrials } from "./real-time.ts";
import { listen } from "./runtime.ts";

describe("a model that was quantised here", function () {
  const folder = mkdtempSync(join(tmpdir(), "plexus-quantised-"));
  after(() => rmSync(folder, { recursive: true }));

  it("is read by llama.cpp, and says what it said before, of less memory", async () => {
    const from = join(folder, "chain.gguf");
    writeChainModel(from, { text: "World!", after: "end", contextTokens: 256 });
    const made = quantiseTargets.map((target) => ({ target, to: join(folder, `${target}.gguf`) }));
    const { signal } = new AbortController();
    for (const one of made) await quantise({ ...one, from, signal, progress: () => undefined });
    const sizes = [from, ...made.map(({ to }) => to)].map((path) => statSync(path).size);
    expect(sizes).to.deep.equal(sizes.toSorted((one, other) => other - one));
    const models = [from, ...made.map(({ to }) => to)].map((path, index): ModelSpec => ({
      name: `m${index}`,
      adapter: "llama",
      path,
    }));
    const host = startInferenceHost({ models, clock: realClock(), log: keptLog(), trials: sharedTrials });
    try {
      await host.settled();
      for (const { name } of models) {
        const heard = listen(enginesOf(host).generate, { model: name, sampling: { temperature: 0 } });
        await heard.last;
        expect(heard.text(), name).to.equal("World!");
      }
    } finally {
      await host.stop(5_000);
    }
  });
});
