/** What messages said before they were edited. */
import { answer, command } from "../wire/command.ts";
import { position } from "../wire/schema.ts";

/** Commands of a room about earlier texts. */
export const roomVersionCommands = {
  /** None where the room keeps none. Error: NOT_FOUND, also of a deleted message. */
  versions: command({
    params: { seq: position },
    result: answer<RoomVersions>("RoomVersions"),
    from: ["client", "agent"],
    effect: "reads",
    permission: "room.read",
    http: ["GET", "/rooms/:room/messages/:seq/versions"],
    summary: "What a message said before it was edited",
    answers: "page",
  }),
} as const;

/** What a message said from this time on, until the next. */
export interface MessageVersion {
  readonly text: string;
  readonly atMs: number;
}

/** Answer to `versions`: the newest of them, oldest first, without what the message says now. */
export interface RoomVersions {
  readonly versions: readonly MessageVersion[];
}
