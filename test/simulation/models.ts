/** The life of one node's models: the real residency, admission and queue (`runtimes/residency.ts`) on simulated hosts
 *  that crash, stall and take more memory than they said, with people who have more work than there is room for, and an
 *  admin. Some of what they ask is of routes (`node/inference/routes/model-routes.ts`), which ask several models, or none.
 *
 *      plan ─► faults ─► calm ─► audit
 *
 *  The hosts are the witnesses: they know what they were told to load, run and unload, and check every order
 *  themselves. */
import { routedEngines } from "../../node/inference/routes/index.ts";
import {
  bytesOfFloats,
  failure,
  ok,
  refused,
  type EngineName,
  type EngineRequest,
  type GenerationAnswer,
  type GenerationPart,
  type GenerationRequest,
  type ModelRoute,
  type Said,
} from "../../protocols/index.ts";
import type { LoadPlan, ModelSpec } from "../../runtimes/adapter.ts";
import type { RuntimeClock } from "../../runtimes/environment.ts";
import { runtimeLimits } from "../../runtimes/limits.ts";
import type { Engine, Engines } from "../../runtimes/engine.ts";
import { Residency, type Carrier } from "../../runtimes/residency.ts";
import { quietLog, quietMeter } from "../fixtures/quiet.ts";
import { simulatedClock, type World } from "../world/index.ts";
import { judge, type Simulated, type Verdict } from "./verdict.ts";

const mebibyte = 1024 * 1024;
const lifeMs = 240_000;
/** Turns of all before it, a residency and a load of each model, and what a stuck host costs: a call of the first class
 *  that waits for longer is forgotten. */
const starvedAfterMs = 300_000;
/** After the faults, all that was asked is answered within this. */
const calmMs = 900_000;
const patientMs = 3_600_000;

/** The file of some models' weights. */
const base = { file: "base", bytes: 90 * mebibyte };

/** How bad the weather is. */
interface Weather {
  readonly crashChance: number;
  readonly loadFailChance: number;
  readonly stuckChance: number;
  readonly growChance: number;
  readonly runFailChance: number;
}

/** Runs one seed. */
export const runModelsSeed = (seed: number, options: { readonly trace?: boolean } = {}): Promise<Verdict> =>
  judge(seed, options, (world) => new ModelsLife(world));

/** What a host has of a model. */
interface Loaded {
  state: "loading" | "ready" | "unloading";
  /** Its own. */
  bytes: number;
  readonly shares: NonNullable<LoadPlan["shares"]>;
  readonly runs: Set<number>;
}

/** What one model was asked for a call, and said. */
interface Inner {
  readonly model: string;
  readonly engine: EngineName;
  text: string;
  /** Undefined: not yet answered. */
  end?: "ok" | "failed";
  /** What it wrote, as it counts it. */
  tokens: number;
}

const target = (model: string, weight = 1) => ({ model, weight });
const [m1, m2, m3] = [target("m1"), target("m2", 2), target("m3")];
/** Names that stand for several models, one for each thing that a route can do. */
const routes: readonly ModelRoute[] = [
  { name: "chain", steps: [[m1, m2], [m3]], balance: "round-robin" },
  { name: "kept", steps: [[m1], [m2]], cache: { seconds: 60, always: true } },
  { name: "alike", steps: [[m2], [m1]], cache: { seconds: 600, always: true, semantic: { model: "m1", threshold: 0.9 } } },
  { name: "common", steps: [[m3, m1]], balance: "weighted", cache: { seconds: 60, always: true, shared: true } },
  { name: "vote", steps: [[m1, m2, m3]], ensemble: { form: "vote", seconds: 30 } },
  { name: "best", steps: [[m1, m2], [m3]], ensemble: { form: "best-of", judge: "m3", seconds: 30, least: 2 } },
  { name: "merge", steps: [[m1, m2, m3]], ensemble: { form: "merge", judge: "m1", seconds: 5 }, cache: { seconds: 60, always: true } },
]; // prettier-ignore
/** Questions, and what they mean. */
const questions: Readonly<Record<string, readonly number[]>> = { one: [1, 0], eins: [0.99, 0.1], two: [0, 1] };

