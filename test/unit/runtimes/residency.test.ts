import { expect } from "chai";
import { ok, type GenerationRequest } from "../../../protocols/index.ts";
import type { LoadPlan, ModelSpec } from "../../../runtimes/adapter.ts";
import { runtimeLimits } from "../../../runtimes/limits.ts";
import { Residency, type ResidencyOptions } from "../../../runtimes/residency.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import type { Spoken } from "../../fixtures/engine-answers.ts";
import { World } from "../../world/index.ts";

const spec = (name: string, fields: Partial<ModelSpec> = {}): ModelSpec => ({
  name,
  adapter: "echo",
  path: "",
  ...fields,
});
const done = ok({ end: "complete", promptTokens: 1, completionTokens: 1 } as const);

/** A residency on a carrier that does at once what it is told, and writes it down. Each model takes 40 of 100 bytes. */
function setUp(names: readonly (string | ModelSpec)[], options: Partial<ResidencyOptions> = {}) {
  const world = new World(1);
  const told: string[] = [];
  const begun: { run: number; model: string }[] = [];
  const sizes: Record<string, number> = {};
  const planOf = (name: string): LoadPlan => ({ contextTokens: 64, sequences: 1, threads: 1, sizeBytes: 7, architecture: "", memoryBytes: sizes[name] ?? 40 }); // prettier-ignore
  /** Models whose unload does not end. */
  const stuck = new Set<string>();
  const residency: Residency = new Residency(
    {
      models: names.map((name) => (typeof name === "string" ? spec(name) : name)),
      budgetBytes: 100,
      clock: world.clock(),
      log: quietLog,
      changed: () => undefined,
      ...options,
    },
    {
      hostOf: () => "host",
      isUp: () => true,
      inspect: ({ name }) => void world.after(1, () => residency.inspected(name, planOf(name))),
      load({ name }, { threads, contextTokens, sequences, sizeBytes }) {
        told.push(`load ${name}`);
        const facts = { contextTokens, sequences, sizeBytes, threads, device: "cpu", capabilities: ["chat"] as const };
        world.after(10, () => residency.loaded(name, facts));
      },
      stopLoad(name) {
        told.push(`stop ${name}`);
        world.after(1, () => residency.stopped(name));
      },
      unload(name) {
        told.push(`unload ${name}`);
        if (!stuck.has(name)) world.after(1, () => residency.unloaded(name));
      },
      abandon: (name) => void told.push(`abandon ${name}`),
      begin: (run, _engine, model) => void begun.push({ run, model }),
      cancel: (run) => void world.after(0, () => residency.end(run, done)),
    },
  );
  const ask = (model: string, fields: Partial<GenerationRequest> = {}): Spoken[] => {
    const said: Spoken[] = [];
    const request = { id: "1", model, messages: [], sampling: {}, timeoutMs: 3_600_000, ...fields };
    residency.submit("generate", request, (one) => said.push(one as Spoken));
    return said;
  };
  /** Lets the oldest call of a model end. */
  const finish = (model: string): void => {
    const at = begun.findIndex((one) => one.model === model);
    const [one] = begun.splice(at, 1);
    residency.end(one!.run, done);
  };
  const states = (): string =>
    residency
      .residents()
      .map(({ spec: { name }, state }) => `${name} ${state}`)
      .join(", ");
  return { world, told, begun, sizes, residency, stuck, ask, finish, states };
}

