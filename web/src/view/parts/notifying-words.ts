import type { NotificationLevel, RoomNotifications } from "../../../../protocols/index.ts";
import { momentOf } from "./time.ts";

/** What can be told of a room. */
export const levelOptions: readonly { readonly value: NotificationLevel; readonly label: string }[] = [
  { value: "all", label: "Every message" },
  { value: "mentions", label: "Mentions, answers and your words" },
  { value: "nothing", label: "Nothing" },
];

/** What is said of one room. */
export function describeRoomRule({ level, mutedUntilMs = 0 }: RoomNotifications, nowMs: number): string {
  const told = levelOptions.find(({ value }) => value === level)?.label ?? "As other rooms";
  return mutedUntilMs > nowMs ? `${told}; muted until ${momentOf(mutedUntilMs)}` : told;
}
