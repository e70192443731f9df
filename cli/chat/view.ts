import type { Branch } from "../../protocols/answering/outline.ts";
import type {
  AgentEvent,
  ConversationTurn,
  ModelInfo,
  Poll,
  PollResults,
  RoomEvent,
  RoomMessage,
  Presence,
  RoomSummary,
  RoomThread,
  ToolRound,
} from "../../protocols/index.ts";
import { isSettingEvent, movedText, settingText } from "../../protocols/kinds/room-settings.ts";
import { cut } from "../../protocols/text/text.ts";
import { checkText, isWithheld } from "../../protocols/words/file-words.ts";
import { describeBytes } from "../../protocols/words/amounts.ts";
import { counted, minuteText, paint } from "../terminal/output.ts";
import { nameOf, type Callers } from "./names.ts";
import { printable, withoutControls } from "../terminal/printable.ts";

/** How something is printed: with colours or without, and how people are called. */
export interface Look extends Callers {
  readonly color: boolean;
}

const clockTime = (atMs: number): string => {
  const at = new Date(atMs);
  return `${String(at.getHours()).padStart(2, "0")}:${String(at.getMinutes()).padStart(2, "0")}`;
};

/** A message as one entry of the terminal: `12:04 #7 ada: text`. Further lines are indented. */
export function describeMessage(message: RoomMessage, look: Look): string {
  const { color } = look;
  const head =
    `${paint(color, "dim", `${clockTime(message.atMs)} #${message.seq}`)} ` +
    `${paint(color, "bold", look.who(message.author))}`;
  // The mention, where an agent answers one: in a thread that is not the message which the thread began with.
  const to = message.answers ?? message.replyTo;
  const answers = to === undefined ? "" : paint(color, "dim", ` (to #${to})`);
  const { replies } = message;
  const thread =
    replies === undefined ? "" : paint(color, "dim", ` (${repliesText(replies.count)}: /thread ${message.seq})`);
  if (message.deletedAtMs !== undefined) return `${head}: ${paint(color, "dim", "(deleted)")}`;
  const { topic } = message;
  const about = topic === undefined ? "" : paint(color, "dim", ` [${withoutControls(topic)}]`);
  const edited = message.editedAtMs === undefined ? "" : paint(color, "dim", " (edited)");
  const { restored } = message;
  const was = restored === undefined ? "" : paint(color, "dim", ` (restored, of ${minuteText(restored.atMs)})`);
  const reactions = Object.entries(message.reactions ?? {})
    .filter(([, people]) => people.length > 0)
    .map(([emoji, people]) => `${withoutControls(emoji)} ${people.length}`);
  const below = reactions.length === 0 ? "" : `\n      ${paint(color, "dim", reactions.join("  "))}`;
  // The text is the agent's apology; that nothing else will come is for a program that passes over the text.
  const why = message.refused;
  const unanswered = why === undefined ? "" : paint(color, "yellow", ` (not answered: ${withoutControls(why)})`);
  const stopped = message.stopped === true ? paint(color, "dim", " (stopped)") : "";
  const poll = message.poll === undefined ? "" : describePoll(message.poll, message.seq, color);
  const files = describeFiles(message, color);
  const pages = describePages(message, color);
  const rounds = describeRounds(message.rounds ?? [], color);
  const called = rounds === undefined ? "" : `${rounds}\n`;
  return (
    `${called}${head}${about}${answers}${was}: ` +
    `${indent(look.said(message))}${unanswered}${stopped}${edited}${thread}${poll}${files}${pages}${below}`
  );
}

/** The pages that a message links to. */
const describePages = ({ previews = [] }: RoomMessage, color: boolean): string =>
  previews
    .map(({ url, title, site }) => {
      // Where it leads stands first: a site may call itself anything.
      const host = URL.canParse(url) ? new URL(url).host : url;
      return withoutControls(`[page at ${host}: ${title}${site === undefined ? "" : `, ${site}`}]`);
    })
    .map((line) => `\n      ${paint(color, "dim", line)}`)
    .join("");

/** What pages are that were linked to, once that is known. */
const pagesLine = (message: RoomMessage, { color, note }: { color: boolean; note: (text: string) => string }) =>
  message.previews === undefined || message.previews.length === 0
    ? undefined
    : `${note(`links of #${message.seq}`)}${describePages(message, color)}`;

