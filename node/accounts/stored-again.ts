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
  /** From here on it is counted when the next one is due. */
  readonly atMs: number;
  /** When all were asked last. Absent: at `atMs`. */
  readonly wholeAtMs?: number;
  /** It was the first of its release, so that all are asked again sooner. */
  readonly first?: true;
  /** Those that could not be asked: the next pass is of them alone. Absent: none, or too many. */
  readonly missed?: readonly string[];
}

/** A pass of all, or of some. */
interface Due {
  readonly wholeAtMs: number;
  readonly only?: readonly string[];
  readonly first?: true;
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

  async function due(): Promise<Due | undefined> {
    const bytes = await store.get(key);
    const whole: Due = { wholeAtMs: clock.nowMs() };
    if (bytes === undefined) return { ...whole, first: true };
    const { atMs, wholeAtMs = atMs, missed, first, ...mark } = unseal(key, bytes, store.location) as Mark;
    // A clock that was ahead puts off nothing for ever.
    const isOver = (beganAtMs: number, afterMs: number = limits.everyMs): boolean =>
      Math.abs(clock.nowMs() - beganAtMs) >= afterMs;
    if (mark.version !== version) return { ...whole, first: true };
    if (isOver(wholeAtMs, first && limits.againMs)) return whole;
    if (!isOver(atMs)) return undefined;
    return missed === undefined ? whole : { wholeAtMs, only: missed, ...(first && { first }) };
  }

  /** Has one tell. False: it could not be asked. */
  async function askOne(actor: string): Promise<boolean> {
    const message = { type: "tellStored" };
    const told = await kernel.ask({ to: actor as ActorId, from: "node", message, timeoutMs: limits.askTimeoutMs });
    await pause(limits.pauseMs);
    // One that is gone keeps nothing.
    return told.ok || told.error.code === "NOT_FOUND";
  }

  /** How many of a kind were told to tell; adds those that could not be. */
  async function passOf(kind: (typeof kinds)[number], missed: string[]): Promise<number> {
    let asked = 0;
    for (let after: string | undefined; !stopped;) {
      const page = await kernel.listActors({ kind, limit: limits.pageActors, ...(after !== undefined && { after }) });
      for (const { actor, status } of page.rows) {
        if (stopped) break;
        // It can tell nothing until it is restored, and brings nobody else into memory again until then.
        if (status === "quarantined") continue;
        asked += 1;
        if (!(await askOne(actor))) missed.push(actor);
      }
      after = page.rows.at(-1)?.actor;
      if (!page.more || after === undefined) break;
    }
    return asked;
  }

  async function passSome(kind: (typeof kinds)[number], only: readonly string[], missed: string[]): Promise<number> {
    const some = only.filter((actor) => actor.startsWith(`${kind}/`));
    for (const actor of some) if (!stopped && !(await askOne(actor))) missed.push(actor);
    return some.length;
  }

  async function pass({ wholeAtMs, only, first }: Due): Promise<void> {
    log.info("storage.counting", { version, ...(only && { only: only.length }) });
    const missed: string[] = [];
    const passed = (kind: (typeof kinds)[number]) =>
      only === undefined ? passOf(kind, missed) : passSome(kind, only, missed);
    const [rooms, agents] = [await passed("room"), await passed("agent")];
    if (stopped) return;
    const isEmpty = missed.length === 0;
    // What could not be asked is asked with the next pass, which comes soon then.
    const mark: Mark = {
      version,
      wholeAtMs,
      ...(first && { first }),
      atMs: isEmpty ? wholeAtMs : clock.nowMs() - limits.everyMs + limits.againMs,
      ...(!isEmpty && missed.length <= limits.missedMax && { missed }),
    };
    await store.batch([{ type: "put", key, value: seal(key, mark) }], { sync: false });
    log.info("storage.counted", { rooms, agents, missed: missed.length });
  }

  async function run(): Promise<void> {
    await pause(limits.firstMs);
    while (!stopped) {
      try {
        const now = await due();
        if (now !== undefined) await pass(now);
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
