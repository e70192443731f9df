/** One node's side of calls of models between nodes, as asker and as server: see `index.ts`. */
import {
  isSignOfLife,
  engineNames,
  modelEngines,
  traitsOf,
  failure,
  ok,
  refused,
  type Balance,
  type CallPlace,
  type PlaceListener,
  type Preference,
  type EngineName,
  type EngineRequest,
  type Failure,
  type GenerationAnswer,
  type ModelInfo,
  type Said,
  type SpanFacts,
  type TraceContext,
  type ServingRow,
} from "../../../protocols/index.ts";
import { engineOf, type Engine, type Engines, type Running } from "../../../runtimes/engine.ts";
import { limitSilence, type Silence } from "../../../runtimes/silence.ts";
import { askedAsAble } from "./able.ts";
import { misfit, oversize, type Exchange } from "../../cluster/exchange/index.ts";
import type { Clock, Membership, Meter, NodeId, Tracer } from "../../ports/index.ts";
import { callLimits, type CallLimits } from "./limits.ts";
import { chooseServer, explainServers, modelsServed, offersOfModel, type Standing } from "./choice.ts";
import { affinityOf, type Room } from "./draws.ts";

type Hear = (said: Said) => void;
type Part = Extract<Said, { type: "part" }>["part"];
type Answered = Extract<Said, { type: "answered" }>["result"];

/** A call of this node on another one. */
interface Away {
  readonly at: NodeId;
  readonly sinceMs: number;
  readonly person: string | undefined;
  readonly hear: Hear;
  readonly onPlace: PlaceListener | undefined;
  readonly silence: Silence;
}

/** A call of another node on this one. */
interface Served {
  readonly person: string | undefined;
  readonly engine: EngineName;
  running: Running;
  parts: Part[];
  /** Where it is, as long as nothing of it is said. */
  place: CallPlace | undefined;
  result: Answered | undefined;
  scheduled: boolean;
}

/** What calls between nodes need. */
interface CallPorts {
  readonly node: NodeId;
  readonly exchange: Exchange;
  readonly membership: Membership;
  /** This node's own engines. */
  readonly engines: Engines;
  /** Calls of engines under way at a member when it last said so. */
  callsAt?(node: NodeId): { readonly calls: number; readonly agoMs: number } | undefined;
  /** What counts first where several nodes have a model, of calls that do not say. Absent: nothing does. */
  readonly prefer?: Preference;
  /** What a model costs, in units for a million tokens read and as many written. Absent: nobody has said. */
  price?(model: string): number | undefined;
  readonly clock: Clock;
  readonly meter: Meter;
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer;
  readonly limits?: Partial<CallLimits>;
}

/** The engines of the whole cluster. */
export interface Calls {
  readonly engines: Engines;
  /** Calls that run or wait in this node's own engines. */
  busy(): number;
  /** Every model of these engines with the nodes that offer it, and which of them this node would choose. Absent: of
   *  all that have models. */
  explain(engines?: readonly EngineName[]): readonly ServingRow[];
  /** How full the node is that a call of a model would go to; undefined: none would. */
  room(engine: EngineName, model: string): Room | undefined;
  /** Gives up the calls that run at other nodes. This node's engines go on. */
  stop(): void;
}

/** With what the node advertises of the model, so that a caller that asks again knows how much it may ask. */
const withContext = (engine: EngineName, said: Said, contextTokens: number): Said =>
  engine === "generate" && said.type === "answered" && said.result.ok
    ? { type: "answered", result: ok({ ...(said.result.value as GenerationAnswer), contextTokens }) }
    : said;

/** What of a request goes to another node. */
function withoutListener(request: EngineRequest): Omit<EngineRequest, "onPlace"> {
  const { onPlace: _onPlace, ...rest } = request;
  return rest;
}

/** A step of a trace that ends with the answer. */
function tracing(
  tracer: Tracer | undefined,
  trace: TraceContext | undefined,
  [name, facts]: readonly [name: string, facts: SpanFacts],
  hear: Hear,
): { readonly hear: Hear; readonly context: TraceContext | undefined } {
  const span = trace === undefined ? undefined : tracer?.under(trace, name, facts);
  if (span === undefined) return { hear, context: trace };
  return {
    context: span.context,
    hear(said) {
      if (said.type === "answered") span.end(said.result.ok ? undefined : said.result.error.code);
      hear(said);
    },
  };
}

