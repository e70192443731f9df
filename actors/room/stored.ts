/** How much each person keeps in the room: the files of their messages, and their uploads. The room tells each of them,
 *  and their account sums up what all rooms say (`actors/user/storage.ts`, decision 0257).
 *
 *      a file comes, or goes ──evolve──► counts, untold ──ask `storedIn`──► user/ada ──► told
 *                                           ▲                 │
 *                                           └── reminder ─────┘ no answer: asked again
 *
 *  What is told is the whole count of the room with a version, so it may be told any number of times, and late.
 *
 *  The count of messages' files is part of the state. Where a node of the version before was the room's owner, it has
 *  not counted: then the positions differ (`head`), and the records are counted anew when the room comes into memory.
 *  Uploads are counted where they stand; where their sums are not those that were counted (`uploaded`), the same. */
import type { ActorId, KeptFile, Result } from "../../protocols/index.ts";
import { note, persist, reply, type ActorRecord, type Effect, type Turn } from "../behavior.ts";
import { isToldAgain, storedReminder } from "../kept-bytes.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Room, RoomChange, RoomNotes, RoomState, Stored, StoredChange } from "./shape.ts";
import { keptPrefix } from "./uploads.ts";

type Decided = readonly Effect<RoomChange, Partial<RoomNotes>>[];
type Here = Turn<RoomNotes>;
type Fold = (state: RoomState, change: RoomChange) => RoomState;

/** Nothing is kept. */
const nothing: Stored = { counts: {}, head: 0, version: 0, untold: {} };

/** What the uploads in the state come to, by principal. */
function uploadedIn({ uploads = [] }: Room): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { by, bytes } of uploads) sums[by] = (sums[by] ?? 0) + bytes;
  return sums;
}

/** Whether the state's count is that of the records and uploads. */
function isCounted(room: Room): boolean {
  const { stored, head } = room;
  if (stored?.head !== head) return false;
  const [was, now] = [stored.uploaded ?? {}, uploadedIn(room)];
  const people = Object.keys(now);
  return people.length === Object.keys(was).length && people.every((who) => was[who] === now[who]);
}

/** What somebody keeps here. */
export const storedOf = ({ stored, uploads = [] }: Room, who: string): number =>
  uploads.reduce((sum, { by, bytes }) => (by === who ? sum + bytes : sum), stored?.counts[who] ?? 0);

const keepsBytes = ({ check }: Pick<KeptFile, "check">): boolean => check !== "removed";

/** By how much an event changes what is kept of messages' files. */
function countedBy(change: RoomChange): readonly (readonly [string, number])[] {
  if (change.type !== "happened") return [];
  const { kept = [], gone = [], checked } = change;
  return [
    ...kept.map(({ author, bytes }) => [author, bytes] as const),
    ...gone.filter(keepsBytes).map(({ author, bytes }) => [author, -bytes] as const),
    ...(checked !== undefined && !keepsBytes(checked.file)
      ? [[checked.file.author, -checked.file.bytes] as const]
      : []),
  ];
}

const isSame = (one: Room["uploads"] = [], other: Room["uploads"] = []): boolean =>
  one.length === other.length && one.every(({ id }, at) => other[at]?.id === id);

const added = (counts: Stored["counts"], who: string, bytes: number): Stored["counts"] => {
  const { [who]: before = 0, ...others } = counts;
  return before + bytes > 0 ? { ...others, [who]: before + bytes } : others;
};

/** Those of whom something else is to be told. */
function withUntold(before: Room | null, after: Room, people: Iterable<string>): Room {
  const stored = after.stored ?? nothing;
  const version = stored.version + 1;
  const changed = [...new Set(people)].filter(
    (who) => who.startsWith("user/") && (before === null ? 0 : storedOf(before, who)) !== storedOf(after, who),
  );
  if (changed.length === 0) return after;
  const untold = { ...stored.untold, ...Object.fromEntries(changed.map((who) => [who, version])) };
  return { ...after, stored: { ...stored, version, untold } };
}

/** Uploads that are none any more, and of which the accounts of their people may not know. */
const endedOf = ({ untold }: Stored, was: Room["uploads"] = [], now: Room["uploads"] = []) =>
  was
    .filter(({ id, by }) => untold[by] !== undefined && !now.some((one) => one.id === id))
    .map(({ id, by }) => ({ id, by }));

