/** This node's own inference: a host with models in memory while the node has the role `ai`, and nothing while it has not.
 *
 *      off ──serve(true)──► on: host process, models load ──serve(false)──► ending: its generations end, then it
 *       ▲                                                                     │
 *       └─────────────────────────────────────────────────────────────────────┘
 *
 *  A new host starts only when the last one has ended: two at once would each take the memory that is there for models.
 *  A generation that loses its host this way ends like one whose node went away, so that its agent asks again elsewhere. */
import { basename } from "node:path";
import type { Config } from "../../config/index.ts";
import { failure, failureOf, type Failure, type GenerationPart, type ModelInfo } from "../../protocols/index.ts";
import type { InferenceHost, Runtime, RuntimeEvent, startInferenceHost } from "../../runtimes/index.ts";
import { membershipLimits, type MembershipPart } from "../membership/index.ts";
import type { Clock, Log, Meter } from "../ports.ts";

export interface InferenceOptions {
  /** Starts a host; its models load from then on. */
  readonly start: () => Pick<InferenceHost, "gpu" | "models" | "generate" | "settled" | "stop">;
  readonly clock: Pick<Clock, "soon">;
  readonly log: Log;
  /** How long a host may take to end when the role goes. */
  readonly endTimeoutMs: number;
}

export interface Inference extends Runtime {
  /** Whether a model that serves runs on a graphics card. */
  readonly gpu: boolean;
  /** Starts a host, or ends it. Errors of the generations that end with it: MODEL_UNAVAILABLE. */
  serve(wanted: boolean): void;
  /** Resolves when no model is loading. */
  settled(): Promise<void>;
}

/** Makes it, off. */
export function createInference({ start, clock, log, endTimeoutMs }: InferenceOptions): Inference {
  let host: ReturnType<InferenceOptions["start"]> | undefined;
  let ending: Promise<void> | undefined;
  let wanted = false;
  let stopped = false;
  const running = new Set<(error: Failure) => void>();
  const refusal = (): Failure =>
    stopped ? failure("STOPPING") : failure("MODEL_UNAVAILABLE", { reason: "this node has not the role ai" });

  const follow = (): void => {
    if (stopped || ending !== undefined || wanted === (host !== undefined)) return;
    if (wanted) {
      host = start();
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
  };

  return {
    get gpu() {
      return host?.gpu ?? false;
    },
    serve(next) {
      wanted = next;
      follow();
    },
    settled: () => host?.settled() ?? Promise.resolve(),
    models: () => host?.models() ?? [],
    generate(request, onPart) {
      if (host === undefined) {
        const error = refusal();
        clock.soon(() => onPart({ type: "failed", error }));
        return { cancel: () => undefined };
      }
      // What a host says after it was given up comes too late.
      const settle = (part: GenerationPart): void => {
        if (!running.has(fail)) return;
        if (part.type !== "text") running.delete(fail);
        onPart(part);
      };
      const fail = (error: Failure): void => settle({ type: "failed", error });
      running.add(fail);
      return host.generate(request, settle);
    },
    async stop(deadlineMs) {
      stopped = true;
      await Promise.all([host?.stop(deadlineMs), ending]);
    },
  };
}

/** What a node's row says of its models: those that serve, and whether any of them does so on a graphics card. */
const servedBy = (inference: Pick<Inference, "models" | "gpu">) => ({
  models: inference.models().flatMap(({ model, state }: ModelInfo) => (state === "ready" ? [model] : [])),
  gpu: inference.gpu,
});

/** Keeps what the own row says of models true. `look` is called when they may have changed; a row that cannot be written is
 *  tried again. */
export function publishModels(ports: {
  readonly inference: Pick<Inference, "models" | "gpu">;
  readonly membership: Pick<MembershipPart, "self" | "members" | "onChange" | "update">;
  readonly clock: Clock;
  readonly log: Log;
}): { look(): void; stop(): void } {
  const { inference, membership, clock, log } = ports;
  let writing = false;
  let stopped = false;
  let cancelRetry = (): void => undefined;

  const look = (): void => {
    const row = membership.members().members.find(({ node }) => node === membership.self);
    const served = servedBy(inference);
    if (stopped || writing || row === undefined) return;
    if (row.gpu === served.gpu && JSON.stringify(row.models) === JSON.stringify(served.models)) return;
    writing = true;
    cancelRetry();
    membership.update(served).then(
      (written) => {
        writing = false;
        // The list follows the row a moment later, and is looked at again then.
        if (!written.ok) retry(written.error);
        else if (JSON.stringify(servedBy(inference)) !== JSON.stringify(served)) look();
      },
      (thrown: unknown) => {
        writing = false;
        retry(failureOf(thrown));
      },
    );
  };
  const retry = ({ code }: Failure): void => {
    if (stopped) return;
    log.info("inference.unpublished", { code });
    cancelRetry = clock.after(membershipLimits.joinRetryMaxMs, look);
  };
  const endWatch = membership.onChange(look);
  return {
    look,
    stop() {
      stopped = true;
      endWatch();
      cancelRetry();
    },
  };
}

/** The model in the repository: it answers, but knows next to nothing, and pages say so. */
const demonstrationModel = "plexus-tiny.gguf";

/** Names a model entry that needs no file: the deterministic echo, to try Plexus without inference. */
const echoModel = "echo";

/** What the inference host is told of a model in the configuration. */
export function modelSpec(
  entry: Config["models"][number],
  config: Config,
): Parameters<typeof startInferenceHost>[0]["models"][number] {
  const echo = entry.name === echoModel;
  const demonstration = echo || basename(entry.path) === demonstrationModel;
  return {
    name: entry.name,
    runtime: echo ? "echo" : "llama",
    path: entry.path,
    demonstration,
    contextTokens: config.contextTokens,
    gpu: config.gpu === "auto" ? "auto" : false,
    // So small a model wanders when it is given room; a little keeps "regenerate" worth a click.
    ...(demonstration && { temperature: 0.3 }),
  };
}

/** Counts what the inference host tells of its generations. */
export function measureInference(meter: Meter, event: Exclude<RuntimeEvent, { readonly type: "modelChanged" }>): void {
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
