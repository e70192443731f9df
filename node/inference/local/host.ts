/** This node's own inference: hosts with models in memory while the node has the role `ai`, and nothing while it has
 *  not.
 *
 *      off ──serve(true)──► on: host processes, models load ──serve(false)──► ending: its generations end, then it
 *       ▲                                                                     │
 *       └─────────────────────────────────────────────────────────────────────┘
 *
 *  A new host starts only when the last one has ended: two at once would each take the memory that is there for models.
 *  A generation that loses its host this way ends like one whose node went away, so that its agent asks again
 *  elsewhere. */
import { isDeepStrictEqual } from "node:util";
import {
  failure,
  ok,
  refused,
  type Failure,
  type Result,
  type Said,
  type Suggestions,
} from "../../../protocols/index.ts";
import {
  measureSpeed,
  type InferenceHost,
  type LocalModels,
  type ModelSpec,
  type RuntimeEvent,
} from "../../../runtimes/index.ts";
import { suggestModels } from "../../../runtimes/store/index.ts";
import type { Clock, Log, Meter } from "../../ports/index.ts";

interface InferenceOptions {
  /** Those that there are now, the default one first. */
  readonly models: () => readonly ModelSpec[];
  /** Starts a host; its models load from then on. */
  readonly start: (models: readonly ModelSpec[]) => LocalModels & Pick<InferenceHost, "settled">;
  readonly clock: Pick<Clock, "soon">;
  readonly log: Log;
  /** How long a host may take to end when the role goes. */
  readonly endTimeoutMs: number;
}

/** Which models there are follows from `InferenceOptions.models`, so nobody adds or removes one here. */
export interface Inference extends Omit<LocalModels, "add" | "remove"> {
  /** Starts a host, or ends it. Errors of the generations that end with it: MODEL_UNAVAILABLE. */
  serve(wanted: boolean): void;
  /** There are other models: new ones are loaded as far as there is room, those that are gone end what they run and
   *  leave. */
  reload(): void;
  /** Resolves when no model is loading. */
  settled(): Promise<void>;
}

/** Makes it, off. */
export function createInference({ models, start, clock, log, endTimeoutMs }: InferenceOptions): Inference {
  let host: ReturnType<InferenceOptions["start"]> | undefined;
  let ending: Promise<void> | undefined;
  let wanted = false;
  let stopped = false;
  /** What was said of models while they were there, beside what their configuration says. */
  const pins = new Map<string, boolean>();
  const running = new Set<(error: Failure) => void>();
  const watchers = new Set<() => void>();
  const changed = (): void => watchers.forEach((listener) => listener());
  const refusal = (): Failure =>
    stopped ? failure("STOPPING") : failure("MODEL_UNAVAILABLE", { reason: "this node does not have the role ai" });
  const unserved = <Value>(): Result<Value> => refused(refusal());
  const specs = (): readonly ModelSpec[] =>
    models().map((spec) => (pins.has(spec.name) ? { ...spec, pinned: pins.get(spec.name) === true } : spec));

  const follow = (): void => {
    if (stopped || ending !== undefined || wanted === (host !== undefined)) return;
    if (wanted) {
      host = start(specs());
      host.watch(changed);
      changed();
      return;
    }
    log.info("inference.ended", { generations: running.size });
    ending = host
      ?.stop(endTimeoutMs)
      .finally(() => {
        ending = undefined;
        follow();
      })
      .catch((error: unknown) => log.error("inference.stop.failed", { error }));
    host = undefined;
    for (const fail of running) fail(refusal());
    changed();
  };

  /** Tells the host of what is new and what is gone. One that is another now by the same name comes when the old one
   *  has gone. */
  const tell = (): void => {
    const here = host;
    if (here === undefined || stopped) return;
    const next = new Map(specs().map((spec) => [spec.name, spec]));
    const known = new Map(here.residents().map(({ spec }) => [spec.name, spec]));
    for (const name of pins.keys()) if (!next.has(name)) pins.delete(name);
    for (const [name, spec] of known)
      if (!isDeepStrictEqual(withoutPin(spec), withoutPin(next.get(name))))
        here.remove(name).then(
          () => here === host && tell(),
          (error: unknown) => log.error("inference.remove.failed", { error }),
        );
    const left = new Set(here.residents().map(({ spec }) => spec.name));
    for (const [name, spec] of next) {
      if (left.has(name)) continue;
      // The name of one that is still on its way out is taken until that is over.
      const added = here.add(spec, { preload: spec.preload !== false });
      if (!added.ok && added.error.code !== "NAME_TAKEN") log.warn("inference.model.refused", { ...added.error });
    }
  };

  return {
    reload: tell,
    residents: () => host?.residents() ?? [],
    memory: () => host?.memory() ?? { usedBytes: 0, budgetBytes: 0 },
    shares: () => host?.shares() ?? unshared,
    load: (name) => host?.load(name) ?? Promise.resolve(unserved()),
    unload: (name) => host?.unload(name) ?? Promise.resolve(unserved()),
    stopLoad: (name) => host?.stopLoad(name) ?? unserved(),
    pin(name, pinned) {
      if (!models().some((spec) => spec.name === name)) return refused(failure("MODEL_NOT_FOUND", { model: name }));
      pins.set(name, pinned);
      return host?.pin(name, pinned) ?? ok(undefined);
    },
    serve(next) {
      wanted = next;
      follow();
    },
    settled: () => host?.settled() ?? Promise.resolve(),
    models: () => host?.models() ?? [],
    watch(listener) {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
    call(engine, request, hear) {
      if (host === undefined) {
        const result = refused(refusal());
        clock.soon(() => hear({ type: "answered", result }));
        return { cancel: () => undefined };
      }
      // What a host says after it was given up comes too late.
      const settle = (said: Said): void => {
        if (!running.has(fail)) return;
        if (said.type === "answered") running.delete(fail);
        hear(said);
      };
      const fail = (error: Failure): void => settle({ type: "answered", result: refused(error) });
      running.add(fail);
      return host.call(engine, request, settle);
    },
    async stop(deadlineMs) {
      stopped = true;
      await Promise.all([host?.stop(deadlineMs), ending]);
    },
  };
}

/** What models have of a node that serves none. */
const because = "this node does not have the role ai";
const unshared: ReturnType<LocalModels["shares"]> = {
  threads: { now: 0, most: 0, because },
  memory: { budgetBytes: 0, mostBytes: 0, because },
};

/** The rest of a model: whether it is pinned may change while it is there. */
function withoutPin(spec: ModelSpec | undefined): object | undefined {
  if (spec === undefined) return undefined;
  const { pinned: _, ...rest } = spec;
  return rest;
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

/** Which models fit a machine. Its speed is measured once, however many ask, and again only if that did not work. */
export function createSuggestions(
  machine: Parameters<typeof suggestModels>[0],
  clock: Parameters<typeof measureSpeed>[0],
  measureNow: typeof measureSpeed = measureSpeed,
): (measure: boolean) => Promise<Pick<Suggestions, "models" | "measured">> {
  let measuring: ReturnType<typeof measureSpeed> | undefined;
  return async (measure) => {
    if (measure) measuring ??= measureNow(clock).catch(() => undefined);
    const speed = await measuring;
    if (speed === undefined) measuring = undefined;
    return { models: suggestModels(machine, speed), measured: speed !== undefined };
  };
}
