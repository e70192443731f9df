import { Type, type Static } from "typebox";
import { wireLimits as limits } from "../limits.ts";
import { key, line, object, timeMs } from "./schema.ts";

/** What is told of a room: every message, what concerns the person (their name, an answer, a direct message, one of
 *  their words), or nothing. */
const notificationLevel = Type.Union([Type.Literal("all"), Type.Literal("mentions"), Type.Literal("nothing")]);
export type NotificationLevel = Static<typeof notificationLevel>;

const minuteOfDay = Type.Integer({ minimum: 0, maximum: 24 * 60 - 1 });

/** Hours in which nothing is told aloud. They begin on these days (0 is Sunday) at a time of the clock in this place,
 *  and end at the next time that it says the other one. Without days there are none. */
const quietHours = object({
  days: Type.Array(Type.Integer({ minimum: 0, maximum: 6 }), { maxItems: 7, uniqueItems: true }),
  fromMinute: minuteOfDay,
  toMinute: minuteOfDay,
  /** A name of the time zone database: `Europe/Vienna`. */
  zone: line(64),
});
export type QuietHours = Static<typeof quietHours>;

/** What is told of one room, where it is not what is told of the others. */
export const roomNotifications = object({
  room: key,
  level: Type.Optional(notificationLevel),
  /** Until then nothing is told of it but that one was mentioned, and that not aloud. */
  mutedUntilMs: Type.Optional(timeMs),
});
export type RoomNotifications = Static<typeof roomNotifications>;

/** The parts of the rules that are written as wholes. */
export const notificationParts = object({
  /** Of the rooms that `rooms` does not name. */
  level: Type.Optional(notificationLevel),
  /** Words that concern the person, wherever they are written. */
  keywords: Type.Optional(
    Type.Array(line(limits.keywordCharsMax), { maxItems: limits.keywordsMax, uniqueItems: true }),
  ),
  quiet: Type.Optional(quietHours),
});

/** What a person wants to be told of, the same on every device. */
export const notificationRules = object({
  level: notificationLevel,
  rooms: Type.Array(roomNotifications, { maxItems: limits.roomsPerUserMax }),
  keywords: Type.Array(line(limits.keywordCharsMax), { maxItems: limits.keywordsMax }),
  quiet: quietHours,
});
export type NotificationRules = Static<typeof notificationRules>;