/** A scanner has looked at a file, or an admin has decided about it. That nothing was found is not worth a line. */
function checkedLine(
  { message, checked }: Extract<RoomEvent, { type: "edited" }>,
  note: (text: string) => string,
): string | undefined {
  const file = message.files?.find(({ id }) => id === checked);
  const said = checkText(file?.check);
  return file === undefined || said === undefined ? undefined : note(`${file.name} of #${message.seq}: ${said}`);
}

/** The files of a message, and how they are saved. */
function describeFiles({ seq, files = [] }: RoomMessage, color: boolean): string {
  const lines = files.map(({ name, bytes, check }) => {
    const said = checkText(check);
    return `[${withoutControls(name)}, ${describeBytes(bytes)}${said === undefined ? "" : `, ${said.toLowerCase()}`}]`;
  });
  const saved = files.filter((file) => !isWithheld(file)).length;
  if (saved > 0) lines.push(`/save ${seq} saves ${saved === 1 ? "it" : "them"}`);
  return lines.map((line) => `\n      ${paint(color, "dim", line)}`).join("");
}

const voters = (count: number): string => (count === 1 ? "1 person has voted" : `${count} people have voted`);

/** The options of a poll below its question, numbered as /vote takes them. */
function describePoll(poll: Poll, seq: number, color: boolean): string {
  const options = poll.options.map(({ text, votes }, index) => `${index + 1}) ${withoutControls(text)}: ${votes}`);
  const choose = poll.multiple === true ? `/vote ${seq} N N …` : `/vote ${seq} N`;
  const how = poll.closedAtMs === undefined ? `${choose} votes` : "the poll is closed";
  const lines = [...options, paint(color, "dim", `${voters(poll.voters)}; ${how}`)];
  return lines.map((line) => `\n      ${line}`).join("");
}

/** What /results prints: the counts, and one's own vote. */
export function describeResults({ seq, question, poll, choices }: PollResults, { color }: Look): string {
  const mine = choices.length === 0 ? "" : `\n      You voted for ${namesOf(poll, choices)}.`;
  return `${paint(color, "dim", `#${seq}`)} ${withoutControls(question)}${describePoll(poll, seq, color)}${mine}`;
}

const namesOf = (poll: Poll, choices: readonly number[]): string =>
  choices.map((choice) => withoutControls(poll.options[choice]?.text ?? "")).join(", ");

/** What a vote was, and how the poll stands now. */
function describeVote(
  { message: { seq, poll }, by, choices }: Extract<RoomEvent, { type: "voted" }>,
  { who }: Look,
): string {
  if (poll === undefined) return `${who(by)} voted in #${seq}`;
  const what = choices.length === 0 ? "took the vote back" : `voted for ${namesOf(poll, choices)}`;
  const counts = poll.options.map(({ text, votes }) => `${text} ${votes}`).join(", ");
  return `${who(by)} ${what} in #${seq} (${counts})`;
}

/** What was said, with what is in its pictures and sounds, and its files. */
const wordsOf = ({ text, pictures = [], sounds = [], files = [] }: ConversationTurn): string => {
  const beside = (what: string, all: readonly { readonly text: string }[]) =>
    all.map((one) => `[${what}${one.text === "" ? "" : `: ${one.text}`}]`);
  const shown = files.map(({ name }) => `[file: ${name}]`);
  return [...beside("picture", pictures), ...beside("sound", sounds), ...shown, text]
    .filter((one) => one !== "")
    .join(" ");
};

/** One turn of a conversation with an agent, with the tools that were called for it. */
export function describeTurn(turn: ConversationTurn, agent: string, color: boolean): string {
  const rounds = describeRounds(turn.rounds ?? [], color);
  const who = turn.role === "user" ? "you" : nameOf(agent);
  const again = turn.again === true ? paint(color, "dim", " (begun again after an interruption)") : "";
  const line =
    `${paint(color, "dim", clockTime(turn.atMs))} ${paint(color, "bold", who)}: ` +
    `${indent(wordsOf(turn))}${describeEnd(turn, color)}${again}`;
  return rounds === undefined ? line : `${rounds}\n${line}`;
}

