/** The backups of the whole cluster, `backup/cluster`: when they are taken, what is to be done with them, and how far it is.
 *
 *      schedule ─(its time)─┐
 *      start ───────────────┴─► waiting ─take─► under way ─finish─► ended: done, failed, cancelled
 *                                                  ▲   │
 *                                                  └───┘ advance: checkpoint, pieces; take: another runner, the next turn
 *
 *  It decides and does nothing itself: the runner is at the node that owns its slot (`node/backup`). What a runner says counts only in the
 *  turn that it was given; so of two runners, one of which is slow to notice that it has lost the slot, the later one's words count.
 *  docs/decisions/0054-backups-of-the-cluster.md has the invariants.
 *
 *  Read `state.ts`, `times.ts`; `holds.ts` and `approvals.ts` are what guards backups beside permissions. */
import {
  allBackupCommands,
  backupSorts,
  wireLimits,
  type BackupSchedule,
  type ClusterBackupTask,
  type CommandOf,
  type TakenTask,
} from "../../protocols/index.ts";
import { acceptsOf, refuseSource } from "../accepts.ts";
import { note, persist, refuse, reply, type ActorRecord, type Behavior, type Effect, type ReplyTo, type Signal, type Turn } from "../behavior.ts"; // prettier-ignore
import { actorLimits as limits } from "../limits.ts";
import { firstPage } from "../page.ts";
import { answerRecall, approvedRecall, askRecall, listRecalls } from "./approvals.ts";
import { hold, lift, mayErase } from "./holds.ts";
import {
  endedRange,
  endedTask,
  evolve,
  initial,
  pieceIn,
  pieceRange,
  record,
  type BackupChange,
  type BackupState,
  type OpenTask,
} from "./state.ts";
import { nextTime } from "./times.ts";

type Incoming = CommandOf<typeof allBackupCommands>;
type Of<Type extends Incoming["type"]> = Extract<Incoming, { type: Type }>;
type Progress = Readonly<Record<string, number>>;
/** How far tasks are, by task. In memory only: a runner tells it again. */
type Notes = ReadonlyMap<string, Progress>;
interface Note {
  readonly task: string;
  readonly progress: Progress;
}
type Effects = readonly Effect<BackupChange, Note>[];
type BackupTurn = Turn<Notes>;

/** The behavior of the actor of backups. */
export const backup: Behavior<BackupState, Incoming, BackupChange, Notes, Note> = {
  kind: "backup",
  role: "manager",
  accepts: acceptsOf(allBackupCommands),
  initial: () => initial,
  decide,
  evolve,
  record,
  notes: {
    initial: () => new Map(),
    evolve(notes, { task, progress }) {
      const others = [...notes].filter(([id]) => id !== task);
      return new Map([...others.slice(1 - wireLimits.backupTasksTakenMax), [task, progress]]);
    },
  },
  // What was under way ended with the old cluster: what was kept of it leads to stripes that are gone.
  restored: (state) => ({ ...state, open: [] }),
};

function decide(state: BackupState, message: Incoming | Signal, turn: BackupTurn): Effects {
  const refusal = refuseSource(allBackupCommands, message, turn.from);
  if (refusal !== undefined) return refusal;
  switch (message.type) {
    case "putSchedule":
      return putSchedule(state, message, turn);
    case "removeSchedule":
      return removeSchedule(state, message);
    case "schedules":
      return [reply({ schedules: state.schedules })];
    case "start":
      return start(state, message, turn);
    case "tasks":
      return tasks(message, turn);
    case "task":
      return task(state, message, turn);
    case "cancel":
      return cancel(state, message, turn);
    case "take":
      return take(state, message, turn);
    case "advance":
      return advance(state, message);
    case "pieces":
      return pieces(state, message, turn);
    case "finish":
      return finish(state, message, turn);
    case "hold":
      return hold(state, message, turn, isPruning(state));
    case "lift":
      return lift(state, message);
    case "holds":
      return [reply({ holds: state.holds })];
    case "mayErase":
      return mayErase(state, message);
    case "askRecall":
      return askRecall(state, message, turn);
    case "answerRecall":
      return answerRecall(state, message, turn);
    case "beginRecall":
      return beginRecall(state, message, turn);
    case "mayRecall": {
      const found = approvedRecall(state, message, turn);
      return "refusal" in found ? found.refusal : [reply(found.request)];
    }
    case "recalls":
      return listRecalls(state, turn);
    case "reminded":
      return onTime(state, message, turn);
    case "records":
      return onRecords(state, message.tag as Tag, message.records, turn);
    case "answered":
    case "part":
      return [];
    default:
      return [refuse("BAD_REQUEST", { type: (message as { type: string }).type })];
  }
}

