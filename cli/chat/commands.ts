import { asWritten } from "../../protocols/text/text.ts";
import { nearest } from "../models/suggest.ts";

/** What narrows a search, for people. */
export const searchFilters =
  "in:ROOM, from:NAME, has:link, has:file, has:reaction, to:me, after:YYYY-MM-DD, before:YYYY-MM-DD";

/** One line of input, understood. Text without a slash is said to whom the conversation is with. */
export type Line =
  | { readonly type: "nothing" }
  | { readonly type: "say"; readonly text: string }
  | { readonly type: "command"; readonly name: CommandName; readonly words: readonly string[]; readonly rest: string }
  | { readonly type: "wrong"; readonly reason: string };

interface CommandRow {
  /** Words that must follow, by what they mean. */
  readonly words: string;
  /** What the rest of the line means; in brackets when it may be missing. */
  readonly rest: string;
  readonly says: string;
}

const row = (words: string, rest: string, says: string): CommandRow => ({ words, rest, says });

/** Every slash command: what /help prints and what a line is checked against. */
export const commands = {
  help: row("", "", "this list"),
  rooms: row("", "", "your rooms with unread counts, and public ones"),
  join: row("ROOM", "", "go to a room, by its name or a link into it; you join it if you are not a member"),
  create: row("ROOM", "[TITLE]", "create a public room and go there"),
  leave: row("", "[NAME]", "leave this room; its last owner names the next owner"),
  direct: row(
    "",
    "NAME",
    "open a direct conversation with a person, by the name you see or the account; with several: ACCOUNT,ACCOUNT",
  ),
  invite: row("", "NAME", "add a person, by the name you see or the account, or an agent (ada.helper)"),
  reply: row("N", "TEXT", "answer message N in its thread"),
  also: row("N", "TEXT", "answer message N in its thread and in the room"),
  thread: row("N", "", "the thread of message N"),
  threads: row("", "", "the threads of this room, and what is new in them"),
  follow: row("N", "", "follow the thread of message N: you see what is new in it"),
  unfollow: row("N", "", "mute the thread of message N, but for mentions"),
  attach: row("", "PATH", "send a file to this room; with an agent: it goes with what you say next"),
  save: row("N", "", "write the files of message N into the folder where you began this command"),
  edit: row("N", "TEXT", "change your message N"),
  before: row("N", "", "what message N said before it was edited"),
  delete: row("N", "[N …]", "delete message N; several at once: 3 4 7-9"),
  react: row("N EMOJI", "", "react to message N; repeat it to remove the reaction"),
  poll: row("", "QUESTION | OPTION | OPTION …", "ask the room; everybody chooses one option"),
  multipoll: row("", "QUESTION | OPTION | OPTION …", "the same; everybody may choose several options"),
  vote: row("N", "[OPTION …]", "vote in poll N by the numbers of options; none takes the vote back"),
  results: row("N", "", "the counts of poll N, and your vote"),
  close: row("N", "", "close poll N: it takes no more votes"),
  who: row("", "", "members of this room, and which of them are here"),
  status: row(
    "",
    "[TEXT]",
    "tell others what you are doing, after an emoji if you like; without a text: nothing any more",
  ),
  notify: row(
    "",
    "[WHAT]",
    "what you are told of; of this room: all, mentions, nothing, same, mute 2h; also others, words, quiet, mail",
  ),
  groups: row("", "", "the groups that can be mentioned, and who is in them"),
  topic: row("", "[TOPIC]", "write in this topic of the room from now on; without one: in none"),
  topics: row("", "[LETTERS]", "the topics of this room, newest first, and what is unread in them"),
  move: row("N", "[TOPIC]", "move message N with its thread to a topic; without one: to none"),
  moveall: row("N", "[TOPIC]", "the same with all later messages of its topic"),
  retopic: row("", "TOPIC | TOPIC", "give a topic another name, with all that is in it"),
  resolve: row("", "TOPIC", "mark a topic as resolved"),
  reopen: row("", "TOPIC", "take that back"),
  followtopic: row("", "TOPIC", "be told of each message in a topic"),
  mutetopic: row("", "TOPIC", "be told of nothing in a topic but mentions; the rest of it counts as read"),
  anytopic: row("", "TOPIC", "neither follow nor mute a topic any more"),
  about: row("", "TEXT", "set the topic of this room, which is read beside its title"),
  visibility: row("public|private", "", "say whether everybody can find and join this room"),
  archive: row("", "", "archive this room, where nobody writes any more, or this conversation with an agent"),
  unarchive: row("", "", "bring this room or conversation back"),
  link: row(
    "",
    "[PEOPLE DAYS]",
    "make a link by which people join this room; without numbers for 10 people and 7 days",
  ),
  links: row("", "", "the links into this room, by numbers"),
  unlink: row("NUMBER", "", "take back the link that /links lists under this number"),
  mute: row("ACCOUNT 1h|ever", "[REASON]", "let a member of this room read and not write: for 10m, 2h, 1d, 1w or ever"),
  unmute: row("ACCOUNT", "", "lift the mute of a member"),
  warn: row("ACCOUNT", "REASON", "warn a member of this room: they and the moderators read why"),
  warnings: row("", "", "which members were warned in this room, by whom and why; without a rank: your own"),
  posting: row("WHO", "", "set who posts here: members, threads (members answer in threads) or moderators"),
  keepedits: row("yes|no", "", "say whether members of this room can read what edited messages said before"),
  agentrules: row(
    "turns|tokens N",
    "",
    "set how often agents of this room call each other without a person, or what they take in a day; 0: not at all, " +
      "without limit",
  ),
  slow: row("SECONDS", "", "set how long members wait between two messages; 0: not at all"),
  history: row("", "[COUNT]", "older messages"),
  show: row("N", "", "the messages around message N"),
  search: row("", "WORDS", `find messages: words, "words together", begin*, ${searchFilters}`),
  found: row("N", "", "go to the place of message N of the last search"),
  later: row("TIME", "TEXT", "send a text to this room later: 20m, 2h, 18:30, tomorrow, monday, 2026-12-24T18:30"),
  remind: row("N TIME", "", "be reminded of message N"),
  scheduled: row("", "", "what is sent later, and your reminders, by numbers"),
  unschedule: row("NUMBER", "", "take back what /scheduled lists under this number"),
  keep: row("N", "", "save message N for later"),
  saved: row("", "", "the messages that you have saved, by numbers"),
  unsave: row("NUMBER", "", "take off what /saved lists under this number"),
  catchup: row("", "[read|undo]", "what you have missed; read: mark it as read; undo: take that back"),
  unread: row("N", "", "mark message N and all later ones as unread"),
  agents: row("", "", "your agents"),
  agent: row("NAME", "[PERSONA]", "talk to your agent; with a persona, create it first"),
  stop: row(
    "",
    "[N|all]",
    "stop the answer that you wait for; in a room, the answer to message N, or all of all agents; Ctrl-C stops yours",
  ),
  regenerate: row("", "", "write the last answer again; the old one stays as a branch"),
  resend: row("", "TEXT", "say your last message to the agent in other words; the old one stays as a branch"),
  compare: row("MODEL MODEL", "TEXT", "say the same to two models, in two new conversations with this agent"),
  share: row("", "[DAYS]", "make a link by which anybody reads this conversation as it is now"),
  shared: row("", "", "your links to conversations, by numbers"),
  unshare: row("NUMBER", "", "take back the link that /shared lists under this number"),
  temporary: row("", "[NAME]", "talk to this agent, or to NAME, so that nothing is kept anywhere; /done ends it"),
  done: row("", "", "end the temporary conversation: it is gone"),
  new: row("", "[TITLE]", "open another conversation with this agent"),
  conversations: row("", "", "your conversations with this agent, the one that was used last first"),
  conversation: row("NUMBER", "", "go to a conversation of /conversations; 0 is the first"),
  rename: row("", "TITLE", "give this conversation another title"),
  folder: row("", "[NAME]", "put this conversation into a folder, or take it out"),
  tags: row("", "[TAG …]", "give this conversation these tags, and no others"),
  favourite: row("yes|no", "", "whether this conversation is among the favourites"),
  drop: row("NUMBER", "", "delete a conversation with everything in it"),
  branches: row("", "", "the branches of this conversation, by numbers"),
  branch: row("NUMBER", "", "show the branch that /branches lists under this number, and go on there"),
  clear: row("", "", "clear this conversation: the agent forgets it"),
  signout: row("", "", "end this session and quit"),
  quit: row("", "", "quit; Ctrl-D does the same, and Ctrl-C when no answer is awaited"),
} as const satisfies Record<string, CommandRow>;

