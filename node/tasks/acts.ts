/** Long acts of a node that are no task of their own kind: a request begins one, and waits for it or is answered at
 *  once. Meanwhile, and for a while afterwards, it is in the list of tasks, and the person who asked is told how it
 *  ended when that took long.
 *
 *  They are written down: one that its node does not live to see the end of is there in the next process, as failed. */
import {
  failure,
  failureOf,
  refused,
  taskOfAct,
  type ActView,
  type AdminTask,
  type TaskPlace,
} from "../../protocols/index.ts";
import type { ActHold, Clock, Log, TaskControl } from "../ports/index.ts";
import { writeActs, type KeptActs } from "./kept-acts.ts";
import { taskLimits } from "./limits.ts";
import type { TaskSource } from "./source.ts";

/** Long acts under way here, and the newest that are over. */
export interface Acts extends TaskSource {
  /** Follows what was begun, to its end; its result is given on. */
  readonly follow: NonNullable<TaskControl["follow"]>;
  /** Resolves when those of the life before are there. */
  readonly opened: Promise<void>;
  /** The process ends: what has not ended yet stays open in the file, and the next process tells of it. Resolves when
   *  the file is written. */
  stop(): Promise<void>;
}

interface Act extends ActView {
  readonly hold: ActHold;
  /** Somebody has ended it, and its work has not heard of that yet. */
  readonly isCancelled?: true;
}

const isOpen = ({ state }: ActView): boolean => state === "running";

/** Begins to follow them. `ended` hears of those that took long. */
export function createActs(ports: {
  readonly clock: Clock;
  readonly place: TaskPlace;
  readonly ended: (task: AdminTask) => void;
  readonly log: Log;
  /** Absent: they are forgotten when the process ends. */
  readonly kept?: KeptActs;
}): Acts {
  const { clock, place, ended } = ports;
  // Numbers begin at the time of the start: an id of the life before names none of this one.
  let last = clock.nowMs();
  let isStopped = false;
  const acts = new Map<string, Act>();
  const written = writeActs(ports, () => [...acts.values()].map(({ hold: _hold, isCancelled: _is, ...view }) => view));
  function remember(act: Act): void {
    acts.set(act.id, act);
    for (const { id } of [...acts.values()].filter((one) => !isOpen(one)))
      if (acts.size > taskLimits.actsMax) acts.delete(id);
    written.write();
  }
  const opened = written.read().then((before) => {
    for (const view of before) {
      const over: Act = isOpen(view) ? interrupted(view, clock.nowMs()) : { ...view, hold: {} };
      remember(over);
      if (isOpen(view)) ended(taskOfAct(over, place));
    }
  });
  return {
    opened,
    stop() {
      isStopped = true;
      return written.stop();
    },
    list: (at) => [...acts.values()].map((act) => taskOfAct(act, at, isOpen(act) ? lookAt(act) : undefined)),
    cancel(id) {
      const act = acts.get(id);
      if (act === undefined) return undefined;
      const { cancel } = act.hold;
      if (!isOpen(act)) return refused(failure("ALREADY_DONE", { reason: "it is over" }));
      if (cancel === undefined) return refused(failure("FORBIDDEN", { reason: "nothing ends it half-way" }));
      acts.set(id, { ...act, isCancelled: true });
      const cancelled = cancel();
      if (!cancelled.ok && isOpen(acts.get(id) ?? act)) acts.set(id, act);
      return cancelled;
    },
    async follow({ result: resultWords, ...begun }, work, hold = {}) {
      const settled = work.catch((error: unknown) => refused(failureOf(error)));
      // More than so many at once are done all the same, and not listed.
      if ([...acts.values()].filter(isOpen).length >= taskLimits.actsMax) return settled;
      last += 1;
      const begunAtMs = clock.nowMs();
      const id = last.toString(36);
      remember({ id, ...begun, state: "running", begunAtMs, hold });
      const result = await settled;
      if (isStopped) return result;
      const endedAtMs = clock.nowMs();
      const { isCancelled: _is, ...act } = acts.get(id)!;
      const tookMs = endedAtMs - begunAtMs;
      const words = result.ok ? resultWords?.(result.value as never)?.slice(0, taskLimits.resultCharsMax) : undefined;
      const over: Act = result.ok
        ? { ...act, state: "done", endedAtMs, ...(words !== undefined && { result: words }), hold: {} }
        : result.error.code === "CANCELLED"
          ? { ...act, state: "cancelled", endedAtMs, hold: {} }
          : { ...act, state: "failed", endedAtMs, error: result.error, hold: {} };
      // A caller who waited so briefly has the answer, and needs no list.
      if (hold.answered !== true && tookMs < taskLimits.actListedFromMs) {
        acts.delete(id);
        written.write();
        return result;
      }
      remember(over);
      const isUntold = over.state === "failed" && hold.answered === true;
      const toldAfterMs = hold.answered === true ? taskLimits.actListedFromMs : taskLimits.actToldAfterMs;
      if (over.state !== "cancelled" && (isUntold || tookMs >= toldAfterMs)) ended(taskOfAct(over, place));
      return result;
    },
  };
}

const lookAt = ({ hold, isCancelled }: Act) => ({
  ...hold.look?.(),
  canCancel: hold.cancel !== undefined && isCancelled === undefined,
});

/** Its node ended before it did. */
const interrupted = (view: ActView, endedAtMs: number): Act => ({
  ...view,
  state: "failed",
  endedAtMs,
  error: failure("PEER_LOST", { reason: "its node ended before it was over, so nobody knows how much of it was done" }),
  hold: {},
});
