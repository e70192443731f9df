/** Does the runs of playbooks beside the reading of the audit: an address that answers slowly delays the acts behind
 *  it, and nothing else.
 *
 *  The queue is the actor's: its open runs, so many at most, which every step names again until they are over. Here a
 *  few of them are done at once. A run that is over and of which the actor did not hear is told again, and not done
 *  again. */
import { failureOf, type PlaybookOrder, type PlaybookStep, type SeenEntry } from "../../protocols/index.ts";
import type { Log, Meter } from "../ports/index.ts";

/** The result of a run. */
export interface RunDone {
  readonly steps: readonly PlaybookStep[];
  /** The finding that started the run. */
  readonly seen: readonly SeenEntry[];
}

export interface RunsPorts {
  readonly act: (order: PlaybookOrder) => Promise<RunDone>;
  /** Tells the actor. False: it did not answer. Another watcher has taken over: that is an answer. */
  readonly ran: (turn: number, id: string, done: RunDone) => Promise<boolean>;
  readonly log: Log;
  readonly meter: Meter;
  readonly atOnceMax: number;
}

interface Runs {
  /** Begins the runs that are not done yet, the oldest first. */
  take(turn: number, orders: readonly PlaybookOrder[]): void;
  /** Resolves when no run is under way. */
  settled(): Promise<void>;
}

/** Makes it. */
export function createRuns({ act, ran, log, meter, atOnceMax }: RunsPorts): Runs {
  const running = new Map<string, Promise<void>>();
  /** Runs that are over, until the actor has heard of them. */
  const over = new Map<string, RunDone>();
  let of = 0;

  async function run(turn: number, order: PlaybookOrder): Promise<void> {
    const { id, playbook, alert } = order.run;
    try {
      let done = over.get(id);
      if (done === undefined) {
        done = await act(order);
        for (const { do: what, status } of done.steps) meter.count("playbook_acts", 1, { do: what, status });
        log.warn("watch.playbook", { run: id, playbook, alert, steps: done.steps });
        if (turn === of) over.set(id, done);
      }
      if (await ran(turn, id, done)) over.delete(id);
    } catch (error) {
      log.warn("watch.playbook.failed", { run: id, playbook, failure: failureOf(error) });
    }
  }

  return {
    take(turn, orders) {
      // Another turn of the watch did this run: its result is not reported here.
      if (turn !== of) over.clear();
      of = turn;
      for (const id of over.keys()) if (!orders.some((order) => order.run.id === id)) over.delete(id);
      for (const order of orders) {
        if (running.size >= atOnceMax) return;
        const { id } = order.run;
        if (running.has(id)) continue;
        running.set(
          id,
          run(turn, order).finally(() => running.delete(id)),
        );
      }
    },
    async settled() {
      await Promise.all(running.values());
    },
  };
}
