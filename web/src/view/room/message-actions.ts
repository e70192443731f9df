import type { RoomMessage } from "../../../../protocols/index.ts";
import type { RoomStore } from "../../live/index.ts";
import type { PickEvent } from "./selecting.ts";

/** What can be done with a message; the same object for all rows of a room, so that rows are not rendered again for
 *  it. */
export interface MessageActions {
  readonly me: string;
  readonly room: RoomStore;
  readonly moderates: boolean;
  /** The person writes nothing here, because the room is archived or they are muted: what is there is read, or
   *  deleted. */
  readonly isClosed: boolean;
  /** Selects it, or selects it no more, where the key or the click says so. */
  readonly pick: (message: RoomMessage, event?: PickEvent) => void;
  readonly nameFor: (principal: string) => string;
  readonly react: (message: RoomMessage, emoji: string) => void;
  readonly openThread: (root: number) => void;
  readonly setEditing: (seq: number, on: boolean) => void;
  readonly remove: (message: RoomMessage) => void;
  readonly removePreviews: (message: RoomMessage) => void;
  readonly pin: (message: RoomMessage) => void;
  readonly copyLink: (message: RoomMessage) => void;
  /** Puts it into the field as a quotation: of its thread, or of the room. */
  readonly quote: (message: RoomMessage, inThread: boolean) => void;
  readonly moveTopic: (message: RoomMessage) => void;
  /** Shows one topic alone. */
  readonly openTopic: (topic: string) => void;
  readonly forward: (message: RoomMessage) => void;
  readonly show: (seq: number) => void;
  /** Shows what a message said before it was edited. */
  readonly showVersions: (seq: number) => void;
  readonly remind: (message: RoomMessage) => void;
  readonly markUnread: (message: RoomMessage) => void;
  /** Long messages that are shown whole; a row that comes into the document again is as it was. */
  readonly unfolded: Set<number>;
}