/** The tools that were called for an answer, a line each; undefined when there were none. */
function describeRounds(rounds: readonly ToolRound[], color: boolean): string | undefined {
  const lines = rounds.flatMap(({ text, calls }) => [
    ...(text === "" ? [] : [indent(text)]),
    ...calls.map(({ name, arguments: given, result, failed }) =>
      paint(
        color,
        "dim",
        withoutControls(`* ${failed === true ? "could not use" : "used"} ${name} ${given}: ${result}`),
      ),
    ),
  ]);
  return lines.length === 0 ? undefined : lines.join("\n");
}

/** How an answer ended, when it did not just end. */
function describeEnd(turn: ConversationTurn, color: boolean): string {
  switch (turn.end) {
    case "stopped":
      return paint(color, "dim", " (stopped)");
    case "length":
      // The answer itself says which limit of tools it was.
      return turn.limit === undefined ? paint(color, "dim", " (cut at the length limit)") : "";
    case "failed":
      return paint(color, "red", ` (failed: ${withoutControls(turn.error ?? "no reason given")})`);
    case "complete":
    case undefined:
      return "";
  }
  return "";
}

/** Why models cannot be used, a line each. Without reasons there are none. */
export const describeCauses = (models: readonly ModelInfo[]): readonly string[] =>
  models.flatMap(({ model, node, state, reason }) =>
    state !== "failed" || reason === undefined
      ? []
      : [`      ${withoutControls(`${model}${node === undefined ? "" : ` on ${node}`}: ${reason}`)}`],
  );

const repliesText = (count: number): string => counted(count, "reply", "replies");

/** An answer that is in its thread only: one line, as the room shows no more of it. `count` replies there are. */
function describeAnswer(message: RoomMessage, count: number, { color, who, said }: Look): string {
  const text = withoutControls(cut(said(message).replaceAll(/\s+/g, " ").trim(), answerChars));
  const where = `the thread of #${message.replyTo}, ${repliesText(count)}`;
  return paint(color, "dim", `${clockTime(message.atMs)} #${message.seq} ${who(message.author)} in ${where}: ${text}`);
}
const answerChars = 160;

/** A line of /threads. */
export function describeThread({ root, count, last, own }: RoomThread, { color, who }: Look): string {
  const news = own === undefined || own.unread === 0 ? "" : paint(color, ["bold", "yellow"], ` ${own.unread} new`);
  const mentioned = own?.mentioned === true ? paint(color, ["bold", "red"], " @you") : "";
  const text = withoutControls(cut(last.text.replaceAll(/\s+/g, " ").trim(), answerChars));
  return `#${root}: ${repliesText(count)}${news}${mentioned}, the last of ${who(last.author)}: ${text}`;
}

