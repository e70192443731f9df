import type { CommandName as WireCommand, ParametersOf } from "../../client/index.ts";
import { cleaned } from "../../protocols/text/text.ts";
import { reactionForm } from "../../protocols/text/own-emoji.ts";
import { sought } from "../../protocols/text/names.ts";
import type { CommandName, Line } from "./commands.ts";

/** A room or an agent. */
export interface Place {
  readonly kind: "room" | "agent";
  readonly key: string;
}

/** What is known where the person is. */
export interface Here {
  /** Undefined: nowhere yet. */
  readonly place: Place | undefined;
  /** Whether the person has reacted to a message so. */
  hasReacted(seq: number, emoji: string): boolean;
  /** When a message that was shown here was edited last, or 0. Undefined: it was not shown. */
  editedAtMs(seq: number): number | undefined;
  /** The topic of the room, as it was told last. Undefined: no room is followed. */
  topic(): string | undefined;
  /** The topic that the person writes in. Absent, or undefined: none. */
  writesIn?: string | undefined;
  /** The message whose answer the person waits for, the newest of several. Undefined: none is known. */
  awaited(): number | undefined;
  /** The turn that the last message to the agent followed; 0: it was the first. Undefined: none is known. */
  saidBehind(): number | undefined;
}

/** A command to the room or agent where the person is. */
export interface Request {
  readonly name: WireCommand;
  readonly parameters: ParametersOf<WireCommand>;
}

/** Why a line can be no request, for the person who typed it. */
export interface Wrong {
  readonly wrong: string;
}

/** Slash commands that are one request each. */
export type Asking = Extract<
  CommandName,
  | "leave"
  | "invite"
  | "reply"
  | "also"
  | "unread"
  | "edit"
  | "delete"
  | "react"
  | "poll"
  | "multipoll"
  | "follow"
  | "unfollow"
  | "visibility"
  | "archive"
  | "unarchive"
  | "posting"
  | "slow"
  | "keepedits"
  | "agentrules"
  | "vote"
  | "close"
  | "about"
  | AboutTopics
  | "stop"
  | "regenerate"
  | "resend"
  | "clear"
>;

/** What is said outside a room, where only a room will do. */
export const noRoom: Wrong = { wrong: "Go to a room first: /join ROOM." };

const request = <Name extends WireCommand>(name: Name, parameters: ParametersOf<Name>): Request => ({
  name,
  parameters,
});

/** What a change rests on, where the person saw it. */
const restingOn = <Seen>(seen: Seen | undefined): { readonly seen?: Seen } => (seen === undefined ? {} : { seen });

/** What a text asks for: it is said to the room or agent where the person is. */
export function requestOfText(text: string, { place, writesIn }: Here): Request | Wrong {
  if (place === undefined) return { wrong: "Choose a room with /join ROOM or an agent with /agent NAME." };
  const said = { text: cleaned(text, "lines") };
  if (place.kind === "agent") return request("agent.say", said);
  return request("room.post", { ...said, ...(writesIn !== undefined && { topic: writesIn }) });
}

function madeOpen(said: string, inRoom: (asked: Request) => Request | Wrong): Request | Wrong {
  if (said !== "public" && said !== "private") return { wrong: "Say public or private." };
  return inRoom(request("room.setVisibility", { visibility: said }));
}

/** The last message to the agent in other words; where it is not known, one more. */
const saidInstead = (text: string, parent: number | undefined): Request =>
  request("agent.say", { text: cleaned(text, "lines"), ...(parent !== undefined && { parent }) });

/** Nothing: the answer that is awaited; a number of a message; `all`. */
function stopped(said: string, awaited: number | undefined): Request | Wrong {
  if (said === "all") return request("room.stopAgents", {});
  if (said !== "") return onNumber(said, (seq) => request("room.stop", { seq }));
  const none = "Nobody is answering you here. /stop N stops the answer to message N.";
  return awaited === undefined ? { wrong: none } : request("room.stop", { seq: awaited });
}

