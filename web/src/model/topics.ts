/** Topics of a room, as the page shows them. */
import type { RoomModel } from "./room-model.ts";

/** As of `topicKey` of the room: it loads no schema. */
const keyOf = (topic: string): string =>
  topic.normalize("NFC").replaceAll(/\s+/gu, " ").trim().toLowerCase().normalize("NFC");

/** Whether two names are the same topic; none is one, too. */
export const isSameTopic = (one: string | undefined, other: string | undefined): boolean =>
  one === other || (one !== undefined && other !== undefined && keyOf(one) === keyOf(other));

/** Whether the room has topics, as far as the page knows. */
export const hasTopics = ({ messages, tail }: RoomModel): boolean =>
  messages.some(({ topic }) => topic !== undefined) || tail.some(({ topic }) => topic !== undefined);
