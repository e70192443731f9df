import { expect } from "chai";
import { behaviors } from "../../../actors/index.ts";
import { memberKey } from "../../../node/cluster/facts/records.ts";
import { createPeer, type Peer } from "../../../node/composition/peer.ts";
import { countRequests, createObserveControl, keepHistory, keepLines, keepSpans } from "../../../node/observe/index.ts";
import { type Spans } from "../../../node/observe/spans.ts";
import { createTracer } from "../../../node/observe/tracer.ts";
import type { Log, ObserveControl, Tracer } from "../../../node/ports/index.ts";
import { openJournal } from "../../../node/storage/index.ts";
import type { ActorId, Role, TraceView } from "../../../protocols/index.ts";
import { createEchoRuntime } from "../../../runtimes/echo/echo.ts";
import { memberRecord, ownRecord } from "../../fixtures/members.ts";
import { quietMeter } from "../../fixtures/quiet.ts";
import { Disk, Links, simulatedClock, World } from "../../world/index.ts";

interface Traced {
  readonly peer: Peer;
  readonly tracer: Tracer;
  readonly spans: Spans;
  readonly control: ObserveControl;
}

/** What people write: it must be nowhere but where they wrote it. */
const marker = "the-marker-that-nobody-logs";

/** Three nodes that trace everything: `a` where people come in, `b` and `c` with rooms and agents, `c` with a model. */
async function cluster() {
  const world = new World(7);
  const clock = simulatedClock(world, { offsetMs: 1_700_000_000_000 }, { life: 1, alive: true });
  const links = new Links(clock);
  const logged: string[] = [];
  const counted: string[] = [];
  const write = (level: string) => (event: string, facts?: object) => void logged.push(`${level} ${event} ${JSON.stringify(facts)}`);
  const log: Log = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  const count = (name: string, _value: number, labels?: object): void => void counted.push(`${name} ${JSON.stringify(labels)}`);
  const meter = { count: (name: string, by = 1, labels?: object) => count(name, by, labels), gauge: count, observeMs: count };
  const roles: Readonly<Record<string, readonly Role[]>> = { a: ["gateway", "manager"], b: ["chat"], c: ["chat", "ai"] };
  const names = Object.keys(roles);
  const rows = names.map((node) => memberRecord(node, { name: node, roles: roles[node]!, incarnation: 0 }));
  const all: Record<string, Traced> = {};
  const make = async (node: string): Promise<Traced> => {
    const store = new Disk(world, {}, node).open({ life: 1, alive: true }, `/${node}`);
    const spans = keepSpans();
    const tracer = createTracer({ node, name: node, version: "0", ratio: 1, clock, random: world.dice, spans });
    const runtime = createEchoRuntime({ clock });
    const peer = createPeer({
      node,
      cluster: "c1",
      store,
      journal: await openJournal({ store, clock, log, meter, identity: { cluster: "c1", node } }),
      transport: links.transport(node),
      directory: { kind: "embedded", host: "a" },
      behaviors,
      engines: runtime.engines,
      clock,
      random: world.dice,
      log,
      meter,
      tracer,
      policy: { replicas: 2, minInSync: 2 },
      seed: rows,
    });
    const history = keepHistory(quietMeter, { clock });
    const own = { lines: keepLines(log, { clock }), history, spans, requests: countRequests(clock) };
    const { exchange, membership } = peer;
    const control = createObserveControl({ node, name: node, own, exchange, membership, clock });
    return { peer, tracer, spans, control };
  };
  const over = world.flow();
  for (const node of names) all[node] = await make(node);
  for (const one of names) for (const other of names) if (one < other) links.link(one, other);
  const start = async (node: string): Promise<void> => {
    const joined = await all[node]!.peer.start(ownRecord(node, { name: node, roles: roles[node]! }), { found: node === "a" });
    if (!joined.ok) throw new Error(`${node}: ${JSON.stringify(joined.error)}`);
  };
  await start("a");
  for (const row of rows.slice(1)) await all["a"]!.peer.directory.compareAndSet(memberKey(row.node), row, 0);
  await start("b");
  await start("c");
  const stop = async (): Promise<void> => {
    for (const node of names.toReversed()) await all[node]!.peer.stop(1_000);
    await over();
  };
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  /** Asks as the gateway of `a` does, traced; resolves with the trace once it is whole. */
  const traced = async (to: ActorId, message: { readonly type: string }, wait: () => boolean): Promise<TraceView> => {
    const span = all["a"]!.tracer.enter(`POST ${message.type}`, undefined, { by: "user/ada" })!;
    const { peer, control } = all["a"]!;
    const answer = await peer.kernel.ask({ to, from: "user/ada", message, timeoutMs: 10_000, trace: span.context });
    span.end(answer.ok ? undefined : answer.error.code);
    if (!answer.ok) throw new Error(`${message.type}: ${JSON.stringify(answer.error)}`);
    for (let tries = 0; tries < 200 && !wait(); tries += 1) await sleep(100);
    await sleep(500);
    const view = await control.trace(span.context.slice(3, 35));
    if (!view.ok) throw new Error(JSON.stringify(view.error));
    return view.value;
  };
  return { all, logged, counted, traced, stop, sleep };
} // prettier-ignore