/** Makes the engines of the whole cluster of those of this node. */
export function createCalls(ports: CallPorts): Calls {
  const limits: CallLimits = { ...callLimits, ...ports.limits };
  const { node, exchange, membership, engines: own, clock, meter } = ports;
  const away = new Map<number, Away>();
  const served = new Map<NodeId, Map<number, Served>>();
  /** Runs that were refused and whose node does not know yet: its connection took no more. */
  const refusing = new Map<NodeId, Set<number>>();
  /** Calls of each model that nodes take in turn. */
  const turns = new Map<string, number>();
  let servedCount = 0;
  let here = 0;
  let lastRun = 0;
  let stopped = false;

  /** Everybody, as this node knows them, with what they offer of these engines. */
  const standings = (engines: readonly EngineName[]): readonly Standing[] => {
    const nowMs = clock.monotonicMs();
    /** The load that a member last reported, and the calls that this node has sent there since. */
    const callsAt = (at: NodeId): number => {
      const { calls, agoMs } = ports.callsAt?.(at) ?? { calls: 0, agoMs: Infinity };
      const since = [...away.values()].filter((one) => one.at === at && one.sinceMs > nowMs - agoMs);
      return calls + since.length;
    };
    return membership.members().members.map((member): Standing => {
      const at = member.node;
      if (at === node) {
        const offers = engines.flatMap((engine) => own[engine].models().map((info) => ({ ...info, engine })));
        return { member, here: true, up: true, offers, calls: here };
      }
      return { member, here: false, up: membership.isUp(at), offers: member.offers, calls: callsAt(at) };
    });
  };
  const serves = (): boolean =>
    membership.members().members.some((member) => member.node === node && member.roles.includes("ai"));

  /** The places of a node are for all of its people. */
  const tooMany = (person: string | undefined, all: Iterable<{ readonly person: string | undefined }>) => {
    let count = 0;
    for (const one of all) if (one.person === person) count += 1;
    const max = limits.callsBetweenNodesPerPersonMax;
    return person !== undefined && count >= max
      ? failure("QUEUE_FULL", { callsBetweenNodesPerPersonMax: max })
      : undefined;
  };

  /** Has this node's own engine do it. */
  const callHere = (
    engine: EngineName,
    request: EngineRequest,
    hear: Hear,
    trace: TraceContext | undefined,
  ): Running => {
    here += 1;
    const step = ["infer", { engine, model: request.model ?? "" }] as const;
    const heard = tracing(ports.tracer, trace, step, hear).hear;
    return engineOf(own, engine).call(request, (said) => {
      if (said.type === "answered") here -= 1;
      heard(said);
    });
  };

  /** Sends when the connection has room, unless nobody waits for it any more by then. */
  const insist = (send: () => boolean, isWanted: () => boolean): void => {
    if (isWanted() && !send()) clock.after(limits.callRetryMs, () => insist(send, isWanted));
  };

  // --- calls of this node on others ----------------------------------------------------------------------------------

  const settle = (run: number, result: Answered): void => {
    const open = away.get(run);
    if (open === undefined) return;
    away.delete(run);
    open.silence.stop();
    open.hear({ type: "answered", result });
  };

  const callAway = (
    at: NodeId,
    engine: EngineName,
    { onPlace, ...request }: EngineRequest,
    told: Hear,
    from: TraceContext | undefined,
  ): Running => {
    const step = ["call", { engine, model: request.model ?? "", to: at }] as const;
    const { hear, context: trace } = tracing(ports.tracer, from, step, told);
    const run = lastRun;
    const { timeoutMs, silenceMs } = request;
    const grace = limits.callGraceMs;
    const silence = limitSilence(
      clock,
      { wholeMs: timeoutMs + grace, silenceMs: silenceMs === undefined ? undefined : silenceMs + grace },
      () => {
        exchange.send(at, "engine.cancel", { run });
        settle(run, refused(failure("GENERATION_TIMEOUT", { node: at })));
      },
    );
    away.set(run, { at, sinceMs: clock.monotonicMs(), person: request.person, hear, onPlace, silence });
    meter.count("calls_away", 1, { engine });
    // Nothing is said inside this call.
    const body = { run, request, ...(trace !== undefined && { trace }) };
    if (!exchange.send(at, `engine.${engine}`, body as never)) {
      const full = failure("QUEUE_FULL", { node: at, reason: "the connection takes no more" });
      clock.soon(() => settle(run, refused(oversize(body) ?? full)));
    }
    let cancelled = false;
    return {
      cancel() {
        if (cancelled) return;
        cancelled = true;
        insist(
          () => exchange.send(at, "engine.cancel", { run }),
          () => away.has(run),
        );
      },
    };
  };

  // --- calls of others on this node ----------------------------------------------------------------------------------

  /** A peer numbers its runs anew when it starts anew: answers to its earlier process must not reach the next. */
  const isServed = (to: NodeId, run: number, one: Served): boolean => served.get(to)?.get(run) === one;

  const flush = (to: NodeId, run: number, one: Served): void => {
    if (!isServed(to, run, one)) return;
    one.scheduled = false;
    const gathered = one.parts.splice(0);
    const parts = gathered.length > 1 ? traitsOf(one.engine).join(gathered) : gathered;
    const { result, place } = one;
    one.place = undefined;
    if (parts.length === 0 && result === undefined && place === undefined) return;
    const said = { run, parts, ...(place && parts.length === 0 && { place }), ...(result && { result }) };
    // An adapter makes the answer from the words of a model or of another server. An answer that no message can carry
    // must neither be tried for ever nor cost the connection that all calls share.
    const wrong = misfit(`engine.${one.engine}.said`, said);
    if (wrong === undefined && exchange.send(to, `engine.${one.engine}.said`, said as never)) {
      if (result !== undefined) end(to, run);
      return;
    }
    const never =
      wrong === undefined
        ? oversize(said)
        : failure("OUTPUT_UNFIT", { reason: "it has more than a message between nodes takes" });
    if (never !== undefined) {
      one.running.cancel();
      one.result = refused(never);
      return flush(to, run, one);
    }
    // The peer does not take them now: they wait, joined to one, which the request's own bounds keep small.
    one.parts = [...parts];
    one.place = place;
    one.scheduled = true;
    clock.after(limits.callRetryMs, () => flush(to, run, one));
  };

  const end = (to: NodeId, run: number): void => {
    const ofPeer = served.get(to);
    if (ofPeer?.delete(run)) servedCount -= 1;
    if (ofPeer?.size === 0) served.delete(to);
  };

  const refusalOf = (
    engine: EngineName,
    from: NodeId,
    run: number,
    person: string | undefined,
  ): Failure | undefined => {
    if (stopped) return failure("STOPPING");
    if (engine !== "scan" && !serves())
      return failure("MODEL_UNAVAILABLE", { node, reason: "this node does not have the role ai" });
    const { callsServedMax } = limits;
    if (servedCount >= callsServedMax || served.get(from)?.has(run) === true)
      return failure("QUEUE_FULL", { callsServedMax });
    return tooMany(
      person,
      [...served.values()].flatMap((ofOne) => [...ofOne.values()]),
    );
  };

  const refuse = (to: NodeId, run: number, engine: EngineName, refusal: Failure): void => {
    const waiting = refusing.get(to) ?? new Set();
    // Beyond the bound, or asked for twice: the caller's own time ends it.
    if (waiting.size >= limits.callsServedMax || waiting.has(run)) return;
    refusing.set(to, waiting.add(run));
    const said = { run, parts: [], result: refused(refusal) };
    insist(
      () => exchange.send(to, `engine.${engine}.said`, said) && waiting.delete(run),
      () => refusing.get(to) === waiting,
    );
    if (waiting.size === 0) refusing.delete(to);
  };

  for (const engine of engineNames) {
    exchange.on(`engine.${engine}.said`, ({ run, parts, place, result }, from) => {
      const open = away.get(run);
      if (open?.at !== from) return;
      // To wait in another place is no progress of the answer.
      if (parts.length > 0) open.silence.heard();
      if (place !== undefined) open.onPlace?.(place);
      for (const part of parts) if (away.get(run) === open) open.hear({ type: "part", part });
      if (result !== undefined) settle(run, result);
    });
    exchange.on(`engine.${engine}`, ({ run, request, trace }, from) => {
      const refusal = refusalOf(engine, from, run, request.person);
      if (refusal !== undefined) return refuse(from, run, engine, refusal);
      const ofPeer = served.get(from) ?? new Map<number, Served>();
      const running = { cancel: () => undefined };
      const one: Served = {
        person: request.person,
        engine,
        running,
        parts: [],
        place: undefined,
        result: undefined,
        scheduled: false,
      };
      served.set(from, ofPeer);
      ofPeer.set(run, one);
      servedCount += 1;
      // Two nodes may choose the same id. Where a node does not say whose it is, all of its people take turns as one.
      const soon = (take: () => void): void => {
        // Nothing comes after the answer.
        if (!isServed(from, run, one) || one.result !== undefined) return;
        take();
        if (one.scheduled) return;
        one.scheduled = true;
        clock.after(limits.partsCoalesceMs, () => flush(from, run, one));
      };
      const onPlace = (place: CallPlace): void => soon(() => void (one.place = place));
      const person = request.person ?? `node/${from}`;
      const known = { ...request, id: `${from}/${run}/${request.id}`, person, onPlace };
      one.running = callHere(
        engine,
        known,
        (said) => soon(() => void (said.type === "part" ? one.parts.push(said.part) : (one.result = said.result))),
        trace,
      );
    });
  }
  exchange.on("engine.cancel", ({ run }, from) => served.get(from)?.get(run)?.running.cancel());

  exchange.onPeer({
    disconnected(peer) {
      for (const [run, { at }] of away)
        if (at === peer) settle(run, refused(failure("RUNTIME_FAULT", { node: peer, because: "PEER_LOST" })));
      for (const { running } of served.get(peer)?.values() ?? []) running.cancel();
      servedCount -= served.get(peer)?.size ?? 0;
      served.delete(peer);
      refusing.delete(peer);
    },
  });

  /** What the node's operator prefers, and what a model costs. */
  const settings = (model: string) => {
    const price = ports.price?.(model);
    return { ...(ports.prefer && { prefer: ports.prefer }), ...(price !== undefined && { price }) };
  };

  /** What a balance rests on besides the members. */
  const balanced = (balance: Balance, request: EngineRequest) => {
    const { id, model } = request;
    if (balance !== "round-robin") return { balance, id, affinity: affinityOf(request) };
    if (turns.size >= limits.turnsMax && !turns.has(model)) turns.clear();
    const turn = turns.get(model) ?? 0;
    turns.set(model, turn + 1);
    return { balance, turn };
  };

  const everywhere = (engine: EngineName): Engine => ({
    models: () => modelsServed(engine, standings([engine])),
    watch(listener) {
      const ends = [own[engine].watch(listener), membership.onChange(listener)];
      return () => ends.forEach((endOne) => endOne());
    },
    call({ balance, prefer, trace, partOf: _partOf, ...asked }, hear) {
      const refuse = (error: Failure): Running => {
        meter.count("calls_refused", 1, { engine, code: error.code });
        clock.soon(() => hear({ type: "answered", result: refused(error) }));
        return { cancel: () => undefined };
      };
      const known = standings([engine]);
      const needs = traitsOf(engine).needs(asked);
      const wanted = { engine, model: asked.model, needs, ...settings(asked.model), ...(prefer && { prefer }) };
      const choice = chooseServer(balance === undefined ? wanted : { ...wanted, ...balanced(balance, asked) }, known);
      const { contextTokens } = choice.rows[0] ?? {};
      const tell: Hear = (said) => {
        if (said.type === "part" && isSignOfLife(said.part)) return;
        hear(contextTokens === undefined ? said : withContext(engine, said, contextTokens));
      };
      if (choice.node === node) return callHere(engine, { ...asked, model: choice.model }, tell, trace);
      if (stopped) return refuse(failure("STOPPING"));
      if (choice.node === undefined) return refuse(choice.refusal);
      const { callsRemoteMax } = limits;
      if (away.size >= callsRemoteMax) return refuse(failure("QUEUE_FULL", { callsRemoteMax }));
      const full = tooMany(asked.person, away.values());
      if (full !== undefined) return refuse(full);
      // A call that waited for its whole time elsewhere has no time left, and not less.
      const request = { ...asked, model: choice.model, timeoutMs: Math.max(0, asked.timeoutMs) };
      lastRun += 1;
      // People make the request: one that a member would not take as a message must not cost the connection that all
      // calls share.
      const wrong = misfit(`engine.${engine}`, { run: lastRun, request: withoutListener(request) });
      return wrong === undefined ? callAway(choice.node, engine, request, tell, trace) : refuse(wrong);
    },
  });

  const offersOf = (model: string): readonly ModelInfo[] => offersOfModel("generate", model, standings(["generate"]));
  const all = Object.fromEntries(engineNames.map((name) => [name, everywhere(name)])) as unknown as Engines;
  return {
    engines: { ...all, generate: askedAsAble(all.generate, { clock, limits, offersOf }) },
    busy: () => here,
    room(engine, model) {
      const { node: at, rows } = chooseServer({ engine, model, needs: [], ...settings(model) }, standings([engine]));
      const [first] = rows;
      if (at === undefined || first === undefined) return undefined;
      const { calls = 0, places, tokensPerSecond, provider } = first;
      return {
        calls,
        local: provider === undefined,
        ...(places !== undefined && { places }),
        ...(tokensPerSecond !== undefined && { tokensPerSecond }),
      };
    },
    explain: (names = modelEngines) => names.flatMap((engine) => explainServers(engine, standings([engine]), settings)),
    stop() {
      stopped = true;
      for (const [run, { at }] of away) {
        exchange.send(at, "engine.cancel", { run });
        settle(run, refused(failure("STOPPING")));
      }
    },
  };
}
