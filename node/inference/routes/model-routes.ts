/** The routes in front of the engines: see `index.ts`. */
import {
  refused,
  failure,
  floatsOf,
  traitsOf,
  type AnswerFrom,
  type ClassifyAnswer,
  type EmbedAnswer,
  type EngineAnswer,
  type EngineName,
  type EnginePart,
  type EngineRequest,
  type ErrorCode,
  type Failure,
  type GenerationAnswer,
  type GenerationPart,
  type GenerationRequest,
  type ModelInfo,
  type ModelRoute,
  type RouteExplanation,
  type Said,
} from "../../../protocols/index.ts";
import { engineOf, type Engine, type Engines, type Running } from "../../../runtimes/engine.ts";
import type { Clock, Meter } from "../../ports/index.ts";
import { affinityOf, type Room } from "../calls/index.ts";
import { AnswerCache, keyOf, mayCache, saidAgain, type CacheKey, type Kept } from "./answer-cache.ts";
import { callEnsemble } from "./ensemble.ts";
import { routeLimits, type RouteLimits } from "./limits.ts";
import { classifierFor, lastOf, likeliest, type Classified, type Question } from "./questions.ts";
import { isShadowed, modelsOf, planRoute, type Chosen, type Knowledge } from "./route-plan.ts";

/** Endings of one model that say nothing of another. */
const another: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "CONTEXT_TOO_LONG",
  "MODEL_LOAD_FAILED",
  "MODEL_NOT_FOUND",
  "MODEL_UNAVAILABLE",
  "MODEL_UNSUPPORTED",
  "QUEUE_FULL",
  "RUNTIME_FAULT",
]);

/** Whether another model may do what one has refused. A cancelled call, a stop and a timeout end it for good. */
export const tryNext = ({ code, outcome }: Failure): boolean =>
  another.has(code) || (outcome === "not_started" && code !== "STOPPING" && code !== "BAD_REQUEST");

type Hear = (said: Said) => void;
type Call<Request = EngineRequest> = (request: Request, hear: Hear) => Running;

/** What routes need around them. */
export interface RoutePorts {
  readonly routes: () => readonly ModelRoute[];
  readonly clock: Clock;
  readonly meter: Meter;
  /** How full the node is that would serve a model. Absent: nobody knows. */
  readonly room?: (engine: EngineName, model: string) => Room | undefined;
  /** What a model costs, in units for a million tokens read and as many written. Absent: nobody has said. */
  readonly price?: (model: string) => number | undefined;
  readonly limits?: Partial<RouteLimits>;
}

/** The engines of the cluster, with the routes among their models. */
export interface RoutedEngines extends Engines {
  /** What a route would do with a question of nobody's, and why. Undefined: there is no such route. */
  explain(
    name: string,
    question: Question,
    how?: { readonly rulesOnly: boolean },
  ): Promise<RouteExplanation | undefined>;
}

/** Puts the routes in front of the engines. */
export function routedEngines(inner: Engines, ports: RoutePorts): RoutedEngines {
  const limits = { ...routeLimits, ...ports.limits };
  const router = new Router(inner, { ...ports, limits });
  const engines = Object.fromEntries(
    (Object.keys(inner) as EngineName[]).map((name) => [name, router.engine(name)]),
  ) as unknown as Engines;
  return { ...engines, explain: (...asked) => router.explain(...asked) };
}

/** A route as a model: it can do what one of its models can, and is as ready as the readiest. */
function infoOf(route: ModelRoute, models: readonly ModelInfo[]): ModelInfo | undefined {
  const own = modelsOf(route).flatMap((name) => models.find(({ model }) => model === name) ?? []);
  const [first] = own;
  if (first === undefined) return undefined;
  const states = (["ready", "loading"] as const).find((state) => own.some((one) => one.state === state)) ?? "failed";
  return {
    model: route.name,
    runtime: "route",
    capabilities: [...new Set(own.flatMap(({ capabilities }) => capabilities))],
    contextTokens: Math.max(...own.map(({ contextTokens }) => contextTokens)),
    sizeBytes: 0,
    demonstration: own.every(({ demonstration }) => demonstration),
    state: states,
  };
}

