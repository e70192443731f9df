/** Long acts of a node that are no task of their own kind: a request begins one, waits for it, and may give up waiting.
 *  Meanwhile, and for a while afterwards, it is in the list of tasks, and the person who asked is told how it ended
 *  when that took long. */
import {
  failureOf,
  refused,
  taskOfAct,
  type ActView,
  type ActWish,
  type AdminTask,
  type Result,
  type TaskPlace,
} from "../../protocols/index.ts";
import type { Clock } from "../ports/index.ts";
import { taskLimits } from "./limits.ts";
import type { TaskSource } from "./source.ts";

/** Long acts under way here, and the newest that are over. */
export interface Acts extends TaskSource {
  /** Follows what was begun, to its end; its result is given on. */
  follow<Value>(begun: ActWish, work: Promise<Result<Value>>): Promise<Result<Value>>;
}

/** Begins to follow them. `ended` hears of those that took long. */
export function createActs(ports: {
  readonly clock: Clock;
  readonly place: TaskPlace;
  readonly ended: (task: AdminTask) => void;
}): Acts {
  const { clock, place, ended } = ports;
  // Numbers begin at the time of the start: an id of the life before names none of this one.
  let last = clock.nowMs();
  const acts = new Map<string, ActView>();
  const isOpen = ({ state }: ActView): boolean => state === "running";
  function remember(act: ActView): void {
    acts.set(act.id, act);
    for (const { id } of [...acts.values()].filter((one) => !isOpen(one)))
      if (acts.size > taskLimits.actsMax) acts.delete(id);
  }
  return {
    list: (at) => [...acts.values()].map((act) => taskOfAct(act, at)),
    async follow(begun, work) {
      // More than so many at once are done all the same, and not listed.
      if ([...acts.values()].filter(isOpen).length >= taskLimits.actsMax) return work;
      last += 1;
      const begunAtMs = clock.nowMs();
      const act: ActView = { id: last.toString(36), ...begun, state: "running", begunAtMs };
      remember(act);
      const result = await work.catch((error: unknown) => refused(failureOf(error)));
      const endedAtMs = clock.nowMs();
      const over: ActView = result.ok
        ? { ...act, state: "done", endedAtMs }
        : { ...act, state: "failed", endedAtMs, error: result.error };
      remember(over);
      // A caller who waited so briefly has the answer.
      if (endedAtMs - begunAtMs >= taskLimits.actToldAfterMs) ended(taskOfAct(over, place));
      return result;
    },
  };
}