describe("traces over several nodes", () => {
  it("show the way of a post: in at one node, the turn, the journal and the copy at others; and nowhere what was written", async () => {
    const { all, logged, counted, traced, stop } = await cluster();
    await traced("room/lobby", { type: "create", visibility: "public", title: "Lobby" } as never, () => true);
    const view = await traced("room/lobby", { type: "post", text: marker } as never, () => true);
    const by = (name: string) => view.spans.filter((span) => span.name === name);
    const one = (name: string) => {
      expect(by(name), `${name} in ${JSON.stringify(view.spans, undefined, 1)}`).to.have.length.at.least(1);
      return by(name)[0]!;
    };
    const [entry, route, turn, commit, journal, copy] = ["POST post", "route", "turn", "commit", "journal", "copy"].map(
      one,
    );
    expect(entry).to.include({ node: "a", entry: true }).and.to.not.have.property("parent");
    expect(route).to.include({ node: "a", parent: entry!.span });
    expect(turn!.parent).to.equal(route!.span);
    expect(turn!.facts).to.deep.equal({ actor: "room/lobby", message: "post", from: "user/ada" });
    expect(turn!.node, "where the room is").to.be.oneOf(["b", "c"]);
    expect(commit).to.include({ node: turn!.node, parent: turn!.span });
    expect(journal).to.include({ node: turn!.node, parent: commit!.span });
    expect(copy!.parent).to.equal(commit!.span);
    expect([turn!.node, copy!.node].toSorted(), "the copy is on the other node").to.deep.equal(["b", "c"]);
    // Each node has a clock of its own, which may differ by a part of a millisecond.
    const times = [entry, route, turn, commit].map((span) => span!.startMs);
    for (const [at, time] of times.entries()) expect(time, "in order").to.be.at.least((times[at - 1] ?? 0) - 2);
    expect(commit!.startMs + commit!.tookMs, "answered when the copy has it").to.be.at.least(
      copy!.startMs + copy!.tookMs,
    );
    expect(view.silent).to.deep.equal([]);

    const listed = await all["b"]!.control.traces({ name: "POST post" });
    expect(listed.ok && listed.value.traces.map(({ trace, node }) => [trace, node])).to.deep.equal([[view.trace, "a"]]);
    const kept = Object.values(all).map(({ spans }) => JSON.stringify(spans.of(view.trace)));
    for (const text of [...logged, ...counted, ...kept]) expect(text).to.not.include(marker);
    await stop();
  });

  it("show the way of a question to an agent: its turns, the call, and the model at the node that has it", async () => {
    const { all, logged, counted, traced, stop } = await cluster();
    await traced("agent/ada.helper", { type: "create", persona: "p", model: "echo" } as never, () => true);
    const ended = () => all["c"]!.spans.of(lastTrace()).some(({ name }) => name === "infer");
    const lastTrace = () => all["a"]!.spans.entries({ name: "POST say" }, 1)[0]?.trace ?? "";
    const view = await traced("agent/ada.helper", { type: "say", text: `${marker} hello` } as never, ended);
    const infer = view.spans.find(({ name }) => name === "infer");
    expect(infer, JSON.stringify(view.spans, undefined, 1)).to.include({ node: "c" });
    const turns = view.spans.filter(({ name }) => name === "turn");
    expect(turns.length, "the question, and the answer that is kept").to.be.at.least(2);
    const kept = Object.values(all).map(({ spans }) => JSON.stringify(spans.of(view.trace)));
    for (const text of [...logged, ...counted, ...kept]) expect(text).to.not.include(marker);
    await stop();
  });
});
