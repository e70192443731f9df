/** The echo in the inference host: a model that needs no file, to try Plexus without one. */
import { settingsOf, type Adapter, type LoadedModel, type ModelSpec } from "../adapter.ts";
import { runtimeLimits } from "../limits.ts";
import { speak } from "./speech.ts";

/** The row of the echo. */
export const echo: Adapter<undefined> = {
  name: "echo",
  capabilities: ["chat"],
  threaded: false,
  claims: ({ name }) => name === "echo",
  inspect: () => ({ type: "fine", fileBytes: 0, found: undefined }),
  plan({ spec }) {
    const settings = settingsOf(spec);
    if ("refused" in settings) return { type: "refused", reason: settings.refused };
    const none = { threads: 1, sizeBytes: 0, architecture: "" };
    return { type: "fine", plan: { ...settings, ...none, memoryBytes: runtimeLimits.workerBytes } };
  },
  load: (spec, plan) => Promise.resolve({ type: "loaded", model: hostedEcho(spec, plan.contextTokens), warnings: [] }),
  label: () => ({
    short: "repeats",
    says: "No model: it repeats what it is told, to try Plexus without one.",
  }),
};

/** The echo in this thread, on real time, pausing as its receiver does. */
function hostedEcho(spec: ModelSpec, contextTokens: number): LoadedModel {
  return {
    device: "cpu",
    generate: (request, flow) =>
      new Promise((resolve) => {
        const say = async (callback: () => void): Promise<void> => {
          await flow.ready();
          callback();
        };
        const after = (delayMs: number, callback: () => void): (() => void) => {
          const timer = setTimeout(() => {
            void say(callback);
          }, delayMs);
          return () => clearTimeout(timer);
        };
        const options = { after, tokenDelayMs: spec.tokenDelayMs ?? 0, tokensPerPart: 1, contextTokens };
        flow.onCancel(speak(request, options, { text: (text, tokens) => flow.text(text, tokens), end: resolve }));
      }),
    unload: () => Promise.resolve(),
  };
}
