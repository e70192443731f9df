/** What every process of ours is given, beside its disk and its clock: nothing is logged but what went wrong, and
 *  nothing is generated. */
import { everyEngine, type Engines } from "../../../runtimes/engine.ts";
import type { Log } from "../../../node/ports/index.ts";

/** With BENCH_LOG set, a cluster says what it does. */
const told = (event: string, facts?: unknown): void =>
  console.error(Math.round(performance.timeOrigin + performance.now()), process.pid, event, facts);
const untold = (): void => undefined;
const tell = process.env["BENCH_LOG"] === undefined ? untold : told;

/** Says what should not happen in a process that nothing happens to. */
export const log: Log = { debug: untold, info: tell, warn: told, error: told };

/** The same where nodes die around it: that connections break is what was asked for. */
export const calmLog: Log = { debug: untold, info: tell, warn: tell, error: told };

export const noEngines: Engines = everyEngine({});