export type CommandName = keyof typeof commands;

/** Reads one line. `//text` says `/text`. A command begins the line: behind a space, as in pasted code, it is text. */
export function parseLine(line: string): Line {
  const written = asWritten(line);
  if (written === "") return { type: "nothing" };
  if (written.startsWith("//")) return { type: "say", text: written.slice(1) };
  if (!written.startsWith("/")) return { type: "say", text: written };
  const text = written.trimEnd();
  const [name = "", ...all] = text.slice(1).split(/\s+/);
  if (!Object.hasOwn(commands, name))
    return { type: "wrong", reason: `There is no command /${name}. ${meant(name)}/help lists the commands.` };
  const { words: wanted, rest: tail }: CommandRow = commands[name as CommandName];
  const count = wanted === "" ? 0 : wanted.split(" ").length;
  const words = all.slice(0, count);
  // Cut from the text itself, so that spaces inside the rest stay as they were typed.
  const before = new RegExp(`^/\\S+(?:\\s+\\S+){${words.length}}\\s?`).exec(text);
  const behind = text.slice(before?.[0].length ?? text.length);
  // What others will read as a text begins as it was written, behind one space.
  const rest = tail === "TEXT" ? asWritten(behind) : behind.trimStart();
  const isMissing = words.length < count || (rest === "" && tail !== "" && !tail.startsWith("["));
  if (isMissing) return { type: "wrong", reason: `Usage: ${usageOf(name as CommandName)}` };
  return { type: "command", name: name as CommandName, words, rest };
}

const usageOf = (name: CommandName): string =>
  [`/${name}`, commands[name].words, commands[name].rest].filter((part) => part !== "").join(" ");

/** The text of /help. */
export function describeCommands(): string {
  const names = Object.keys(commands) as CommandName[];
  const width = Math.max(...names.map((name) => usageOf(name).length));
  return names.map((name) => `${usageOf(name).padEnd(width)}  ${commands[name].says}`).join("\n");
}

function meant(name: string): string {
  const [like] = nearest(name, Object.keys(commands));
  return like === undefined ? "" : `Did you mean /${like}? `;
}