// --- schedules ---------------------------------------------------------------------------------------------------------

const reminderOf = (name: string): string => `schedule/${name}`;

function putSchedule(state: BackupState, message: Of<"putSchedule">, turn: BackupTurn): Effects {
  const { name, cron, timeZone, wish, by } = message;
  // Nobody would be there to agree to it, nor to take what it brings.
  if (wish.sort === "recall") return [refuse("BAD_REQUEST", { field: "wish", reason: "a recall has no schedule" })];
  const wanted = { name, cron, ...(timeZone !== undefined && { timeZone }), wish, by };
  const before = state.schedules.find((schedule) => schedule.name === name);
  if (before === undefined && state.schedules.length >= limits.backupSchedulesMax)
    return [refuse("LIMIT_REACHED", { limit: "backupSchedulesMax", max: limits.backupSchedulesMax })];
  let nextAtMs: number | undefined;
  try {
    nextAtMs = nextTime(wanted, turn.nowMs);
  } catch (error) {
    return [refuse("BAD_REQUEST", { field: "cron", reason: (error as Error).message })];
  }
  if (nextAtMs === undefined) return [refuse("BAD_REQUEST", { field: "cron", reason: "this time never comes" })];
  const schedule: BackupSchedule = { ...wanted, nextAtMs, ...(before?.last !== undefined && { last: before.last }) };
  return [
    persist({ type: "scheduled", schedule }),
    { type: "remind", id: reminderOf(name), dueMs: nextAtMs },
    reply(schedule),
  ];
}

function removeSchedule(state: BackupState, { name }: Of<"removeSchedule">): Effects {
  if (!state.schedules.some((schedule) => schedule.name === name)) return [refuse("NOT_FOUND", { schedule: name })];
  return [persist({ type: "unscheduled", name }), { type: "forget", id: reminderOf(name) }, reply({})];
}

/** However late it is, a schedule begins one task, and none while its last one has not ended. */
function onTime(state: BackupState, { id }: Extract<Signal, { type: "reminded" }>, turn: BackupTurn): Effects {
  const schedule = state.schedules.find(({ name }) => reminderOf(name) === id);
  if (schedule?.nextAtMs === undefined) return [{ type: "forget", id }];
  if (schedule.nextAtMs > turn.nowMs) return [{ type: "remind", id, dueMs: schedule.nextAtMs }];
  const nextAtMs = nextTime(schedule, turn.nowMs);
  const isBusy = state.open.some((open) => open.schedule === schedule.name) || isFull(state);
  const added = isBusy ? undefined : taskOf(state, schedule, turn, schedule.name);
  const after: BackupSchedule = {
    name: schedule.name,
    cron: schedule.cron,
    ...(schedule.timeZone !== undefined && { timeZone: schedule.timeZone }),
    wish: schedule.wish,
    by: schedule.by,
    ...(nextAtMs !== undefined && { nextAtMs }),
    ...(added === undefined ? schedule.last !== undefined && { last: schedule.last } : { last: added.id }),
  };
  return [
    persist({ type: "scheduled", schedule: after }),
    ...(added === undefined ? [] : [persist<BackupChange>({ type: "added", task: added })]),
    nextAtMs === undefined ? { type: "forget", id } : { type: "remind", id, dueMs: nextAtMs },
  ];
}

// --- tasks -------------------------------------------------------------------------------------------------------------

const isFull = (state: BackupState): boolean => state.open.length >= limits.backupTasksOpenMax;

const taskOf = (
  state: BackupState,
  { wish, by }: Pick<BackupSchedule, "wish" | "by">,
  { nowMs }: BackupTurn,
  schedule?: string,
): OpenTask => ({
  id: String(state.count + 1),
  wish,
  by,
  ...(schedule !== undefined && { schedule }),
  addedAtMs: nowMs,
  turn: 0,
  pieces: 0,
});

function start(state: BackupState, message: Of<"start">, turn: BackupTurn): Effects {
  // Who is at the machine of a node can read its keys and its disk: a rule would bind nobody there.
  if (message.private === true && message.by !== "operator") return [refuse("APPROVAL_NEEDED")];
  return add(state, message, turn);
}

