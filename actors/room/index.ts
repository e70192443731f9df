/** A room: members, messages, and the stream that all of them follow.
 *
 *      post ──► posted (position n, record message/…, event/…) ──► every follower
 *        └─ mentions @agent ──► outbox ──► agent: mentioned ──► … ──► draft (best effort), then post by the agent
 *
 *  In memory are the settings, the members and the newest messages; everything said is a record. A command on an older
 *  message reads the record first and goes on when it arrives (`posting.ts`).
 *
 *  Read `state.ts` (what a room is), then `posting.ts`, `rules.ts`, `answering.ts`, `threads.ts`, `topics.ts`,
 *  `polls.ts`, `versions.ts`, `files.ts`, `scanning.ts`, `stripes.ts`, `stored.ts`, `membership.ts`, `mutes.ts`,
 *  `warnings.ts`, `deleting.ts`, `links.ts`, `reading.ts`,
 *  `unread.ts`, `restoring.ts`. */
import { isOwnRoom, roomCommands, type CommandOf, type RoomMessage } from "../../protocols/index.ts";
import { messageCheckOf, refuseSource } from "../message-check.ts";
import { handled } from "../handlers.ts";
import { refuse, reply, type Behavior, type Effect, type Signal, type Turn } from "../behavior.ts";
import { restoreGap, outboxAfterRestore } from "../restored-numbers.ts";
import { recoverOutbox, remindOutbox, settle } from "../outbox.ts";
import { resumePage, type ResumeTag } from "../stream.ts";
import { agentRuleHandlers } from "./agent-rules.ts";
import { answeringHandlers, askAgain, onStopped, signalsOf, type StopTag } from "./answering.ts";
import type { MemberHandlers } from "./effects.ts";
import { aboutText, fileText, onTextRead, unreadFiles, type Filed, type TextTag } from "./file-texts.ts";
import { aboutDrawing, onDrawingRead, type DrawingTag, type Drawn } from "./drawing.ts";
import { deleteMany, onManyRead, type ManyTag } from "./deleting.ts";
import { files, forGateway, onFilesRead, onUploadsDue, remindUploads, uploadsReminder, type FileTag } from "./files.ts";
import { groupsIn } from "./group-calls.ts";
import { forMutes } from "./mutes.ts";
import {
  emptying,
  forConversation,
  onDropRead,
  onLeftRead,
  onTakeRead,
  type DropTag,
  type LeftTag,
  type TakeTag,
} from "./own.ts";
import {
  admitGuest,
  create,
  depart,
  join,
  membershipHandlers,
  onWantedAnswered,
  refuseOutsider,
  undeliverable,
  type CreateTag,
} from "./membership.ts";
import { isMember } from "./members.ts";
import { aboutOwn, onOwnFilesRead, type OwnFilesTag } from "./own-files.ts";
import { forLinks, links } from "./links.ts";
import {
  late,
  onKeptRead,
  onMessage,
  onGroups,
  onMessageRead,
  postingHandlers,
  type KeptTag,
  type MessageTag,
} from "./posting.ts";
import { eventsShown, historyPage, readingHandlers, type HistoryTag } from "./reading.ts";
import { ruleHandlers } from "./rules.ts";
import { entries, remake, restore, withdraw, withdrawRead, type WithdrawTag } from "./restoring.ts";
import {
  isScanned,
  onScanDue,
  onScanned,
  onScanRead,
  scanReminder,
  startScan,
  withScans,
  type Checked,
  type ScanTag,
} from "./scanning.ts";
import { evolve, factsOf, owedMove, record, viewOf } from "./state.ts";
import { withoutLinks } from "./kept-links.ts";
import type { Room, RoomChange, RoomNotes, RoomState } from "./shape.ts";
import { aboutStripes, onStripingRead, type StripeTag } from "./stripes.ts";
import { partRecords, stripedRecords } from "./uploads.ts";
import {
  hasUntold,
  onStoredDue,
  onStoredPage,
  onStoredTold,
  recoverStored,
  storedAgain,
  storedReminder,
  tellStored,
  withTold,
  type StoredPageTag,
  type StoredTag,
} from "./stored.ts";
import { fetched, type FetchTag } from "./topic-read.ts";
import { moved, recoverMove, topicHandlers, topicsCounted, withMoves, type MoveTag, type TopicsTag } from "./topics.ts";
import { counted, topicSeen, unreadHandlers, type CountTag, type SeenTag } from "./unread.ts";
import {
  hasUnheard,
  onWarnedTold,
  onWarningsDue,
  tellWarned,
  warningHandlers,
  warningReminder,
  type WarnedTag,
} from "./warnings.ts";
import { onForgetRead, onVersionsRead, type ForgetTag, type VersionsTag } from "./versions.ts";

export { remaking } from "./restoring.ts";

type Incoming = CommandOf<typeof roomCommands>;
/** With what the room remembers only while in memory. */
type Here = Turn<RoomNotes>;
type Decided = readonly Effect<RoomChange, Partial<RoomNotes>>[];

