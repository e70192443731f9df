/** Files that a scanner looks at before anybody fetches them (docs/decisions/0188-files-are-scanned.md).
 *
 *      post ─► scanning, in `checks` ──call `scan`──► clean
 *                   ▲                      ├────────► quarantined ──an admin──► released, removed
 *                   └── a pause ◄── failed ┴────────► what the policy says: unscanned, quarantined, or it waits
 *
 *  A room has one file looked at at a time: rooms take turns at the scanners, and a room waits for itself. What must
 *  come about is in the state, so a new owner of the room begins anew where the last one was. */
import {
  cut,
  wireLimits,
  type ActorId,
  type ErrorCode,
  type FileCheck,
  type KeptFile,
  type QuarantinedFile,
  type Result,
  type RoomMessage,
  type ScanAnswer,
  type SealedFile,
} from "../../protocols/index.ts";
import {
  note,
  persist,
  refuse,
  reply,
  type ActorRecord,
  type Effect,
  type ReplyTo,
  type Sender,
  type Turn,
} from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { fits, type Mail } from "../outbox.ts";
import { eventEffects, type Effects } from "./effects.ts";
import { evolve } from "./state.ts";
import type { Check, Room, RoomChange, RoomNotes, UploadChange } from "./shape.ts";
import { evolveUpload, keptKey, shownFile, uploadChanged } from "./uploads.ts";

type Here = Turn<RoomNotes>;
type Decided = readonly Effect<RoomChange, Partial<RoomNotes>>[];

/** The list of all files in quarantine. */
const quarantineActor: ActorId = "quarantine/cluster";

/** The id of the reminder. */
export const scanReminder = "scan";
/** What a call of the scanner is called. */
const callPrefix = "scan/";

/** What is known of a file now. */
type Verdict = Pick<KeptFile, "check" | "signature">;

/** Tags of the reads behind a check: of the file that a scanner is to look at, and of the one that it has looked at. */
export interface ScanTag {
  readonly type: "scan";
  readonly check: Check;
  readonly verdict?: Verdict;
}

/** What is said of a file of a message, once the message is there. */
export interface Checked {
  readonly type: "checked";
  readonly file: KeptFile;
  readonly place: number;
  readonly verdict: Verdict;
  /** The admin, and whom to answer. Absent: a scanner has said it. */
  readonly by?: Sender;
  readonly to?: ReplyTo | undefined;
}

const reading = (check: Check, verdict?: Verdict): Effect<never, never> => {
  const key = keptKey(check.seq, check.place);
  const tag: ScanTag = { type: "scan", check, ...(verdict && { verdict }) };
  return { type: "read", range: { from: key, to: `${key}!`, limit: 1 }, tag };
};

/** Has a scanner look at the next file, where it looks at none: the first one of the person whose turn is longest ago,
 *  so that nobody waits for all files of another. */
export function startScan(checks: readonly Check[] = [], { nowMs, notes }: Pick<Here, "nowMs" | "notes">): Decided {
  const due = checks.filter(({ dueMs }) => dueMs <= nowMs);
  const turns = notes.scanned ?? [];
  const turnOf = ({ by = "" }: Check): number => turns.indexOf(by);
  const next = due.toSorted((one, other) => turnOf(one) - turnOf(other))[0];
  if (next !== undefined) {
    const { id, by = "" } = next;
    const waiting = new Set(checks.map((check) => check.by ?? ""));
    const scanned = [...turns.filter((one) => one !== by && waiting.has(one)), by];
    return [note({ scanning: id, scanned }), reading(next)];
  }
  if (checks.length === 0) return [note({ scanning: null })];
  return [
    note({ scanning: null }),
    { type: "remind", id: scanReminder, dueMs: Math.min(...checks.map(({ dueMs }) => dueMs)) },
  ];
}

/** A decision, with what follows of it for files that are to be checked. */
export function withScans(room: Room, decided: Decided, turn: Here): Decided {
  const { scanning } = turn.notes;
  const isScanning = typeof scanning === "string";
  const changes = decided.flatMap((effect) => (effect.type === "persist" ? [effect.event] : []));
  if (!isScanning && !changes.some(bringsChecks)) return decided;
  const checks = changes.reduce<Room | null>(evolve, room)?.checks;
  if (isScanning && checks?.some(({ id }) => id === scanning) === true) return decided;
  // It is known what is in it, or its message was deleted and nobody wants to know any more.
  const over: Decided = isScanning ? [{ type: "cancel", tag: `${callPrefix}${scanning}` }] : [];
  return [...decided, ...over, ...startScan(checks, turn)];
}

