/** What becomes of a file of a model: it is loaded and asked, as a node does it with a file that it does not know,
 *  first in a process of its own; and what the node of this machine remembers against it. */
import { trialsFile } from "../../node/data-folder/index.ts";
import { createClock, keptText } from "../../node/platform/index.ts";
import { keptStrikes, runtimeLimits, startInferenceHost, type Strikes } from "../../runtimes/index.ts";

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

/** What the node with this data folder remembers against such a file. */
export const strikesAt = (data: string, path: string): Promise<Strikes | undefined> =>
  keptStrikes({ name: "NAME", adapter: "llama", path }, keptTrials(data));

/** What the node remembers of trials is what its start will say. A look changes nothing in its folder. */
export const keptTrials = (data: string) => ({
  ...keptText(trialsFile(data), runtimeLimits.trialsFileBytesMax),
  write: () => Promise.resolve(),
});