/** What a room's event says; undefined for what needs no line. */
export function describeRoomEvent(event: RoomEvent, look: Look): string | undefined {
  const { color, who } = look;
  const note = (text: string): string => paint(color, "dim", `* ${withoutControls(text)}`);
  if (isSettingEvent(event)) return note(`${who(event.by)} ${settingText(event, { who, when: minuteText })}`);
  switch (event.type) {
    case "posted":
      if (event.message.threadOnly === true)
        return describeAnswer(event.message, event.root?.replies?.count ?? 1, look);
      return describeMessage(event.message, look);
    case "restored":
      return [
        note(`${counted(event.messages.length, "message")} came back from a backup`),
        ...event.messages.map((message) => describeMessage(message, look)),
      ].join("\n");
    case "withdrawn":
      if (event.by !== undefined)
        return note(`${who(event.by)} deleted ${event.messages.map(({ seq }) => `#${seq}`).join(", ")}`);
      return note(`${counted(event.messages.length, "message")} that came back from a backup went again`);
    case "edited":
      if (event.checked === "") return pagesLine(event.message, { color: look.color, note });
      if (event.checked !== undefined) return checkedLine(event, note);
      if (event.groups !== undefined) return undefined;
      return `${note(`${who(event.by)} edited`)}\n${describeMessage(event.message, look)}`;
    case "deleted":
      return note(`${who(event.by)} deleted #${event.message.seq}`);
    case "topicMoved":
      return note(`${who(event.by)} ${movedText(event)}`);
    case "voted":
      return note(describeVote(event, look));
    case "pollClosed":
      return (
        `${note(`${who(event.by)} closed the poll #${event.message.seq}`)}\n` +
        `${describeMessage(event.message, look)}`
      );
    case "joined":
      return note(
        `${who(event.member)} joined${event.link === undefined ? "" : ` by a link that ${who(event.link.by)} made`}`,
      );
    case "left":
      return note(
        event.by === event.member
          ? `${who(event.member)} left`
          : event.with !== undefined
            ? `${who(event.member)} left with ${who(event.with)}`
            : `${who(event.by)} removed ${who(event.member)}`,
      );
    case "roleSet":
      return note(`${who(event.member)} is ${event.role} now`);
    case "created":
      return undefined;
  }
}

/** What an agent's event says in its conversation; answers are printed by the code that followed the draft. */
export function describeAgentEvent(event: AgentEvent, color: boolean): string | undefined {
  switch (event.type) {
    case "generationStarted":
      if (event.round !== undefined) return describeRounds([event.round], color);
      return event.attempt > 1 ? paint(color, "dim", "* the answer is generated again after a fault") : undefined;
    case "cleared":
      return paint(color, "dim", "* the conversation was forgotten");
    case "deleted":
      return paint(color, "dim", "* the agent was deleted");
    case "restored":
      return paint(color, "dim", `* ${counted(event.turns.length, "turn")} came back from a backup`);
    case "withdrawn":
      if (event.branched !== undefined)
        return event.branched.fork === undefined ? paint(color, "dim", "* another branch is shown now") : undefined;
      return paint(color, "dim", `* ${counted(event.turns.length, "turn")} that came back from a backup went again`);
    case "said":
    case "answered":
    case "updated":
    case "roomAnswered":
      return undefined;
  }
}

/** A line of /branches, by the turn with which the branch begins. */
export function describeBranch(
  { turn, depth, isShown }: Branch,
  first: ConversationTurn | undefined,
  color: boolean,
): string {
  const says = first === undefined ? "" : ` ${withoutControls(wordsOf(first)).slice(0, 100)}`;
  const what = first?.role === "assistant" ? " (another answer)" : "";
  const shown = isShown ? paint(color, "dim", ", shown") : "";
  return `${"  ".repeat(Math.min(depth, 8))}${paint(color, "bold", `#${turn}`)}${says}${what}${shown}`;
}

/** A line of /rooms. */
export function describeRoom(room: RoomSummary, { color, who }: Look, partner?: string): string {
  const unread = room.unread === 0 ? "" : paint(color, ["bold", "yellow"], ` ${room.unread} unread`);
  const threads =
    room.threads === undefined
      ? ""
      : paint(color, ["bold", "yellow"], ` ${counted(room.threads, "thread")} with something new`);
  const mentioned = room.mentioned ? paint(color, ["bold", "red"], " @you") : "";
  const title = partner === undefined ? room.title : `with ${who(partner)}`;
  const beside = title === "" || title === room.room ? "" : ` (${withoutControls(title)})`;
  const archived = room.archived === true ? ", archived" : "";
  const what = `${withoutControls(room.room)}${beside}${archived}, ${room.memberCount} members`;
  return `${what}${unread}${threads}${mentioned}`;
}

/** How somebody is, beside their name: `active`, `away, 🚆 on a train`. */
export function describePresence({ here, status }: Presence): string {
  const quiet = status?.doNotDisturb === true ? "do not disturb" : undefined;
  const says = [status?.emoji, status?.text].filter((part) => part !== undefined).join(" ");
  return [here, quiet, says === "" ? undefined : printable(says)].filter((part) => part !== undefined).join(", ");
}

const indent = (text: string): string => printable(text).replaceAll("\n", "\n      ");

/** A draft as it grows from best-effort pieces. A gap makes it incomplete until the answer itself arrives. */
export interface Draft {
  readonly generation: string;
  readonly text: string;
}

/** Adds a piece; undefined when one before it was lost. Offset 0 starts anew. */
export function growDraft(
  draft: Draft | undefined,
  piece: { readonly generation: string; readonly offset: number; readonly text: string },
): Draft | undefined {
  if (piece.offset === 0) return { generation: piece.generation, text: piece.text };
  if (draft === undefined || draft.generation !== piece.generation || piece.offset > draft.text.length)
    return undefined;
  return { generation: piece.generation, text: draft.text.slice(0, piece.offset) + piece.text };
}
