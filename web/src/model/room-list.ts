import { isOwnRoom, ownRoomTitle } from "../../../protocols/kinds/room-own.ts";
import { summaryText } from "./summary-text.ts";
import type { NodeFrame, RoomSummary, ThreadSignal, UserSignal } from "../../../protocols/index.ts";
import type { RoomModel } from "./room-model.ts";
import { threadsToRead } from "./threads.ts";
import { wishOf } from "../../../protocols/telling/index.ts";

/** News of a room that this page does not follow. */
type RoomNews = Extract<NodeFrame, { readonly activity: unknown }>["activity"];

/** The list after a piece of news; undefined when the list must be loaded anew: the room is not in it, or messages came
 *  that were no news (out of a backup, or more than the connection took), of which the node knows what is unread. */
export function listAfterNews(
  list: readonly RoomSummary[],
  news: RoomNews,
  { me, nowMs }: { readonly me: string; readonly nowMs: number },
): readonly RoomSummary[] | undefined {
  const known = list.find(({ room }) => room === news.room);
  if (news.edited === true && known !== undefined)
    return list.map((room) => (room === known && !room.mentioned ? { ...room, mentioned: news.mentioned } : room));
  if (known === undefined || (news.author !== me && news.seq > known.messageSeq + 1)) return undefined;
  return list.map((room) => {
    if (room.room !== news.room || news.seq <= room.messageSeq) return room;
    // What is in a thread only is no line of the room: whom it concerns, the node is asked.
    if (news.thread !== undefined) return { ...room, messageSeq: news.seq };
    const readSeq = news.author === me ? news.seq : room.readSeq;
    // Of a topic that the user has muted only mentions are unread.
    const isRead = !news.mentioned && wishOf(room, news.topic) === "mute";
    return {
      ...room,
      messageSeq: news.seq,
      readSeq,
      // Added to what the node counted: one's own messages after the marker are not unread.
      unread: news.author === me ? 0 : room.unread + news.seq - room.messageSeq - (isRead ? 1 : 0),
      mentioned: news.author !== me && (room.mentioned || news.mentioned),
      last: { author: news.author, text: "", atMs: nowMs },
    };
  });
}

/** The list after the user read a room, perhaps on another device; the same list when nothing shown changed. Undefined
 *  when the list must be loaded anew: the count is older than messages of the list. */
export function listAfterRead(
  list: readonly RoomSummary[],
  signal: UserSignal | ThreadSignal,
): readonly RoomSummary[] | undefined {
  if (signal.type !== "roomRead") return list;
  const { room, seq, unread } = signal;
  const index = list.findIndex((one) => one.room === room);
  const old = list[index];
  if (old === undefined) return list;
  if (unread !== undefined) {
    // What came since, it does not count.
    if (unread.messageSeq < old.messageSeq) return unread.readSeq === old.readSeq ? list : undefined;
    // What of it is in threads, the marker of the room says nothing of.
    const mentioned = unread.mentioned || (old.threads !== undefined && old.mentioned);
    const { seen: _seen, topics: _topics, ...rest } = old;
    return list.with(index, { ...rest, ...unread, mentioned });
  }
  if (seq <= old.readSeq) return list;
  const left = Math.max(0, old.messageSeq - seq);
  return list.with(index, {
    ...old,
    readSeq: seq,
    unread: Math.min(old.unread, left),
    mentioned: old.mentioned && left > 0,
  });
}

/** The list after its node was asked for one room; undefined when the list must be loaded anew: it is newer than the
 *  answer. */
export function listAfterSummary(
  list: readonly RoomSummary[],
  summary: RoomSummary,
): readonly RoomSummary[] | undefined {
  const index = list.findIndex(({ room }) => room === summary.room);
  const old = list[index];
  if (old === undefined) return list;
  return old.messageSeq > summary.messageSeq ? undefined : list.with(index, summary);
}