const bringsChecks = (change: RoomChange): boolean =>
  change.type === "happened" && change.kept?.some(({ check }) => check === "scanning") === true;

/** A reminder rang. */
export const onScanDue = (room: Room, turn: Here): Decided =>
  typeof turn.notes.scanning === "string"
    ? [{ type: "forget", id: scanReminder }]
    : [{ type: "forget", id: scanReminder }, ...startScan(room.checks, turn)];

/** The file is here: it is sent to a scanner, or what one has said is noted with its message. */
export function onScanRead(
  room: Room,
  { check, verdict }: ScanTag,
  [record]: readonly ActorRecord[],
  turn: Here,
): Decided | Checked {
  const file = record?.value as KeptFile | undefined;
  // Its message was deleted while it was read, and another file has its turn.
  if (turn.notes.scanning !== check.id) return [];
  if (file === undefined) return failed(room, check, { code: "NOT_FOUND", without: "hold" }, turn);
  if (verdict !== undefined) return { type: "checked", file, place: check.place, verdict };
  const { scanTimeoutMs: timeoutMs } = limits;
  const request = { model: "", person: file.author, file: sealedOf(file) };
  return [{ type: "call", engine: "scan", request, tag: `${callPrefix}${check.id}`, timeoutMs }];
}

/** What is needed to read a file, and no more: wherever its bytes are said to lie. */
function sealedOf(file: KeptFile): SealedFile {
  const { seq: _, author: _author, atMs: _atMs, check: _check, checkedAtMs: _checkedAtMs, ...rest } = file;
  const { type: _type, width: _width, height: _height, signature: _signature, ...sealed } = rest;
  return sealed;
}

/** Whether an answer is one of a scanner. */
export const isScanned = (tag: unknown): tag is string => typeof tag === "string" && tag.startsWith(callPrefix);

/** A scanner has answered, or there is none. */
export function onScanned(room: Room, tag: string, result: Result<unknown>, turn: Here): Decided {
  const check = room.checks?.find(({ id }) => `${callPrefix}${id}` === tag);
  if (check === undefined || turn.notes.scanning !== check.id) return [];
  if (!result.ok) {
    const { code, details } = result.error;
    const { withoutScanner: without, retryAfterMs } = details ?? {};
    return failed(room, check, { code, without, retryAfterMs }, turn);
  }
  const { signature } = result.value as ScanAnswer;
  if (signature === undefined) return [reading(check, { check: "clean" })];
  return [reading(check, { check: "quarantined", signature: cut(signature, wireLimits.signatureCharsMax) })];
}

/** What is said of a scanner that failed, or of none that is there. All else is no try: there was no place, a node
 *  restarts, or the bytes cannot be read now. */
const ofScanners: ReadonlySet<string> = new Set<ErrorCode>([
  "SCAN_FAILED",
  "SCAN_TOO_LARGE",
  "MODEL_NOT_FOUND",
  "MODEL_LOAD_FAILED",
  "MODEL_UNAVAILABLE",
  "MODEL_UNSUPPORTED",
]);

/** It is tried again after a pause, a few times. Then the cluster's policy says what becomes of the file; where it says
 *  nothing, the file waits. */
function failed(
  room: Room,
  check: Check,
  {
    code,
    without,
    retryAfterMs,
  }: { readonly code: string; readonly without: unknown; readonly retryAfterMs?: unknown },
  turn: Here,
): Decided {
  const { scanPausesMs, scanHoldMs, scanBusyMs } = limits;
  if (!ofScanners.has(code)) {
    const pauseMs = typeof retryAfterMs === "number" ? Math.max(retryAfterMs, scanPausesMs[0]) : scanBusyMs;
    return delayed(room, check, { dueMs: turn.nowMs + Math.min(pauseMs, scanBusyMs), isTry: false }, turn);
  }
  const isLast = code === "SCAN_TOO_LARGE" || check.tries >= scanPausesMs.length;
  if (isLast && without === "allow") return [reading(check, { check: "unscanned" })];
  if (isLast && without === "refuse") return [reading(check, { check: "quarantined" })];
  const dueMs = turn.nowMs + (isLast ? scanHoldMs : (scanPausesMs[check.tries] ?? scanHoldMs));
  return delayed(room, check, { dueMs, isTry: true }, turn);
}

