/** A call that may go without tools, where its model has none: the caller need not know the model, and it is asked
 *  once.
 *
 *      ifAble: tools ──► any offer of it has tools? ── yes ──► asked as it is ── refused for tools ─┐
 *                              │ no, or it refused them before                                         │ remembered
 *                              └───────────────────────────► asked without tools ◄─────────────────────┘
 *
 *  What a model refused is remembered for as long as its offer says the same of it, a bounded number of models, for an
 *  hour: a server behind a name may learn it. */
import { ok, type GenerationAnswer, type GenerationRequest, type ModelInfo } from "../../../protocols/index.ts";
import type { Engine, Running } from "../../../runtimes/engine.ts";
import type { Clock } from "../../ports/index.ts";
import type { CallLimits } from "./limits.ts";

type Hear = Parameters<Engine<"generate">["call"]>[1];

/** The request without tools, and without what they were asked and answered before. */
export function withoutTools({ tools: _tools, toolChoice: _choice, ...rest }: GenerationRequest): GenerationRequest {
  const messages = rest.messages.flatMap(({ calls, ...message }) => {
    const isSilent = calls !== undefined && message.content === "";
    return message.role === "tool" || isSilent ? [] : [message];
  });
  return { ...rest, messages };
}

/** What tells that a model is another than before, at any node. */
const formOf = (offers: readonly ModelInfo[]): string =>
  JSON.stringify(
    offers.map(({ runtime, sizeBytes, contextTokens, capabilities, source }) => [
      runtime,
      sizeBytes,
      contextTokens,
      capabilities,
      source,
    ]),
  );

/** Puts this before an engine. `offersOf`: what all nodes say of a model; of any, where it has no name. */
export function askedAsAble(
  inner: Engine<"generate">,
  at: {
    readonly clock: Pick<Clock, "monotonicMs">;
    readonly limits: CallLimits;
    readonly offersOf: (model: string) => readonly ModelInfo[];
  },
): Engine<"generate"> {
  const { clock, limits } = at;
  /** Models that refused tools, as they were then; the one that did so last at the end. */
  const refused = new Map<string, { readonly form: string; readonly atMs: number }>();

  const isAble = (model: string): boolean => {
    const offers = at.offersOf(model);
    if (offers.length > 0 && offers.every(({ capabilities }) => !capabilities.includes("tools"))) return false;
    const before = refused.get(model);
    if (before === undefined) return true;
    if (before.form === formOf(offers) && clock.monotonicMs() - before.atMs < limits.unableMs) return false;
    refused.delete(model);
    return true;
  };
  const remember = (model: string): void => {
    const offers = at.offersOf(model);
    if (model === "" || offers.length === 0) return;
    refused.delete(model);
    refused.set(model, { form: formOf(offers), atMs: clock.monotonicMs() });
    const [oldest] = refused.keys();
    if (refused.size > limits.unableMax && oldest !== undefined) refused.delete(oldest);
  };

  const without = (request: GenerationRequest, hear: Hear): Running =>
    inner.call(withoutTools(request), (said) => {
      if (said.type !== "answered" || !said.result.ok) return hear(said);
      const answer: GenerationAnswer = { ...said.result.value, without: ["tools"] };
      hear({ type: "answered", result: ok(answer) });
    });

  return {
    models: () => inner.models(),
    watch: (listener) => inner.watch(listener),
    call({ ifAble = [], ...request }, hear) {
      const { model, tools = [] } = request;
      if (!ifAble.includes("tools") || tools.length === 0) return inner.call(request, hear);
      if (!isAble(model)) return without(request, hear);
      let running: Running | undefined;
      let cancelled = false;
      running = inner.call(request, (said) => {
        const isRefused =
          said.type === "answered" &&
          !said.result.ok &&
          said.result.error.code === "MODEL_UNSUPPORTED" &&
          said.result.error.details?.["capability"] === "tools";
        if (!isRefused || cancelled) return hear(said);
        remember(model);
        running = without(request, hear);
      });
      return {
        cancel() {
          cancelled = true;
          running?.cancel();
        },
      };
    },
  };
}
