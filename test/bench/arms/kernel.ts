/** Ours: the real kernel, journal and Level store, with a counter as the actor. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { note, persist, reply, type AnyBehavior, type Behavior } from "../../../actors/behavior.ts";
import { createClock, createMetrics, createRandom, openLevelStore } from "../../../node/platform/index.ts";
import type { Log } from "../../../node/ports.ts";
import type { ActorId } from "../../../protocols/index.ts";
import type { Runtime } from "../../../runtimes/runtime.ts";
import { startAlone } from "../../alone.ts";
import { drive, payload, type Load } from "./drive.ts";
import { serve } from "./serve.ts";

type Command =
  | { readonly type: "add"; readonly text: string }
  | { readonly type: "bump"; readonly text: string }
  | { readonly type: "count" };

/** `add` is durable before it is answered; `bump` changes memory only. */
const counter: Behavior<{ readonly count: number }, Command, { readonly text: string }, { readonly count: number }, 1> =
  {
    kind: "counter",
    role: "chat",
    initial: () => ({ count: 0 }),
    decide(state, message, turn) {
      switch (message.type) {
        case "add":
          return [persist({ text: message.text }), reply(state.count + 1)];
        case "bump":
          return [note(1), reply(turn.notes.count + 1)];
        case "count":
          return [reply({ durable: state.count, volatile: turn.notes.count })];
        default:
          return [];
      }
    },
    evolve: (state) => ({ count: state.count + 1 }),
    notes: { initial: () => ({ count: 0 }), evolve: (notes, by) => ({ count: notes.count + by }) },
  };

const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: (event, facts) => console.error(event, facts),
  error: (event, facts) => console.error(event, facts),
};
const noRuntime: Runtime = {
  models: () => [],
  generate: () => ({ cancel: () => undefined }),
  stop: () => Promise.resolve(),
};

const folder = await mkdtemp(join(tmpdir(), "plexus-bench-kernel-"));
const clock = createClock();
const { meter } = createMetrics();
const store = await openLevelStore(folder);
const { peer } = await startAlone({
  node: "bench",
  store,
  behaviors: [counter as AnyBehavior],
  runtime: noRuntime,
  clock,
  random: createRandom(),
  log,
  meter,
});
const { kernel } = peer;

const timeoutMs = 60_000;
let operations = 0;
const durable = new Map<string, number>();
const volatile = new Map<string, number>();

async function ask(to: string, message: Command, operationId?: string): Promise<unknown> {
  const request = { to: to as ActorId, from: "user/bench" as const, message, timeoutMs };
  const answer = await kernel.ask(operationId === undefined ? request : { ...request, operationId });
  if (!answer.ok) throw new Error(`${to} refused: ${JSON.stringify(answer.error)}`);
  return answer.value;
}

function add(to: string): Promise<unknown> {
  operations += 1;
  durable.set(to, (durable.get(to) ?? 0) + 1);
  return ask(to, { type: "add", text: payload }, `o${operations}`);
}

function bump(to: string): Promise<unknown> {
  volatile.set(to, (volatile.get(to) ?? 0) + 1);
  return ask(to, { type: "bump", text: payload });
}

/** Every actor has counted exactly what was answered. */
async function verify(): Promise<void> {
  for (const to of new Set([...durable.keys(), ...volatile.keys()])) {
    const counted = (await ask(to, { type: "count" })) as { durable: number; volatile: number };
    const expected = { durable: durable.get(to) ?? 0, volatile: volatile.get(to) ?? 0 };
    if (counted.durable !== expected.durable || counted.volatile !== expected.volatile)
      throw new Error(`${to} counted ${JSON.stringify(counted)}, answered were ${JSON.stringify(expected)}`);
  }
}

let fresh = 0;
const freshKey = (): string => {
  fresh += 1;
  return `counter/fresh${fresh}`;
};

serve({
  async durable(load: Load) {
    const driven = await drive(load, (lane) => add(`counter/k${lane}`));
    await verify();
    return driven;
  },
  async volatile(load: Load) {
    const driven = await drive(load, (lane) => bump(`counter/k${lane}`));
    await verify();
    return driven;
  },
  /** Bursts of tells, each confirmed by an ask behind it that sees them all. */
  async tell(load: Load & { readonly weight: number }) {
    const to = "counter/k0";
    const message = { type: "bump", text: payload } as const;
    const driven = await drive(load, () => {
      for (let sent = 0; sent < load.weight; sent += 1) kernel.tell({ to, from: "user/bench", message });
      volatile.set(to, (volatile.get(to) ?? 0) + load.weight);
      return ask(to, { type: "count" });
    });
    await verify();
    return driven;
  },
  activate: ({ how, ...load }: Load & { readonly how: "durable" | "volatile" }) =>
    drive(load, () => (how === "durable" ? ask(freshKey(), { type: "add", text: payload }, "o1") : ask(freshKey(), { type: "bump", text: payload }))),
  async stop() {
    await peer.stop(5_000);
    await store.close();
    await rm(folder, { recursive: true, force: true });
  },
}); // prettier-ignore