/** Its turn comes again, behind all others. */
function delayed(
  room: Room,
  { id }: Check,
  { dueMs, isTry }: { readonly dueMs: number; readonly isTry: boolean },
  turn: Here,
): Decided {
  const change: UploadChange = { is: "delayed", id, dueMs, ...(!isTry && { waits: true }) };
  return [persist(uploadChanged(change)), ...startScan(evolveUpload(room, change).checks, turn)];
}

/** What is known of a file changes, with its message. */
export function checked(room: Room, { file, place, verdict, by }: Checked, message: RoomMessage, turn: Turn): Effects {
  if (message.deletedAtMs !== undefined)
    return by === undefined ? [] : [refuse("NOT_FOUND", { file: file.id }, turn.replyTo)];
  // Another admin may have decided while the file was read; the message is as it is now.
  const check = message.files?.find(({ id }) => id === file.id)?.check;
  if (by !== undefined && check !== "quarantined")
    return [refuse("ALREADY_DONE", { file: file.id, check }, turn.replyTo)];
  const { signature: _before, ...rest } = file;
  const isRemoved = verdict.check === "removed";
  const now: KeptFile = {
    ...rest,
    ...verdict,
    ...(isRemoved && { key: "", parts: [] }),
    checkedAtMs: turn.nowMs,
  };
  const next = { ...message, files: (message.files ?? []).map((one) => (one.id === file.id ? shownFile(now) : one)) };
  const mail = by === undefined ? listed([now], turn) : unlisted([file]);
  if (!fits(room.outbox, mail.length) && by !== undefined) return [refuse("OVERLOADED", undefined, turn.replyTo)];
  // What the operator does is done in nobody's name that members know.
  const event = {
    type: "edited",
    message: next,
    by: by?.startsWith("user/") === true ? by : message.author,
    checked: file.id,
  } as const;
  const changed = { checked: { file: now, place, gone: isRemoved ? file.parts : [] } };
  return [
    ...eventEffects(room, turn, [event], fits(room.outbox, mail.length) ? mail : [], changed),
    ...(by === undefined ? [] : [reply(rowOf(file, turn), turn.replyTo)]),
  ];
}

const rowOf = (file: KeptFile, { key }: Pick<Turn, "key">): QuarantinedFile => ({
  id: file.id,
  name: file.name,
  bytes: file.bytes,
  room: key,
  seq: file.seq,
  sender: file.author,
  atMs: file.atMs,
  sinceMs: file.checkedAtMs ?? file.atMs,
  ...(file.signature !== undefined && { signature: file.signature }),
});

/** Whether an admin is to decide about a file. */
export const inQuarantine = ({ check }: Pick<KeptFile, "check">): boolean => check === "quarantined";

const listed = (files: readonly KeptFile[], turn: Turn): readonly Mail[] =>
  files
    .filter(inQuarantine)
    .map((file) => ({ to: quarantineActor, message: { type: "add", file: rowOf(file, turn) } }));

/** Takes files off the list of those in quarantine. */
export const unlisted = (files: readonly KeptFile[]): readonly Mail[] =>
  files
    .filter(inQuarantine)
    .map(({ id, checkedAtMs = 0 }) => ({ to: quarantineActor, message: { type: "drop", id, sinceMs: checkedAtMs } }));

/** Why nobody fetches a file; undefined: members do. */
export function refuseUnchecked({ id, check }: KeptFile, to: ReplyTo | undefined): Effect<never, never> | undefined {
  const refusals: Partial<Record<FileCheck, Effect<never, never>>> = {
    scanning: refuse("FILE_BEING_CHECKED", { file: id, retryAfterMs: limits.scanShownMs }, to),
    quarantined: refuse("FILE_QUARANTINED", { file: id }, to),
    removed: refuse("NOT_FOUND", { file: id }, to),
  };
  return check === undefined ? undefined : refusals[check];
}

/** An admin's decision about a file. Errors: NOT_FOUND, ALREADY_DONE. */
export function decidedFor(
  tag: {
    readonly id: string;
    readonly as: "released" | "removed";
    readonly by: Sender;
    readonly to: ReplyTo | undefined;
  },
  file: KeptFile | undefined,
  place: number,
): Checked | Effects {
  if (file === undefined) return [refuse("NOT_FOUND", { file: tag.id }, tag.to)];
  if (!inQuarantine(file)) return [refuse("ALREADY_DONE", { file: tag.id, check: file.check }, tag.to)];
  const verdict: Verdict = { check: tag.as, ...(file.signature !== undefined && { signature: file.signature }) };
  return { type: "checked", file, place, verdict, by: tag.by, to: tag.to };
}
