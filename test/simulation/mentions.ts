import type { RoomMessage } from "../../protocols/index.ts";
import { tokenPattern } from "./checkers.ts";

/** How the mentions of agents in a room stand. */
export interface Mentions {
  /** Those that nobody has answered or refused yet. */
  readonly open: readonly string[];
  /** What is wrong with those that somebody has. */
  readonly wrong: string | undefined;
}

/** Judges all messages of a room, oldest first: a person's mention of an agent is settled by one message of that agent, which
 *  answers it or refuses it for all to see. The simulated model repeats the last line it was given, so an answer holds the
 *  words it answers. */
export function judgeMentions(messages: readonly RoomMessage[]): Mentions {
  const settled = new Map<string, RoomMessage>();
  let wrong: string | undefined;
  for (const message of messages) {
    if (!message.author.startsWith("agent/")) continue;
    const name = `#${message.answers ?? message.replyTo} of ${message.author}`;
    if (settled.has(name)) wrong ??= `${name} is settled by #${settled.get(name)?.seq} and #${message.seq}`;
    settled.set(name, message);
  }
  const open: string[] = [];
  for (const { seq, author, text, mentions = [] } of messages) {
    if (!author.startsWith("user/")) continue;
    const [token = ""] = text.match(tokenPattern) ?? [];
    for (const agent of mentions.filter((member) => member.startsWith("agent/"))) {
      const name = `#${seq} of ${agent}`;
      const answer = settled.get(name);
      if (answer === undefined) open.push(name);
      else if (!answer.text.includes(token) && !answer.text.startsWith("Sorry"))
        wrong ??= `${name} is answered by "${answer.text}", which does not have "${text}"`;
    }
  }
  return { open, wrong };
}