/** The room after a change, with what people keep in it. */
export function withStored(before: RoomState, change: RoomChange, after: RoomState): RoomState {
  if (after === null) return null;
  if (change.type === "readMarked" && "stored" in change) return evolveStored(after, change.stored);
  const stored = before === null ? nothing : before.stored;
  if (stored === undefined) return after;
  const deltas = countedBy(change);
  const counts = deltas.reduce((sum, [who, bytes]) => added(sum, who, bytes), stored.counts);
  // A room that was not counted to its head stays so: the count begins anew.
  const isCurrent = before === null || isCounted(before);
  const head = isCurrent ? after.head : stored.head;
  const [was, now] = [before?.uploads, after.uploads];
  const uploaders = was === now || isSame(was, now) ? [] : [...(was ?? []), ...(now ?? [])].map(({ by }) => by);
  const uploaded = isCurrent && uploaders.length > 0 && { uploaded: uploadedIn(after) };
  const gone = uploaders.length === 0 ? [] : endedOf(stored, was, now);
  const ended = gone.length > 0 && { ended: [...(stored.ended ?? []), ...gone].slice(-limits.roomUploadsMax) };
  const isAsBefore = head === stored.head && counts === stored.counts && uploaded === false && ended === false;
  const next: Room = isAsBefore ? after : { ...after, stored: { ...stored, counts, head, ...uploaded, ...ended } };
  if (deltas.length + uploaders.length === 0) return next;
  return withUntold(before, next, [...deltas.map(([who]) => who), ...uploaders]);
}

function evolveStored(room: Room, change: StoredChange): Room {
  const stored = room.stored ?? nothing;
  if (change.is === "told") {
    const { [change.who]: version, ...untold } = stored.untold;
    if (version !== change.version) return room;
    const { ended = [], ...rest } = stored;
    const left = ended.filter(({ by }) => by !== change.who);
    return { ...room, stored: { ...rest, untold, ...(left.length > 0 && { ended: left }) } };
  }
  // All are told again: what an account has heard may be of another count.
  const version = stored.version + 1;
  const uploaded = uploadedIn(room);
  const next = { ...room, stored: { ...stored, counts: change.counts, head: room.head, uploaded, version } };
  const people = new Set([
    ...Object.keys(stored.counts),
    ...Object.keys(change.counts),
    ...Object.keys(stored.uploaded ?? {}),
    ...Object.keys(uploaded),
  ]);
  const untold = Object.fromEntries([...people].map((who) => [who, version]));
  return { ...next, stored: { ...next.stored, untold: { ...stored.untold, ...untold } } };
}

/** The room as it goes on in a cluster that was restored: accounts may have heard of later counts. */
export function storedAgain<Kept extends Room>(room: Kept, gap: number): Kept {
  const { stored } = room;
  if (stored === undefined) return room;
  const version = stored.version + gap;
  const people = [...Object.keys(stored.counts), ...(room.uploads ?? []).map(({ by }) => by)];
  const untold = Object.fromEntries([...people, ...Object.keys(stored.untold)].map((who) => [who, version]));
  // The head skips a gap as well.
  return {
    ...room,
    stored: { ...stored, version, untold, head: stored.head === room.head ? room.head + gap : stored.head },
  };
}

// --- telling ---------------------------------------------------------------------------------------------------------

export { storedReminder };

/** Tag of what an account is told. */
export interface StoredTag {
  readonly type: "stored";
  readonly who: string;
  readonly version: number;
  /** A reminder caused this try: it repeats by itself. */
  readonly again: boolean;
}

const tell = (room: Room, who: string, { key }: Pick<Turn, "key">, again: boolean): Effect<never, never> => {
  const version = room.stored?.untold[who] ?? 0;
  const all = [...(room.stored?.ended ?? []), ...(room.uploads ?? [])].filter(({ by }) => by === who);
  const began = all.map(({ id }) => id).slice(-limits.roomUploadsMax);
  return {
    type: "ask",
    to: who as ActorId,
    message: { type: "storedIn", room: key, bytes: storedOf(room, who), version, began },
    tag: { type: "stored", who, version, again } satisfies StoredTag,
    timeoutMs: limits.outboxTimeoutMs,
  };
};

/** Tells those who are to be told, some at a time; a reminder has the rest told. */
function tellAll(room: Room, people: readonly string[], turn: Here, again: boolean): Decided {
  const first = people.slice(0, limits.storedToldAtOnce);
  const rest = people.length > first.length && !again;
  const dueMs = turn.nowMs + limits.outboxRetryMs;
  return [
    ...first.map((who) => tell(room, who, turn, again)),
    ...(rest ? [{ type: "remind" as const, id: storedReminder, dueMs }] : []),
  ];
}

const touches = (change: RoomChange): boolean => {
  if (change.type === "readMarked")
    return ("upload" in change && ["begun", "dropped"].includes(change.upload.is)) || "stored" in change;
  return change.type === "happened" && (countedBy(change).length > 0 || change.event.type === "left");
};

/** Which messages' files came or went, once for each message and change. */
const filedBy = (change: RoomChange): readonly number[] => {
  if (change.type !== "happened" || countedBy(change).length === 0) return [];
  const { kept = [], gone = [], checked } = change;
  return [...new Set([...kept, ...gone, ...(checked ? [checked.file] : [])].map(({ seq }) => seq))];
};

function noteFilings(changes: readonly RoomChange[], { notes }: Here): Effect<never, Partial<RoomNotes>> {
  const seqs = changes.flatMap(filedBy);
  const filed = [...(notes.filed ?? []), ...seqs].slice(-limits.roomFiledNoted);
  return note({ filings: (notes.filings ?? 0) + seqs.length, filed });
}