/** `turns N`, `tokens N`. */
function agentRuled(what: string, count: string, inRoom: (asked: Request) => Request | Wrong): Request | Wrong {
  if (!/^\d{1,12}$/.test(count)) return { wrong: "Say turns or tokens, and a number: /agentrules turns 4." };
  if (what === "turns") return inRoom(request("room.setAgents", { turns: Number(count) }));
  if (what === "tokens") return inRoom(request("room.setAgents", { dayTokens: Number(count) }));
  return { wrong: "Say turns or tokens, and a number: /agentrules tokens 100000." };
}

function slowed(said: string, inRoom: (asked: Request) => Request | Wrong): Request | Wrong {
  if (!/^\d{1,5}$/.test(said)) return { wrong: `${said} is not a number of seconds.` };
  return inRoom(request("room.setRules", { slowMs: Number(said) * 1_000 }));
}

function keeping(said: string, inRoom: (asked: Request) => Request | Wrong): Request | Wrong {
  if (said !== "yes" && said !== "no") return { wrong: "Say yes or no." };
  return inRoom(request("room.setRules", { keepsVersions: said === "yes" }));
}

/** Slash commands about topics that are one request each. */
const aboutTopics = [
  "move",
  "moveall",
  "retopic",
  "resolve",
  "reopen",
  "followtopic",
  "mutetopic",
  "anytopic",
] as const satisfies readonly CommandName[];
type AboutTopics = (typeof aboutTopics)[number];

const isAboutTopics = (name: Asking): name is AboutTopics => aboutTopics.some((one) => one === name);

const movedTo = (parameters: object): Request => ({ name: "room.moveTopic", parameters: parameters as never });
const noTopic: Wrong = { wrong: "Name a topic: /topics lists them." };

/** What such a command asks the room for. */
function topicRequest(name: AboutTopics, first: string, rest: string): Request | Wrong {
  switch (name) {
    case "move":
    case "moveall": {
      const into = rest === "" ? {} : { into: rest };
      return onNumber(first, (seq) => movedTo({ seq, ...into, ...(name === "moveall" && { later: true }) }));
    }
    case "retopic": {
      const [topic = "", into = "", more] = rest.split("|").map((part) => part.trim());
      if (topic === "" || into === "" || more !== undefined) return { wrong: "Say both names: /retopic old | new" };
      return movedTo({ topic, into });
    }
    case "resolve":
    case "reopen":
      if (rest === "") return noTopic;
      return { name: "room.resolveTopic", parameters: { topic: rest, resolved: name === "resolve" } };
    case "followtopic":
    case "mutetopic":
    case "anytopic": {
      if (rest === "") return noTopic;
      const interest = ({ followtopic: "follow", mutetopic: "mute", anytopic: "none" } as const)[name];
      return { name: "room.followTopic", parameters: { topic: rest, interest } };
    }
  }
}

function ofTopic(name: AboutTopics, first: string, rest: string, { place }: Here): Request | Wrong {
  const asked = topicRequest(name, first, rest);
  return "wrong" in asked || place?.kind === "room" ? asked : noRoom;
}

/** A question and its options: `Lunch? | Pizza | Soup`. */
function polled(said: string, isMultiple: boolean): Request | Wrong {
  const [question = "", ...options] = said.split("|").map((part) => cleaned(part.trim(), "line"));
  if (options.length < 2) return { wrong: "A poll needs a question and two options: /poll Lunch? | Pizza | Soup" };
  return request("room.poll", { question, options, ...(isMultiple && { multiple: true }) });
}

/** Numbers of options, from 1: `1 3`, or `1,3`. */
function voted(seq: number, said: string): Request | Wrong {
  const numbers = said.split(/[\s,]+/).filter((word) => word !== "");
  const unreadable = numbers.find((word) => !/^[1-9]\d?$/.test(word));
  if (unreadable !== undefined) return { wrong: `${unreadable} is not the number of an option.` };
  return request("room.vote", { seq, choices: [...new Set(numbers.map((word) => Number(word) - 1))] });
}

