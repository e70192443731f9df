/** GGUF models on llama.cpp. */
import { basename } from "node:path";
import type { Adapter, ModelSpec } from "../adapter.ts";
import { inspectGgufFile, type GgufHeader } from "../gguf.ts";
import { capabilitiesBy, purposeOf } from "./capabilities.ts";
import { planLoad } from "./plan.ts";

/** The model in the repository: it answers, but knows next to nothing, and pages say so. */
const isDemonstration = ({ path }: Pick<ModelSpec, "path">): boolean => basename(path) === "plexus-tiny.gguf";

/** The row of llama.cpp. It takes every file that no other adapter claims: a refusal of it names the reason. */
export const llama: Adapter<GgufHeader> = {
  name: "llama",
  capabilities: capabilitiesBy.write,
  threaded: true,
  claims: () => true,
  inspect({ path }) {
    const { verdict, fileBytes } = inspectGgufFile(path);
    switch (verdict.type) {
      case "fine":
        return {
          type: "fine",
          fileBytes,
          found: verdict.header,
          capabilities: capabilitiesBy[purposeOf(verdict.header.architecture, verdict.header.pooling)],
        };
      case "refused":
        return { ...verdict, fileBytes };
      case "short":
        return { type: "refused", fileBytes, reason: "the head of the file is cut off" };
    }
  },
  plan: planLoad,
  async load(spec, plan) {
    // The native library takes a while to read, and only the thread that runs the model may have it.
    const { loadLlama } = await import("./llama.ts");
    // So small a model wanders when it is given room; a little keeps "regenerate" worth a click.
    return loadLlama(spec, plan, isDemonstration(spec) ? 0.3 : usualTemperature);
  },
  label: (spec) =>
    isDemonstration(spec)
      ? {
          short: "tiny demonstration model",
          says: "A tiny demonstration model: it greets and answers simple questions about Plexus, and is often wrong.",
        }
      : undefined,
};

/** The usual choice of chat servers: lively, seldom wrong. */
const usualTemperature = 0.7;