function add(
  state: BackupState,
  asked: Pick<OpenTask, "wish" | "by" | "approvedBy">,
  turn: BackupTurn,
  request?: string,
): Effects {
  if (isFull(state)) return [refuse("LIMIT_REACHED", { limit: "backupTasksOpenMax", max: limits.backupTasksOpenMax })];
  const { approvedBy } = asked;
  const added: OpenTask = { ...taskOf(state, asked, turn), ...(approvedBy !== undefined && { approvedBy }) };
  return [
    persist({ type: "added", task: added }),
    ...(request === undefined ? [] : [persist<BackupChange>({ type: "recallBegun", id: request, task: added.id })]),
    reply(viewOf(added, turn)),
  ];
}

function beginRecall(state: BackupState, message: Of<"beginRecall">, turn: BackupTurn): Effects {
  const found = approvedRecall(state, message, turn);
  if ("refusal" in found) return found.refusal;
  const { wish, by, answeredBy } = found.request;
  return add(state, { wish, by, ...(answeredBy !== undefined && { approvedBy: answeredBy }) }, turn, message.id);
}

/** A prune that a runner has reads the holds once, when it begins. */
const isPruning = ({ open }: BackupState): boolean =>
  open.some(({ wish, startedAtMs }) => backupSorts[wish.sort].does === "removes" && startedAtMs !== undefined);

/** An open task as admins see it. */
function viewOf(open: OpenTask, { notes }: BackupTurn): ClusterBackupTask {
  const { id, wish, by, schedule, approvedBy, addedAtMs, startedAtMs, runner, turn, cancelledBy } = open;
  return {
    id,
    sort: wish.sort,
    wish,
    by,
    state: startedAtMs === undefined ? "waiting" : "running",
    progress: notes.get(id) ?? {},
    addedAtMs,
    turn,
    ...(schedule !== undefined && { schedule }),
    ...(approvedBy !== undefined && { approvedBy }),
    ...(startedAtMs !== undefined && { startedAtMs }),
    ...(runner !== undefined && { runner }),
    ...(cancelledBy !== undefined && { cancelledBy }),
  };
}

/** What is read from records, and for whom. */
type Tag =
  | { readonly type: "tasks"; readonly before: number; readonly limit: number; readonly to: ReplyTo | undefined }
  | { readonly type: "task"; readonly id: string; readonly to: ReplyTo | undefined }
  | { readonly type: "pieces"; readonly id: string; readonly to: ReplyTo | undefined };

const read = (range: Extract<Effect, { type: "read" }>["range"], tag: Tag): Effects => [{ type: "read", range, tag }];

function tasks({ before, limit = wireLimits.pageEntriesDefault }: Of<"tasks">, turn: BackupTurn): Effects {
  const number = before === undefined ? undefined : Number(before);
  const tag: Tag = { type: "tasks", before: number ?? Infinity, limit, to: turn.replyTo };
  return read(endedRange(number, limit + 1), tag);
}

function task(state: BackupState, { task: id }: Of<"task">, turn: BackupTurn): Effects {
  const open = state.open.find((one) => one.id === id);
  if (open !== undefined) return [reply(viewOf(open, turn))];
  return read(endedTask(id), { type: "task", id, to: turn.replyTo });
}

function onRecords(state: BackupState, tag: Tag, records: readonly ActorRecord[], turn: BackupTurn): Effects {
  if (tag.type === "pieces") {
    const found = records.map((one) => pieceIn(tag.id, one));
    const page = firstPage(found, limits.backupPiecesPage);
    return [reply({ pieces: page, more: page.length < found.length }, tag.to)];
  }
  const ended = records.map(({ value }) => value as ClusterBackupTask);
  if (tag.type === "task") {
    const [found] = ended;
    return [found === undefined ? refuse("NOT_FOUND", { task: tag.id }, tag.to) : reply(found, tag.to)];
  }
  const ids = new Set(ended.map(({ id }) => id));
  const open = state.open.filter(({ id }) => Number(id) < tag.before && !ids.has(id));
  const all = [...open.map((one) => viewOf(one, turn)), ...ended].toSorted((a, b) => Number(b.id) - Number(a.id));
  const page = firstPage(all, tag.limit);
  return [reply({ tasks: page, more: page.length < all.length }, tag.to)];
}

