import type { ActorId } from "../../../protocols/index.ts";
import { persist, reply, type AnyBehavior, type Behavior, type Effect, type Signal } from "../../../actors/behavior.ts";
import { Caller, paced, type Entrance, type Pace } from "../caller.ts";
import type { LedgerWatch } from "../checkers.ts";
import type { World } from "../../world/index.ts";
import { describeOperation, emptyRegister, judge, type Operation, type RegisterCall } from "./linearizability.ts";

// --- the actor -------------------------------------------------------------------------------------------------------

type RegisterEvent = { readonly type: "set"; readonly value: string } | { readonly type: "kept" };

/** One value: read, write, exchange. An exchange that does not take place is persisted too, so that it is remembered
 *  with its answer: otherwise a late copy of a command that was answered "no" could still say "yes". */
const register: Behavior<string, RegisterCall, RegisterEvent> = {
  kind: "register",
  role: "chat",
  initial: () => emptyRegister,
  decide(state, message: RegisterCall | Signal): readonly Effect<RegisterEvent, never>[] {
    switch (message.type) {
      case "read":
        return [reply({ value: state })];
      case "write":
        return [persist({ type: "set", value: message.value }), reply({ done: true })];
      case "cas": {
        const done = state === message.expected;
        return [persist(done ? { type: "set", value: message.value } : { type: "kept" }), reply({ done })];
      }
      case "answered":
      case "records":
      case "part":
      case "waits":
      case "reminded":
        return [];
    }
  },
  evolve: (state, event) => (event.type === "set" ? event.value : state),
};

export const registerBehaviors: readonly AnyBehavior[] = [register];

// --- what clients see of it ------------------------------------------------------------------------------------------

interface OpenOperation {
  readonly call: RegisterCall;
  readonly from: number;
}

/** The histories of all registers. A register whose history has grown long is left for a fresh one, so that each can be
 *  judged whole. */
export class RegisterWatch {
  undecided = 0;
  judged = 0;
  readonly #world: World;
  readonly #ledgers: LedgerWatch;
  readonly #answered = new Map<ActorId, Operation[]>();
  readonly #open = new Map<ActorId, Set<OpenOperation>>();
  #position = 0;

  constructor(world: World, ledgers: LedgerWatch) {
    this.#world = world;
    this.#ledgers = ledgers;
  }

  /** A register to work on. */
  pick(): ActorId {
    const registers = ["a", "b", "c"].map((name) => {
      for (let generation = 0; ; generation += 1) {
        const actor: ActorId = `register/${name}${generation}`;
        const answered = this.#answered.get(actor)?.length ?? 0;
        const open = this.#open.get(actor)?.size ?? 0;
        if (answered + open < operationsMax && open < openMax) return actor;
      }
    });
    return this.#world.dice.pick(registers);
  }

  /** A value that somebody may have written, to be expected by an exchange. */
  someValue(actor: ActorId): string {
    const values = (this.#answered.get(actor) ?? []).map(({ call, answer }) =>
      call.type === "read" ? (answer as string) : call.value,
    );
    return values.length === 0 ? emptyRegister : this.#world.dice.pick(values.slice(-3));
  }

  asked(actor: ActorId, call: RegisterCall): OpenOperation {
    this.#position += 1;
    const open = { call, from: this.#position };
    const all = this.#open.get(actor) ?? new Set();
    this.#open.set(actor, all.add(open));
    return open;
  }

  /** An answer. Undefined: it certainly had no effect. */
  answered(actor: ActorId, open: OpenOperation, answer: string | boolean | undefined): void {
    this.#position += 1;
    this.#open.get(actor)?.delete(open);
    if (answer === undefined) return;
    if (typeof answer === "string" && answer !== emptyRegister) this.#ledgers.durable(answer, `read of ${actor}`);
    if (open.call.type !== "read" && answer === true) this.#ledgers.durable(open.call.value, `write of ${actor}`);
    const all = this.#answered.get(actor) ?? [];
    all.push({ ...open, to: this.#position, answer });
    this.#answered.set(actor, all);
  }

  /** Looks at everything; the history of a register is one only together with what is still open. */
  check(): void {
    for (const [actor, answered] of this.#answered) {
      const open = [...(this.#open.get(actor) ?? [])].map((one) => ({ ...one, to: Infinity, answer: undefined }));
      const history = [...answered, ...open];
      const judgement = judge(history);
      this.judged += 1;
      if (judgement === "undecided") this.undecided += 1;
      if (judgement === "violated") {
        const told = history.map(describeOperation).join("; ");
        this.#world.violate("linearizable", `${actor}: ${told}`);
      }
    }
  }
}

const operationsMax = 60;
const openMax = 8;

/** A client of registers. */
export class RegisterClient {
  finished = false;
  readonly caller: Caller;
  readonly #world: World;
  readonly #watch: RegisterWatch;
  readonly #entrance: Entrance;
  readonly #pace: Pace;

  constructor(
    name: string,
    around: { readonly world: World; readonly entrance: Entrance; readonly watch: RegisterWatch },
    pace: Pace,
  ) {
    this.caller = new Caller(name, `user/${name}`, around);
    this.#world = around.world;
    this.#watch = around.watch;
    this.#entrance = around.entrance;
    this.#pace = pace;
  }

  async run(): Promise<void> {
    await paced({ world: this.#world, entrance: this.#entrance }, this.#pace, () => this.#command());
    this.finished = true;
  }

  async #command(): Promise<void> {
    const { dice } = this.#world;
    const watch = this.#watch;
    const actor = watch.pick();
    const type = dice.weighted({ read: 3, write: 2, cas: 2 });
    const value = type === "read" ? "" : this.caller.token();
    const call: RegisterCall =
      type === "read"
        ? { type }
        : type === "write"
          ? { type, value }
          : { type, expected: watch.someValue(actor), value };
    const open = watch.asked(actor, call);
    const operation = this.caller.operation();
    // Some give up after one attempt and never learn what happened; most repeat until they know.
    const patient = type !== "read" && dice.chance(0.85);
    const result = patient
      ? await this.caller.untilKnown(actor, { ...call }, operation)
      : await this.caller.once(actor, { ...call }, type === "read" ? undefined : operation);
    if (result === undefined || typeof result === "string") return;
    if (!result.ok) {
      if (result.error.outcome !== "unknown" || type === "read") watch.answered(actor, open, undefined);
      return;
    }
    const { done, value: seen } = result.value as { done?: boolean; value?: string };
    watch.answered(actor, open, type === "read" ? seen : done);
  }
}
