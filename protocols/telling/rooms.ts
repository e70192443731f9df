/** What a person has said of their rooms: as much as the list of rooms needs. */
import type { RoomSummary } from "../kinds/room.ts";
import type { Sidebar } from "../kinds/user-shape.ts";
import type { NotificationLevel, NotificationRules, RoomNotifications } from "../wire/notifications.ts";
import type { PersonStatus } from "../wire/presence.ts";

/** As much of an account as decides it; what is absent was never set. */
export interface ToldPerson {
  readonly notifications?: NotificationRules | undefined;
  readonly sidebar?: Pick<Sidebar, "muted"> | undefined;
  readonly status?: Pick<PersonStatus, "doNotDisturb" | "untilMs"> | undefined;
}

/** What holds for people who have said nothing. */
export const plainNotifications: NotificationRules = {
  level: "mentions",
  rooms: [],
  keywords: [],
  quiet: { days: [], fromMinute: 22 * 60, toMinute: 7 * 60, zone: "UTC" },
};

/** What is said of a room, and whether it is muted for good or for a time. */
export function toldOf(
  { notifications, sidebar }: ToldPerson,
  room: string,
  nowMs: number,
): { readonly level: NotificationLevel; readonly isMuted: boolean; readonly isPaused: boolean } {
  const own: Partial<RoomNotifications> | undefined = notifications?.rooms.find((one) => one.room === room);
  const isPaused = (own?.mutedUntilMs ?? 0) > nowMs;
  return {
    level: own?.level ?? notifications?.level ?? plainNotifications.level,
    isMuted: isPaused || sidebar?.muted.includes(room) === true,
    isPaused,
  };
}

/** What of a room is told in its line, in the title of the page and in what was missed, as `tell` has it of each
 *  message: of a muted one only that it mentions the person. */
export const told = (room: RoomSummary, person: ToldPerson, nowMs: number): RoomSummary => {
  const { level, isMuted } = toldOf(person, room.room, nowMs);
  if (level !== "nothing" && !isMuted) return room;
  const { threads: _, ...rest } = room;
  if (level === "nothing") return { ...rest, unread: 0, mentioned: false };
  return { ...rest, unread: room.mentioned ? room.unread : 0 };
};
