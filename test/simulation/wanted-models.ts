/** The life of models that a cluster wants ("two nodes of zone a keep this one"): the real plan and its carrying out
 *  (`node/inference/models`) on several nodes, each with the real residency, which loads what was pulled. Nodes die for a while
 *  or for good, lose their disks, drain, and hear of each other late; the source is away at times; an admin wants other
 *  things.
 *
 *      plan ─► faults ─► calm ─► steady ─► audit
 *
 *  The witness is the life itself: it knows which nodes live and what is on their disks, and judges each pull by
 *  that. */
import type { WantedModels } from "../../node/cluster/facts/wanted-models.ts";
import { keepWanted } from "../../node/inference/models/index.ts";
import { type ModelLimits } from "../../node/inference/models/limits.ts";
import type { MemberRecord, Membership } from "../../node/ports/index.ts";
import { failure, ok, type PullModel, type PullView, type Result, type StoredModel, type WantedModel } from "../../protocols/index.ts"; // prettier-ignore
import type { ModelStore } from "../../runtimes/store/port.ts";
import { Residency } from "../../runtimes/residency.ts";
import { memberRecord } from "../fixtures/members.ts";
import { quietLog, quietMeter } from "../fixtures/quiet.ts";
import type { World } from "../world/index.ts";
import { judge, type Simulated, type Verdict } from "./verdict.ts";

const lifeMs = 30 * 60_000;
/** As in `modelLimits`, with waits that a life has time for. */
const limits: Partial<ModelLimits> = {
  lookMs: 30_000,
  settleMs: 500,
  downGraceMs: 60_000,
  patienceMs: 120_000,
  retryMsMin: 5_000,
  retryMsMax: 40_000,
};
/** Longest time of a pull, of hearing of another node, and of a load. */
const pullMsMax = 60_000;
const heardMsMax = 8_000;
/** After the faults: who is gone for good is given up, whoever should wait has waited, and two pulls in a row follow,
 *  each after a failed one. */
const calmMs = 60_000 + 120_000 + 2 * (40_000 + pullMsMax) + 3 * 30_000;
/** As long as nothing is pulled that is not needed. */
const steadyMs = 120_000;

/** Runs one seed. */
export const runWantedModelsSeed = (seed: number, options: { readonly trace?: boolean } = {}): Promise<Verdict> =>
  judge(seed, options, (world) => new WantedLife(world));

interface Node {
  readonly id: string;
  member: MemberRecord;
  up: boolean;
  /** It never comes back. */
  gone: boolean;
  life: number;
  readonly disk: Map<string, StoredModel>;
  residency: Residency | undefined;
  /** Whom it takes for up. */
  readonly hears: Set<string>;
  readonly changed: Set<() => void>;
  /** The last pull that failed in this life was from another node: the source may be asked. */
  readonly failed: Set<string>;
  /** Under way. */
  readonly pulls: Set<string>;
  stop: () => void;
}

class WantedLife implements Simulated {
  readonly #world: World;
  readonly #nodes: readonly Node[];
  readonly #wanted: WantedModel[] = [];
  #calm = false;
  #steady = false;
  /** When anything last changed that a plan depends on. */
  #changedMs = 0;
  #sourceUp = true;
  #names = 0;
  lives = 0;
  replies = 0;
  faults = 0;