function cancel(state: BackupState, { task: id, by }: Of<"cancel">, turn: BackupTurn): Effects {
  const open = state.open.find((one) => one.id === id);
  if (open === undefined) return read(endedTask(id), { type: "task", id, to: turn.replyTo });
  if (open.cancelledBy !== undefined) return [reply(viewOf(open, turn))];
  const cancelled = { ...open, cancelledBy: by };
  if (open.startedAtMs !== undefined)
    return [persist({ type: "cancelled", task: id, by }), reply(viewOf(cancelled, turn))];
  // Nobody has begun it.
  const ended: ClusterBackupTask = { ...viewOf(cancelled, turn), state: "cancelled", endedAtMs: turn.nowMs };
  return [persist({ type: "ended", task: ended }), reply(ended)];
}

// --- the runner --------------------------------------------------------------------------------------------------------

const does = ({ wish }: OpenTask) => backupSorts[wish.sort].does;

/** Whether two tasks may run at the same time. */
function mayMeet(one: OpenTask, other: OpenTask): boolean {
  const both = [does(one), does(other)];
  return !both.includes("removes") && both.includes("reads");
}

/** The task that this runner should have now: first those that another one had, or that it has forgotten; then the first that is in nobody's way,
 *  also not in that of one which waits before it. */
function choose({ open }: BackupState, { runner, holds }: Of<"take">): OpenTask | undefined {
  const running = open.filter(({ startedAtMs }) => startedAtMs !== undefined);
  const left = running.find((one) => one.runner !== runner || !holds.includes(one.id));
  if (left !== undefined || running.length >= wireLimits.backupTasksTakenMax) return left;
  return open.find(
    (one, at) =>
      one.startedAtMs === undefined &&
      open.every(
        (other, place) => other === one || (place > at && other.startedAtMs === undefined) || mayMeet(one, other),
      ),
  );
}

function take(state: BackupState, message: Of<"take">, turn: BackupTurn): Effects {
  const chosen = choose(state, message);
  if (chosen === undefined) return [reply({ task: null })];
  const { id, wish, by, checkpoint, pieces: kept } = chosen;
  const number = chosen.turn + 1;
  const startedAtMs = chosen.startedAtMs ?? turn.nowMs;
  const taken: TakenTask = {
    id,
    wish,
    by,
    turn: number,
    startedAtMs,
    pieces: kept,
    ...(checkpoint !== undefined && { checkpoint }),
  };
  return [
    persist({ type: "taken", task: id, runner: message.runner, turn: number, atMs: turn.nowMs }),
    reply({ task: taken }),
  ];
}

/** The task, if this is its turn. */
const inTurn = (
  state: BackupState,
  { task: id, turn }: { readonly task: string; readonly turn: number },
): OpenTask | undefined => state.open.find((open) => open.id === id && open.turn === turn);

const taken = ({ task: id }: { readonly task: string }): Effects => [refuse("TASK_TAKEN", { task: id })];

function advance(state: BackupState, message: Of<"advance">): Effects {
  const open = inTurn(state, message);
  if (open === undefined) return taken(message);
  const { task: id, progress, checkpoint, pieces: more } = message;
  if (open.pieces + (more?.length ?? 0) > limits.backupPiecesMax)
    return [refuse("LIMIT_REACHED", { limit: "backupPiecesMax", max: limits.backupPiecesMax })];
  const change: BackupChange = {
    type: "advanced",
    task: id,
    ...(checkpoint !== undefined && { checkpoint }),
    ...(more !== undefined && { pieces: more }),
  };
  return [
    ...(checkpoint === undefined && more === undefined ? [] : [persist(change)]),
    ...(progress === undefined ? [] : [note({ task: id, progress })]),
    reply({ cancel: open.cancelledBy !== undefined }),
  ];
}

function pieces(state: BackupState, message: Of<"pieces">, turn: BackupTurn): Effects {
  if (inTurn(state, message) === undefined) return taken(message);
  const { task: id, after } = message;
  return read(pieceRange(id, after, limits.backupPiecesPage + 1), { type: "pieces", id, to: turn.replyTo });
}

function finish(state: BackupState, message: Of<"finish">, turn: BackupTurn): Effects {
  const open = inTurn(state, message);
  if (open === undefined) return taken(message);
  const { progress, result, error } = message;
  const view = viewOf(open, turn);
  const ended: ClusterBackupTask = {
    ...view,
    state: error === undefined ? "done" : error.code === "CANCELLED" ? "cancelled" : "failed",
    progress: progress ?? view.progress,
    endedAtMs: turn.nowMs,
    ...(error !== undefined && { error }),
    ...(result !== undefined && { result: result as NonNullable<ClusterBackupTask["result"]> }),
  };
  return [persist({ type: "ended", task: ended }), reply({})];
}
