/** Models in the memory of any node: what they are doing, and what admins order of them.
 *
 *      admin ─► gateway ─► this node's models, or inference.view / inference.order ══► another node's
 *
 *  An order is answered at once with the model as it is then: a load takes as long as its file is large. It is a task
 *  of the node that does it, and a caller that waits looks again. */
import {
  againOf,
  assert,
  failure,
  ok,
  refused,
  type ActWish,
  type Failure,
  type ModelInMemory,
  type NodeInference,
  type OrderRequest,
  type Result,
  type Suggestions,
} from "../../../protocols/index.ts";
import type { LocalModels } from "../../../runtimes/engine.ts";
import type { Exchange } from "../../cluster/exchange/index.ts";
import type { ActHold, InferenceControl, MemberRecord, Membership, NodeId, TaskControl } from "../../ports/index.ts";
import { modelLimits } from "./limits.ts";

type Resident = ReturnType<LocalModels["residents"]>[number];

/** This node's own models. */
type OwnModels = Pick<LocalModels, "residents" | "shares" | "memory" | "load" | "stopLoad" | "unload" | "pin"> & {
  /** Which models fit this machine; with `measure` after a short run, if none was made yet. */
  suggest(measure: boolean): Promise<Pick<Suggestions, "models" | "measured">>;
};

/** Makes it, and serves this node's models to the others. */
export function createInferenceControl(ports: {
  readonly node: NodeId;
  /** What people call this node. */
  readonly name: string;
  readonly own: OwnModels;
  readonly exchange: Exchange;
  readonly membership: Membership;
  /** Shows what takes long as a task. Absent: nobody sees it. */
  readonly follow?: TaskControl["follow"];
}): InferenceControl {
  const { node, name, own, exchange, membership } = ports;
  const ownView = (): NodeInference => viewOf(own, name);
  exchange.on("inference.view", () => ok({ inference: ownView() }));
  const ordered = (wanted: Order) => {
    const done = carryOut(ports, wanted);
    return done.ok ? ok({ resident: done.value }) : done;
  };
  exchange.on("inference.order", ordered);
  exchange.on("inference.begin", ordered);
  exchange.on("inference.suggest", async ({ measure }) =>
    ok({ suggestions: { node: name, ...(await own.suggest(measure)) } }),
  );

  const find = (text: string): Result<Pick<MemberRecord, "node" | "name">> => {
    if (text === node || text === name) return ok({ node, name });
    const { members } = membership.members();
    const found = members.find((one) => one.node === text) ?? members.find((one) => one.name === text);
    return found === undefined ? refused(failure("NOT_FOUND", { node: text })) : ok(found);
  };
  const viewAt = async (member: Pick<MemberRecord, "node" | "name">): Promise<NodeInference> => {
    if (member.node === node) return ownView();
    const answer = await exchange.call(member.node, "inference.view", {}, modelLimits.controlTimeoutMs);
    // What people call it, they were told by the directory, not by the node itself.
    return answer.ok
      ? { ...answer.value.inference, node: member.name }
      : { node: member.name, error: answer.error, models: [] };
  };
  const tell = async (to: NodeId, { by = "", ...wanted }: Order) => {
    const asked = await exchange.call(to, "inference.begin", { ...wanted, by }, modelLimits.controlTimeoutMs);
    if (asked.ok || asked.error.code !== "VERSION_UNSUPPORTED") return asked;
    return exchange.call(to, "inference.order", wanted, modelLimits.controlTimeoutMs);
  };
  return {
    async view(text) {
      if (text !== undefined) {
        const found = find(text);
        return found.ok ? ok([await viewAt(found.value)]) : found;
      }
      const others = membership.members().members.filter((one) => one.node !== node && one.roles.includes("ai"));
      const views = [ownView()];
      for (let at = 0; at < others.length; at += modelLimits.findAtOnceMax)
        views.push(...(await Promise.all(others.slice(at, at + modelLimits.findAtOnceMax).map(viewAt))));
      return ok(views);
    },
    async suggest({ node: text = node, measure }) {
      const found = find(text);
      if (!found.ok) return found;
      const { node: to, name } = found.value;
      const about = { node: name };
      if (to === node) return ok({ ...(await own.suggest(measure)), ...about });
      const answer = await exchange.call(to, "inference.suggest", { measure }, modelLimits.suggestTimeoutMs);
      return answer.ok ? ok({ ...answer.value.suggestions, ...about }) : answer;
    },
    async order({ node: text = node, model, order, drain = false, by }) {
      const found = find(text);
      if (!found.ok) return found;
      const { node: to, name } = found.value;
      const given = { model, order, drain, ...(by !== undefined && { by }) };
      const done = to === node ? ordered(given) : await tell(to, given);
      return done.ok
        ? ok(done.value.resident)
        : refused({ ...done.error, details: { ...done.error.details, node: name } });
    },
  };
}

interface Order extends Omit<OrderRequest, "node"> {
  readonly drain: boolean;
}

