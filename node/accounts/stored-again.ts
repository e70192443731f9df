/** Has all rooms and agents of this node tell accounts again what people keep (decisions 0257, 0281). They tell by
 *  themselves what changes. What that misses comes with this pass: rooms that nothing has brought into memory since
 *  the node was updated, and accounts that were on a node of the version before, which lost what they heard.
 *
 *      start, later ─► was the last pass of this release, and not too long ago? ─► yes: later
 *                                     │ no
 *                                     └─► room after room, agent after agent, with pauses ─► its end is logged and kept
 *
 *  A pass that the end of the node cuts off begins anew. */
import type { ActorId } from "../../protocols/index.ts";
import { seal, unseal } from "../data-folder/seal.ts";
import type { Kernel } from "../kernel/api.ts";
import type { Clock, Log, Store } from "../ports/index.ts";
import { storedAgainLimits as limits } from "./limits.ts";

const key = "stored/again";
const kinds = ["room", "agent"] as const;

/** The last pass that came to its end. */
interface Mark {
  readonly version: string;
  readonly atMs: number;
}

/** Begins it. */
export function tellStoredAgain(at: {
  readonly kernel: Pick<Kernel, "ask" | "listActors">;
  readonly store: Pick<Store, "get" | "batch" | "location">;
  readonly clock: Pick<Clock, "nowMs" | "after">;
  readonly log: Log;
  /** Of this release. */
  readonly version: string;
}): { stop(): void } {
  const { kernel, store, clock, log, version } = at;
  let stopped = false;
  let cancel = (): void => undefined;
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const end = clock.after(ms, resolve);
      cancel = () => {
        end();
        resolve();
      };
    });

  async function isDue(): Promise<boolean> {
    const bytes = await store.get(key);
    if (bytes === undefined) return true;
    const mark = unseal(key, bytes, store.location) as Mark;
    // A clock that was ahead puts off nothing for ever.
    const ageMs = Math.abs(clock.nowMs() - mark.atMs);
    return mark.version !== version || ageMs >= limits.everyMs;
  }

  /** How many of a kind were told to tell, and how many could not be. */
  async function passOf(kind: (typeof kinds)[number]): Promise<{ readonly asked: number; readonly missed: number }> {
    let [asked, missed] = [0, 0];
    for (let after: string | undefined; !stopped;) {
      const page = await kernel.listActors({ kind, limit: limits.pageActors, ...(after !== undefined && { after }) });
      for (const { actor, status } of page.rows) {
        if (stopped) break;
        // It can tell nothing until it is restored, and brings nobody else into memory again until then.
        if (status === "quarantined") continue;
        const message = { type: "tellStored" };
        const told = await kernel.ask({ to: actor as ActorId, from: "node", message, timeoutMs: limits.askTimeoutMs });
        asked += 1;
        // One that is gone keeps nothing.
        if (!told.ok && told.error.code !== "NOT_FOUND") missed += 1;
        await pause(limits.pauseMs);
      }
      after = page.rows.at(-1)?.actor;
      if (!page.more || after === undefined) break;
    }
    return { asked, missed };
  }

  async function pass(): Promise<void> {
    log.info("storage.counting", { version });
    const [rooms, agents] = [await passOf("room"), await passOf("agent")];
    if (stopped) return;
    const missed = rooms.missed + agents.missed;
    // What could not be asked is asked with the next pass, which comes soon then.
    const atMs = missed === 0 ? clock.nowMs() : clock.nowMs() - limits.everyMs + limits.againMs;
    const mark: Mark = { version, atMs };
    await store.batch([{ type: "put", key, value: seal(key, mark) }], { sync: false });
    log.info("storage.counted", { rooms: rooms.asked, agents: agents.asked, missed });
  }

  async function run(): Promise<void> {
    await pause(limits.firstMs);
    while (!stopped) {
      try {
        if (await isDue()) await pass();
      } catch (error) {
        log.warn("storage.not.counted", { error });
      }
      if (!stopped) await pause(limits.lookMs);
    }
  }
  void run();
  return {
    stop() {
      stopped = true;
      cancel();
    },
  };
}