/** A call that does nothing now: it is answered a moment later. */
const idle: Running = { cancel: () => undefined };

class Router {
  readonly #inner: Engines;
  readonly #ports: RoutePorts & { readonly limits: RouteLimits };
  readonly #cache: AnswerCache;
  /** Calls that each model of a route was given, for its turn. A route that was set anew is another object. */
  readonly #taken = new WeakMap<ModelRoute, Map<string, number>>();

  constructor(inner: Engines, ports: RoutePorts & { readonly limits: RouteLimits }) {
    this.#inner = inner;
    this.#ports = ports;
    this.#cache = new AnswerCache(ports.limits);
  }

  engine(name: EngineName): Engine {
    const inner = engineOf(this.#inner, name);
    return {
      models: () => {
        const models = inner.models();
        const routes = this.#ports.routes().flatMap((route) => infoOf(route, models) ?? []);
        const taken = new Set(routes.map(({ model }) => model));
        return [...models.filter(({ model }) => !taken.has(model)), ...routes];
      },
      watch: (listener) => inner.watch(listener),
      call: (request, hear) => {
        const route = this.#ports.routes().find((one) => one.name === request.model);
        if (route === undefined && request.cache === undefined) return inner.call(request, hear);
        const { cache: _, ...asked } = request;
        return route === undefined ? inner.call(asked, hear) : this.#callRoute(name, route, request, hear);
      },
    };
  }

  async explain(
    name: string,
    question: Question,
    { rulesOnly } = { rulesOnly: false },
  ): Promise<RouteExplanation | undefined> {
    const route = this.#ports.routes().find((one) => one.name === name);
    if (route === undefined) return undefined;
    const { clock, limits } = this.#ports;
    const request = { id: "explain", model: name, timeoutMs: limits.routeClassifyMs };
    const said = new Map<string, ReadonlyMap<string, number> | string>();
    const took: RouteExplanation["classified"][number][] = [];
    for (
      let model = this.#unknown(route, question, said);
      model !== undefined;
      model = this.#unknown(route, question, said)
    ) {
      const asked = model;
      if (rulesOnly) {
        said.set(asked, "rules alone were asked for");
        continue;
      }
      const sinceMs = clock.monotonicMs();
      const scores = await new Promise<ReadonlyMap<string, number> | string>((resolve) =>
        this.#classify(route, asked, question, request, resolve),
      );
      const ms = Math.round(clock.monotonicMs() - sinceMs);
      const words =
        typeof scores === "string"
          ? scores
          : likeliest(scores)
              .map((one) => (typeof one === "number" ? one.toFixed(2) : one))
              .join(" ");
      took.push({ model: asked, said: words, ms, ...(typeof scores === "string" && { failed: true }) });
      said.set(asked, scores);
    }
    const at = this.#knowledge("generate", route, request, said);
    const { members, chain, ...plan } = planRoute(route, question, at);
    return { route: name, ...plan, classified: took, models: [...members, ...chain] };
  }

  #knowledge(
    engine: EngineName,
    route: ModelRoute,
    request: Pick<EngineRequest, "id" | "person" | "key">,
    classified: Classified,
  ): Knowledge {
    return {
      classified,
      affinity: affinityOf(request),
      id: request.id,
      taken: (model) => this.#taken.get(route)?.get(model) ?? 0,
      room: (model) => this.#ports.room?.(engine, model),
      price: (model) => this.#ports.price?.(model),
    };
  }

