/** What is decided of models that come and go: what one takes, how long it stays, what becomes of it when its host
 *  dies. `residency.ts` carries it out. Pure. */
import { assert, failure, refused, type EngineRequest, type Failure, type Result } from "../protocols/index.ts";
import type { LoadPlan, ModelSpec } from "./adapter.ts";
import type { LoadedFacts } from "./host/messages.ts";
import { runtimeLimits } from "./limits.ts";
import type { Taken, Tenant } from "./memory.ts";
import { mebibytes, type Model } from "./resident.ts";

/** A model of which nothing is known yet. */
export const newModel = (spec: ModelSpec, keepAliveMs: number): Model => ({
  spec,
  phase: { state: "idle" },
  pinned: spec.pinned ?? false,
  ordered: false,
  yields: false,
  unwanted: false,
  removed: false,
  plan: undefined,
  bytes: 0,
  shares: [],
  loadedMs: 0,
  loadTookMs: 0,
  usedMs: 0,
  keepAliveMs,
  caller: "nobody",
  deaths: 0,
  stopTimer: () => undefined,
  loads: [],
  leaves: [],
});

/** What a model takes by its plan: its own, and the files that it shares. */
export function takenOf({ memoryBytes, shares = [] }: LoadPlan): Required<Taken> {
  const shared = shares.reduce((sum, { bytes }) => sum + bytes, 0);
  assert(shared <= memoryBytes, "what is shared is a part of what is taken");
  return { bytes: memoryBytes - shared, shares };
}

/** What a model takes once it is loaded: no less than was reckoned. What was not read of a mapped file yet is not in
 *  its growth, so less proves nothing. */
export function grownBytes({ bytes, shares }: Model, { grewOwnBytes, grewByBytes }: LoadedFacts): number {
  const grewBytes = shares.length > 0 ? grewOwnBytes : grewByBytes;
  return Math.max(bytes, (grewBytes ?? 0) - runtimeLimits.growthSlackBytes);
}

/** A model that takes memory, as it is looked at when another one needs room. `calls`: those that run or wait. */
export function tenantOf(model: Model, calls: number): Tenant {
  const { spec, bytes, shares, pinned, usedMs, loadedMs, loadTookMs, phase } = model;
  return {
    name: spec.name,
    bytes,
    shares,
    pinned,
    leaving: isLeaving(model),
    calls,
    usedMs,
    loadedMs: phase.state === "loading" ? undefined : loadedMs,
    loadTookMs,
  };
}

/** How long a model stays that nobody calls. `usual`: of models that do not say. */
export function keepAliveOf({ keepAliveMs }: ModelSpec, usual: number | undefined): number {
  const wanted = keepAliveMs ?? usual ?? Infinity;
  return wanted < 0 ? Infinity : wanted;
}

/** Who calls a model, and how long it stays after a call. What others use as well does not leave because one of them is
 *  through with it. */
export function afterCall(model: Model, request: EngineRequest): Pick<Model, "caller" | "keepAliveMs"> {
  const person = request.person ?? "";
  const { caller: before, keepAliveMs: staysMs } = model;
  const isSame = before === "nobody" || (typeof before === "object" && before.person === person);
  const caller = isSame ? { person } : "several";
  const asked = request.keepAliveMs;
  if (asked === undefined || Number.isNaN(asked)) return { caller, keepAliveMs: staysMs };
  const keepAliveMs = asked < 0 ? Infinity : Math.min(asked, runtimeLimits.keepAliveMsMax);
  return { caller, keepAliveMs: caller === "several" ? Math.max(keepAliveMs, staysMs) : keepAliveMs };
}

/** What ended the models of a host. `unsure`: the host, and calls ran in it that may have ended it as well as a
 *  load. */
export interface Loss {
  readonly how: string;
  readonly by: "worker" | "host" | "unsure";
  readonly nowMs: number;
  /** Why this model is taken out, where it is. */
  readonly out: string | undefined;
}

/** What becomes of a model whose host died. */
interface Fate {
  readonly deaths: number;
  /** It is wanted in memory again. */
  readonly comesBack: boolean;
  /** Why it is not loaded any more. */
  readonly reason?: string;
}

/** Whether it comes back, or has been there too often when hosts died. */
export function fateOf(model: Model, { how, by, nowMs, out }: Loss): Fate {
  const { state } = model.phase;
  const isLoad = state === "loading";
  const isYoung = isLoad || (by === "worker" && nowMs - model.loadedMs < runtimeLimits.healthyAfterMs);
  // Twice as often while others were suspects: they are told apart before.
  const more = by === "unsure" ? 0.5 : 1;
  const deaths = isYoung ? model.deaths + more : state === "inspecting" ? model.deaths : 0;
  const comesBack = (!isLeaving(model) || model.ordered) && !model.unwanted;
  if (out !== undefined) return { deaths, comesBack, reason: out };
  const deathsMax = isLoad ? runtimeLimits.loadAttemptsMax : runtimeLimits.workerDeathsMax;
  if (deaths < deathsMax) return { deaths, comesBack };
  const what = by === "worker" ? by : "host";
  const when = isLoad ? "while it loaded" : "with";
  const reason = `the inference ${what} died ${Math.ceil(deaths)} times ${when} this model (${how})`;
  return { deaths, comesBack, reason };
}

/** Something of it is at its host. */
export const isAtHost = ({ phase: { state } }: Model): boolean =>
  state !== "idle" && state !== "failed" && state !== "wanted" && state !== "fitting";

/** Its host reads of it. */
export const isComing = ({ phase: { state } }: Model): boolean => state === "inspecting" || state === "loading";

const isLeaving = ({ phase: { state } }: Model): boolean => state === "draining" || state === "unloading";

/** The end of orders to load a model that was unloaded before it was there. */
export const unloadedMeanwhile = ({ spec: { name: model } }: Model): Result<void> =>
  refused(failure("CANCELLED", { model, reason: "it was unloaded meanwhile" }));

/** Why a load ended that an admin stopped. */
export const stoppedReason = "its load was stopped by an admin";

/** Why a model is never loaded here. */
export function noRoom(model: string, needBytes: number, mostBytes: number): Failure {
  const reason =
    `it needs about ${mebibytes(needBytes)} MiB, and at most ${mebibytes(mostBytes)} MiB can be free for it ` +
    `beside what is pinned; unpin a model, or use a smaller one`;
  const hint = "`plexus models suggest` shows which models fit a node";
  return failure("MODEL_LOAD_FAILED", { model, reason, hint });
}