  constructor(world: World) {
    this.#world = world;
    const { dice } = world;
    this.#nodes = Array.from({ length: 3 + dice.below(4) }, (_, index) => {
      const id = `n${index}`;
      return {
        id,
        member: memberRecord(id, {
          roles: dice.chance(0.9) ? ["ai"] : ["chat"],
          labels: { zone: dice.pick(["a", "a", "b"]) },
          offers: [],
        }),
        up: false,
        gone: false,
        life: 0,
        disk: new Map(),
        residency: undefined,
        hears: new Set(),
        changed: new Set(),
        failed: new Set(),
        pulls: new Set(),
        stop: () => undefined,
      };
    });
  }

  async run(): Promise<void> {
    const { dice } = this.#world;
    for (const node of this.#nodes) this.#start(node);
    this.#want();
    this.#goOn(() => this.#want(), 200_000);
    this.#goOn(() => this.#fault(), 60_000);
    if (dice.chance(0.5))
      this.#goOn(() => {
        this.#sourceUp = !this.#sourceUp;
      }, 90_000);
    await this.#world.run(() => false, lifeMs);
    this.#calm = true;
    this.#sourceUp = true;
    for (const node of this.#nodes) if (!node.up && !node.gone) this.#start(node);
    await this.#world.run(() => false, lifeMs + calmMs);
    this.#steady = true;
    await this.#world.run(() => false, lifeMs + calmMs + steadyMs);
    this.#audit();
    for (const node of this.#nodes) node.stop();
  }

  /** What is wanted is on as many nodes as there may be, and in their memory. */
  #audit(): void {
    for (const one of this.#wanted) {
      const able = this.#nodes.filter((node) => mayKeep(node, one));
      const ready = able.filter(({ disk, residency }) => {
        const resident = residency?.residents().find(({ spec }) => spec.name === one.name);
        return disk.has(one.name) && resident?.state === "ready";
      });
      if (ready.length < Math.min(one.nodes, able.length))
        this.#world.violate(
          "wanted-kept",
          `${one.name} is on ${ready.length} of ${one.nodes} nodes; ${able.length} may have it`,
        );
    }
  }

  /** Again and again until it is calm. */
  #goOn(act: () => void, pauseMs: number): void {
    this.#world.after(this.#world.dice.between(0, 2 * pauseMs), () => {
      if (this.#calm) return;
      act();
      this.#changed();
      this.#goOn(act, pauseMs);
    });
  }

  // --- what happens to the cluster -----------------------------------------------------------------------------------

  #want(): void {
    const { dice } = this.#world;
    const at = dice.below(this.#wanted.length + 1);
    const act = this.#wanted.length < 2 ? "add" : dice.pick(["add", "change", "drop"] as const);
    const nodes = 1 + dice.below(3);
    const labels = dice.chance(0.5) ? { labels: { zone: dice.pick(["a", "b"]) } } : {};
    if (act === "drop") this.#wanted.splice(at, 1);
    else if (act === "change" && this.#wanted[at] !== undefined)
      this.#wanted[at] = { name: this.#wanted[at].name, source: this.#wanted[at].source, nodes, ...labels };
    else if (this.#wanted.length < 4) {
      this.#names += 1;
      this.#wanted.push({ name: `m${this.#names}`, source: `hf:owner/m${this.#names}`, nodes, ...labels });
    }
    this.#world.note(
      () =>
        `wanted: ${this.#wanted.map((one) => `${one.name} on ${one.nodes} ${one.labels?.["zone"] ?? ""}`).join(", ")}`,
    );
    for (const node of this.#nodes) this.#hear(node);
  }

  #fault(): void {
    const { dice } = this.#world;
    const node = dice.pick(this.#nodes);
    this.faults += 1;
    const act = dice.weighted({ die: 3, back: 4, wipe: 1, forGood: 1, drain: 2, undrain: 3 });
    this.#world.note(() => `${node.id}: ${act}`);
    if (act === "die" && node.up) this.#end(node);
    else if (act === "back" && !node.up && !node.gone) this.#start(node);
    else if (act === "wipe" && !node.up) node.disk.clear();
    else if (act === "forGood" && this.#nodes.filter(({ gone }) => !gone).length > 2) {
      if (node.up) this.#end(node);
      node.gone = true;
    } else if (act === "drain" || act === "undrain") {
      node.member = { ...node.member, state: act === "drain" ? "draining" : "active" };
      for (const other of this.#nodes) this.#hear(other);
    }
  }

  #changed(): void {
    this.#changedMs = this.#world.nowMs;
  }

  // --- a node --------------------------------------------------------------------------------------------------------

  #start(node: Node): void {
    node.up = true;
    node.life += 1;
    node.failed.clear();
    node.pulls.clear();
    this.lives += 1;
    this.#changed();
    const { life } = node;
    const alive = (): boolean => node.up && node.life === life;
    const clock = this.#world.clock();
    const watchers = new Set<(what: "models" | "pulls") => void>();
    const residency = this.#residencyOf(alive);
    node.residency = residency;
    for (const name of node.disk.keys()) residency.add(specOf(name), { preload: true });
    const stopKeeping = keepWanted({
      node: node.id,
      store: this.#storeOf(node, { alive, watchers }),
      wanted: this.#wantedOf(node),
      membership: this.#membershipOf(node),
      clock: { ...clock, after: (delayMs, callback) => clock.after(delayMs, () => alive() && callback()) },
      log: quietLog,
      meter: quietMeter,
      limits,
    });
    watchers.add((what) => {
      if (what !== "models") return;
      for (const name of node.disk.keys()) residency.add(specOf(name), { preload: true });
      this.#advertise(node);
    });
    node.stop = () => {
      stopKeeping();
      void residency.close();
    };
    node.hears.clear();
    node.hears.add(node.id);
    this.#advertise(node);
    this.#spread(node, true);
    for (const other of this.#nodes) if (other !== node && other.up) this.#soon(node, () => node.hears.add(other.id));
  }

  #end(node: Node): void {
    node.up = false;
    node.stop();
    node.changed.clear();
    node.residency = undefined;
    this.#changed();
    this.#spread(node, false);
  }

  /** The others hear of it, each in its time. */
  #spread(node: Node, up: boolean): void {
    for (const other of this.#nodes)
      this.#soon(other, () => {
        // What was heard late of a life before is no news.
        if (node.up !== up) return;
        if (up) other.hears.add(node.id);
        else other.hears.delete(node.id);
      });
  }

  #soon(node: Node, act: () => void): void {
    const { life } = node;
    this.#world.after(this.#world.dice.between(100, heardMsMax), () => {
      if (!node.up || node.life !== life) return;
      act();
      this.#hear(node);
    });
  }

  #hear(node: Node): void {
    for (const listener of node.changed) listener();
  }

  /** Its row follows its disk a moment later. */
  #advertise(node: Node): void {
    this.#world.after(this.#world.dice.between(10, 2_000), () => {
      if (!node.up) return;
      const offers = [...node.disk.keys()].map((model) => ({ engine: "generate", model, runtime: "llama", capabilities: ["chat"] as const, contextTokens: 0, sizeBytes: 0, demonstration: false, state: "idle" as const })); // prettier-ignore
      node.member = { ...node.member, offers };
      for (const other of this.#nodes) this.#hear(other);
    });
  }

  #membershipOf(node: Node): Membership {
    return {
      self: node.id,
      members: () => ({ view: 1, members: this.#nodes.map(({ member }) => member) }),
      isUp: (other) => node.hears.has(other),
      isSlow: () => false,
      isStaying: () => true,
      onChange: (listener) => (node.changed.add(listener), () => node.changed.delete(listener)),
    };
  }

  #wantedOf(node: Node): WantedModels {
    return {
      current: () => this.#wanted,
      onChange: (listener) => (node.changed.add(listener), () => node.changed.delete(listener)),
      read: async () => this.#wanted,
      set: () => Promise.resolve(),
      stop: () => undefined,
    };
  }

  #storeOf(
    node: Node,
    at: { readonly alive: () => boolean; readonly watchers: Set<(what: "models" | "pulls") => void> },
  ): Pick<ModelStore, "pull" | "ended" | "get" | "damaged" | "list" | "watch"> {
    const ends = new Map<string, Promise<Result<PullView>>>();
    const { dice } = this.#world;
    const pull = ({ source, name = "" }: PullModel): Result<PullView> => {
      const id = `${node.id}-${ends.size}`;
      const view: PullView = { id, source, name, state: "waiting", doneBytes: 0, startedAtMs: 0 };
      this.#world.note(() => `${node.id} pulls ${source}`);
      this.#judge(node, { source, name });
      const isDone = source.startsWith("cluster:") ? this.#copyOf(node, name) : () => this.#sourceUp;
      const begunWell = isDone();
      const done = Promise.withResolvers<Result<PullView>>();
      ends.set(id, done.promise);
      this.#world.after(dice.between(1_000, pullMsMax), () => {
        if (!at.alive()) return;
        node.pulls.delete(name);
        const came = begunWell && isDone() && (this.#calm || dice.chance(0.9));
        this.replies += 1;
        if (came) {
          node.disk.set(name, { name } as StoredModel);
          for (const watcher of at.watchers) watcher("models");
        }
        if (!came && source.startsWith("cluster:")) node.failed.add(name);
        else node.failed.delete(name);
        done.resolve(ok({ ...view, state: came ? "done" : "failed" }));
      });
      return ok(view);
    };
    return {
      pull,
      ended: (id) => ends.get(id) ?? Promise.resolve({ ok: false, error: failure("NOT_FOUND") }),
      get: (name) => node.disk.get(name),
      damaged: () => [],
      list: () => [...node.disk.values()],
      watch: (listener) => (at.watchers.add(listener), () => at.watchers.delete(listener)),
    };
  }

  #copyOf(node: Node, name: string): () => boolean {
    return () => this.#nodes.some((other) => other !== node && other.up && other.disk.has(name));
  }

  /** Each pull is needed, and the source is asked for what no other node has. */
  #judge(node: Node, { source, name }: { readonly source: string; readonly name: string }): void {
    const one = this.#wanted.find((wanted) => wanted.name === name);
    const has = this.#nodes.filter((other) => other.disk.has(name) && other.up);
    const restedMs = this.#world.nowMs - this.#changedMs;
    if (this.#steady) {
      const keep = has.filter((other) => one !== undefined && mayKeep(other, one)).length;
      this.#world.violate("wanted-no-more", `${node.id} pulls ${name}, which ${keep} of ${one?.nodes ?? 0} nodes keep`);
    }
    // What all have heard of for a while is known to everybody.
    const known = has.length > 0 && restedMs > 2 * heardMsMax && has.every(({ member }) => member.offers?.some(({ model }) => model === name));
    if (!source.startsWith("cluster:") && known && !node.failed.has(name))
      this.#world.violate("source-asked-once", `${node.id} asks the source for ${name}, which ${has[0]?.id} has`);
    node.pulls.add(name);
    if (one === undefined) this.#world.violate("wanted-no-more", `${node.id} pulls ${name}, which nobody wants`);
    else if (restedMs > 2 * heardMsMax && !mayKeep(node, one))
      this.#world.violate("wanted-no-more", `${node.id} pulls ${name}, and may not keep it`);
    else if (this.#calm && restedMs > limits.downGraceMs! + 2 * heardMsMax + pullMsMax) {
      const keep = this.#nodes.filter((other) => mayKeep(other, one) && (other.disk.has(name) || other.pulls.has(name)));
      if (keep.length > one.nodes)
        this.#world.violate("wanted-no-more", `${keep.length} nodes have or pull ${name}, which ${one.nodes} should keep`);
    }
  } // prettier-ignore

  #residencyOf(alive: () => boolean): Residency {
    const { dice } = this.#world;
    const clock = this.#world.clock();
    const later = (act: () => void): void => void this.#world.after(dice.between(1, 3_000), () => alive() && act());
    const residency: Residency = new Residency(
      { models: [], budgetBytes: 64, clock, log: quietLog, changed: () => undefined },
      {
        hostOf: () => "native",
        isUp: () => true,
        inspect: ({ name }) =>
          later(() => residency.inspected(name, { contextTokens: 1, sequences: 1, threads: 1, sizeBytes: 1, architecture: "", memoryBytes: 1 })), // prettier-ignore
        load: ({ name }) =>
          later(() => residency.loaded(name, { contextTokens: 1, sequences: 1, sizeBytes: 1, threads: 1, device: "cpu", capabilities: ["chat"] })), // prettier-ignore
        unload: (name) => later(() => residency.unloaded(name)),
        stopLoad: () => undefined,
        abandon: () => undefined,
        begin: () => undefined,
        cancel: () => undefined,
      },
    );
    return residency;
  }
}

const specOf = (name: string) => ({ name, adapter: "llama", path: "" });

/** By what is true, not by what anybody has heard. */
const mayKeep = ({ up, member }: Node, { labels = {} }: WantedModel): boolean =>
  up &&
  member.roles.includes("ai") &&
  member.state === "active" &&
  Object.entries(labels).every(([name, value]) => member.labels[name] === value);
