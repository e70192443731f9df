/** Ours: the real kernel, journal and Level store, with a counter as the actor. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AnyBehavior } from "../../../actors/behavior.ts";
import { createClock, createMetrics, createRandom, openLevelStore } from "../../../node/platform/index.ts";
import { startAlone } from "../../fixtures/alone.ts";
import { Caller, counter } from "./counter.ts";
import { drive, payload, type Load } from "./drive.ts";
import { log, noEngines } from "./ports.ts";
import { serve } from "./serve.ts";

const folder = await mkdtemp(join(tmpdir(), "plexus-bench-kernel-"));
const clock = createClock();
const { meter } = createMetrics();
const store = await openLevelStore(folder);
const { peer } = await startAlone({
  node: "bench",
  store,
  behaviors: [counter as AnyBehavior],
  engines: noEngines,
  clock,
  random: createRandom(),
  log,
  meter,
});
const caller = new Caller(peer.kernel, "o");

let fresh = 0;
const freshKey = (): string => {
  fresh += 1;
  return `counter/fresh${fresh}`;
};

serve({
  async durable(load: Load) {
    const driven = await drive(load, (lane) => caller.add(`counter/k${lane}`));
    await caller.verify();
    return driven;
  },
  async volatile(load: Load) {
    const driven = await drive(load, (lane) => caller.bump(`counter/k${lane}`));
    await caller.verify();
    return driven;
  },
  /** Bursts of tells, each confirmed by an ask behind it that sees them all. */
  async tell(load: Load & { readonly weight: number }) {
    const driven = await drive(load, () => caller.burst("counter/k0", load.weight));
    await caller.verify();
    return driven;
  },
  activate: ({ how, ...load }: Load & { readonly how: "durable" | "volatile" }) =>
    drive(load, () => caller.ask(freshKey(), { type: how === "durable" ? "add" : "bump", text: payload }, how === "durable" ? "o1" : undefined)),
  async stop() {
    await peer.stop(5_000);
    await store.close();
    await rm(folder, { recursive: true, force: true });
  },
}); // prettier-ignore
