/** How a decision of a room turns events into effects: persisted, published, with their mail on its way. */
import type { CommandOf, RoomEvent, RoomMessage, roomCommands } from "../../protocols/index.ts";
import { persist, publish, reply, type Effect, type Turn } from "../behavior.ts";
import type { Handlers } from "../handlers.ts";
import { dispatch, type Mail } from "../outbox.ts";
import { carried } from "../stream.ts";
import type { Room, RoomChange, RoomNotes } from "./shape.ts";

/** What a decision of a room is made of. */
export type Effects = readonly Effect<RoomChange, never>[];

type Command = CommandOf<typeof roomCommands>;

/** What is answered whether the sender is a member or not, or before there is a room: `index.ts` decides it. */
type ForAll =
  | "create"
  | "remake"
  | "restore"
  | "tellStored"
  | "ownFiles"
  | "deleteOwn"
  | "withdraw"
  | "entries"
  | "join"
  | "inspect"
  | "guestWanted"
  | "admitGuest"
  | "depart"
  | "describe"
  | GatewaysOwn
  | StripesOwn
  | "preview"
  | "fileDrawn"
  | "fileRead"
  | "filesUnread"
  | "takeFiles"
  | "dropFiles"
  | GatewaysLinks
  | GatewaysMutes
  | "deleteMessages";

/** What the gateway asks of files: `files.ts` answers it in the name of a person. */
export type GatewaysOwn = "upload" | "uploadTake" | "uploadPart" | "uploadDrop" | "file" | "settleFile" | "fileHeld";

/** What nodes ask of stripes: `stripes.ts` answers it. */
export type StripesOwn = "filePiece" | "fileStriped" | "fileSettled" | "stripeHeld";

/** What the gateway asks of links: `links.ts` answers it in the name of a person. */
export type GatewaysLinks = "addLink" | "removeLink" | "lookThrough" | "joinByLink";

/** What the gateway asks of mutes and warnings: `mutes.ts` answers it in the name of a person. */
export type GatewaysMutes = "mute" | "unmute" | "warn";

/** What answers the commands of members. Each subject has some of them; together they have one for every row, or
 *  `index.ts` does not compile. */
export type MemberHandlers = Handlers<
  Room,
  Exclude<Command, { type: ForAll }>,
  Turn<RoomNotes>,
  readonly Effect<RoomChange, RoomNotes>[]
>;

/** Whether a node of the version before may pass over an event. It must not pass over one that closes a room: it would
 *  let people in, and forget in its next snapshot that the room is private. */
const mayBePassedOver = (event: RoomEvent): boolean =>
  event.type === "archiveSet" ||
  event.type === "rulesSet" ||
  event.type === "agentRulesSet" ||
  event.type === "agentsStopped" ||
  event.type === "topicMoved" ||
  event.type === "topicResolved" ||
  event.type === "muted" ||
  event.type === "unmuted" ||
  (event.type === "visibilitySet" && event.visibility === "public");

/** An event as it is persisted: what is newer than the version before travels with the topic as it is. */
const foldable = ({ topic }: Room, event: RoomEvent): RoomEvent =>
  mayBePassedOver(event) && "by" in event
    ? carried<RoomEvent>({ type: "topicSet", topic, by: event.by }, event)
    : event;

type Happened = Extract<RoomChange, { type: "happened" }>;

/** The effects of events that happen in this turn, without the answer. */
export function eventEffects(
  room: Room,
  turn: Turn,
  events: readonly RoomEvent[],
  mail: readonly Mail[] = [],
  more: Pick<Happened, "kept" | "gone" | "left" | "was" | "took" | "checked" | "pictures" | "settled"> = {},
): Effects {
  const { settled, ...once } = more;
  const changes = events.map((event, index) => ({
    type: "happened" as const,
    at: room.head + 1 + index,
    event: foldable(room, event),
    ...(index === 0 && { ...once, ...(mail.length > 0 && { mail }) }),
    ...(settled !== undefined && { settled }),
  }));
  return [
    ...changes.map((change) => persist(change)),
    ...events.map((event, index) => publish(event, room.head + 1 + index)),
    ...dispatch(room.outbox, mail, turn.self),
  ];
}

/** An event that changes a message, answered by the message. */
export const changed = (room: Room, turn: Turn, event: Extract<RoomEvent, { message: RoomMessage }>): Effects => [
  ...eventEffects(room, turn, [event]),
  reply(event.message, turn.replyTo),
];
