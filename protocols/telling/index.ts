/** Who is told of a message, and how: one function for the node, the page and the terminal.
 *
 *      of no concern to the person ──► all: a notice   mentions: a badge   nothing, or muted: nothing
 *      a mention, an answer, a direct message, a word, a followed topic ──► all, mentions: a notice   nothing: nothing
 *      in a topic that the person has muted ──► as in a muted room: a mention is told of, else nothing
 *      in quiet hours, while a room is muted for a time, do not disturb: a notice becomes a badge
 *
 *  A badge is a count in the page. A notice is what somebody is shown who is not looking. */
import type { TopicInterest } from "../kinds/room-unread.ts";
import type { QuietHours } from "../wire/notifications.ts";
import { toldOf, type ToldPerson } from "./rooms.ts";

export { plainNotifications, type ToldPerson } from "./rooms.ts";

/** How a person is told of a message. */
export type Telling = "nothing" | "badge" | "notice";

/** What a message is to a person. */
export interface ToldMessage {
  readonly room: string;
  /** It is their own. */
  readonly isOwn: boolean;
  /** The room is a direct conversation now. */
  readonly direct: boolean;
  readonly mentioned: boolean;
  /** It has one of their words. */
  readonly keyword: boolean;
  /** It answers a message of theirs, or in a thread that they follow. */
  readonly reply: boolean;
  /** It is shown in its thread only: threads are followed and muted by themselves. */
  readonly threadOnly: boolean;
  /** What the person interests of its topic. Absent: nothing, or it has none. */
  readonly interest?: TopicInterest | undefined;
}

/** What a person interests of the topic of a message. */
export const wishOf = (
  { topics = {} }: { readonly topics?: Readonly<Record<string, TopicInterest>> | undefined },
  topic: string | undefined,
): TopicInterest | undefined => (topic !== undefined && Object.hasOwn(topics, topic) ? topics[topic] : undefined);

/** Whether a room is a direct conversation now. Its key says what it was begun as; what it is the room says, because
 *  one of several people may have been made a room since. `visibility`: undefined where nobody has asked. */
export const isDirectNow = (room: string, visibility: string | undefined): boolean =>
  visibility === undefined ? room.startsWith("dm.") : visibility === "direct";

/** Whether only the room itself can say that. */
export const mayBeRoomByNow = (room: string): boolean => room.startsWith("dm.group.");

/** What a notice of a message is called: only a conversation of two needs no title beside its author. */
export const noticeTitle = (room: string, author: string, title: string): string =>
  /^dm\.[^.]+\.[^.]+$/.test(room) ? author : `${author} in ${title}`;

/** How the person is told of the message. */
export function tell(person: ToldPerson, message: ToldMessage, nowMs: number): Telling {
  if (message.isOwn) return "nothing";
  const { level, isMuted: isRoomMuted, isPaused } = toldOf(person, message.room, nowMs);
  const interest = message.threadOnly ? undefined : message.interest;
  const isMuted = isRoomMuted || interest === "mute";
  const isWanted = message.reply || message.keyword || message.direct || interest === "follow";
  const concerns = message.mentioned || (!isMuted && isWanted);
  if (level === "nothing" || (!concerns && (isMuted || message.threadOnly))) return "nothing";
  if (!concerns && level !== "all") return "badge";
  return isPaused || wantsQuiet(person, nowMs) ? "badge" : "notice";
}

/** Whether nothing is to be told aloud now. */
function wantsQuiet({ notifications, status }: ToldPerson, nowMs: number): boolean {
  if (status?.doNotDisturb === true && (status.untilMs === undefined || status.untilMs > nowMs)) return true;
  return notifications !== undefined && isQuietAt(notifications.quiet, nowMs);
}

/** Whether these hours are now. */
export function isQuietAt({ days, fromMinute, toMinute, zone }: QuietHours, nowMs: number): boolean {
  const now = days.length === 0 ? undefined : clockIn(zone, nowMs);
  if (now === undefined) return false;
  const { day, minute } = now;
  if (fromMinute < toMinute) return days.includes(day) && minute >= fromMinute && minute < toMinute;
  // Over midnight; the same time twice is a whole day.
  return (days.includes(day) && minute >= fromMinute) || (days.includes((day + 6) % 7) && minute < toMinute);
}

const dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** Making one takes longer than all that it is asked for. */
const clocks = new Map<string, Intl.DateTimeFormat | undefined>();
const clocksMax = 64;

function clockOf(zone: string): Intl.DateTimeFormat | undefined {
  if (clocks.has(zone)) return clocks.get(zone);
  let made: Intl.DateTimeFormat | undefined;
  try {
    const shown = { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
    made = new Intl.DateTimeFormat("en-US", { ...shown, timeZone: zone });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  const [oldest] = clocks.keys();
  if (clocks.size >= clocksMax && oldest !== undefined) clocks.delete(oldest);
  clocks.set(zone, made);
  return made;
}

/** Whether this machine knows a time zone. */
export const isTimeZone = (zone: string): boolean => clockOf(zone) !== undefined;

/** What a clock says there; undefined: this machine knows no such place, another one may. */
function clockIn(zone: string, nowMs: number): { readonly day: number; readonly minute: number } | undefined {
  const parts = clockOf(zone)?.formatToParts(nowMs);
  if (parts === undefined) return undefined;
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.find((one) => one.type === type)?.value ?? "";
  return { day: dayNames.indexOf(part("weekday")), minute: Number(part("hour")) * 60 + Number(part("minute")) };
}
