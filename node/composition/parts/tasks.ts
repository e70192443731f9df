/** The tasks of this node beside those of the others, and the notice that a task is over, for the person who asked for
 *  it. */
import {
  backupActor,
  isTaskOver,
  taskOfBackup,
  taskOfDisk,
  taskOfFolder,
  taskOfPull,
  taskOfSearch,
  type AdminTask,
  type ClusterBackupTask,
  type Noticed,
  type TaskPlace,
} from "../../../protocols/index.ts";
import type { ModelStore } from "../../../runtimes/store/index.ts";
import { tasksFile } from "../../data-folder/index.ts";
import type { Kernel } from "../../kernel/index.ts";
import {
  createActs,
  createNodeTasks,
  noteTasks,
  taskLimits,
  type Acts,
  type NodeTasks,
  type TaskSource,
} from "../../tasks/index.ts";
import { keptText, profileCpu, profileHeap } from "../../platform/index.ts";
import { createProfiles, type Profiles } from "../../observe/index.ts";
import type { Clock, Log, NodeId } from "../../ports/index.ts";
import type { Backups } from "../backup/backups.ts";
import type { EndpointControl } from "../models/endpoints.ts";
import type { DiskTaskSource } from "./disk.ts";
import { watchDrains } from "./drains.ts";
import { commandLimits } from "../limits.ts";
import type { Peer } from "../peer.ts";

type Told = (action: string, facts: Readonly<Record<string, string>>, by: string, tell: Noticed) => void;

/** Tells the person who asked for a task that it is over. Nobody is told of a task that they ended themselves. */
export function tellEnded(task: AdminTask, told: Told, cancelledBy?: string): void {
  const { id, what, by, state, node, error } = task;
  // The operator has no account, and a node that fetches what the cluster wants asked nobody.
  if (by === undefined || by === "operator" || by.includes("/") || by === cancelledBy) return;
  const reason = error?.details?.["reason"] ?? error?.message;
  const facts = {
    task: id,
    what,
    state,
    ...(node !== undefined && { node }),
    ...(state === "failed" &&
      error !== undefined && { code: error.code, ...(typeof reason === "string" && { reason }) }),
  };
  told("taskEnded", facts, by, { people: [by], admins: false });
}

/** Tells of a task with the cluster's backups, which this node has just ended. A schedule's person hears of it only
 *  when it failed. */
export async function tellBackupEnded(kernel: Pick<Kernel, "ask">, id: string, told: Told): Promise<void> {
  const message = { type: "task", task: id };
  const answer = await kernel.ask({ to: backupActor, from: "node", message, timeoutMs: commandLimits.holdsTimeoutMs });
  if (!answer.ok) return;
  const task = answer.value as ClusterBackupTask;
  if (task.schedule !== undefined && task.state !== "failed") return;
  tellEnded(taskOfBackup(task), told, task.cancelledBy);
}

/** Long acts of this node; nobody is told of any before `tell`: the cluster cannot be asked anything yet. */
type OwnActs = Acts & { tell(): void };

/** Opens the long acts of this node, which it writes down in its data folder. */
export function openActs(
  at: TaskPlace & { readonly data: string; readonly clock: Clock; readonly log: Log; readonly told: Told },
): OwnActs {
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const acts = createActs({
    clock: at.clock,
    log: at.log,
    place: { node: at.node, name: at.name },
    kept: keptText(tasksFile(at.data), taskLimits.actsFileBytesMax),
    ended: (task) => void ready.then(() => tellEnded(task, at.told)),
  });
  return { ...acts, tell: () => resolve() };
}

/** Opens the list of tasks at this node. */
export function openTasks(at: {
  readonly node: NodeId;
  readonly name: string;
  readonly peer: Peer;
  readonly store: ModelStore;
  readonly backups: Pick<Backups, "tasks">;
  readonly disk: DiskTaskSource;
  readonly endpoints: Pick<EndpointControl, "view" | "cancel">;
  readonly clock: Clock;
  readonly log: Log;
  readonly acts: OwnActs;
  readonly told: Told;
  /** Where the code is. */
  readonly codeFolder: string;
}): { readonly profiles: Profiles; readonly tasks: NodeTasks & Pick<Acts, "follow">; stop(): void } {
  const { acts, store, told } = at;
  acts.tell();
  const place = { node: at.node, name: at.name };
  const over = new Set<string>();
  const endWatch = store.watch((what) => {
    if (what !== "pulls") return;
    const ended = store.pulls().filter((pull) => isTaskOver(taskOfPull(pull, place)));
    for (const pull of ended) {
      if (over.has(pull.id)) continue;
      over.add(pull.id);
      tellEnded(taskOfPull(pull, place), told);
    }
    // As many as the store remembers.
    const known = new Set(ended.map(({ id }) => id));
    for (const id of over) if (!known.has(id)) over.delete(id);
  });
  at.disk.onEnded((task) => tellEnded(taskOfDisk(task, place), told));
  const drains = watchDrains({
    node: at.node,
    clock: at.clock,
    membership: at.peer.membership,
    control: at.peer.control,
    ended: (task) => tellEnded(task, told),
    log: at.log,
  });
  const profiles = createProfiles({
    place,
    exchange: at.peer.exchange,
    membership: at.peer.membership,
    clock: at.clock,
    profiler: { cpu: profileCpu, heap: profileHeap },
    folder: at.codeFolder,
    ended: (task) => tellEnded(task, told),
  });
  const sources: readonly TaskSource[] = [
    {
      list: (here) => store.pulls().map((pull) => taskOfPull(pull, here)),
      cancel: (id) => (store.pulls().some((pull) => pull.id === id) ? store.cancel(id) : undefined),
    },
    {
      list(here) {
        const { search } = at.endpoints.view();
        return search === undefined ? [] : [taskOfSearch(search, here)];
      },
      cancel: (id) => (at.endpoints.view().search?.id === id ? at.endpoints.cancel(id) : undefined),
    },
    {
      list: (here) => at.disk.list().map((task) => taskOfDisk(task, here)),
      cancel: (id) => at.disk.cancel(id),
    },
    acts,
    profiles,
    { list: (here) => at.backups.tasks().map((task) => taskOfFolder(task, here)) },
  ];
  const tasks = createNodeTasks({ place, exchange: at.peer.exchange, membership: at.peer.membership, sources });
  const notes = noteTasks({
    clock: at.clock,
    log: at.log,
    list: () => sources.flatMap((source) => source.list(place)),
  });
  return {
    profiles,
    tasks: { ...tasks, follow: acts.follow },
    stop() {
      endWatch();
      drains.stop();
      notes.stop();
    },
  };
}
