/** Inference wherever the model is: a runtime that serves what this node's own runtime has, and streams the rest from a
 *  member that has it.
 *
 *      generate ─► own runtime has the model ─► it
 *               └► a member has it ─ start ─► its own runtime
 *                        ▲                        │
 *                        └──── parts, coalesced ──┘      connection lost: one `failed` RUNTIME_FAULT, outcome unknown
 *
 *  A generation is served by one other node at most: what comes from a peer goes to the own runtime only, so requests
 *  cannot go round in circles. */
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
  readonly onPart: (part: GenerationPart) => void;
  readonly cancelTimer: () => void;
}

/** A generation of another node on this one. */
interface Served {
  readonly generation: Generation;
  parts: GenerationPart[];
  scheduled: boolean;
}

interface Heard {
  readonly models: readonly ModelInfo[];
  readonly atMs: number;
}

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

  const others = (): MemberRecord[] =>
    membership.members().members.filter((member) => member.node !== node && membership.isUp(member.node));

  /** Asks a member again for its models when what is known of them is old. */
  const refresh = ({ node: peer }: MemberRecord): void => {
    const known = heard.get(peer);
    const nowMs = clock.monotonicMs();
    if (asking.has(peer) || (known && nowMs - known.atMs < limits.modelsFreshMs)) return;
    asking.add(peer);
    void exchange.call(peer, "generation.models", {}, limits.modelsTimeoutMs).then((answer) => {
      asking.delete(peer);
      const models = answer.ok && Array.isArray(answer.value) ? (answer.value as ModelInfo[]) : (known?.models ?? []);
      heard.set(peer, { models, atMs: clock.monotonicMs() });
    });
  };

  /** What a member serves: in detail once it has said so, by name from its record until then. */
  const modelsOf = (member: MemberRecord): readonly ModelInfo[] => {
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

  /** Which member runs this: one that has the model ready, else one that is loading it; the least used by this node. */
  const memberFor = (model: string): NodeId | undefined => {
    const used = new Map<NodeId, number>();
    for (const { at } of away.values()) used.set(at, (used.get(at) ?? 0) + 1);
    const may = others().flatMap((member) => {
      const models = modelsOf(member).filter(({ state }) => state !== "failed");
      const found = model === "" ? models[0] : models.find((info) => info.model === model);
      return found ? [{ node: member.node, ready: found.state === "ready", used: used.get(member.node) ?? 0 }] : [];
    });
    may.sort((one, other) => Number(other.ready) - Number(one.ready) || one.used - other.used);
    return may[0]?.node;
  };

  const hasOwn = (model: string): boolean => {
    const models = own.models();
    return model === "" ? models.length > 0 : models.some((info) => info.model === model);
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
    away.set(run, { at, onPart, cancelTimer });
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

  const flush = (to: NodeId, run: number): void => {
    const one = served.get(to)?.get(run);
    if (one === undefined) return;
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
    clock.after(limits.retryMaxMs, () => flush(to, run));
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
    if (servedCount >= limits.generationsServedMax || served.get(from)?.has(run) === true)
      return refuse(failure("QUEUE_FULL", { generationsServedMax: limits.generationsServedMax }));
    // Two nodes may choose the same id.
    const generation = own.generate({ ...request, id: `${from}/${run}/${request.id}` }, (part) => {
      const one = served.get(from)?.get(run);
      if (one === undefined) return;
      one.parts.push(part);
      if (one.scheduled) return;
      one.scheduled = true;
      clock.after(limits.partsCoalesceMs, () => flush(from, run));
    });
    const ofPeer = served.get(from) ?? new Map<number, Served>();
    served.set(from, ofPeer);
    ofPeer.set(run, { generation, parts: [], scheduled: false });
    servedCount += 1;
  });
  exchange.on("generation.cancel", ({ run }, from) => served.get(from)?.get(run)?.generation.cancel());
  exchange.on("generation.models", () => ({ ok: true, value: own.models() }));

  exchange.onPeer({
    connected: (peer) => void heard.delete(peer),
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
    models() {
      const mine = own.models();
      const names = new Set(mine.map(({ model }) => model));
      const union = [...mine];
      for (const member of others()) {
        for (const info of modelsOf(member)) {
          if (names.has(info.model) || info.state === "failed") continue;
          names.add(info.model);
          union.push({ ...info, node: member.name });
        }
      }
      return union;
    },
    generate(request, onPart) {
      const at = hasOwn(request.model) ? undefined : memberFor(request.model);
      // Nobody has it: the own runtime says so in its words.
      if (at === undefined) return own.generate(request, onPart);
      if (stopped || away.size >= limits.generationsRemoteMax) {
        const error = stopped
          ? failure("STOPPING")
          : failure("QUEUE_FULL", { generationsRemoteMax: limits.generationsRemoteMax });
        clock.soon(() => onPart({ type: "failed", error }));
        return { cancel: () => undefined };
      }
      return startAway(at, request, onPart);
    },
    stop() {
      stopped = true;
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