/** Begins what is ordered of a model of this node. What takes a while is a task. */
function carryOut(
  { own, name, follow }: Parameters<typeof createInferenceControl>[0],
  { model, order, drain, by }: Order,
): Result<ModelInMemory> {
  const look = (): Resident | undefined => own.residents().find(({ spec }) => spec.name === model);
  const found = look();
  if (found === undefined) {
    const known = own
      .residents()
      .map(({ spec }) => spec.name)
      .slice(0, modelLimits.namesShownMax);
    const reason = known.length === 0 ? "this node has no models" : "this node has no such model; --node names another";
    return refused(failure("MODEL_NOT_FOUND", { model, reason, models: known }));
  }
  const refusal = order === "unload" ? whyStays(found, drain) : undefined;
  if (refusal !== undefined) return refused(refusal);
  if (order === "pin" || order === "unpin") {
    const pinned = own.pin(model, order === "pin");
    if (!pinned.ok) return pinned;
  }
  const wanted = { model, node: name, ...(order === "unload" && { drain }) };
  const act = {
    what: order === "unload" ? `Unloading of ${model}` : `Load of ${model}`,
    again: againOf(`inference.${order}`, wanted),
    ...(by !== undefined && by !== "" && { by }),
  };
  const followed = (one: ActWish, work: Promise<Result<void>>, hold: ActHold): void =>
    void follow?.(one, work, { ...hold, answered: true });
  if (order === "unload") {
    // Of one that is on its way in, to unload it is to stop that.
    if (isComing(found)) own.stopLoad(model);
    else followed(act, own.unload(model), {});
  } else if (found.state === "ready") {
    if (order === "load") void own.load(model);
  } else if (order !== "unpin") {
    const cancel = (): Result<void> => {
      // An order is taken back whole. A model has one load: every other order of it ends with it.
      if (order === "pin") own.pin(model, false);
      return own.stopLoad(model);
    };
    const work = own.load(model).then((done) => (done.ok ? done : refused(withHint(done.error, model))));
    followed(act, work, { cancel, look: () => standOf(look()) });
  }
  const now = look();
  assert(now !== undefined, "an order removes no model");
  return ok(toldOf(now));
}

const isComing = ({ place }: Resident): boolean => place === "waiting" || place === "loading";

/** How far a load is, as its task tells it. */
function standOf(one: Resident | undefined) {
  if (one === undefined) return {};
  const { place, because, share, plan } = one;
  if (place === "waiting") return { advice: `${because}.`.replace(/^i/, "I") };
  if (place !== "loading" || share === undefined || plan === undefined) return {};
  const { sizeBytes } = plan;
  return {
    share,
    ...(sizeBytes > 0 && { progress: { readBytes: Math.round(share * sizeBytes), totalBytes: sizeBytes } }),
  };
}

/** Why a load failed, with what to do where the failure does not say it. */
const withHint = (error: Failure, model: string): Failure =>
  error.code !== "MODEL_LOAD_FAILED" || error.details?.["hint"] !== undefined
    ? error
    : {
        ...error,
        details: {
          ...error.details,
          hint:
            `Look whether its files are whole (plexus models verify ${model}), and pull it again where they are not; ` +
            "if they are, this node's engine cannot run it: use another file of the model, or another node",
        },
      };

/** Why a model is not unloaded now; the words say what to do. */
function whyStays({ spec, pinned, running, waiting, state, because }: Resident, drain: boolean) {
  const model = spec.name;
  if (pinned) return failure("FORBIDDEN", { model, reason: "it is pinned: unpin it first" });
  if (state === "failed") return failure("ALREADY_DONE", { model, reason: because });
  if (drain || running + waiting === 0) return undefined;
  const reason =
    "calls run or wait: repeat it when they have ended, or with `drain`, which lets those that run end first";
  return failure("MODEL_BUSY", { model, running, waiting, reason, retryAfterMs: modelLimits.busyRetryMs });
}

const viewOf = (own: OwnModels, node: string): NodeInference => {
  const { threads, memory } = own.shares();
  return {
    node,
    memory: { ...own.memory(), because: memory.because },
    threads,
    models: own.residents().map(toldOf),
  };
};

/** What admins are told of a model. */
function toldOf(one: Resident): ModelInMemory {
  const { spec, place, because, pinned, memoryBytes, plan, facts, threads, running, waiting } = one;
  const { keepAliveMs, leavesInMs, tokensPerSecond, strikes } = one;
  return {
    model: spec.name,
    runtime: spec.adapter,
    state: place,
    because: (strikes === undefined ? because : `${strikes}; ${because}`).slice(0, modelLimits.reasonCharsMax),
    pinned,
    memoryBytes,
    ...(plan && { estimatedBytes: plan.memoryBytes }),
    ...(plan?.parts && { parts: plan.parts }),
    ...(facts?.grewByBytes !== undefined && { grewByBytes: facts.grewByBytes }),
    ...(facts && { device: facts.device, contextTokens: facts.contextTokens, places: facts.sequences }),
    ...(facts?.onCard && { layers: facts.onCard.layers }),
    ...(facts?.onCard?.bytes !== undefined && { gpuBytes: facts.onCard.bytes }),
    ...(facts?.batchTokens !== undefined && { batchTokens: facts.batchTokens }),
    ...(threads && { threads }),
    ...(keepAliveMs !== undefined && { keepAliveMs }),
    ...(leavesInMs !== undefined && { leavesInMs: Math.round(leavesInMs) }),
    running,
    waiting,
    ...(tokensPerSecond !== undefined && { tokensPerSecond: Number(tokensPerSecond.toPrecision(3)) }),
  };
}
