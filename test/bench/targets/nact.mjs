/** The peer `nact`: actors in memory, in one process. */
import { createRequire } from "node:module";
import { drive, payload } from "./drive.ts";
import { serve } from "./serve.ts";

// The package is CommonJS behind an entry that Node's own detection of named exports does not read.
const { dispatch, query, spawn, start, stop } = createRequire(import.meta.url)("nact");

const system = start();
const timeoutMs = 60_000;

/** Counts; answers with the count when somebody waits. */
const counter = (name) =>
  spawn(
    system,
    (count = 0, message) => {
      const next = message.type === "bump" ? count + 1 : count;
      if (message.sender !== undefined) dispatch(message.sender, next);
      return next;
    },
    name,
  );

const actor = counter("k0");
const bump = (to) => query(to, (sender) => ({ type: "bump", text: payload, sender }), timeoutMs);
const count = (to) => query(to, (sender) => ({ type: "count", sender }), timeoutMs);
let answered = 0;
let fresh = 0;

async function verify() {
  const counted = await count(actor);
  if (counted !== answered) throw new Error(`counted ${counted}, answered were ${answered}`);
}

serve({
  async volatile(load) {
    const driven = await drive(load, () => {
      answered += 1;
      return bump(actor);
    });
    await verify();
    return driven;
  },
  async tell(load) {
    const message = { type: "bump", text: payload };
    const driven = await drive(load, () => {
      for (let sent = 0; sent < load.weight; sent += 1) dispatch(actor, message);
      answered += load.weight;
      return count(actor);
    });
    await verify();
    return driven;
  },
  activate: (load) =>
    drive(load, () => {
      fresh += 1;
      return bump(counter(`fresh${fresh}`));
    }),
  stop: () => stop(system),
});
