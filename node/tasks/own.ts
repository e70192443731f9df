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
  type BackupTask,
  type ClusterBackupTask,
  type DiskTask,
  type Noticed,
  type Result,
  type EndpointSearch,
  type TaskPlace,
} from "../../protocols/index.ts";
import type { ModelStore } from "../../runtimes/store/port.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import type { Kernel } from "../kernel/api.ts";
import type { Clock, Log, Membership } from "../ports/index.ts";
import { createActs, type Acts } from "./acts.ts";
import { taskLimits } from "./limits.ts";
import { createNodeTasks, type NodeTasks } from "./node-tasks.ts";
import { noteTasks } from "./notes.ts";
import type { TaskSource } from "./source.ts";

/** Tells a person of something, by a notice. */
export type Told = (action: string, facts: Readonly<Record<string, string>>, by: string, tell: Noticed) => void;

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
  const answer = await kernel.ask({ to: backupActor, from: "node", message, timeoutMs: taskLimits.backupAskMs });
  if (!answer.ok) return;
  const task = answer.value as ClusterBackupTask;
  if (task.schedule !== undefined && task.state !== "failed") return;
  tellEnded(taskOfBackup(task), told, task.cancelledBy);
}

/** Long acts of this node; nobody is told of any before `tell`: the cluster cannot be asked anything yet. */
type OwnActs = Acts & { tell(): void };

/** Opens the long acts of this node, which are written down in `kept`. */
export function openActs(
  at: TaskPlace & {
    readonly kept: NonNullable<Parameters<typeof createActs>[0]["kept"]>;
    readonly clock: Clock;
    readonly log: Log;
    readonly told: Told;
  },
): OwnActs {
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const acts = createActs({
    clock: at.clock,
    log: at.log,
    place: { node: at.node, name: at.name },
    kept: at.kept,
    ended: (task) => void ready.then(() => tellEnded(task, at.told)),
  });
  return { ...acts, tell: () => resolve() };
}

/** What a node may be busy with beside its long acts. */
interface Busy {
  readonly store: Pick<ModelStore, "pulls" | "cancel" | "watch">;
  readonly backups: { tasks(): readonly BackupTask[] };
  readonly disk: {
    list(): readonly DiskTask[];
    cancel(id: string): Result<unknown> | undefined;
    onEnded(listener: (task: DiskTask) => void): void;
  };
  /** Searches for servers with models. */
  readonly endpoints: { view(): { readonly search?: EndpointSearch }; cancel(id: string): Result<unknown> };
  readonly profiles: TaskSource;
}

/** Opens the list of tasks at this node. */
export function openTasks(
  at: Busy & {
    readonly place: TaskPlace;
    readonly exchange: Exchange;
    readonly membership: Pick<Membership, "members" | "isUp">;
    readonly clock: Clock;
    readonly log: Log;
    readonly acts: OwnActs;
    readonly told: Told;
  },
): { readonly tasks: NodeTasks & Pick<Acts, "follow">; stop(): void } {
  const { acts, place, told, exchange, membership } = at;
  acts.tell();
  at.disk.onEnded((task) => tellEnded(taskOfDisk(task, place), told));
  const sources = [...sourcesOf(at), acts, at.profiles];
  const tasks = createNodeTasks({ place, exchange, membership, sources });
  const notes = noteTasks({ ...at, list: () => sources.flatMap((source) => source.list(place)) });
  const endPulls = tellPulls(at, place, told);
  return { tasks: { ...tasks, follow: acts.follow }, stop: () => [notes.stop, endPulls].forEach((end) => end()) };
}

/** Tells of pulls that are over, each once. Returns what ends it. */
function tellPulls({ store }: Pick<Busy, "store">, place: TaskPlace, told: Told): () => void {
  const over = new Set<string>();
  return store.watch((what) => {
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
}

const sourcesOf = ({ store, endpoints, disk, backups }: Busy): readonly TaskSource[] => [
  {
    list: (here) => store.pulls().map((pull) => taskOfPull(pull, here)),
    cancel: (id) => (store.pulls().some((pull) => pull.id === id) ? store.cancel(id) : undefined),
  },
  {
    list(here) {
      const { search } = endpoints.view();
      return search === undefined ? [] : [taskOfSearch(search, here)];
    },
    cancel: (id) => (endpoints.view().search?.id === id ? endpoints.cancel(id) : undefined),
  },
  {
    list: (here) => disk.list().map((task) => taskOfDisk(task, here)),
    cancel: (id) => disk.cancel(id),
  },
  { list: (here) => backups.tasks().map((task) => taskOfFolder(task, here)) },
];
