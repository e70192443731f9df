/** Loads a file of a model and asks it, as a node does it with a file that it does not know: first in a process of its own. */
import { createClock } from "../node/platform/index.ts";
import { startInferenceHost } from "../runtimes/index.ts";

/** Why a model cannot be used; undefined: it can. */
export async function trialFault(path: string): Promise<string | undefined> {
  const silent = (): void => undefined;
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  const models = [{ name: "model", adapter: "llama", path, sequences: 1 }];
  const host = startInferenceHost({ models, clock: createClock(), log });
  try {
    await host.settled();
    const [model] = host.models();
    return model?.state === "failed" ? (model.reason ?? "it does not load") : undefined;
  } finally {
    await host.stop(0);
  }
}
