/** Names that stand for several models, in front of the engines of the cluster.
 *
 *      call of "smart" ─► step 1: a (95) or b (5), by affinity ─► chooseServer ─► answered
 *                             │ refused, before anything was said
 *                             └► the other of step 1 ─► step 2: c ─► …          shadow d: measured, thrown away
 *
 *  docs/decisions/0035-model-routes.md has the invariants. */
import {
  hash32,
  refused,
  failure,
  type EngineName,
  type EngineRequest,
  type ErrorCode,
  type Failure,
  type ModelInfo,
  type ModelRoute,
  type Said,
} from "../../protocols/index.ts";
import { engineOf, type Engine, type Engines, type Running } from "../../runtimes/engine.ts";
import type { Clock, Meter } from "../ports.ts";

/** The models of a route in the order in which they are tried for a call of this affinity. Pure: within a step by weighted
 *  rendezvous, so that each affinity has its own order, and models get calls as their weights say. */
export function modelsInOrder(route: ModelRoute, affinity: string): readonly string[] {
  const score = (model: string, weight: number): number => {
    // In (0, 1]: the logarithm of 0 would be lost.
    const chance = (hash32(`${affinity}\n${model}`) + 1) / 2 ** 32;
    return weight / -Math.log(chance);
  };
  const models = route.steps.flatMap((step) =>
    step
      .filter(({ weight }) => weight > 0)
      .toSorted((one, other) => score(other.model, other.weight) - score(one.model, one.weight))
      .map(({ model }) => model),
  );
  return [...new Set(models)];
}

/** Whether a call of this affinity is one of those that the shadow gets, too. */
export const isShadowed = ({ shadow }: ModelRoute, affinity: string): boolean =>
  shadow !== undefined && hash32(`shadow\n${affinity}`) % 100 < shadow.percent;

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

/** Whose conversation a call is of: with the same models it goes to the same one. */
const affinityOf = ({ person = "", key = "", id }: EngineRequest): string =>
  person === "" && key === "" ? id : `${person}\n${key}`;

/** What routes need around them. */
export interface RoutePorts {
  readonly routes: () => readonly ModelRoute[];
  readonly clock: Clock;
  readonly meter: Meter;
}

/** The engines of the cluster, with the routes among their models. */
export const routedEngines = (inner: Engines, ports: RoutePorts): Engines =>
  Object.fromEntries(
    (Object.keys(inner) as EngineName[]).map((name) => [name, routed(name, engineOf(inner, name), ports)]),
  ) as unknown as Engines;

function routed(name: EngineName, inner: Engine, ports: RoutePorts): Engine {
  return {
    models() {
      const models = inner.models();
      const routes = ports.routes().flatMap((route) => infoOf(route, models) ?? []);
      const taken = new Set(routes.map(({ model }) => model));
      return [...models.filter(({ model }) => !taken.has(model)), ...routes];
    },
    watch: (listener) => inner.watch(listener),
    call(request, hear) {
      const route = ports.routes().find((one) => one.name === request.model);
      return route === undefined ? inner.call(request, hear) : callRoute(name, inner, route, request, hear, ports);
    },
  };
}

/** A route as a model: it can do what one of its models can, and is as ready as the readiest. */
function infoOf(route: ModelRoute, models: readonly ModelInfo[]): ModelInfo | undefined {
  const own = modelsInOrder(route, "").flatMap((name) => models.find(({ model }) => model === name) ?? []);
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

function callRoute(
  engine: EngineName,
  inner: Engine,
  route: ModelRoute,
  request: EngineRequest,
  hear: (said: Said) => void,
  { clock, meter }: RoutePorts,
): Running {
  const affinity = affinityOf(request);
  const [first, ...rest] = modelsInOrder(route, affinity);
  const endsMs = clock.monotonicMs() + request.timeoutMs;
  let running: Running = { cancel: () => undefined };
  let cancelled = false;
  let over = false;

  const attempt = (model: string, others: readonly string[]): void => {
    let spoke = false;
    const [next, ...later] = others;
    const timeoutMs = endsMs - clock.monotonicMs();
    running = inner.call({ ...request, model, timeoutMs }, (said) => {
      if (said.type === "part") {
        spoke = true;
        return hear(said);
      }
      const { result } = said;
      if (!result.ok && next !== undefined && !spoke && !cancelled && tryNext(result.error)) {
        meter.count("route_fallbacks", 1, { route: route.name, from: model, code: result.error.code });
        return attempt(next, later);
      }
      over = true;
      hear(said);
    });
    if (cancelled) running.cancel();
  };
  const shadow = isShadowed(route, affinity) ? callShadow(engine, inner, route, request, meter) : running;
  if (first === undefined) {
    const error = failure("MODEL_NOT_FOUND", { model: route.name, reason: "the route has no models" });
    clock.soon(() => hear({ type: "answered", result: refused(error) }));
  } else attempt(first, rest);
  return {
    cancel() {
      if (over || cancelled) return;
      cancelled = true;
      running.cancel();
      shadow.cancel();
    },
  };
}

/** What it says is nobody's: only how it ended is counted. */
function callShadow(
  engine: EngineName,
  inner: Engine,
  route: ModelRoute,
  request: EngineRequest,
  meter: Meter,
): Running {
  const model = route.shadow?.model ?? "";
  return inner.call({ ...request, id: `${request.id}/shadow`, model, person: "shadow", key: route.name }, (said) => {
    if (said.type !== "answered") return;
    const end = said.result.ok ? "complete" : said.result.error.code;
    meter.count("route_shadows", 1, { route: route.name, engine, model, end });
  });
}