/** Whether files of a message came or went since `filings` was so high, or may have: too much happened since. */
export function isFiledSince({ filings = 0, filed = [] }: RoomNotes, seq: number, since: number): boolean {
  const count = filings - since;
  return count > 0 && (count > filed.length || filed.slice(-count).includes(seq));
}

/** A decision, with what follows of it for those who keep files here. */
export function withTold(room: Room, decided: Decided, turn: Here, evolve: Fold): Decided {
  const changes = decided.flatMap((effect) => (effect.type === "persist" ? [effect.event] : []));
  if (!changes.some(touches)) return decided;
  const counted = changes.some((change) => countedBy(change).length > 0);
  const told = [...decided, ...(counted ? [noteFilings(changes, turn)] : [])];
  const after = changes.reduce<RoomState>(evolve, room);
  if (after?.stored === undefined) return told;
  const before = room.stored?.untold ?? {};
  const news = Object.keys(after.stored.untold).filter((who) => after.stored?.untold[who] !== before[who]);
  return [...told, ...tellAll(after, news, turn, false)];
}

/** An account has answered, or did not. */
export function onStoredTold(room: Room, tag: StoredTag, result: Result<unknown>, turn: Here): Decided {
  if (room.stored?.untold[tag.who] !== tag.version) return [];
  if (!result.ok && isToldAgain(result.error))
    return tag.again ? [] : [{ type: "remind", id: storedReminder, dueMs: turn.nowMs + limits.outboxRetryMs }];
  return [persist(storedChanged({ is: "told", who: tag.who, version: tag.version }))];
}

/** The reminder rang. It goes on behind those whom it told the last time, so that none who cannot be reached keep the
 *  others from being told. */
export function onStoredDue(room: Room, turn: Here): Decided {
  const people = Object.keys(room.stored?.untold ?? {}).toSorted();
  if (people.length === 0) return [{ type: "forget", id: storedReminder }];
  const { toldUpTo = "" } = turn.notes;
  const inTurn = [...people.filter((who) => who > toldUpTo), ...people.filter((who) => who <= toldUpTo)];
  const last = inTurn[Math.min(inTurn.length, limits.storedToldAtOnce) - 1] ?? "";
  return [...tellAll(room, inTurn, turn, true), note({ toldUpTo: last })];
}

const storedChanged = (stored: StoredChange): RoomChange => ({ type: "readMarked", member: "", seq: 0, stored });

/** All who keep something are told again, and everything is counted that was not: an account that was on a node of the
 *  version before may have lost what it heard. */
export function tellStored(room: Room, turn: Here): Decided {
  if (!isCounted(room)) return [page(keptPrefix, {}, turn), reply({})];
  const counts = room.stored?.counts ?? {};
  const isEmpty = Object.keys(counts).length === 0 && (room.uploads ?? []).length === 0;
  return isEmpty ? [reply({})] : [persist(storedChanged({ is: "counted", counts })), reply({})];
}

/** Whether somebody is to be told. */
export const hasUntold = ({ stored }: Room): boolean => Object.keys(stored?.untold ?? {}).length > 0;

/** What is to be done when the room comes into memory. */
export function recoverStored(room: Room, turn: Here): Decided {
  if (!isCounted(room)) return [page(keptPrefix, {}, turn)];
  return tellAll(room, Object.keys(room.stored?.untold ?? {}), turn, false);
}

// --- counting anew ---------------------------------------------------------------------------------------------------

/** Tag of a page of all files that are kept. */
export interface StoredPageTag {
  readonly type: "storedPage";
  readonly counts: Stored["counts"];
  /** How often files came or went when it began. */
  readonly since: number;
}

const page = (from: string, counts: Stored["counts"], { notes }: Here): Effect<never, never> => ({
  type: "read",
  range: { from, to: `${keptPrefix.slice(0, -1)}0`, limit: limits.storedCountedAtOnce },
  tag: { type: "storedPage", counts, since: notes.filings ?? 0 } satisfies StoredPageTag,
});

/** A page arrived. Where a file came or went meanwhile, the count begins again. */
export function onStoredPage(room: Room, tag: StoredPageTag, records: readonly ActorRecord[], turn: Here): Decided {
  if (isCounted(room)) return [];
  if ((turn.notes.filings ?? 0) !== tag.since) return [page(keptPrefix, {}, turn)];
  const counts = records.reduce((sum, { value }) => {
    const { author, bytes, ...file } = value as KeptFile;
    return keepsBytes(file) ? added(sum, author, bytes) : sum;
  }, tag.counts);
  const last = records.at(-1);
  if (last !== undefined && records.length >= limits.storedCountedAtOnce) return [page(`${last.key}!`, counts, turn)];
  return [persist(storedChanged({ is: "counted", counts }))];
}
