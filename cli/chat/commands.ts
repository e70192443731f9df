import { nearest } from "../suggest.ts";

/** One line of input, understood. Text without a slash is said to whom the conversation is with. */
export type Line =
  | { readonly type: "nothing" }
  | { readonly type: "say"; readonly text: string }
  | { readonly type: "command"; readonly name: CommandName; readonly words: readonly string[]; readonly rest: string }
  | { readonly type: "wrong"; readonly reason: string };

interface CommandRow {
  readonly usage: string;
  readonly says: string;
  /** Words before the rest of the line. */
  readonly words: number;
  /** Whether text must follow these words. */
  readonly text: boolean;
}

/** Every slash command: what /help prints and what a line is checked against. */
export const commands = {
  help: { usage: "/help", says: "this list", words: 0, text: false },
  rooms: { usage: "/rooms", says: "your rooms with unread counts, and public ones", words: 0, text: false },
  join: { usage: "/join ROOM", says: "go to a room, and join it if you are no member", words: 1, text: false },
  create: { usage: "/create ROOM [TITLE]", says: "create a public room and go there", words: 1, text: false },
  leave: {
    usage: "/leave [NAME]",
    says: "leave this room; its last owner names who owns it then",
    words: 0,
    text: false,
  },
  direct: { usage: "/direct USER", says: "open a direct conversation with one person", words: 1, text: false },
  invite: {
    usage: "/invite NAME",
    says: "add a person or an agent (ada.helper) to this room",
    words: 1,
    text: false,
  },
  reply: { usage: "/reply N TEXT", says: "answer message N", words: 1, text: true },
  edit: { usage: "/edit N TEXT", says: "change your message N", words: 1, text: true },
  delete: { usage: "/delete N", says: "delete message N", words: 1, text: false },
  react: {
    usage: "/react N EMOJI",
    says: "react to message N; repeat it to remove the reaction",
    words: 2,
    text: false,
  },
  who: { usage: "/who", says: "members of this room", words: 0, text: false },
  topic: { usage: "/topic TEXT", says: "set the topic of this room", words: 0, text: true },
  history: { usage: "/history [COUNT]", says: "older messages", words: 0, text: false },
  agents: { usage: "/agents", says: "your agents", words: 0, text: false },
  agent: {
    usage: "/agent NAME [PERSONA]",
    says: "talk to your agent; with a persona, create it first",
    words: 1,
    text: false,
  },
  stop: { usage: "/stop", says: "stop the answer that is being written", words: 0, text: false },
  regenerate: { usage: "/regenerate", says: "regenerate the last answer", words: 0, text: false },
  clear: { usage: "/clear", says: "clear this conversation: the agent forgets it", words: 0, text: false },
  signout: { usage: "/signout", says: "end this session and quit", words: 0, text: false },
  quit: { usage: "/quit", says: "quit; Ctrl-D does the same", words: 0, text: false },
} as const satisfies Record<string, CommandRow>;

export type CommandName = keyof typeof commands;

/** Reads one line. `//text` says `/text`. */
export function parseLine(line: string): Line {
  const text = line.trim();
  if (text === "") return { type: "nothing" };
  if (text.startsWith("//")) return { type: "say", text: text.slice(1) };
  if (!text.startsWith("/")) return { type: "say", text };
  const [name = "", ...all] = text.slice(1).split(/\s+/);
  if (!Object.hasOwn(commands, name))
    return { type: "wrong", reason: `There is no command /${name}. ${meant(name)}/help lists the commands.` };
  const row = commands[name as CommandName];
  const words = all.slice(0, row.words);
  // Cut from the text itself, so that spaces inside the rest stay as they were typed.
  const rest = new RegExp(`^/\\S+(?:\\s+\\S+){${words.length}}\\s*`).exec(text);
  const tail = text.slice(rest?.[0].length ?? text.length);
  if (words.length < row.words || (row.text && tail === "")) return { type: "wrong", reason: `Usage: ${row.usage}` };
  return { type: "command", name: name as CommandName, words, rest: tail };
}

/** The text of /help. */
export function describeCommands(): string {
  const width = Math.max(...Object.values(commands).map((row) => row.usage.length));
  return Object.values(commands)
    .map((row) => `${row.usage.padEnd(width)}  ${row.says}`)
    .join("\n");
}

function meant(name: string): string {
  const [like] = nearest(name, Object.keys(commands));
  return like === undefined ? "" : `Did you mean /${like}? `;
}
