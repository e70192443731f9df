/** Encrypting a disk, or opening it again, as a task that is found again, cancelled and told of as any other
 *  (docs/decisions/0252-a-disk-being-rewritten-is-a-task.md). What was under way when the process ended is there again,
 *  without its author. */
import type { DiskTask } from "../../protocols/index.ts";
import type { Clock } from "../ports/index.ts";
import { keyLimits } from "./limits.ts";
import type { DiskSealing } from "./sealing.ts";

/** The tasks with this node's disk. */
interface DiskTasks {
  /** The newest last. */
  list(): readonly DiskTask[];
  /** It was begun just now. */
  begun(by?: string): void;
}

/** Follows them. */
export function createDiskTasks(ports: {
  readonly sealing: Pick<DiskSealing, "status" | "wanted" | "settled">;
  readonly clock: Pick<Clock, "nowMs">;
  readonly ended: (task: DiskTask) => void;
}): DiskTasks {
  const { sealing, clock, ended } = ports;
  let tasks: readonly DiskTask[] = [];
  let last = clock.nowMs();
  const set = (task: DiskTask): void => {
    tasks = [...tasks.filter(({ id }) => id !== task.id), task].slice(-keyLimits.diskTasksKept);
  };
  const end = (task: DiskTask, state: "done" | "cancelled"): void => {
    const { parts: _parts, fault: _fault, ...rest } = task;
    const over: DiskTask = { ...rest, state, endedAtMs: clock.nowMs() };
    set(over);
    ended(over);
  };
  const open = (): DiskTask | undefined => tasks.find(({ state }) => state === "running");

  function begun(by?: string): void {
    const { state } = sealing.status();
    const to = sealing.wanted;
    const before = open();
    if (before?.to === to) return;
    if (before !== undefined) end(before, "cancelled");
    if (state === to) return;
    last += 1;
    const id = `disk-${last.toString(36)}`;
    const task: DiskTask = {
      id,
      to,
      state: "running",
      begunAtMs: clock.nowMs(),
      ...(by !== undefined && { by }),
    };
    set(task);
    void sealing.settled().then(() => {
      // One that was turned round is over already; a node that stops goes on with it when it is started again.
      if (open()?.id === task.id && sealing.status().state === to) end(task, "done");
    });
  }
  if (sealing.status().state !== sealing.wanted) begun();

  return {
    list() {
      const { parts, fault } = sealing.status();
      return tasks.map((task) =>
        task.state === "running" ? { ...task, ...(parts && { parts }), ...(fault && { fault }) } : task,
      );
    },
    begun,
  };
}