describe("models in memory", () => {
  it("are loaded at the start as far as there is room, and by a call that comes for one of the others", () => {
    const { world, told, begun, ask, states } = setUp(["a", "b", "c"]);
    world.elapse(2_000);
    expect(states()).to.equal("a ready, b ready, c idle");
    ask("c");
    world.elapse(100);
    expect(told).to.deep.equal(["load a", "load b", "unload a", "load c"]);
    expect(begun).to.have.length(1);
    expect(states()).to.equal("a idle, b ready, c ready");
  });

  it("are loaded once, however many ask", async () => {
    const { world, told, begun, residency, ask } = setUp([]);
    residency.add(spec("a"));
    for (let count = 0; count < 5; count += 1) ask("a");
    const loads = [residency.load("a"), residency.load("a")];
    world.elapse(100);
    expect(told).to.deep.equal(["load a"]);
    expect(begun).to.have.length(1);
    for (const load of loads) expect(await load).to.deep.equal(ok(undefined));
  });

  it("leave when they rest for their keep-alive, at once, or never, as the model or the call says", () => {
    const { world, residency, ask, finish, states } = setUp([spec("a", { keepAliveMs: 5_000 }), spec("b")]);
    world.elapse(2_000);
    ask("a");
    world.elapse(10_000);
    finish("a");
    expect(residency.residents()[0]).to.include({ leavesInMs: 5_000 });
    world.elapse(4_999);
    expect(states()).to.equal("a ready, b ready");
    world.elapse(10);
    expect(states()).to.equal("a idle, b ready");

    ask("a", { keepAliveMs: -1 });
    world.elapse(100);
    finish("a");
    world.elapse(1e9);
    expect(states()).to.equal("a ready, b ready");
    ask("b", { keepAliveMs: 0 });
    world.elapse(10);
    finish("b");
    world.elapse(10);
    expect(states()).to.equal("a ready, b idle");
  });

  it("do not leave because one of several people is through with them", () => {
    const { world, ask, finish, states } = setUp(["a"]);
    world.elapse(2_000);
    ask("a", { person: "user/ada" });
    ask("a", { person: "user/bob", keepAliveMs: 0 });
    world.elapse(10);
    finish("a");
    finish("a");
    world.elapse(1_000);
    expect(states()).to.equal("a ready");
  });

  it("end what they run before they leave for another one, and come back for what waits", () => {
    const { world, told, begun, ask, finish } = setUp(["a", "b"], { budgetBytes: 50 });
    world.elapse(2_000);
    ask("a");
    const second = ask("a");
    world.elapse(10);
    ask("b");
    world.elapse(60_000);
    expect(told).to.deep.equal(["load a"]);
    finish("a");
    world.elapse(100);
    expect(told).to.deep.equal(["load a", "unload a", "load b"]);
    expect(begun.map(({ model }) => model)).to.deep.equal(["b"]);
    finish("b");
    world.elapse(2_000);
    expect(told.slice(3)).to.deep.equal(["unload b", "load a"]);
    finish("a");
    expect(second).to.deep.equal([{ type: "answered", result: done }]);
  });

  it("stay when they are pinned; what finds no room beside them is refused with the numbers until they are not", () => {
    const { world, sizes, residency, ask, states } = setUp([spec("a", { pinned: true, keepAliveMs: 0 })]);
    sizes["b"] = 70;
    residency.add(spec("b"));
    world.elapse(2_000);
    const said = ask("b");
    world.elapse(100);
    expect(said[0]).to.have.nested.property("result.error.code", "MODEL_LOAD_FAILED");
    expect(said[0])
      .to.have.nested.property("result.error.details.reason")
      .match(/needs about 1 MiB/u);
    expect(states()).to.equal("a ready, b failed");
    residency.pin("a", false);
    world.elapse(10);
    expect(states()).to.equal("a idle, b idle");
    ask("b");
    world.elapse(2_000);
    expect(states()).to.equal("a idle, b ready");
    expect(residency.pin("none", true)).to.have.nested.property("error.code", "MODEL_NOT_FOUND");
  });

  it("are forgotten with a clear answer to those who wait, when what they run has ended", async () => {
    const { world, residency, ask, finish, states } = setUp(["a", "b"]);
    world.elapse(2_000);
    const [running, waiting] = [ask("a"), ask("a")];
    world.elapse(10);
    const removed = residency.remove("a");
    expect(waiting[0]).to.have.nested.property("result.error.code", "MODEL_NOT_FOUND");
    expect(states()).to.equal("b ready");
    expect(residency.add(spec("a"))).to.have.nested.property("error.code", "NAME_TAKEN");
    finish("a");
    world.elapse(10);
    expect(await removed).to.deep.equal(ok(undefined));
    expect(running[0]).to.deep.equal({ type: "answered", result: done });
    expect(residency.memory().usedBytes).to.equal(40);
    expect(residency.add(spec("a"))).to.deep.equal(ok(undefined));
    const again = ask("a");
    world.elapse(100);
    finish("a");
    expect(again[0]).to.deep.equal({ type: "answered", result: done });
  });

  it("are counted with what they really took, and leave when that is too much", () => {
    const { world, residency, states } = setUp([]);
    for (const name of ["a", "b"]) residency.add(spec(name));
    void residency.load("a");
    world.elapse(2_000);
    void residency.load("b");
    world.elapse(5);
    // The estimate of 40 was far from what the host took for it.
    const facts = {
      contextTokens: 64,
      sequences: 1,
      sizeBytes: 7,
      threads: 1,
      device: "cpu",
      capabilities: ["chat"] as const,
    };
    residency.loaded("b", { ...facts, grewByBytes: 90 + runtimeLimits.growthSlackBytes });
    world.elapse(10);
    expect(states()).to.equal("a idle, b ready");
    expect(residency.memory()).to.deep.equal({ usedBytes: 90, budgetBytes: 100 });
  });

  it("rest within a budget that changes: what rests leaves for a smaller one, and what found no room has a chance in a larger one", () => {
    const { world, told, residency, ask, finish, states } = setUp(["a", "b"], { mostBytes: 200 });
    world.elapse(2_000);
    ask("b");
    world.elapse(10);
    residency.setBudget(50);
    world.elapse(10);
    expect(told).to.deep.equal(["load a", "load b", "unload a"]);
    expect(states()).to.equal("a idle, b ready");
    // What runs stays, whatever the budget is.
    residency.setBudget(30);
    world.elapse(10);
    expect(states()).to.equal("a idle, b ready");
    finish("b");
    residency.setBudget(30);
    const refused = ask("a");
    world.elapse(5_000);
    expect(refused.at(-1)).to.have.nested.property("result.error.code", "MODEL_LOAD_FAILED");
    residency.setBudget(100);
    ask("a");
    world.elapse(100);
    expect(states()).to.match(/^a ready/);
  });

  it("say where they are, and why", () => {
    const { world, residency, ask, finish } = setUp(["a", "b", spec("c", { keepAliveMs: 5_000 })]);
    const said = (): readonly string[] => residency.residents().map(({ place, because }) => `${place}: ${because}`);
    world.elapse(2_000);
    expect(said()[2]).to.equal("idle: a call brings it into memory");
    ask("a");
    ask("b");
    world.elapse(5);
    residency.pin("a", true);
    void residency.load("c");
    world.elapse(5);
    expect(said()).to.deep.equal([
      "ready: it is pinned: it stays whatever else needs the room",
      "leaving: it leaves when what runs has ended (1 call)",
      "waiting: it needs 1 MiB; b leaves for it",
    ]);
    finish("b");
    world.elapse(5);
    expect(said()[2]).to.match(/^loading: it is being read since/);
    world.elapse(50);
    expect(said()[2]).to.equal("ready: it leaves 5 s after its last call");
    world.elapse(6_000);
    expect(said()[2]).to.equal("idle: a call brings it into memory");
  });

  it("come back after their host died, and fail when it dies again and again while they load", async () => {
    const { world, residency, states } = setUp(["a", spec("b", { path: "/models/b.gguf" })]);
    world.elapse(2_000);
    residency.lost(["a", "b"], "crash", "host");
    world.elapse(100);
    expect(states()).to.equal("a ready, b ready");
    await unloaded(world, residency, "b");
    for (const _attempt of [1, 2]) {
      void residency.load("b");
      world.elapse(5);
      residency.lost(["a", "b"], "crash", "host");
      world.elapse(5);
    }
    world.elapse(100);
    expect(states()).to.equal("a ready, b ready");
    await unloaded(world, residency, "b");
    void residency.load("b");
    for (const _attempt of [1, 2, 3]) {
      world.elapse(5);
      residency.lost(["b"], "crash", "host");
    }
    world.elapse(100);
    expect(states()).to.equal("a ready, b failed");
    // Admins are told which file it is, beside why.
    expect(residency.residents()[1]?.because).to.match(/^the inference host died \d times .* \(\/models\/b\.gguf\)$/u);
    const loaded = residency.load("b");
    world.elapse(100);
    expect(await loaded).to.deep.equal(ok(undefined));
    expect(states()).to.equal("a ready, b ready");
  });

  it("end what they ran once when their worker dies, and serve what waited with the next", () => {
    const { world, residency, begun, ask, finish } = setUp(["a", "b"]);
    world.elapse(2_000);
    const [ran, waited, other] = [ask("a"), ask("a"), ask("b")];
    world.elapse(10);
    residency.lost(["a"], "killed", "worker");
    expect(ran).to.have.length(1);
    expect(ran[0]).to.have.nested.property("result.error.code", "RUNTIME_FAULT");
    begun.splice(0, 1);
    world.elapse(100);
    finish("a");
    finish("b");
    for (const said of [waited, other]) expect(said).to.deep.equal([{ type: "answered", result: done }]);
  });

  it("are given up when an unload does not end, and those who came meanwhile get a new one", () => {
    const { world, residency, told, stuck, ask, finish } = setUp(["a"]);
    world.elapse(2_000);
    stuck.add("a");
    void residency.unload("a");
    const said = ask("a");
    world.elapse(runtimeLimits.unloadMsMax + 1);
    expect(told).to.deep.equal(["load a", "unload a", "abandon a"]);
    residency.lost(["a"], "abandoned", "worker");
    world.elapse(100);
    finish("a");
    expect(said).to.deep.equal([{ type: "answered", result: done }]);
  });

  it("leave the way into memory wherever they are on it, and give back what they took; a later call brings them", async () => {
    const { world, residency, told, ask, finish } = setUp([spec("a", { preload: false }), spec("b", { preload: false })]); // prettier-ignore
    const one = (name: string) => residency.residents().find((resident) => resident.spec.name === name)!;
    expect(residency.stopLoad("a")).to.have.nested.property("error.code", "ALREADY_DONE");
    // While its file is looked at, and in line behind it.
    const [a, b] = [residency.load("a"), residency.load("b")];
    for (const name of ["b", "a"]) expect(residency.stopLoad(name)).to.deep.equal(ok(undefined));
    for (const load of [a, b]) expect(await load).to.have.nested.property("error.code", "CANCELLED");
    world.elapse(100);
    expect(told).to.deep.equal([]);
    // While it is read, with a call that waits for it.
    const again = residency.load("a");
    world.elapse(5);
    residency.reading("a", 0.25);
    expect(one("a")).to.deep.include({ place: "loading", share: 0.25, memoryBytes: 40 });
    const waits = ask("a");
    residency.stopLoad("a");
    expect(await again).to.have.nested.property("error.code", "CANCELLED");
    world.elapse(100);
    expect(waits[0]).to.have.nested.property("result.error.code", "MODEL_LOAD_FAILED");
    expect(told).to.deep.equal(["load a", "stop a"]);
    expect(one("a")).to.deep.include({ place: "idle", memoryBytes: 0 });
    expect(residency.memory().usedBytes).to.equal(0);
    const later = ask("a");
    world.elapse(100);
    finish("a");
    expect(later).to.deep.equal([{ type: "answered", result: done }]);
  });

  it("come back when their load is ordered while they leave, or while an ended load stops; every order is answered", async () => {
    const { world, residency, told, ask, finish, states } = setUp([spec("a"), spec("b", { preload: false })]);
    world.elapse(100);
    // While it ends a call, and while it is unloaded; an order to keep it counts like one to load it.
    ask("a");
    world.elapse(1);
    const out = residency.unload("a");
    const draining = residency.load("a");
    finish("a");
    const unloading = residency.load("a");
    world.elapse(100);
    expect(await out).to.deep.equal(ok(undefined));
    for (const load of [draining, unloading]) expect(await load).to.deep.equal(ok(undefined));
    void residency.unload("a");
    residency.pin("a", true);
    world.elapse(100);
    expect(states()).to.equal("a ready, b idle");
    // While the load that was ended has not stopped.
    const ended = residency.load("b");
    world.elapse(5);
    residency.stopLoad("b");
    expect(await ended).to.have.nested.property("error.code", "CANCELLED");
    const again = residency.load("b");
    world.elapse(100);
    expect(await again).to.deep.equal(ok(undefined));
    expect(told.slice(-3)).to.deep.equal(["load b", "stop b", "load b"]);
    // The last order counts.
    void residency.unload("b");
    const taken = residency.load("b");
    void residency.unload("b");
    expect(await taken).to.have.nested.property("error.code", "CANCELLED");
    world.elapse(100);
    expect(states()).to.equal("a ready, b idle");
  });

  it("are loaded again after their host died with an ordered load, also where another has to leave for it", async () => {
    const { world, residency, states } = setUp(["a", "b", "c"]);
    world.elapse(100);
    expect(states()).to.equal("a ready, b ready, c idle");
    world.elapse(runtimeLimits.healthyAfterMs);
    const load = residency.load("c");
    residency.lost(["c"], "crash", "host");
    void residency.pin("a", true);
    world.elapse(10_000);
    expect(await load).to.deep.equal(ok(undefined));
    // What leaves when its host dies comes back for an order as well.
    void residency.unload("c");
    const back = residency.load("c");
    residency.lost(["c"], "crash", "host");
    world.elapse(10_000);
    expect(await back).to.deep.equal(ok(undefined));
  });

  it("are not ended on their way into memory while they are pinned", () => {
    const { world, residency } = setUp([spec("a", { preload: false })]);
    residency.pin("a", true);
    const refusal = residency.stopLoad("a");
    expect(refusal).to.have.nested.property("error.code", "FORBIDDEN");
    expect(refusal).to.have.nested.property("error.details.reason", "it is pinned: unpin it first");
    residency.pin("a", false);
    expect(residency.stopLoad("a")).to.deep.equal(ok(undefined));
    world.elapse(100);
  });
});

async function unloaded(world: World, residency: Residency, name: string): Promise<void> {
  const out = residency.unload(name);
  world.elapse(10);
  expect(await out).to.deep.equal(ok(undefined));
}
