/** The actor of all our targets: it counts what it is told, in its journal or in memory, and can say how much that
 *  was. */
import { note, persist, publish, reply, type Behavior, type RecordOp } from "../../../actors/behavior.ts";
import type { Kernel } from "../../../node/kernel/index.ts";
import type { ActorId } from "../../../protocols/index.ts";
import { payload } from "./drive.ts";

type Command =
  | { readonly type: "add"; readonly text: string }
  | { readonly type: "bump"; readonly text: string }
  | { readonly type: "fill"; readonly key: string; readonly text: string }
  | { readonly type: "emit"; readonly text: string }
  | { readonly type: "count" };

interface Added {
  readonly text: string;
  readonly key?: string;
}

/** `add` is durable before it is answered; `bump` changes memory only; `fill` adds and keeps a record; `emit` tells all
 *  followers. */
export const counter: Behavior<{ readonly count: number }, Command, Added, { readonly count: number }, 1> = {
  kind: "counter",
  role: "chat",
  initial: () => ({ count: 0 }),
  decide(state, message, turn) {
    switch (message.type) {
      case "add":
        return [persist({ text: message.text }), reply(state.count + 1)];
      case "bump":
        return [note(1), reply(turn.notes.count + 1)];
      case "fill":
        return [persist({ text: message.text, key: message.key }), reply(state.count + 1)];
      case "emit":
        return [publish({ text: message.text }), reply(null)];
      case "count":
        return [reply({ durable: state.count, volatile: turn.notes.count })];
      default:
        return [];
    }
  },
  evolve: (state) => ({ count: state.count + 1 }),
  record: ({ key, text }): readonly RecordOp[] => (key === undefined ? [] : [{ put: key, value: text }]),
  notes: { initial: () => ({ count: 0 }), evolve: (notes, by) => ({ count: notes.count + by }) },
};

const timeoutMs = 60_000;

/** Asks counters through one kernel, and knows what they must have counted. */
export class Caller {
  readonly #kernel: Kernel;
  readonly #name: string;
  readonly #durable = new Map<string, number>();
  readonly #volatile = new Map<string, number>();
  #operations = 0;

  /** `name` keeps the operations of two callers apart. */
  constructor(kernel: Kernel, name: string) {
    this.#kernel = kernel;
    this.#name = name;
  }

  async ask(to: string, message: Command, operationId?: string): Promise<unknown> {
    const request = { to: to as ActorId, from: "user/bench" as const, message, timeoutMs };
    const answer = await this.#kernel.ask(operationId === undefined ? request : { ...request, operationId });
    if (!answer.ok) throw new Error(`${to} refused: ${JSON.stringify(answer.error)}`);
    return answer.value;
  }

  add(to: string): Promise<unknown> {
    return this.#persist(to, { type: "add", text: payload });
  }

  /** Keeps a record of so many bytes. */
  fill(to: string, key: string, bytes: number): Promise<unknown> {
    return this.#persist(to, { type: "fill", key, text: payload.repeat(Math.ceil(bytes / payload.length)) });
  }

  bump(to: string): Promise<unknown> {
    this.#note(to, 1);
    return this.ask(to, { type: "bump", text: payload });
  }

  /** Tells so many times, then asks once; the answer is behind all of them. */
  burst(to: string, count: number): Promise<unknown> {
    const message = { type: "bump", text: payload } as const;
    for (let sent = 0; sent < count; sent += 1) this.#kernel.tell({ to: to as ActorId, from: "user/bench", message });
    this.#note(to, count);
    return this.ask(to, { type: "count" });
  }

  /** Tells the actor to publish so many events. */
  emit(to: string, count: number): void {
    const message = { type: "emit", text: payload } as const;
    for (let sent = 0; sent < count; sent += 1) this.#kernel.tell({ to: to as ActorId, from: "user/bench", message });
  }

  /** Every actor has counted exactly what was answered. */
  async verify(): Promise<void> {
    for (const to of new Set([...this.#durable.keys(), ...this.#volatile.keys()])) {
      const counted = (await this.ask(to, { type: "count" })) as { durable: number; volatile: number };
      const expected = { durable: this.#durable.get(to) ?? 0, volatile: this.#volatile.get(to) ?? 0 };
      if (counted.durable !== expected.durable || counted.volatile !== expected.volatile)
        throw new Error(`${to} counted ${JSON.stringify(counted)}, answered were ${JSON.stringify(expected)}`);
    }
  }

  /** What is memory only is gone where an actor has moved. */
  forgetVolatile(): void {
    this.#volatile.clear();
  }

  #persist(to: string, message: Command): Promise<unknown> {
    this.#operations += 1;
    this.#durable.set(to, (this.#durable.get(to) ?? 0) + 1);
    return this.ask(to, message, `${this.#name}${this.#operations}`);
  }

  #note(to: string, count: number): void {
    this.#volatile.set(to, (this.#volatile.get(to) ?? 0) + count);
  }
}
