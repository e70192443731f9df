/** The conversations with one agent: which there are, how they are called, and going from one to another. */
import type { Client } from "../../client/index.ts";
import { agentOfKey, conversationIn, conversationKey } from "../../protocols/answering/conversation-key.ts";
import { ok } from "../../protocols/errors.ts";
import { cleaned } from "../../protocols/text/text.ts";
import type { AgentConversation, Result } from "../../protocols/index.ts";
import { minuteText } from "../terminal/output.ts";
import { withoutControls } from "../terminal/printable.ts";
import type { Line } from "./commands.ts";
import type { Printer } from "./printer.ts";
import type { Place, Wrong } from "./requests.ts";

/** The commands of this file. */
const conversationCommands = [
  "new",
  "conversations",
  "conversation",
  "rename",
  "folder",
  "tags",
  "favourite",
  "drop",
] as const;
/** The name of one of them. */
export type OfConversations = (typeof conversationCommands)[number] | (typeof archiving)[number];

const archiving = ["archive", "unarchive"] as const;

/** Whether a command is one of them; rooms are archived by the same words. */
export const isOfConversations = (name: string, place: Place | undefined): name is OfConversations =>
  (conversationCommands as readonly string[]).includes(name) ||
  (place?.kind === "agent" && (archiving as readonly string[]).includes(name));

interface At<Step> {
  readonly client: Pick<Client, "call">;
  readonly place: Place | undefined;
  readonly printer: Printer;
  goTo(place: Place): Promise<Step>;
}

const noAgent: Wrong = { wrong: "Talk to an agent first: /agent NAME." };

/** Does one of them. A `Step` is what going somewhere came to. */
export async function runConversations<Step>(
  name: OfConversations,
  { words, rest }: Extract<Line, { type: "command" }>,
  at: At<Step>,
): Promise<Result<unknown> | Wrong | { readonly went: Step }> {
  const { client, place } = at;
  if (place?.kind !== "agent") return noAgent;
  const agent = agentOfKey(place.key);
  const here = conversationIn(place.key)?.number ?? 0;
  const [first = ""] = words;
  const arrange = (change: object) => client.call("agent.arrange", agent, { number: here, ...change });
  const said = (text: string): string => cleaned(text.trim(), "line");
  switch (name) {
    case "conversations":
      return list(agent, here, at);
    case "new": {
      const made = await client.call("agent.open", agent, rest === "" ? {} : { title: said(rest) });
      if (!made.ok) return made;
      return { went: await at.goTo({ kind: "agent", key: conversationKey(agent, made.value.number) }) };
    }
    case "conversation":
      if (!/^\d{1,15}$/.test(first)) return { wrong: `${first} is not the number of a conversation: /conversations.` };
      return { went: await at.goTo({ kind: "agent", key: conversationKey(agent, Number(first)) }) };
    case "rename":
      return arrange({ title: said(rest) });
    case "folder":
      return arrange({ folder: said(rest) });
    case "tags":
      return arrange({
        tags: [...new Set(rest.split(/[\s,]+/).map((tag) => said(tag.replace(/^#/, ""))))].filter(Boolean),
      });
    case "favourite":
      if (first !== "yes" && first !== "no") return { wrong: "Say yes or no." };
      return arrange({ favourite: first === "yes" });
    case "archive":
    case "unarchive":
      return arrange({ archived: name === "archive" });
    case "drop": {
      if (!/^\d{1,15}$/.test(first)) return { wrong: `${first} is not the number of a conversation: /conversations.` };
      const number = Number(first);
      if (number === 0) return { wrong: "The first conversation is the agent's own. /clear there forgets it." };
      const dropped = await client.call("agent.drop", agent, { number });
      if (!dropped.ok || number !== here) return dropped;
      return { went: await at.goTo({ kind: "agent", key: agent }) };
    }
  }
}

async function list(agent: string, here: number, { client, printer }: Pick<At<never>, "client" | "printer">) {
  const answer = await client.call("agent.conversations", agent, {});
  if (!answer.ok) return answer;
  const { conversations } = answer.value;
  for (const one of conversations) printer.show({ conversation: one }, described(one, one.number === here, printer));
  if (conversations.length === 1) printer.remark(printer.dim("There is one conversation. /new opens another."));
  return ok(undefined);
}

/** A line of /conversations. */
function described(one: AgentConversation, isHere: boolean, { dim }: Printer): string {
  const { number, title, folder, tags = [], favourite, archived, model } = one;
  const beside = [
    minuteText(one.usedAtMs),
    favourite === true ? "favourite" : [],
    folder === undefined ? [] : `in ${folder}`,
    tags.map((tag) => `#${tag}`),
    model ?? [],
    archived === true ? "archived" : [],
    isHere ? "you are here" : [],
  ].flat(2);
  const called = withoutControls(title === "" ? "(no title yet)" : title);
  return `${number}. ${called} ${dim(withoutControls(beside.join(", ")))}`;
}
