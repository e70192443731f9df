import type { RoomView } from "../../../protocols/index.ts";
import { isOwnRoom } from "../../../protocols/kinds/room-own.ts";

/** Why a person writes nothing at a place of a room; undefined: they write. */
export type Closed = "archived" | "moderators" | "threads" | "own";

/** Whether the room, or a thread of it, is closed for what this person wants to write. */
export function closedFor(view: RoomView, me: string, where: "room" | "thread"): Closed | undefined {
  if (view.archived === true) return "archived";
  if (isOwnRoom(view.room)) return "own";
  const { posting = "members" } = view;
  if (posting === "members" || (posting === "threads" && where === "thread") || view.visibility === "direct")
    return undefined;
  return (view.members[me]?.role ?? "member") === "member" ? posting : undefined;
}

/** How long this person waits between two messages; 0: not at all. */
export const waitsFor = ({ slowMs = 0, members }: RoomView, me: string): number =>
  members[me]?.role === "member" ? slowMs : 0;
