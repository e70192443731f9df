/** How a decision of a room turns events into effects: persisted, published, with their mail on its way. */
import type { RoomEvent, RoomMessage } from "../../protocols/index.ts";
import { persist, publish, reply, type Effect, type Turn } from "../behavior.ts";
import { dispatch, type Mail } from "../outbox.ts";
import type { Room, RoomChange } from "./state.ts";

/** What a decision of a room is made of. */
export type Effects = readonly Effect<RoomChange, never>[];

/** The effects of events that eventEffects in this turn, without the answer. */
export function eventEffects(
  room: Room,
  turn: Turn,
  events: readonly RoomEvent[],
  mail: readonly Mail[] = [],
  settled?: number,
): Effects {
  const changes = events.map((event, index) => ({
    type: "happened" as const,
    at: room.head + 1 + index,
    event,
    ...(index === 0 && mail.length > 0 && { mail }),
    ...(settled !== undefined && { settled }),
  }));
  return [
    ...changes.map((change) => persist(change)),
    ...changes.map(({ at, event }) => publish(event, at)),
    ...dispatch(room.outbox, mail, turn.self),
  ];
}

/** An event that changes a message, answered by the message. */
export const changed = (room: Room, turn: Turn, event: Extract<RoomEvent, { message: RoomMessage }>): Effects => [
  ...eventEffects(room, turn, [event]),
  reply(event.message, turn.replyTo),
];
