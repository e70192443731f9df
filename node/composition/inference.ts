/** This node's own inference: a host with models in memory while the node has the role `ai`, and nothing while it has not.
 *
 *      off ──serve(true)──► on: host process, models load ──serve(false)──► ending: its generations end, then it
 *       ▲                                                                     │
 *       └─────────────────────────────────────────────────────────────────────┘
 *
 *  A new host starts only when the last one has ended: two at once would each take the memory that is there for models.
 *  A generation that loses its host this way ends like one whose node went away, so that its agent asks again elsewhere.
 *
 *  `reload` is for other models: the host ends when nothing runs in it, or when that has been waited for long enough; what is asked
 *  meanwhile is held for the next one. */
import { failure, refused, type Failure, type Said } from "../../protocols/index.ts";
import type { InferenceHost, LocalModels, RuntimeEvent } from "../../runtimes/index.ts";
import type { Clock, Log, Meter } from "../ports.ts";

export interface InferenceOptions {
  /** Starts a host; its models load from then on. */
  readonly start: () => LocalModels & Pick<InferenceHost, "settled">;
  readonly clock: Pick<Clock, "soon" | "after">;
  readonly log: Log;
  /** How long a host may take to end when the role goes. */
  readonly endTimeoutMs: number;
  /** How long what runs may go on before its host is replaced by one with other models. */
  readonly reloadWaitMs?: number;
}

/** Calls that are held while a host is replaced; one more is refused with MODEL_UNAVAILABLE. */
const heldMax = 256;
const reloadWaitMsUsual = 60_000;

export interface Inference extends LocalModels {
  /** Starts a host, or ends it. Errors of the generations that end with it: MODEL_UNAVAILABLE. */
  serve(wanted: boolean): void;
  /** There are other models: the next host has them. */
  reload(): void;
  /** Resolves when no model is loading. */
  settled(): Promise<void>;
}

/** Makes it, off. */
export function createInference(options: InferenceOptions): Inference {
  const { start, clock, log, endTimeoutMs, reloadWaitMs = reloadWaitMsUsual } = options;
  let host: ReturnType<InferenceOptions["start"]> | undefined;
  let ending: Promise<void> | undefined;
  let wanted = false;
  let stopped = false;
  /** Other models wait for the next host. */
  let stale = false;
  let cancelReload: (() => void) | undefined;
  /** What is asked while one host takes the place of another; undefined while none does. */
  let held: Set<() => void> | undefined;
  let shown: ReturnType<Inference["models"]> = [];
  const running = new Set<(error: Failure) => void>();
  const watchers = new Set<() => void>();
  const changed = (): void => watchers.forEach((listener) => listener());
  const refusal = (): Failure =>
    stopped ? failure("STOPPING") : failure("MODEL_UNAVAILABLE", { reason: "this node has not the role ai" });

  const follow = (): void => {
    if (stopped || ending !== undefined || wanted === (host !== undefined)) return;
    if (wanted) {
      host = start();
      host.watch(changed);
      const waiting = held ?? [];
      held = undefined;
      for (const begin of waiting) begin();
      changed();
      return;
    }
    log.info("inference.ended", { generations: running.size });
    end(refusal());
    held = undefined;
    changed();
  };

  const end = (reason: Failure): void => {
    cancelReload?.();
    cancelReload = undefined;
    stale = false;
    ending = host
      ?.stop(endTimeoutMs)
      .finally(() => {
        ending = undefined;
        follow();
      })
      .catch((error: unknown) => log.error("inference.stop.failed", { error }));
    host = undefined;
    for (const fail of running) fail(reason);
  };

  /** Ends the host, so that one with the present models takes its place. */
  const replace = (): void => {
    if (stopped || host === undefined) return;
    log.info("inference.reloaded", { generations: running.size });
    shown = host.models();
    held = new Set();
    end(failure("MODEL_UNAVAILABLE", { reason: "the models of this node are being loaded anew" }));
  };

  const ran = (fail: (error: Failure) => void): void => {
    running.delete(fail);
    if (stale && running.size === 0) clock.soon(() => stale && running.size === 0 && replace());
  };

  return {
    reload() {
      if (stopped || host === undefined || stale) return;
      if (running.size === 0) return replace();
      stale = true;
      cancelReload = clock.after(reloadWaitMs, replace);
    },
    serve(next) {
      wanted = next;
      follow();
    },
    settled: () => host?.settled() ?? Promise.resolve(),
    models: () => host?.models() ?? (held === undefined ? [] : shown),
    watch(listener) {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
    call(engine, request, hear) {
      if (host === undefined && held !== undefined && held.size < heldMax) {
        let begun: ReturnType<Inference["call"]> | undefined;
        const waiting = held;
        const begin = (): void => {
          begun = this.call(engine, request, hear);
        };
        waiting.add(begin);
        return {
          cancel() {
            if (begun !== undefined) return begun.cancel();
            if (!waiting.delete(begin)) return;
            clock.soon(() => hear({ type: "answered", result: refused(failure("MODEL_UNAVAILABLE")) }));
          },
        };
      }
      if (host === undefined) {
        const result = refused(refusal());
        clock.soon(() => hear({ type: "answered", result }));
        return { cancel: () => undefined };
      }
      // What a host says after it was given up comes too late.
      const settle = (said: Said): void => {
        if (!running.has(fail)) return;
        if (said.type === "answered") ran(fail);
        hear(said);
      };
      const fail = (error: Failure): void => settle({ type: "answered", result: refused(error) });
      running.add(fail);
      return host.call(engine, request, settle);
    },
    async stop(deadlineMs) {
      stopped = true;
      cancelReload?.();
      const waiting = held ?? [];
      held = undefined;
      for (const begin of waiting) begin();
      await Promise.all([host?.stop(deadlineMs), ending]);
    },
  };
}

/** Counts what the inference host tells of its generations. */
export function measureInference(meter: Meter, event: RuntimeEvent): void {
  switch (event.type) {
    case "started":
      meter.observeMs("generation_queue", event.queuedMs, { model: event.model });
      break;
    case "firstText":
      meter.observeMs("generation_first_text", event.afterMs, { model: event.model });
      break;
    case "ended":
      meter.count("generations", 1, { model: event.model, end: event.end });
      meter.count("tokens_prompt", event.promptTokens, { model: event.model });
      meter.count("tokens_completion", event.completionTokens, { model: event.model });
      meter.observeMs("generation", event.totalMs, { model: event.model });
      break;
    case "hostRestarted":
      meter.count("inference_host_restarts");
      break;
  }
}
