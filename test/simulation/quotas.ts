/** Nodes that count calls and hold budgets: the real counting (`node/inference/usage`) and the real ledgers (`actors/ledger`),
 *  with engines that refuse and fail, nodes that die and come back, and messages that are lost, late, or have their
 *  answers lost.
 *
 *      plan ─► faults ─► calm ─► audit
 *
 *  The engines are the witness of what was taken. What a ledger has is compared with them at every message, and in the
 *  end. */
import { everybody, failure, ledgerOf, ok, type Budget, type Result } from "../../protocols/index.ts";
import { actorLimits } from "../../actors/limits.ts";
import { spentOf } from "../../actors/ledger/state.ts";
import { usageLimits } from "../../node/inference/usage/limits.ts";
import { failed, text } from "../fixtures/engine-answers.ts";
import { createNode, epochMs, Ledgers, took, type Script } from "../unit/inference/usage/fixture.ts";
import type { World } from "../world/index.ts";
import { judge, type Simulated, type Verdict } from "./verdict.ts";

/** All that is held is given back, and all that was lost on the way is told again. */
const calmMs = 180_000;
const people = ["ada", "bob"];
/** A call takes no more: what may be taken beyond a budget is bounded by it. */
const callTokensMax = 60;
const reservedTokens = 40;

/** Runs one seed. */
export const runQuotasSeed = (seed: number, options: { readonly trace?: boolean } = {}): Promise<Verdict> =>
  judge(seed, options, (world) => new QuotasLife(world));

/** What one life of a node did, by ledger. */
interface Told {
  /** When its calls ended. */
  readonly endedMs: number[];
  /** How many of them the node knows to be told. */
  known: number;
}

interface Life {
  readonly name: string;
  readonly pulse: { life: number; alive: boolean };
  readonly node: ReturnType<typeof createNode>;
  readonly told: Map<string, Told>;
  calls: number;
}

