/** The echo in the inference host: a model that needs no file, to try Plexus without one. */
import type { GenerationRequest } from "../../protocols/index.ts";
import { settingsOf, type Adapter, type Ended, type Flow, type LoadedModel, type ModelSpec } from "../adapter.ts";
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
    capabilities: echo.capabilities,
    serves: { generate: (request, flow) => speakTo(request, flow, spec, contextTokens) },
    unload: () => Promise.resolve(),
  };
}

function speakTo(
  request: GenerationRequest,
  flow: Flow<"generate">,
  spec: ModelSpec,
  contextTokens: number,
): Promise<Ended<"generate">> {
  const after = (delayMs: number, callback: () => void): (() => void) => {
    const say = async (): Promise<void> => {
      await flow.ready();
      callback();
    };
    const timer = setTimeout(() => void say(), delayMs);
    return () => clearTimeout(timer);
  };
  const options = { after, tokenDelayMs: spec.tokenDelayMs ?? 0, tokensPerPart: 1, contextTokens };
  return new Promise((resolve) => {
    flow.onCancel(speak(request, options, { text: (text, tokens) => flow.part({ text, tokens }), end: resolve }));
  });
}
