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
import { messageCheckOf } from "../message-check.ts";
import { decideBy, type Handlers } from "../handlers.ts";
import { reply, type Behavior } from "../behavior.ts";
import { answerRecall, approvedRecall, askRecall, beginRecall, listRecalls } from "./approvals.ts";
import type { BackupTurn, Effects, Note, Notes } from "./effects.ts";
import { erased, hold, lift, mayErase } from "./holds.ts";
import { onTime, putSchedule, removeSchedule } from "./schedules.ts";
import { evolve, initial, record, type BackupChange, type BackupState } from "./state.ts";
import { cancel, isPruning, onRecords, resume, start, task, tasks, type Tag } from "./tasks.ts";
import { advance, finish, measured, noteFolder, pieces, take } from "./turns.ts";

type Incoming = CommandOf<typeof allBackupCommands>;

const handlers: Handlers<BackupState, Incoming, BackupTurn, Effects> = {
  putSchedule,
  removeSchedule,
  schedules: (state) => [reply({ schedules: state.schedules })],
  start,
  tasks: (_state, message, turn) => tasks(message, turn),
  task,
  cancel,
  resume,
  take,
  advance,
  pieces,
  measured: (_state, message) => measured(message),
  noteFolder: (_state, message, turn) => noteFolder(message, turn),
  folders: (state) => [reply({ folders: state.folders ?? [] })],
  finish,
  hold: (state, message, turn) => hold(state, message, turn, isPruning(state)),
  lift,
  holds: (state) => [reply({ holds: state.holds })],
  mayErase,
  erased,
  askRecall,
  answerRecall,
  beginRecall,
  mayRecall(state, message, turn) {
    const found = approvedRecall(state, message, turn);
    return "refusal" in found ? found.refusal : [reply(found.request)];
  },
  recalls: (state, _message, turn) => listRecalls(state, turn),
};

/** The behavior of the actor of backups. */
export const backup: Behavior<BackupState, Incoming, BackupChange, Notes, Note> = {
  kind: "backup",
  role: "manager",
  accepts: messageCheckOf(allBackupCommands),
  initial: () => initial,
  decide: decideBy(allBackupCommands, handlers, {
    reminded: onTime,
    records: (state, { tag, records }, turn) => onRecords(state, tag as Tag, records, turn),
  }),
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