class QuotasLife implements Simulated {
  readonly #world: World;
  readonly #ledgers: Ledgers;
  readonly #budgets: readonly Budget[];
  readonly #callsAtOnce: number;
  /** Some are longer than the time after which a share is given to others. */
  readonly #lifeMs: number;
  readonly #all: Life[] = [];
  readonly #weather: {
    readonly lost: number;
    readonly unanswered: number;
    readonly late: number;
    readonly refuse: number;
    readonly fail: number;
  };
  /** What was granted to nodes that were silent for so long that others may have it. */
  readonly #silent = new Map<string, number>();
  #calm = false;
  #cutUntilMs = 0;
  lives = 0;
  replies = 0;
  faults = 0;

  constructor(world: World) {
    this.#world = world;
    const { dice } = world;
    const some = (chance: number): number => (dice.chance(0.5) ? dice.between(0, chance) : 0);
    this.#weather = { lost: some(0.2), unanswered: some(0.2), late: some(0.2), refuse: some(0.3), fail: some(0.2) };
    this.#callsAtOnce = 1 + dice.below(3);
    this.#lifeMs = dice.chance(0.2) ? 3 * actorLimits.leaseMs : 240_000;
    const each: Budget = { name: "each", of: "person", names: [], measure: "tokens", limit: dice.pick([500, 5_000, 50_000]), per: "day", warnPercent: 80, ending: "stop" };
    const all: Budget = { ...each, name: "all", of: "cluster", limit: dice.pick([3_000, 30_000]), ending: dice.pick(["stop", "warn"]) };
    this.#budgets = [each, ...(dice.chance(0.5) ? [all] : [])];
    const away = (chance: number): boolean => !this.#calm && (world.nowMs < this.#cutUntilMs || dice.chance(chance));
    // Some lives are at midnight.
    const offsetMs = dice.chance(0.2) ? Date.UTC(2026, 4, 5) - this.#lifeMs / 2 : epochMs;
    this.#ledgers = new Ledgers(
      world,
      {
        lost: () => away(this.#weather.lost),
        unanswered: () => away(this.#weather.unanswered),
        delayMs: () => (!this.#calm && dice.chance(this.#weather.late) ? dice.between(0, 12_000) : dice.between(0, 50)),
      },
      offsetMs,
    );
  } // prettier-ignore

  async run(): Promise<void> {
    const { dice } = this.#world;
    const count = 1 + dice.below(4);
    for (let index = 1; index <= count; index += 1) this.#start(`n${index}`);
    if (dice.chance(0.3)) this.#cut();
    await this.#world.run(() => false, this.#lifeMs);
    this.#calm = true;
    await this.#world.run(() => false, this.#lifeMs + calmMs);
    if (this.#world.violations.length === 0) this.#audit();
  }

  #start(name: string): void {
    const { dice } = this.#world;
    this.lives += 1;
    const pulse = { life: this.lives, alive: true };
    const told = new Map<string, Told>();
    const node = createNode(this.#world, this.#ledgers, {
      name: `${name}.${this.lives}`,
      pulse,
      budgets: () => this.#budgets,
      script: (request) => this.#script(life, request),
      ask: (to, message, timeoutMs) => this.#ask(life, to, message, timeoutMs),
    });
    const life: Life = { name, pulse, node, told, calls: 0 };
    this.#all.push(life);
    const pauseMs = dice.pick([20, 100, 1_000]);
    const next = (): void => {
      if (!pulse.alive || this.#calm) return;
      if (life.calls < this.#callsAtOnce) this.#call(life, dice.pick(people));
      this.#world.after(dice.between(0, 2 * pauseMs), next);
    };
    next();
    if (dice.chance(0.4)) this.#world.after(dice.between(0, this.#lifeMs), () => this.#kill(life));
  }

  #kill({ name, pulse }: Life): void {
    if (this.#calm) return;
    pulse.alive = false;
    this.faults += 1;
    this.#world.note(() => `${name} dies`);
    const { dice } = this.#world;
    const awayMs = dice.chance(0.3) ? actorLimits.leaseMs * 1.5 : dice.between(0, 20_000);
    this.#world.after(awayMs, () => {
      if (!this.#calm) this.#start(name);
    });
  }

  /** No message arrives for a while. */
  #cut(): void {
    const { dice } = this.#world;
    this.#world.after(dice.between(0, this.#lifeMs), () => {
      this.faults += 1;
      this.#cutUntilMs = this.#world.nowMs + dice.between(0, dice.pick([60_000, 1_200_000]));
      this.#world.note(() => `cut off until ${this.#cutUntilMs}`);
    });
  }

  #call(life: Life, person: string): void {
    life.calls += 1;
    void life.node
      .call({ model: "m", person: `user/${person}`, sampling: { maxTokens: reservedTokens } })
      .end.then((said) => {
        life.calls -= 1;
        this.replies += 1;
        this.#world.note(
          () =>
            `${life.name} for ${person}: ${said.type === "answered" && !said.result.ok ? said.result.error.code : "ok"}`,
        );
      });
  }

  /** What the model does, and what the witness notes of it. */
  #script(life: Life, { person = "" }: Parameters<Script>[0]): ReturnType<Script> {
    const { dice } = this.#world;
    // Timers may be 2 ms late: what is said one after the other is heard so.
    const afterMs = dice.between(5, 1_500);
    if (!this.#calm && dice.chance(this.#weather.refuse)) return { afterMs, says: [failed(failure("MODEL_BUSY"))] };
    const isBroken = !this.#calm && dice.chance(this.#weather.fail);
    const says = isBroken
      ? [text("half"), failed(failure("PROVIDER_FAILED"))]
      : [took(0, dice.below(callTokensMax + 1))];
    const ends = says.length * afterMs;
    this.#world.after(ends, () => {
      // Timers of a node are a little late; this is before the call has ended, so what is told before is not of it.
      if (!life.pulse.alive) return;
      for (const ledger of [everybody, person.slice("user/".length)])
        this.#toldOf(life, ledger).endedMs.push(this.#world.nowMs);
    });
    return { afterMs, says };
  }

  #toldOf({ told }: Life, ledger: string): Told {
    const known = told.get(ledger) ?? { endedMs: [], known: 0 };
    told.set(ledger, known);
    return known;
  }

  async #ask(life: Life, to: string, message: object, timeoutMs: number): Promise<Result<unknown>> {
    const never = new Promise<never>(() => undefined);
    if (!life.pulse.alive) return never;
    const { seq, rows } = message as { readonly seq: number; readonly rows: readonly { readonly calls: number }[] };
    const calls = rows.reduce((sum, row) => sum + row.calls, 0);
    this.#noteSilence();
    const answer = await this.#ledgers.ask(to, message, timeoutMs);
    this.#check(to);
    if (!life.pulse.alive) return never;
    const told = this.#toldOf(life, to.slice("ledger/".length));
    // Calls end in the order in which they are told.
    if (answer.ok) told.known += calls;
    this.#world.note(() => `${life.name} tells ${to} ${seq}: ${calls} calls, ${answer.ok ? "known" : "no answer"}`);
    return answer.ok ? ok(answer.value) : answer;
  }

  /** What nodes held that have been silent for so long that it is given to others. */
  #noteSilence(): void {
    const nowMs = this.#world.nowMs + this.#ledgers.offsetMs;
    for (const [ledger, { reporters }] of this.#ledgers.states)
      for (const [reporter, { atMs, held }] of Object.entries(reporters))
        if (nowMs - atMs > actorLimits.leaseMs - 60_000)
          for (const [id, amount] of Object.entries(held)) this.#silent.set(`${ledger} ${reporter} ${id}`, amount);
  }

  /** A budget's end is where it is, but for calls that were under way. */
  #check(ledger: string): void {
    const state = this.#ledgers.states.get(ledger);
    if (state === undefined) return;
    const budget = this.#budgets.find(({ of: subject }) => (subject === "cluster") === (ledger === ledgerOf(everybody)));
    if (budget !== undefined && budget.ending === "stop") {
      const spent = spentOf(state.day.rows, {}, "tokens");
      const silent = [...this.#silent].reduce((sum, [key, amount]) => (key.startsWith(`${ledger} `) ? sum + amount : sum), 0);
      // Of each life, also of those that died: their last messages may arrive late.
      const beyond = this.lives * this.#callsAtOnce * callTokensMax;
      if (spent > budget.limit + beyond + silent)
        this.#world.violate("budget-holds", `${spent} of ${budget.limit} were taken in ${ledger}; ${beyond} may be beyond it, ${silent} were lost`);
    }
    const [counted, made] = [this.#counted(ledger), this.#made(ledger)];
    if (counted > made) this.#world.violate("usage-counted-once", `${counted} calls are counted in ${ledger}, and ${made} were made`);
  } // prettier-ignore

  #counted(ledger: string): number {
    const { month } = this.#ledgers.states.get(ledger) ?? {};
    return (month?.rows ?? []).reduce((sum, { calls }) => sum + calls, 0);
  }

  #made(ledger: string): number {
    const key = ledger.slice("ledger/".length);
    return this.#all.reduce((sum, { told }) => sum + (told.get(key)?.endedMs.length ?? 0), 0);
  }

  #audit(): void {
    for (const key of [...people, everybody]) {
      const ledger = ledgerOf(key);
      this.#check(ledger);
      const least = this.#all.reduce((sum, { pulse, told }) => {
        const { endedMs = [], known = 0 } = told.get(key) ?? {};
        return sum + (pulse.alive ? endedMs.length : known);
      }, 0);
      const counted = this.#counted(ledger);
      if (counted < least)
        this.#world.violate("usage-kept", `${counted} calls are counted in ${ledger}, and ${least} should be`);
      const alive = new Set(this.#all.flatMap(({ pulse, name }) => (pulse.alive ? [`${name}.${pulse.life}`] : [])));
      for (const [reporter, { held }] of Object.entries(this.#ledgers.states.get(ledger)?.reporters ?? {})) {
        const isAlive = [...alive].some((name) => reporter.startsWith(`${name}.`));
        const sum = Object.values(held).reduce((total, amount) => total + amount, 0);
        if (isAlive && sum > 0)
          this.#world.violate(
            "liveness",
            `${reporter} holds ${sum} of ${ledger} ${usageLimits.shareIdleMs} ms after its last call`,
          );
      }
    }
  }
}