  #count(route: ModelRoute, model: string): void {
    const counts = this.#taken.get(route) ?? new Map<string, number>();
    this.#taken.set(route, counts.set(model, (counts.get(model) ?? 0) + 1));
  }

  // --- answers that are kept -----------------------------------------------------------------------------------------

  #callRoute(engine: EngineName, route: ModelRoute, request: EngineRequest, hear: Hear): Running {
    const { cache: use, ...rest } = request;
    const { balance, prefer } = route;
    const asked = { ...rest, ...(balance !== undefined && { balance }), ...(prefer !== undefined && { prefer }) };
    const { cache } = route;
    if (cache === undefined || !mayCache(cache, engine, request)) {
      if (cache !== undefined) this.#cached(route, "passed");
      return this.#ask(engine, route, asked, hear);
    }
    const key = keyOf(route, engine, request);
    const kept = use === "renew" ? undefined : this.#cache.exact(key, this.#ports.clock.monotonicMs());
    if (kept !== undefined) return this.#sayAgain(engine, route, kept, "exact", hear);
    if (cache.semantic === undefined || key.alike === undefined) {
      this.#cached(route, "miss");
      return this.#ask(engine, route, asked, this.#keeping(engine, route, key, undefined, hear));
    }
    return this.#callAlike(engine, route, { key, semantic: cache.semantic, looks: use !== "renew" }, asked, hear);
  }

  #cached(route: ModelRoute, result: "hit" | "alike" | "miss" | "passed" | "kept" | "too-large"): void {
    this.#ports.meter.count("route_cache", 1, { route: route.name, result });
  }

  /** A miss makes a call of another model. */
  #callAlike(
    engine: EngineName,
    route: ModelRoute,
    {
      key,
      semantic,
      looks,
    }: {
      readonly key: CacheKey;
      readonly semantic: { readonly model: string; readonly threshold: number };
      readonly looks: boolean;
    },
    asked: EngineRequest,
    hear: Hear,
  ): Running {
    const { clock, limits, meter } = this.#ports;
    const look = (goOn: (vector: Float32Array | undefined) => void): Running =>
      this.#inner.embed.call(
        { ...before(asked, "vector", semantic.model, limits.cacheVectorMs), inputs: [key.alike?.question ?? ""] },
        ({ type, ...said }) => {
          if (type !== "answered" || !("result" in said)) return;
          const { result } = said;
          if (!result.ok) meter.count("route_vectors_failed", 1, { route: route.name, code: result.error.code });
          const bytes = result.ok ? (result.value as EmbedAnswer).vectors[0] : undefined;
          goOn(bytes === undefined ? undefined : floatsOf(bytes));
        },
      );
    return this.#after(engine, asked, hear, look, (vector, left) => {
      const kept =
        vector && looks ? this.#cache.alike(key, vector, semantic.threshold, clock.monotonicMs()) : undefined;
      if (kept !== undefined) return this.#sayAgain(engine, route, kept, "semantic", hear);
      this.#cached(route, "miss");
      return this.#ask(engine, route, left, this.#keeping(engine, route, key, vector, hear));
    });
  }

  /** A call before the call: that of the question itself comes after it, with what is left of its time, and not at all
   *  when it was cancelled. */
  #after<T>(
    engine: EngineName,
    asked: EngineRequest,
    hear: Hear,
    first: (goOn: (value: T) => void) => Running,
    then: (value: T, left: EngineRequest) => Running,
  ): Running {
    const { clock } = this.#ports;
    const endsMs = clock.monotonicMs() + asked.timeoutMs;
    let cancelled = false;
    let running: Running = idle;
    running = first((value) => {
      if (cancelled) return this.#answerStopped(engine, hear);
      running = then(value, { ...asked, timeoutMs: Math.max(0, endsMs - clock.monotonicMs()) });
    });
    return {
      cancel() {
        if (cancelled) return;
        cancelled = true;
        running.cancel();
      },
    };
  }

  // --- sorts of questions --------------------------------------------------------------------------------------------

  /** The model that a rule needs to know of a question. */
  #unknown(route: ModelRoute, question: Question | undefined, said: Classified): string | undefined {
    return question === undefined ? undefined : classifierFor(route.kinds ?? [], question, said);
  }

  #classify(
    route: ModelRoute,
    model: string,
    question: Question,
    asked: Pick<EngineRequest, "id" | "timeoutMs" | "person" | "key">,
    goOn: (said: ReadonlyMap<string, number> | string) => void,
  ): Running {
    const { limits, meter } = this.#ports;
    const inputs = [lastOf(question).slice(0, limits.classifiedCharsMax)];
    const request = { ...before(asked, "class", model, limits.routeClassifyMs), inputs };
    return this.#inner.classify.call(request, ({ type, ...said }) => {
      if (type !== "answered" || !("result" in said)) return;
      const { result } = said;
      meter.count("route_classified", 1, { route: route.name, model, result: result.ok ? "said" : result.error.code });
      if (!result.ok) return goOn(result.error.code);
      const { labels, scores } = result.value as ClassifyAnswer;
      const values = floatsOf(scores[0] ?? new Uint8Array());
      goOn(new Map(labels.map((label, index) => [label, values[index] ?? 0])));
    });
  }

  #answerStopped(engine: EngineName, hear: Hear): void {
    const { stopped } = traitsOf(engine);
    hear({
      type: "answered",
      result: stopped === undefined ? refused(failure("CANCELLED")) : { ok: true, value: stopped },
    });
  }

  #sayAgain(engine: EngineName, route: ModelRoute, kept: Kept, how: "exact" | "semantic", hear: Hear): Running {
    this.#cached(route, how === "exact" ? "hit" : "alike");
    const { parts, answer } = saidAgain(kept, how);
    let cancelled = false;
    // Nothing is said inside the call.
    this.#ports.clock.soon(() => {
      if (cancelled) return this.#answerStopped(engine, hear);
      for (const part of parts) hear({ type: "part", part });
      hear({ type: "answered", result: { ok: true, value: answer } });
    });
    return { cancel: () => void (cancelled = true) };
  }

  /** Hears an answer, and keeps it when it is whole and of the first choice. */
  #keeping(engine: EngineName, route: ModelRoute, key: CacheKey, vector: Float32Array | undefined, hear: Hear): Hear {
    const { clock, meter, limits } = this.#ports;
    let parts: EnginePart[] | undefined = [];
    let chars = 0;
    return (said) => {
      if (said.type === "part") {
        chars += (said.part as GenerationPart).text?.length ?? 0;
        if (2 * chars > limits.cacheEntryBytesMax) parts = undefined;
        parts?.push(withoutFrom(said.part));
        return hear(said);
      }
      const { result } = said;
      if (result.ok && isWorthKeeping(result.value)) {
        const seconds = route.cache?.seconds ?? 0;
        const untilMs = clock.monotonicMs() + seconds * 1_000;
        const kept =
          parts !== undefined && this.#cache.keep(key, { engine, parts, answer: result.value }, untilMs, vector);
        this.#cached(route, kept ? "kept" : "too-large");
        meter.gauge("route_cache_bytes", this.#cache.bytes);
        meter.gauge("route_cache_answers", this.#cache.count);
      }
      hear(said);
    };
  }

  // --- models --------------------------------------------------------------------------------------------------------

  #ask(
    engine: EngineName,
    route: ModelRoute,
    request: EngineRequest,
    hear: Hear,
    said: Classified = new Map(),
  ): Running {
    const question = engine === "generate" ? (request as GenerationRequest) : undefined;
    const unknown = this.#unknown(route, question, said);
    if (question !== undefined && unknown !== undefined)
      return this.#after<ReadonlyMap<string, number> | string>(
        engine,
        request,
        hear,
        (goOn) => this.#classify(route, unknown, question, request, goOn),
        (scores, left) => this.#ask(engine, route, left, hear, new Map([...said, [unknown, scores]])),
      );
    const { members, chain, kind } = planRoute(route, question, this.#knowledge(engine, route, request, said));
    const { clock, meter, limits } = this.#ports;
    if (kind !== undefined) meter.count("route_kinds", 1, { route: route.name, kind });
    const shadow = isShadowed(route, affinityOf(request)) ? this.#callShadow(engine, route, request) : idle;
    const inOrder: Call = (one, heard) => this.#callInOrder(engine, route, chain, one, heard);
    const { ensemble } = route;
    let running: Running;
    if (ensemble !== undefined && question !== undefined && members.length > 0) {
      const weights = new Map((route.steps[0] ?? []).map(({ model, weight }) => [model, weight]));
      const weighted = members.map(({ model }) => ({ model, weight: weights.get(model) ?? 1 }));
      const call: Call = (one, heard) => engineOf(this.#inner, engine).call(one, heard);
      const about = { row: ensemble, members: weighted, route: route.name };
      running = callEnsemble(about, question, hear, chain.length > 0 ? inOrder : undefined, {
        call,
        clock,
        meter,
        limits,
      });
    } else running = inOrder(request, hear);
    return {
      cancel() {
        running.cancel();
        shadow.cancel();
      },
    };
  }

  /** Tries one model after the other. */
  #callInOrder(
    engine: EngineName,
    route: ModelRoute,
    chain: readonly Chosen[],
    request: EngineRequest,
    hear: Hear,
  ): Running {
    const { clock, meter } = this.#ports;
    const inner = engineOf(this.#inner, engine);
    const [first, ...rest] = chain.map(({ model }) => model);
    const endsMs = clock.monotonicMs() + request.timeoutMs;
    let running: Running = idle;
    let cancelled = false;
    let over = false;

    const attempt = (model: string, others: readonly string[], instead: boolean): void => {
      let spoke = false;
      const [next, ...later] = others;
      const timeoutMs = endsMs - clock.monotonicMs();
      const from: AnswerFrom = { model, ...(instead && { instead }) };
      // A model without tools answers plainly only where no other is left.
      const { ifAble: _, ...asItIs } = request as GenerationRequest;
      running = inner.call({ ...(next === undefined ? request : asItIs), model, timeoutMs }, (said) => {
        if (said.type === "part") {
          const isFirst = !spoke;
          spoke = true;
          return hear(
            isFirst && engine === "generate"
              ? { type: "part", part: { ...(said.part as GenerationPart), from } }
              : said,
          );
        }
        const { result } = said;
        if (!result.ok && next !== undefined && !spoke && !cancelled && tryNext(result.error)) {
          meter.count("route_fallbacks", 1, { route: route.name, from: model, code: result.error.code });
          return attempt(next, later, true);
        }
        over = true;
        hear(
          result.ok
            ? { type: "answered", result: { ok: true, value: { ...result.value, from } as EngineAnswer } }
            : said,
        );
      });
      if (cancelled) running.cancel();
    };
    if (first === undefined) {
      const error = failure("MODEL_NOT_FOUND", { model: route.name, reason: "the route has no models" });
      clock.soon(() => hear({ type: "answered", result: refused(error) }));
    } else {
      this.#count(route, first);
      attempt(first, rest, false);
    }
    return {
      cancel() {
        if (over || cancelled) return;
        cancelled = true;
        running.cancel();
      },
    };
  }

  /** What it says is nobody's: only how it ended is counted. */
  #callShadow(engine: EngineName, route: ModelRoute, shadowed: EngineRequest): Running {
    const { onPlace: _onPlace, ...request } = shadowed;
    const model = route.shadow?.model ?? "";
    const asked = {
      ...request,
      id: `${request.id}/shadow`,
      partOf: request.id,
      model,
      person: "shadow",
      key: route.name,
    };
    return engineOf(this.#inner, engine).call(asked, (said) => {
      if (said.type !== "answered") return;
      const end = said.result.ok ? "complete" : said.result.error.code;
      this.#ports.meter.count("route_shadows", 1, { route: route.name, engine, model, end });
    });
  }
}

/** What a call before a call has of it: whose it is, and no more time. */
const before = (
  { id, person, key, timeoutMs }: Pick<EngineRequest, "id" | "timeoutMs" | "person" | "key">,
  what: string,
  model: string,
  mostMs: number,
) => ({
  id: `${id}/${what}`,
  partOf: id,
  model,
  timeoutMs: Math.min(mostMs, timeoutMs),
  ...(person !== undefined && { person }),
  ...(key !== undefined && { key }),
});

/** Not what a fault of the day made: what was stopped, came from another model than the first choice, or lacks
 *  members. */
function isWorthKeeping(answer: EngineAnswer): boolean {
  const { end, from } = answer as Partial<GenerationAnswer>;
  const judged = new Set(["complete", "length", "calls", "judged"]);
  return end !== "stopped" && from?.instead !== true && (from?.members ?? []).every((one) => judged.has(one.end));
}

/** Where an answer came from is said anew when it is given again. */
function withoutFrom(part: EnginePart): EnginePart {
  if (!("from" in part)) return part;
  const { from: _, ...rest } = part;
  return rest;
}