/** The behavior of rooms. */
export const room: Behavior<RoomState, Incoming, RoomChange, RoomNotes, Partial<RoomNotes>> = {
  kind: "room",
  role: "chat",
  accepts: messageCheckOf(roomCommands),
  initial: () => null,
  decide,
  evolve,
  record,
  recover: (state, turn) => (state === null ? [] : recovered(state, turn)),
  blobs: (state) => state?.uploads?.flatMap(({ parts }) => parts) ?? [],
  blobRecords: partRecords,
  placeRecords: stripedRecords,
  notes: { initial: () => ({ progress: {} }), evolve: (notes, now) => ({ ...notes, ...now }) },
  pending: (state) =>
    state !== null &&
    (state.outbox.entries.length > 0 ||
      (state.checks?.length ?? 0) > 0 ||
      owedMove(state) !== undefined ||
      hasUntold(state) ||
      hasUnheard(state)),
  restored: (state) =>
    state && {
      ...withoutLinks(storedAgain(state, restoreGap)),
      head: state.head + restoreGap,
      ...(state.moving && { moving: { ...state.moving, head: state.moving.head + restoreGap } }),
      outbox: outboxAfterRestore(state.outbox),
    },
};

/** What was under way when the room was last in memory goes on. */
function recovered(state: Room, turn: Here): Decided {
  const told = [...recoverOutbox(state.outbox, turn.self), ...askAgain(state, turn), ...tellWarned(state, turn)];
  const owed = [...told, ...recoverMove(state)];
  // Uploads of a version before have no reminder.
  return [...owed, ...startScan(state.checks, turn), ...recoverStored(state, turn), ...remindUploads(state.uploads)];
}

function decide(state: RoomState, message: Incoming | Signal, turn: Here): Decided {
  const refusal = refuseSource(roomCommands, message, turn.from);
  if (refusal !== undefined) return refusal;
  if (message.type === "create") return create(state, message, turn);
  if (message.type === "remake") return remake(state, message, turn);
  if (message.type === "answered") {
    const tag = message.tag as CreateTag | undefined;
    if (tag?.type === "create") return onWantedAnswered(state, tag, message.result, turn);
  }
  if (state === null) return message.type === "reminded" ? [{ type: "forget", id: message.id }] : [refuse("NOT_FOUND")];
  return withTold(state, withScans(state, withMoves(state, answer(state, message, turn), message), turn), turn, evolve);
}

function answer(state: Room, message: Exclude<Incoming, { type: "create" | "remake" }> | Signal, turn: Here): Decided {
  switch (message.type) {
    case "answered":
    case "records":
    case "reminded":
    case "part":
    case "waits":
      return onSignal(state, message, turn);
    case "restore":
      if (message.root === undefined) return restore(state, message, undefined, turn);
      return onMessage(state, message, message.root, turn);
    case "withdraw":
      return withdraw(state, message.recall, turn);
    case "entries":
      return entries(message, turn);
    case "join":
      return join(state, turn);
    case "inspect":
      return [reply(factsOf(state, turn.key))];
    case "guestWanted":
    case "admitGuest":
      return admitGuest(state, message, turn);
    case "depart":
      return [...(isOwnRoom(turn.key) ? emptying(turn.from) : []), ...depart(state, turn)];
    case "ownFiles":
    case "deleteOwn":
    case "tellStored":
      return message.type === "tellStored" ? tellStored(state, turn) : aboutOwn(state, message, turn);
    case "upload":
    case "uploadTake":
    case "uploadPart":
    case "uploadDrop":
    case "file":
    case "settleFile":
    case "fileHeld":
      return forGateway(state, message, turn);
    case "preview":
      return onMessage(state, message, message.seq, turn);
    case "takeFiles":
    case "dropFiles":
      return forConversation(state, message, turn);
    case "fileDrawn":
      return aboutDrawing(message, turn);
    case "fileRead":
      return aboutText(message, turn);
    case "filesUnread":
      return unreadFiles(turn);
    case "filePiece":
    case "fileStriped":
    case "fileSettled":
    case "stripeHeld":
      return aboutStripes(state, message, turn);
    case "mute":
    case "unmute":
    case "warn":
      return forMutes(state, message, turn);
    case "deleteMessages":
      return deleteMany(state, message, turn);
    case "addLink":
    case "removeLink":
    case "lookThrough":
    case "joinByLink":
      return forLinks(state, message, turn);
    case "describe":
      return describe(state, turn);
    default:
      if (isMember(state, turn.from)) return handled(forMembers, state, message, turn);
      return (message.type === "post" ? late(state, message, turn) : undefined) ?? refuseOutsider(state, turn);
  }
}

function describe(state: Room, turn: Here): Decided {
  if (state.visibility === "public" || isMember(state, turn.from)) return [reply(viewOf(state, turn))];
  return refuseOutsider(state, turn);
}