/** What a slash command asks for. */
export function requestOf(
  name: Asking,
  { words, rest }: Extract<Line, { type: "command" }>,
  here: Here,
): Request | Wrong {
  const [first = "", second = ""] = words;
  if (isAboutTopics(name)) return ofTopic(name, first, rest, here);
  const inRoom = (asked: Request): Request | Wrong => (here.place?.kind === "room" ? asked : noRoom);
  const withAgent = (asked: Request): Request | Wrong =>
    here.place?.kind === "agent" ? asked : { wrong: "Talk to an agent first: /agent NAME." };
  switch (name) {
    case "leave":
      return inRoom(request("room.leave", rest === "" ? {} : { successor: `user/${sought(rest)}` }));
    case "invite":
      return inRoom(request("room.invite", { member: `${rest.includes(".") ? "agent" : "user"}/${sought(rest)}` }));
    case "reply":
    case "also": {
      const where = name === "also" ? { alsoInRoom: true } : {};
      return onNumber(first, (replyTo) =>
        inRoom(request("room.post", { text: cleaned(rest, "lines"), replyTo, ...where })),
      );
    }
    case "unread":
      return onNumber(first, (seq) => inRoom(request("room.markUnread", { seq })));
    case "edit":
      // An edit rests on what the person saw: what was changed meanwhile is not overwritten in silence.
      return onNumber(first, (seq) =>
        inRoom(request("room.edit", { seq, text: rest, ...restingOn(here.editedAtMs(seq)) })),
      );
    case "delete":
      return onNumber(first, (seq) => inRoom(request("room.delete", { seq })));
    case "react":
      return onNumber(first, (seq) => {
        const form = reactionForm(second);
        const on = !here.hasReacted(seq, form ?? second);
        if (form === undefined && on)
          return { wrong: `${second} is not one emoji, nor the name of one of the cluster, such as :parrot:.` };
        return inRoom(request("room.react", { seq, emoji: form ?? second, on }));
      });
    case "poll":
    case "multipoll": {
      const asked = polled(rest, name === "multipoll");
      return "wrong" in asked ? asked : inRoom(asked);
    }
    case "vote":
      return onNumber(first, (seq) => {
        const asked = voted(seq, rest);
        return "wrong" in asked ? asked : inRoom(asked);
      });
    case "close":
      return onNumber(first, (seq) => inRoom(request("room.closePoll", { seq })));
    case "about":
      return inRoom(request("room.setTopic", { topic: rest, ...restingOn(here.topic()) }));
    case "follow":
    case "unfollow":
      return onNumber(first, (seq) => inRoom(request("room.followThread", { seq, follow: name === "follow" })));
    case "archive":
    case "unarchive":
      return inRoom(request("room.setArchived", { archived: name === "archive" }));
    case "visibility":
      return madeOpen(first, inRoom);
    case "posting":
      return first === "members" || first === "threads" || first === "moderators"
        ? inRoom(request("room.setRules", { posting: first }))
        : { wrong: "Say who posts: members, threads or moderators." };
    case "keepedits":
      return keeping(first, inRoom);
    case "slow":
      return slowed(first, inRoom);
    case "agentrules":
      return agentRuled(first, second, inRoom);
    case "stop": {
      if (here.place?.kind !== "room") return withAgent(request("agent.stop", {}));
      return stopped(rest, here.awaited());
    }
    case "resend":
    case "regenerate":
    case "clear":
      return withAgent(name === "resend" ? saidInstead(rest, here.saidBehind()) : request(`agent.${name}`, {}));
  }
}

/** Takes a word as the number of a message: `7`, or `#7`. */
export function onNumber<Asked>(word: string, ask: (seq: number) => Asked): Asked | Wrong {
  const seq = Number(word.replace(/^#/, ""));
  return Number.isSafeInteger(seq) && seq > 0 ? ask(seq) : { wrong: `${word} is not the number of a message.` };
}
