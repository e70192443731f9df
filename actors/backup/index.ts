/** The backups of the whole cluster, `backup/cluster`: when they are taken, what is to be done with them, and how far
 *  it is.
 *
 *      schedule ─(its time)─┐
 *      start ───────────────┴─► waiting ─take─► under way ─finish─► ended: done, failed, cancelled
 *                                                  ▲   │
 *                          ▲                       └───┘ advance: checkpoint, pieces; take: another runner, next turn
 *                          └─resume─ failed or cancelled, with something kept (docs/decisions/0158-tasks-that-go-on.md)
 *
 *  It decides and does nothing itself: the runner is at the node that owns its slot (`node/backup`). What a runner says
 *  counts only in the turn that it was given; so of two runners, one of which is slow to notice that it has lost the
 *  slot, the later one's words count. docs/decisions/0054-backups-of-the-cluster.md has the invariants.
 *
 *  Read `state.ts`; `tasks.ts` is what people ask for, `turns.ts` what a runner does, `schedules.ts` with `times.ts`
 *  what begins by itself; `holds.ts` and `approvals.ts` are what guards backups beside permissions. */
import { allBackupCommands, wireLimits, type CommandOf } from "../../protocols/index.ts";
import { messageCheckOf, refuseSource } from "../message-check.ts";
import { refuse, reply, type Behavior, type Signal } from "../behavior.ts";
import { answerRecall, approvedRecall, askRecall, beginRecall, listRecalls } from "./approvals.ts";
import type { BackupTurn, Effects, Note, Notes } from "./effects.ts";
import { erased, hold, lift, mayErase } from "./holds.ts";
import { onTime, putSchedule, removeSchedule } from "./schedules.ts";
import { evolve, initial, record, type BackupChange, type BackupState } from "./state.ts";
import { cancel, isPruning, onRecords, resume, start, task, tasks, type Tag } from "./tasks.ts";
import { advance, finish, measured, noteFolder, pieces, take } from "./turns.ts";

type Incoming = CommandOf<typeof allBackupCommands>;

/** The behavior of the actor of backups. */
export const backup: Behavior<BackupState, Incoming, BackupChange, Notes, Note> = {
  kind: "backup",
  role: "manager",
  accepts: messageCheckOf(allBackupCommands),
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
  restored: (state) => ({ ...state, open: [], left: [] }),
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
    case "resume":
      return resume(state, message, turn);
    case "take":
      return take(state, message, turn);
    case "advance":
      return advance(state, message);
    case "pieces":
      return pieces(state, message, turn);
    case "measured":
      return measured(message);
    case "noteFolder":
      return noteFolder(message, turn);
    case "folders":
      return [reply({ folders: state.folders ?? [] })];
    case "finish":
      return finish(state, message, turn);
    case "hold":
      return hold(state, message, turn, isPruning(state));
    case "lift":
      return lift(state, message);
    case "holds":
      return [reply({ holds: state.holds })];
    case "mayErase":
      return mayErase(state, message, turn);
    case "erased":
      return erased(state, message, turn);
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