/** The list after a change in a room that this page follows; the same list when nothing shown changed. */
export function listAfterRoom(list: readonly RoomSummary[], model: RoomModel): readonly RoomSummary[] {
  const { view, unread } = model;
  const index = list.findIndex((room) => room.room === view?.room);
  const old = list[index];
  if (view === undefined || old === undefined) return list;
  const last = lastOf(model, old);
  const toRead = threadsToRead(model.threads);
  const { threads: _threads, archived: _archived, last: _last, seen: _seen, topics: _topics, ...rest } = old;
  const next: RoomSummary = {
    ...rest,
    title: view.title,
    visibility: view.visibility,
    ...(view.archived === true && { archived: true }),
    memberCount: Object.keys(view.members).length,
    messageSeq: view.messageSeq,
    readSeq: unread.readSeq,
    unread: unread.unread,
    ...(unread.seen && { seen: unread.seen }),
    ...(unread.topics && { topics: unread.topics }),
    mentioned: unread.mentioned || toRead.some(({ own }) => own?.mentioned === true),
    ...(toRead.length > 0 && { threads: toRead.length }),
    ...(last && { last }),
  };
  const same =
    old.unread === next.unread &&
    old.mentioned === next.mentioned &&
    old.threads === next.threads &&
    old.title === next.title &&
    old.memberCount === next.memberCount &&
    old.visibility === next.visibility &&
    old.archived === next.archived &&
    old.topics === next.topics &&
    old.messageSeq === next.messageSeq &&
    old.last?.text === last?.text &&
    old.last?.atMs === last?.atMs;
  return same ? list : list.with(index, next);
}

/** What was said last and is not deleted, as the node says it in a list: without a text it is its files. */
function lastOf(model: RoomModel, old: RoomSummary): RoomSummary["last"] {
  const known = [...(model.newer ? [] : model.messages), ...model.tail];
  const line = known.findLast(({ deletedAtMs }) => deletedAtMs === undefined);
  // Of what lies before the window nothing is known.
  if (line === undefined) return model.older || model.newer ? old.last : undefined;
  const { author, text, files = [], atMs } = line;
  const said = text || files.map(({ name }) => name).join(", ");
  return { author, text: summaryText(said), atMs };
}

export interface RoomGroups {
  readonly rooms: readonly RoomSummary[];
  readonly direct: readonly RoomSummary[];
  readonly archived: readonly RoomSummary[];
}

/** The list in the order it is shown: rooms by title, which keeps them where the eye expects them; people by last
 *  contact. */
export function groupRooms(all: readonly RoomSummary[]): RoomGroups {
  const list = all.filter(({ room }) => !isOwnRoom(room));
  const rooms = list.filter((room) => room.visibility !== "direct" && room.archived !== true);
  const archived = list.filter((room) => room.archived === true);
  const direct = list.filter((room) => room.visibility === "direct");
  return {
    rooms: rooms.toSorted((a, b) => a.title.localeCompare(b.title)),
    archived: archived.toSorted((a, b) => a.title.localeCompare(b.title)),
    direct: direct.toSorted((a, b) => (b.last?.atMs ?? 0) - (a.last?.atMs ?? 0)),
  };
}

/** The title of a room as `me` sees it: a direct room is called after the others in it. */
export function roomTitle(
  { room, title, visibility }: Pick<RoomSummary, "room" | "title"> & Partial<Pick<RoomSummary, "visibility">>,
  me: string,
  nameFor: (principal: string) => string,
): string {
  if (isOwnRoom(room)) return ownRoomTitle;
  const other = otherPerson(room, me);
  if (other !== undefined) return nameFor(`user/${other}`);
  if (visibility !== "direct") return title || room;
  const others = title.split(", ").filter((name) => `user/${name}` !== me);
  return others.map((name) => nameFor(`user/${name}`)).join(", ");
}

/** The other person of a direct room, from its name `dm.ada.bob`; user names contain no dot. */
export function otherPerson(room: string, me: string): string | undefined {
  const [prefix, a, b, more] = room.split(".");
  // With more parts it is of several people, and with the same twice of one.
  if (prefix !== "dm" || a === undefined || b === undefined || more !== undefined || a === b) return undefined;
  return `user/${a}` === me ? b : a;
}