function onSignal(state: Room, signal: Signal, turn: Here): Decided {
  switch (signal.type) {
    case "answered":
      return onAnswered(state, signal, turn);
    case "records":
      return onRecords(state, signal.tag as ReadTag, signal.records, turn);
    case "reminded":
      if (signal.id === storedReminder) return onStoredDue(state, turn);
      if (signal.id === warningReminder) return onWarningsDue(state, turn);
      if (signal.id === uploadsReminder) return onUploadsDue(state, turn);
      return signal.id === scanReminder ? onScanDue(state, turn) : remindOutbox(state.outbox, signal.id, turn.self);
    default:
      return [];
  }
}

const forMembers: MemberHandlers = {
  ...membershipHandlers,
  ...postingHandlers,
  ...ruleHandlers,
  ...agentRuleHandlers,
  ...answeringHandlers,
  ...unreadHandlers,
  ...topicHandlers,
  ...readingHandlers,
  ...warningHandlers,
  files,
  fileText,
  links,
};

function onAnswered(state: Room, signal: Extract<Signal, { type: "answered" }>, turn: Here): Decided {
  if (isScanned(signal.tag)) return onScanned(state, signal.tag, signal.result, turn);
  const tag = signal.tag as StopTag | StoredTag | WarnedTag | undefined;
  if (tag?.type === "warned") return onWarnedTold(state, tag, signal.result, turn);
  if (tag?.type === "stored") return onStoredTold(state, tag, signal.result, turn);
  if (tag?.type === "stop") return onStopped(tag, signal.result, turn);
  const settled = settle(state.outbox, signal, turn);
  if (settled === undefined) return [];
  const { entry, result, effects } = settled;
  const groups = entry && groupsIn(entry, result);
  if (groups !== undefined) return [...effects, ...onGroups(state, groups, turn)];
  const undone = entry === undefined || result.ok ? [] : undeliverable(state, entry, result.error, turn);
  return [...effects, ...undone];
}

type ReadTag =
  | ResumeTag
  | HistoryTag
  | CountTag
  | FetchTag<HistoryTag | MoveTag | SeenTag>
  | MoveTag
  | TopicsTag
  | SeenTag
  | MessageTag
  | ManyTag
  | KeptTag
  | WithdrawTag
  | FileTag
  | OwnFilesTag
  | ScanTag
  | StripeTag
  | DrawingTag
  | TextTag
  | VersionsTag
  | ForgetTag
  | LeftTag
  | TakeTag
  | DropTag
  | StoredPageTag;

function onRecords(
  state: Room,
  tag: ReadTag,
  records: Extract<Signal, { type: "records" }>["records"],
  turn: Here,
): Decided {
  switch (tag.type) {
    case "resume": {
      const { head, eventsFrom: floor = 0 } = state;
      const signals = signalsOf(state, turn.notes, turn.nowMs);
      return resumePage({ head, floor }, tag, records, signals, eventsShown(state, turn));
    }
    case "history":
      return historyPage(state, tag, records);
    case "count":
      return counted(state, tag, records, turn);
    case "fetch": {
      const found = fetched(state, tag, records);
      return "effects" in found ? found.effects : onRecords(state, tag.wanted, found.records, turn);
    }
    case "seen":
      return topicSeen(state, tag, records, turn);
    case "move":
      return moved(state, tag, records, turn);
    case "topics":
      return topicsCounted(state, tag, records);
    case "withdraw":
      return withdrawRead(state, tag, records, turn);
    case "message":
      return onMessageRead(state, tag, records[0]?.value as RoomMessage | undefined, turn);
    case "scan":
      return withMessage(state, onScanRead(state, tag, records, turn), turn);
    case "storedPage":
      return onStoredPage(state, tag, records, turn);
    case "versions":
      return onVersionsRead(state, tag, records);
    case "left":
      return onLeftRead(state, tag, records, turn);
    case "taking":
      return onTakeRead(state, tag, records, turn);
    case "dropping":
      return onDropRead(state, tag, records, turn);
    case "forget":
      return onForgetRead(tag, records);
    case "many":
      return onManyRead(state, tag, records, turn);
    case "kept":
      return onKeptRead(state, tag, records, turn);
    case "drawing":
      return withMessage(state, onDrawingRead(tag, records), turn);
    case "reading":
    case "textPlace":
    case "text":
    case "unreadFiles":
    case "unreadMarks":
      return withMessage(state, onTextRead(state, tag, records), turn);
    case "striping":
      return onStripingRead(state, tag, records, turn);
    case "ownFiles":
      return onOwnFilesRead(tag, records);
    case "files":
    case "fileHeld":
    case "filePlace":
    case "fileKept":
      return withMessage(state, onFilesRead(state, tag, records, turn), turn);
    default:
      return [];
  }
}

/** What was read leads to effects, or to a change of a message. */
function withMessage(state: Room, found: Decided | Checked | Drawn | Filed, turn: Here): Decided {
  if (!("type" in found)) return found;
  const { file, by = turn.from, to } = found;
  return onMessage(state, found, file.seq, { ...turn, from: by, ...(to && { replyTo: to }) });
}
