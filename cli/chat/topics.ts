/** The topics of a room in the terminal. */
import type { Client } from "../../client/index.ts";
import type { Result, RoomTopic, RoomTopics } from "../../protocols/index.ts";
import { counted } from "../terminal/output.ts";
import { withoutControls } from "../terminal/printable.ts";

/** A line of /topics. */
export function describeTopic({ topic, count, unread, resolved, interest }: RoomTopic): string {
  const news = unread === 0 ? "" : `, ${unread} unread`;
  const own = interest === undefined ? "" : interest === "follow" ? ", followed" : ", muted";
  return withoutControls(`${resolved === true ? "✔ " : ""}${topic}: ${counted(count, "message")}${news}${own}`);
}

/** The topics of a room, newest first: as many as a page has, or those with some letters in their name. */
export const topicsOf = (client: Pick<Client, "call">, room: string, find: string): Promise<Result<RoomTopics>> =>
  client.call("room.topics", room, find === "" ? {} : { find });
