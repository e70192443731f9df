/** How fast this machine writes, by a short run of a model that is made for it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelSpec } from "./adapters.ts";
import { enginesOf } from "./engine.ts";
import type { RuntimeClock } from "./environment.ts";
import { startInferenceHost } from "./host/host.ts";
import { runtimeLimits } from "./limits.ts";
import { writeRandomModel } from "./store/random-model.ts";
import { speedOf, type MeasuredSpeed } from "./store/suggest.ts";

/** Runs a model of random weights for a moment. Undefined: that did not work. */
export async function measureSpeed(clock: RuntimeClock): Promise<MeasuredSpeed | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "plexus-measure-"));
  const silent = (): void => undefined;
  const path = join(folder, "random.gguf");
  const fileBytes = writeRandomModel(path);
  const spec = { ...modelSpec({ name: "random", path }, { contextTokens: 512, gpu: "off" }), sequences: 1 };
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  const host = startInferenceHost({ models: [spec], clock, log });
  try {
    await host.settled();
    const { promise, resolve } = Promise.withResolvers<MeasuredSpeed | undefined>();
    let first: number | undefined;
    let tokens = 0;
    const ended = (): void =>
      resolve(
        first === undefined || tokens < 2
          ? undefined
          : speedOf({ tokens, elapsedMs: performance.now() - first, fileBytes }),
      );
    const request = {
      id: "measure",
      model: "random",
      messages: [{ role: "user" as const, content: "go" }],
      sampling: { maxTokens: runtimeLimits.measuredTokens },
      timeoutMs: runtimeLimits.measureTimeoutMs,
    };
    enginesOf(host).generate.call(request, (said) => {
      if (said.type === "answered") return ended();
      if (first === undefined) first = performance.now();
      else tokens += said.part.tokens;
    });
    return await promise;
  } finally {
    await host.stop(5_000);
    await rm(folder, { recursive: true, force: true });
  }
}
