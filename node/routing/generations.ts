/** Inference wherever the model is: on a node with the role `ai` that has it, this one or another.
 *
 *      generate ─► who has the role and the model? ─► this node ─► own runtime
 *                        │                 └► a member ─ start ─► its own runtime
 *                        │                        ▲                    │
 *                        ▼                        └─ parts, coalesced ─┘   connection lost: one `failed` RUNTIME_FAULT,
 *          nobody: MODEL_NOT_FOUND; nobody now: MODEL_UNAVAILABLE            outcome unknown
 *
 *  A generation is served by one other node at most: what comes from a peer goes to the own runtime only, so requests
 *  cannot go round in circles. Members are asked for their models when they connect, and again when their row changes. */
import {
  failure,
  type Failure,
  type GenerationPart,
  type GenerationRequest,
  type ModelInfo,
} from "../../protocols/index.ts";
import type { Generation, Runtime } from "../../runtimes/runtime.ts";
import type { MemberRecord, NodeId } from "../ports.ts";
import type { RoutingPorts } from "./index.ts";
import type { RoutingLimits } from "./limits.ts";

/** A generation of this node on another one. */
interface Away {
  readonly at: NodeId;
  readonly person: string | undefined;
  readonly onPart: (part: GenerationPart) => void;
  readonly cancelTimer: () => void;
}

/** A generation of another node on this one. */
interface Served {
  readonly person: string | undefined;
  generation: Generation;
  parts: GenerationPart[];
  scheduled: boolean;
}

interface Heard {
  readonly models: readonly ModelInfo[];
  readonly atMs: number;
  /** The member's row when it was asked: with another one, it may have other models. */
  readonly row: MemberRecord;
}

/** Where a generation could run. */
interface Candidate {
  readonly node: NodeId;
  readonly active: boolean;
  readonly ready: boolean;
  /** Generations of this node that run there. */
  readonly used: number;
  readonly gpu: boolean;
  readonly here: boolean;
}

/** The better first: one that is not draining, has the model ready, is used less by this node, has a graphics card. */
const compare = (one: Candidate, other: Candidate): number =>
  Number(other.active) - Number(one.active) ||
  Number(other.ready) - Number(one.ready) ||
  one.used - other.used ||
  Number(other.gpu) - Number(one.gpu) ||
  Number(other.here) - Number(one.here);

/** Longer than the request's own deadline by this, before a silent peer counts as lost: its own deadline comes first. */
const graceMs = 2_000;

