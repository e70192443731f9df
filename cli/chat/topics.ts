/** Topics in the terminal: the list, and the one that the person writes in. */
import type { Client } from "../../client/index.ts";
import type { Result, RoomTopic, RoomTopics } from "../../protocols/index.ts";
import { counted } from "../terminal/output.ts";
import { withoutControls } from "../terminal/printable.ts";
import { onNumber, type Request, type Wrong } from "./requests.ts";

/** Slash commands about topics that are one request each. */
export type AboutTopics =
  | "move"
  | "moveall"
  | "retopic"
  | "resolve"
  | "reopen"
  | "followtopic"
  | "mutetopic"
  | "anytopic";

const moved = (parameters: object): Request => ({ name: "room.moveTopic", parameters: parameters as never });
const none: Wrong = { wrong: "Name a topic: /topics lists them." };

/** What such a command asks the room for. */
export function topicRequest(name: AboutTopics, first: string, rest: string): Request | Wrong {
  switch (name) {
    case "move":
    case "moveall": {
      const into = rest === "" ? {} : { into: rest };
      return onNumber(first, (seq) => moved({ seq, ...into, ...(name === "moveall" && { later: true }) }));
    }
    case "retopic": {
      const [topic = "", into = "", more] = rest.split("|").map((part) => part.trim());
      if (topic === "" || into === "" || more !== undefined) return { wrong: "Say both names: /retopic old | new" };
      return moved({ topic, into });
    }
    case "resolve":
    case "reopen":
      if (rest === "") return none;
      return { name: "room.resolveTopic", parameters: { topic: rest, resolved: name === "resolve" } };
    case "followtopic":
    case "mutetopic":
    case "anytopic": {
      if (rest === "") return none;
      const wish = ({ followtopic: "follow", mutetopic: "mute", anytopic: "none" } as const)[name];
      return { name: "room.followTopic", parameters: { topic: rest, wish } };
    }
  }
}

/** A line of /topics. */
export function describeTopic({ topic, count, unread, resolved, wish }: RoomTopic): string {
  const news = unread === 0 ? "" : `, ${unread} unread`;
  const own = wish === undefined ? "" : wish === "follow" ? ", followed" : ", muted";
  return withoutControls(`${resolved === true ? "✔ " : ""}${topic}: ${counted(count, "message")}${news}${own}`);
}

/** The topics of a room, newest first: as many as a page has, or those with some letters in their name. */
export const topicsOf = (client: Pick<Client, "call">, room: string, find: string): Promise<Result<RoomTopics>> =>
  client.call("room.topics", room, find === "" ? {} : { find });