/** What is asked of a model or a route, and what was heard. */
interface Call {
  readonly route: ModelRoute | undefined;
  readonly inner: Inner[];
  text: string;
  readonly number: number;
  readonly model: string;
  readonly person: string;
  readonly patient: boolean;
  readonly priority: number;
  readonly askedMs: number;
  begun: boolean;
  answered: boolean;
}

class ModelsLife implements Simulated {
  readonly #world: World;
  readonly #weather: Weather;
  #budgetBytes: number;
  readonly #mostBytes: number;
  readonly #residency: Residency;
  readonly #hosts: Record<string, { up: boolean; life: number; loading: number }> = {
    native: { up: false, life: 0, loading: 0 },
    light: { up: false, life: 0, loading: 0 },
  };
  readonly #sizes = new Map<string, number>();
  readonly #based = new Set<string>();
  readonly #loaded = new Map<string, Loaded>();
  readonly #cancels = new Map<number, () => void>();
  readonly #runs = new Map<number, string>();
  readonly #calls: Call[] = [];
  /** Orders to load that are not answered, and of which model. */
  readonly #loads = new Map<Promise<unknown>, string>();
  /** Of models that may still be on their way out. */
  readonly #removals: Promise<unknown>[] = [];
  readonly #byId = new Map<string, Call>();
  readonly #engines: Engines;
  #submitted = 0;
  #calm = false;
  #models = 0;
  lives = 0;
  replies = 0;
  faults = 0;

  constructor(world: World) {
    this.#world = world;
    const { dice } = world;
    const some = (chance: number): number => (dice.chance(0.5) ? dice.between(0, chance) : 0);
    this.#weather = {
      crashChance: some(0.1),
      loadFailChance: some(0.1),
      stuckChance: some(0.04),
      growChance: some(0.5),
      runFailChance: some(0.1),
    };
    this.#budgetBytes = dice.pick([1_000, 2_000, 4_000]) * mebibyte;
    this.#mostBytes = this.#budgetBytes;
    const clock: RuntimeClock = {
      monotonicMs: () => world.nowMs,
      after: (delayMs, callback) => world.after(delayMs, callback),
    };
    this.#residency = new Residency(
      {
        models: Array.from({ length: 2 + dice.below(4) }, () => this.#newModel()),
        budgetBytes: this.#budgetBytes,
        queuedPerModelMax: dice.pick([8, 64]),
        queuedPerPersonMax: dice.pick([4, 16]),
        ...(dice.chance(0.5) && { keepAliveMs: dice.pick([0, 500, 10_000]) }),
        clock,
        log: quietLog,
        changed: () => undefined,
      },
      this.#carrier(),
    );
    const engines = { generate: this.#inner("generate"), embed: this.#inner("embed") } as unknown as Engines;
    const forRoutes = simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true });
    // Small, so that answers go to make room.
    const limits = { cacheBytesMax: 6_000, cachePersonBytesMax: 3_000, cacheAlikeMax: 2 };
    this.#engines = routedEngines(engines, { routes: () => routes, clock: forRoutes, meter: quietMeter, limits });
  }

  /** An engine of the node, and what becomes of its calls. */
  #inner<Name extends "generate" | "embed">(engine: Name): Engine<Name> {
    return {
      models: () => [],
      watch: () => () => undefined,
      call: (request, hear) => {
        this.#submitted += 1;
        const inner: Inner = { model: request.model ?? "", engine, text: "", tokens: 0 };
        this.#byId.get(request.id.split("/", 1)[0] ?? "")?.inner.push(inner);
        return this.#residency.submit(engine, request as EngineRequest, (said) => {
          if (inner.end !== undefined)
            this.#world.violate("call-ends-once", `${request.id} hears ${said.type} after its end`);
          if (said.type === "part") inner.text += (said.part as GenerationPart).text;
          else {
            inner.end = said.result.ok ? "ok" : "failed";
            if (said.result.ok && engine === "generate")
              inner.tokens = (said.result.value as GenerationAnswer).completionTokens;
          }
          (hear as (said: Said) => void)(said);
        });
      },
    };
  }

  async run(): Promise<void> {
    const { dice } = this.#world;
    for (const host of Object.keys(this.#hosts)) this.#start(host);
    for (const person of ["ada", "bob", "cyd", "dan"].slice(0, 1 + dice.below(4)))
      this.#live(person, dice.pick([30, 300, 3_000]));
    if (dice.chance(0.7)) this.#administer();
    this.#watchWaits();
    await this.#world.run(() => false, lifeMs);
    this.#calm = true;
    const open = (): boolean => this.#loads.size > 0 || this.#calls.some(({ answered }) => !answered);
    if ((await this.#world.run(() => !open(), lifeMs + calmMs)) !== "done") {
      const left = this.#calls.filter(({ answered }) => !answered);
      const loads = this.#loads.size === 0 ? "" : `, nor the orders to load ${[...this.#loads.values()].join(", ")}`;
      this.#world.violate("liveness", `${left.length} calls were never answered${loads}: ${JSON.stringify(left[0])}`);
    }
    if (this.#world.violations.length === 0) await this.#audit();
  }

  /** All that was taken is given back, and nothing is left to happen. */
  async #audit(): Promise<void> {
    const names = this.#residency.residents().map(({ spec }) => spec.name);
    const left = [...this.#removals, ...names.map((name) => this.#residency.unload(name))];
    await this.#world.settle(Promise.all(left), calmMs);
    const { usedBytes } = this.#residency.memory();
    if (usedBytes !== 0 || this.#loaded.size > 0)
      this.#world.violate(
        "memory-within-budget",
        `${usedBytes} bytes are counted for ${this.#loaded.size} models in memory`,
      );
    await this.#world.settle(this.#residency.close(), calmMs);
    const { queued, running, started, finished, failed } = this.#residency.stats(0);
    if (queued + running !== 0) this.#world.violate("liveness", `${queued} wait and ${running} run after the end`);
    if (finished + failed !== this.#submitted)
      this.#world.violate(
        "call-ends-once",
        `${this.#submitted} calls, ${started} begun, ended ${finished + failed} times`,
      );
  }

  // --- people ------------------------------------------------------------------------------------------------------

  #live(person: string, pauseMs: number): void {
    const { dice } = this.#world;
    const loves = dice.below(3);
    const next = (): void => {
      if (this.#calm) return;
      this.#ask(person, loves);
      this.#world.after(dice.between(0, 2 * pauseMs), next);
    };
    this.#world.after(dice.between(0, 1_000), next);
  }

  #ask(person: string, loves: number): void {
    const { dice } = this.#world;
    const residents = this.#residency.residents();
    // In every other life: what routes ask spreads over the models, and hides what a single busy one would show.
    const hasRoutes = this.#world.seed % 2 === 1;
    const route = hasRoutes && dice.chance(0.3) ? dice.pick(routes) : undefined;
    const model =
      route?.name ??
      (residents[dice.chance(0.6) ? loves : dice.below(residents.length + 1)] ?? residents[0])?.spec.name ??
      "none";
    const patient = dice.chance(0.5);
    const number = this.#calls.length;
    const priority = dice.chance(0.2) ? dice.below(2) : 0;
    const call: Call = {
      route,
      inner: [],
      text: "",
      number,
      model,
      person,
      patient,
      priority,
      askedMs: this.#world.nowMs,
      begun: false,
      answered: false,
    };
    this.#calls.push(call);
    const request: GenerationRequest = {
      id: String(number),
      model,
      messages: [{ role: "user", content: hasRoutes ? dice.pick(Object.keys(questions)) : "" }],
      sampling: {},
      person,
      key: dice.pick(["phone", "agent"]),
      timeoutMs: patient ? patientMs : dice.between(0, 20_000),
      priority,
      ...(dice.chance(0.1) && { keepAliveMs: dice.pick([-1, 0, 2_000]) }),
    };
    this.#byId.set(request.id, call);
    let within = true;
    const running = this.#engines.generate.call(request, (said) => this.#hear(call, said, within));
    within = false;
    if (dice.chance(0.15)) this.#world.after(dice.between(0, 5_000), () => running.cancel());
  }

  #hear(call: Call, said: Said, within: boolean): void {
    if (within) this.#world.violate("call-ends-once", `something is said within call ${call.number} itself`);
    if (call.answered) this.#world.violate("call-ends-once", `call ${call.number} hears ${said.type} after its end`);
    if (said.type !== "answered") {
      call.text += (said.part as GenerationPart).text;
      return;
    }
    call.answered = true;
    if (said.result.ok) this.#judge(call, said.result.value as GenerationAnswer);
    this.replies += 1;
    this.#world.note(() => `call ${call.number} of ${call.model}: ${said.result.ok ? "ok" : said.result.error.code}`);
    if (!said.result.ok && said.result.error.code === "GENERATION_TIMEOUT" && call.patient)
      this.#world.violate("nobody-starves", `call ${call.number} of ${call.model} ran out of an hour`);
  }

  /** Whose words an answer has, which of those that were asked gave it, and whether all that it took is counted. */
  #judge({ number, person, route, inner, text }: Call, { completionTokens, end, from }: GenerationAnswer): void {
    const others = [...text.matchAll(/<(\w+) /g)].map(([, whose]) => whose).filter((whose) => whose !== person);
    if (others.length > 0 && route?.cache?.shared !== true)
      this.#world.violate(
        "answer-of-its-person",
        `call ${number} of ${person} hears what was written for ${others.join(", ")}`,
      );
    if (route === undefined || from?.cache !== undefined || end === "stopped") return;
    const told = inner.filter((one) => one.engine === "generate" && one.text !== "" && one.end !== undefined);
    if (text !== "" && !told.some((one) => one.text === text))
      this.#world.violate(
        "answer-of-one",
        `call ${number} of ${route.name} hears ${text}, which none of its models said`,
      );
    // One that is late may end while it is judged, and is not counted.
    if (route.ensemble === undefined || from?.members?.some((one) => one.end === "late") === true) return;
    const took = inner.reduce((sum, one) => sum + one.tokens, 0);
    if (took !== completionTokens)
      this.#world.violate("ensemble-counted", `call ${number} of ${route.name} counts ${completionTokens} of ${took}`);
  }

  #watchWaits(): void {
    const { nowMs } = this.#world;
    const late = this.#calls.find(
      (one) => one.patient && one.priority === 0 && !one.begun && !one.answered && nowMs - one.askedMs > starvedAfterMs,
    );
    if (late !== undefined)
      this.#world.violate("nobody-starves", `call ${late.number} of ${late.model} waits since ${late.askedMs}`);
    const places = new Map(this.#residency.residents().map(({ spec, place }) => [spec.name, place]));
    for (const name of this.#loads.values())
      if (places.get(name) === "idle") this.#world.violate("liveness", `the order to load ${name} is forgotten`);
    if (!this.#calm || this.#calls.some(({ answered }) => !answered))
      this.#world.after(5_000, () => this.#watchWaits());
  }

  #administer(): void {
    const { dice } = this.#world;
    const next = (): void => {
      const residents = this.#residency.residents();
      const name = residents[dice.below(Math.max(1, residents.length))]?.spec.name;
      if (this.#calm) {
        this.#share(1);
        for (const { spec } of residents) this.#residency.pin(spec.name, false);
        return;
      }
      const act = dice.weighted({ add: 2, remove: 1, load: 3, stop: 3, unload: 3, pin: 1, unpin: 3, share: 2 });
      this.#world.note(() => `admin: ${act} ${name}`);
      if (act === "share") this.#share(dice.pick([0.9, 0.95, 1]));
      else if (act === "add") this.#residency.add(this.#newModel());
      else if (name === undefined) return void this.#world.after(1_000, next);
      else if (act === "remove") {
        if (residents.length > 1) this.#removals.push(this.#residency.remove(name));
      } else if (act === "load") this.#orderLoad(name);
      else if (act === "unload") void this.#residency.unload(name);
      else if (act === "stop") this.#residency.stopLoad(name);
      else this.#residency.pin(name, act === "pin" && !residents.some(({ pinned }) => pinned));
      // In some lives what was ordered away is ordered back while it leaves.
      const isBack = this.#world.seed % 4 === 0 && (act === "unload" || act === "stop");
      if (isBack && name !== undefined) this.#orderLoad(name);
      this.#world.after(dice.between(0, 20_000), next);
    };
    this.#world.after(dice.between(0, 20_000), next);
  }

  #orderLoad(name: string): void {
    const order = this.#residency.load(name);
    this.#loads.set(order, name);
    void order.then(() => this.#loads.delete(order));
  }

  /** The node needs memory for itself, or no longer. Every model fits what is left. */
  #share(of: number): void {
    this.#budgetBytes = Math.round(this.#mostBytes * of);
    this.#residency.setBudget(this.#budgetBytes);
  }

  #newModel(): ModelSpec {
    const { dice } = this.#world;
    this.#models += 1;
    const name = `m${this.#models}`;
    this.#sizes.set(name, dice.pick([100, 400, 700, 900]) * mebibyte);
    // Some are a model and its adapters, whose weights are one file.
    if (dice.chance(0.3)) this.#based.add(name);
    return { name, adapter: dice.chance(0.7) ? "llama" : "echo", path: "" };
  }

  // --- hosts -------------------------------------------------------------------------------------------------------

  #start(host: string): void {
    this.#world.after(this.#world.dice.between(10, 2_000), () => {
      const one = this.#hosts[host]!;
      Object.assign(one, { up: true, life: one.life + 1, loading: 0 });
      this.lives += 1;
      this.#residency.up();
    });
  }

  #crash(host: string): void {
    const one = this.#hosts[host]!;
    if (!one.up) return;
    one.up = false;
    this.faults += 1;
    this.#world.note(() => `host ${host} dies`);
    const names = [...this.#sizes.keys()].filter((name) => this.#hostOf.get(name) === host);
    this.#forget(names);
    this.#residency.lost(names, "crash", "host");
    this.#start(host);
  }

  /** What is at a host besides models in memory: those that are inspected. */
  readonly #hostOf = new Map<string, string>();

  #forget(names: readonly string[]): void {
    for (const name of names) {
      for (const run of this.#loaded.get(name)?.runs ?? []) {
        this.#cancels.delete(run);
        this.#runs.delete(run);
      }
      this.#loaded.delete(name);
    }
  }

  #carrier(): Carrier {
    const { dice } = this.#world;
    /** Happens if the host still lives then. */
    const later = (host: string, fromMs: number, toMs: number, act: () => void): void => {
      const { life } = this.#hosts[host]!;
      this.#world.after(dice.between(fromMs, toMs), () => {
        if (this.#hosts[host]?.up === true && this.#hosts[host].life === life) act();
      });
    };
    const bad = (chance: number): boolean => !this.#calm && dice.chance(chance);
    const hostOf = ({ adapter }: ModelSpec): string => (adapter === "llama" ? "native" : "light");
    const told = (host: string): void => {
      if (this.#hosts[host]?.up !== true)
        this.#world.violate("liveness", `host ${host} is told something while it is away`);
    };
    return {
      hostOf,
      isUp: (host) => this.#hosts[host]?.up === true,
      inspect: (spec, mostBytes) => {
        const host = hostOf(spec);
        told(host);
        this.#hostOf.set(spec.name, host);
        this.#world.note(() => `${spec.name} is inspected at ${host}`);
        const memoryBytes = this.#sizes.get(spec.name) ?? 0;
        later(host, 1, 20, () => {
          if (memoryBytes > mostBytes)
            return this.#residency.failed(spec.name, failure("MODEL_LOAD_FAILED", { reason: "never fits" }), 0);
          const plan: LoadPlan = { contextTokens: 64, sequences: 1 + dice.below(3), threads: 1, sizeBytes: 1, architecture: "", memoryBytes, shares: this.#based.has(spec.name) ? [base] : [] }; // prettier-ignore
          this.#residency.inspected(spec.name, plan);
        });
      },
      load: (spec, plan) => this.#load(spec, plan, hostOf(spec), later, bad),
      // As an adapter that cannot end a load, or one that can, a moment later.
      stopLoad: (model) => {
        const one = this.#loaded.get(model);
        this.#world.note(() => `the load of ${model} is ended`);
        if (one?.state !== "loading" || dice.chance(0.5)) return;
        later(this.#hostOf.get(model)!, 0, 20, () => {
          if (this.#loaded.get(model) !== one || one.state !== "loading") return;
          this.#loaded.delete(model);
          this.#residency.stopped(model);
        });
      },
      unload: (model) => {
        const one = this.#loaded.get(model);
        this.#world.note(() => `${model} is unloaded`);
        if (one?.state !== "ready")
          return this.#world.violate("loaded-once", `${model} is unloaded while it is ${one?.state}`);
        if (one.runs.size > 0)
          this.#world.violate("busy-stays-loaded", `${model} is unloaded with ${one.runs.size} calls`);
        one.state = "unloading";
        if (bad(this.#weather.stuckChance)) return void (this.faults += 1);
        later(this.#hostOf.get(model)!, 1, 100, () => {
          if (this.#loaded.get(model) !== one) return;
          this.#loaded.delete(model);
          this.#residency.unloaded(model);
        });
      },
      abandon: (model) => {
        const host = this.#hostOf.get(model)!;
        if (host === "native") return this.#crash(host);
        this.#world.after(1, () => {
          this.#forget([model]);
          this.#residency.lost([model], "abandoned", "worker");
        });
      },
      begin: (run, engine, model, request) => this.#begin(run, engine, model, request, later, bad),
      cancel: (run) => {
        const cancel = this.#cancels.get(run);
        if (cancel !== undefined && !bad(this.#weather.stuckChance)) this.#world.after(dice.between(0, 20), cancel);
      },
    };
  }

  #load(
    spec: ModelSpec,
    plan: LoadPlan,
    host: string,
    later: (host: string, fromMs: number, toMs: number, act: () => void) => void,
    bad: (chance: number) => boolean,
  ): void {
    const { dice } = this.#world;
    const { name } = spec;
    this.#world.note(() => `${name} is loaded: ${plan.memoryBytes / mebibyte} of ${this.#budgetBytes / mebibyte}`);
    if (this.#loaded.has(name))
      this.#world.violate("loaded-once", `${name} is loaded while it is ${this.#loaded.get(name)?.state}`);
    if ([...this.#loaded].some(([other, { state }]) => state === "loading" && this.#hostOf.get(other) === host))
      this.#world.violate("loaded-once", `${name} is loaded while another one is, in the same host`);
    const { shares = [] } = plan;
    const shared = shares.reduce((sum, { bytes }) => sum + bytes, 0);
    const one: Loaded = { state: "loading", bytes: plan.memoryBytes - shared, shares, runs: new Set() };
    const others = [...this.#loaded.values()];
    const taken = others.reduce((sum, { bytes }) => sum + bytes, 0);
    const files = [...others, one].some((any) => any.shares.length > 0) ? base.bytes : 0;
    if (taken + one.bytes + files > this.#budgetBytes)
      this.#world.violate("memory-within-budget", `${name} is loaded into ${taken} of ${this.#budgetBytes} bytes`);
    this.#loaded.set(name, one);
    if (bad(this.#weather.crashChance)) return later(host, 0, 500, () => this.#crash(host));
    later(host, 20, 3_000, () => {
      if (this.#loaded.get(name) !== one) return;
      if (bad(this.#weather.loadFailChance)) {
        this.faults += 1;
        this.#loaded.delete(name);
        return this.#residency.failed(name, failure("MODEL_LOAD_FAILED", { reason: "corrupt" }), 1);
      }
      one.state = "ready";
      const tookBytes = bad(this.#weather.growChance) ? Math.round(one.bytes * dice.between(0.5, 1.5)) : 0;
      one.bytes = Math.max(one.bytes, tookBytes);
      const grewByBytes = tookBytes + runtimeLimits.growthSlackBytes;
      const { contextTokens, sequences, sizeBytes, threads } = plan;
      const facts = {
        contextTokens,
        sequences,
        sizeBytes,
        threads,
        device: "cpu",
        capabilities: ["chat", "embed"] as const,
        grewByBytes,
        grewOwnBytes: grewByBytes,
      };
      this.#residency.loaded(name, facts);
    });
  }

  #begin(
    run: number,
    engine: EngineName,
    model: string,
    request: EngineRequest,
    later: (host: string, fromMs: number, toMs: number, act: () => void) => void,
    bad: (chance: number) => boolean,
  ): void {
    const { dice } = this.#world;
    const one = this.#loaded.get(model);
    if (one?.state !== "ready")
      return this.#world.violate("loaded-once", `a call begins at ${model}, which is ${one?.state}`);
    const call = this.#byId.get(request.id.split("/", 1)[0] ?? "");
    if (call !== undefined) {
      if (call.begun && call.route === undefined)
        this.#world.violate("call-ends-once", `call ${call.number} begins twice`);
      call.begun = true;
    }
    one.runs.add(run);
    this.#runs.set(run, model);
    const host = this.#hostOf.get(model)!;
    const end = (how: "complete" | "stopped" | "failed"): void => {
      if (!one.runs.delete(run)) return;
      this.#cancels.delete(run);
      this.#runs.delete(run);
      if (how === "failed") {
        this.#residency.end(run, refused(failure("RUNTIME_FAULT")));
        return;
      }
      const [question = ""] = "inputs" in request ? request.inputs : [];
      const vectors = [bytesOfFloats((typeof question === "string" ? questions[question] : undefined) ?? [])];
      const text = { end: how, promptTokens: 1, completionTokens: 1 + (run % 7) } as const;
      this.#residency.end(run, ok(engine === "embed" ? { vectors, promptTokens: 1 } : text));
    };
    this.#cancels.set(run, () => end("stopped"));
    if (bad(this.#weather.crashChance / 10)) {
      later(host, 0, 500, () => {
        if (this.#loaded.get(model) !== one) return;
        if (host === "native") return this.#crash(host);
        this.faults += 1;
        this.#forget([model]);
        this.#residency.lost([model], "worker died", "worker");
      });
      return;
    }
    for (let part = dice.below(3); part > 0; part -= 1)
      later(host, 0, 200, () => {
        if (one.runs.has(run) && engine === "generate")
          this.#residency.part(run, { text: `<${request.person} ${run}>`, tokens: 1 });
      });
    later(host, 10, dice.chance(0.1) ? 10_000 : 600, () =>
      end(bad(this.#weather.runFailChance) ? "failed" : "complete"),
    );
    // What a stuck call costs is bounded by its own time and the grace for those that were cancelled.
    if (runtimeLimits.cancelGraceMs > starvedAfterMs) throw new Error("the watch is shorter than the grace");
  }
}