/** Makes the runtime of the whole cluster. Its `stop` leaves the own runtime alone. */
export function createGenerations(ports: RoutingPorts, limits: RoutingLimits): Runtime {
  const { node, exchange, membership, runtime: own, clock, meter } = ports;
  const away = new Map<number, Away>();
  const served = new Map<NodeId, Map<number, Served>>();
  const heard = new Map<NodeId, Heard>();
  const asking = new Set<NodeId>();
  let servedCount = 0;
  let lastRun = 0;
  let stopped = false;

  /** Everybody with the role, up or not. */
  const servers = (): MemberRecord[] => membership.members().members.filter(({ roles }) => roles.includes("ai"));
  const self = (): MemberRecord | undefined => membership.members().members.find((member) => member.node === node);
  const serves = (): boolean => self()?.roles.includes("ai") === true;
  /** Those that a generation may be sent to, and this node: it serves its own also while it drains. */
  const reachable = (): MemberRecord[] =>
    servers().filter((member) => member.node === node || (member.state === "active" && membership.isUp(member.node)));

  /** Asks a member again for its models when what is known of them is old. */
  const refresh = (member: MemberRecord): void => {
    const peer = member.node;
    const known = heard.get(peer);
    const nowMs = clock.monotonicMs();
    if (stopped || asking.has(peer)) return;
    if (known?.row === member && nowMs - known.atMs < limits.modelsFreshMs) return;
    asking.add(peer);
    void exchange.call(peer, "generation.models", {}, limits.modelsTimeoutMs).then((answer) => {
      asking.delete(peer);
      // Without an answer what was known stands, and the next generation asks again.
      if (!answer.ok) return;
      heard.set(peer, { models: answer.value, atMs: clock.monotonicMs(), row: member });
      refreshAll();
    });
  };
  const refreshAll = (): void => {
    for (const member of reachable()) if (member.node !== node) refresh(member);
  };
  const endWatch = membership.onChange(refreshAll);

  /** What a member serves: in detail once it has said so, by name from its record until then. */
  const modelsOf = (member: MemberRecord): readonly ModelInfo[] => {
    if (member.node === node) return own.models();
    refresh(member);
    return (
      heard.get(member.node)?.models ??
      member.models.map((model) => ({
        model,
        runtime: model === "echo" ? "echo" : "llama",
        contextTokens: 0,
        sizeBytes: 0,
        demonstration: false,
        state: "ready",
      }))
    );
  };

  /** The models of the cluster, each once, this node's first. */
  const union = (): readonly ModelInfo[] => {
    const found = new Map<string, ModelInfo>();
    const others = reachable().filter((member) => member.node !== node);
    if (serves()) for (const info of own.models()) found.set(info.model, info);
    for (const member of others) {
      for (const info of modelsOf(member)) {
        const known = found.get(info.model);
        if (known === undefined ? info.state !== "failed" : known.state === "failed" && info.state !== "failed")
          found.set(info.model, { ...info, node: member.name });
      }
    }
    return [...found.values()];
  };

  /** The model that an unnamed one means: the first that serves, else the first that may soon. */
  const defaultModel = (): string => {
    const models = union().filter(({ state }) => state !== "failed");
    return (models.find(({ state }) => state === "ready") ?? models[0])?.model ?? "";
  };

  const nodeFor = (model: string): NodeId | undefined => {
    const used = new Map<NodeId, number>();
    for (const { at } of away.values()) used.set(at, (used.get(at) ?? 0) + 1);
    const may = reachable().flatMap((member): Candidate[] => {
      const found = modelsOf(member).find((info) => info.model === model && info.state !== "failed");
      if (found === undefined) return [];
      // To run here costs no way: this node counts as unused, and only a graphics card elsewhere is better.
      const here = member.node === node;
      const { node: at, gpu, state } = member;
      return [
        { node: at, active: state === "active", ready: found.state === "ready", used: used.get(at) ?? 0, gpu, here },
      ];
    });
    return may.sort(compare)[0]?.node;
  };

  /** Why nobody runs it. That there is no such model is said only when everybody who might have it was heard. */
  const refusal = (model: string): Failure => {
    const is = (name: string): boolean => model === "" || name === model;
    const among = reachable();
    const failed = among
      .flatMap((member) => modelsOf(member).map((info) => ({ ...info, node: member.name })))
      .find((info) => info.state === "failed" && is(info.model));
    if (failed) return failure("MODEL_LOAD_FAILED", { model: failed.model, node: failed.node, reason: failed.reason });
    const unheard = among.some((member) => member.node !== node && !heard.has(member.node));
    const gone = servers().some((member) => !among.includes(member) && member.models.some(is));
    if (self() === undefined || unheard || gone) return failure("MODEL_UNAVAILABLE", { model });
    return failure("MODEL_NOT_FOUND", { model, ai: among.map(({ name }) => name) });
  };

  /** The places of a node are for all of its people. */
  const tooMany = (person: string | undefined, all: Iterable<{ readonly person: string | undefined }>) => {
    let count = 0;
    for (const one of all) if (one.person === person) count += 1;
    const max = limits.generationsPerPersonMax;
    return person !== undefined && count >= max ? failure("QUEUE_FULL", { generationsPerPersonMax: max }) : undefined;
  };

  // --- generations of this node on others ----------------------------------------------------------------------------

  const settle = (run: number, part: GenerationPart): void => {
    const open = away.get(run);
    if (open === undefined) return;
    if (part.type !== "text") {
      away.delete(run);
      open.cancelTimer();
    }
    open.onPart(part);
  };
  const fail = (run: number, error: Failure): void => settle(run, { type: "failed", error });

  const startAway = (at: NodeId, request: GenerationRequest, onPart: Away["onPart"]): Generation => {
    lastRun += 1;
    const run = lastRun;
    const cancelTimer = clock.after(request.timeoutMs + graceMs, () => {
      exchange.send(at, "generation.cancel", { run });
      fail(run, failure("GENERATION_TIMEOUT", { node: at }));
    });
    away.set(run, { at, person: request.person, onPart, cancelTimer });
    meter.count("generations_away");
    // No part is delivered inside this call.
    if (!exchange.send(at, "generation.start", { run, request })) {
      clock.soon(() => fail(run, failure("QUEUE_FULL", { node: at, reason: "the connection takes no more" })));
    }
    return { cancel: () => void (away.has(run) && exchange.send(at, "generation.cancel", { run })) };
  };

  exchange.on("generation.parts", ({ run, parts }, from) => {
    if (away.get(run)?.at !== from) return;
    for (const part of parts) settle(run, part);
  });

  // --- generations of others on this node ----------------------------------------------------------------------------

  /** A peer numbers its runs anew when it starts anew: what an earlier life of it asked for must not answer the next. */
  const isServed = (to: NodeId, run: number, one: Served): boolean => served.get(to)?.get(run) === one;

  const flush = (to: NodeId, run: number, one: Served): void => {
    if (!isServed(to, run, one)) return;
    one.scheduled = false;
    const parts = coalesced(one.parts.splice(0));
    if (parts.length === 0) return;
    const over = parts.at(-1)?.type !== "text";
    if (exchange.send(to, "generation.parts", { run, parts: parts as never })) {
      if (over) end(to, run);
      return;
    }
    // The peer does not take them now: they wait, joined to one text, which the request's own bound of tokens keeps small.
    one.parts = parts;
    one.scheduled = true;
    clock.after(limits.retryMaxMs, () => flush(to, run, one));
  };

  const end = (to: NodeId, run: number): void => {
    const ofPeer = served.get(to);
    if (ofPeer?.delete(run)) servedCount -= 1;
    if (ofPeer?.size === 0) served.delete(to);
  };

  exchange.on("generation.start", ({ run, request }, from) => {
    const refuse = (error: Failure): void =>
      void exchange.send(from, "generation.parts", { run, parts: [{ type: "failed", error }] });
    if (stopped) return refuse(failure("STOPPING"));
    if (!serves()) return refuse(failure("MODEL_UNAVAILABLE", { node, reason: "it has not the role ai" }));
    if (servedCount >= limits.generationsServedMax || served.get(from)?.has(run) === true)
      return refuse(failure("QUEUE_FULL", { generationsServedMax: limits.generationsServedMax }));
    const full = tooMany(request.person, [...served.values()].flatMap((ofOne) => [...ofOne.values()])); // prettier-ignore
    if (full !== undefined) return refuse(full);
    const ofPeer = served.get(from) ?? new Map<number, Served>();
    const one: Served = {
      person: request.person,
      generation: { cancel: () => undefined },
      parts: [],
      scheduled: false,
    };
    served.set(from, ofPeer);
    ofPeer.set(run, one);
    servedCount += 1;
    // Two nodes may choose the same id. An older node does not say whose it is: all of its people take turns as one.
    const known = { ...request, id: `${from}/${run}/${request.id}`, person: request.person ?? `node/${from}` };
    one.generation = own.generate(known, (part) => {
      if (!isServed(from, run, one)) return;
      one.parts.push(part);
      if (one.scheduled) return;
      one.scheduled = true;
      clock.after(limits.partsCoalesceMs, () => flush(from, run, one));
    });
  });
  exchange.on("generation.cancel", ({ run }, from) => served.get(from)?.get(run)?.generation.cancel());
  exchange.on("generation.models", () => ({ ok: true, value: serves() ? own.models() : [] }));

  exchange.onPeer({
    connected(peer) {
      heard.delete(peer);
      refreshAll();
    },
    disconnected(peer) {
      for (const [run, { at }] of away)
        if (at === peer) fail(run, failure("RUNTIME_FAULT", { node: peer, because: "PEER_LOST" }));
      for (const { generation } of served.get(peer)?.values() ?? []) generation.cancel();
      servedCount -= served.get(peer)?.size ?? 0;
      served.delete(peer);
      heard.delete(peer);
    },
  });

  return {
    models: union,
    generate(asked, onPart) {
      const refuse = (error: Failure): Generation => {
        meter.count("generations", 1, { model: "unknown", end: error.code });
        clock.soon(() => onPart({ type: "failed", error }));
        return { cancel: () => undefined };
      };
      const request = { ...asked, model: asked.model || defaultModel() };
      const at = nodeFor(request.model);
      if (at === node) return own.generate(request, onPart);
      if (stopped) return refuse(failure("STOPPING"));
      if (at === undefined) return refuse(refusal(request.model));
      if (away.size >= limits.generationsRemoteMax)
        return refuse(failure("QUEUE_FULL", { generationsRemoteMax: limits.generationsRemoteMax }));
      const full = tooMany(request.person, away.values());
      if (full !== undefined) return refuse(full);
      return startAway(at, request, onPart);
    },
    stop() {
      stopped = true;
      endWatch();
      for (const [run, { at }] of away) {
        exchange.send(at, "generation.cancel", { run });
        fail(run, failure("STOPPING"));
      }
      return Promise.resolve();
    },
  };
}

/** Joins neighbouring texts. */
function coalesced(parts: readonly GenerationPart[]): GenerationPart[] {
  const joined: GenerationPart[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (part.type === "text" && last?.type === "text")
      joined[joined.length - 1] = { type: "text", text: last.text + part.text, tokens: last.tokens + part.tokens };
    else joined.push(part);
  }
  return joined;
}
