/** Attackers beside a measurement: a process of their own, which does to a node what `test/fixtures/attackers.ts`
 *  knows. */
import type { Attacked, Tally } from "../fixtures/attackers.ts";
import { startServed } from "./benchmark.ts";

/** From the beginning of the attacks until they hold all that they can get. */
const warmUpMs = 3_000;

export interface Attackers {
  /** Resolves when they hold all that they can get. */
  begin(): Promise<void>;
  /** Lets go of everything; an attack of which nothing came ends the measurement. */
  end(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts them; they wait for `begin`. */
export async function startAttackers(target: Attacked): Promise<Attackers> {
  const attackers = await startServed("attack.ts");
  return {
    async begin() {
      await attackers.call("begin", target);
      await new Promise((resolve) => setTimeout(resolve, warmUpMs));
    },
    async end() {
      const tally = (await attackers.call("end")) as Readonly<Record<string, Tally>>;
      for (const name of target.only ?? Object.keys(tally))
        if (Object.keys(tally[name] ?? {}).length === 0) throw new Error(`nothing came of ${name}`);
      if (process.env["BENCH_LOG"] !== undefined) console.error(tally);
    },
    stop: () => attackers.stop(),
  };
}
