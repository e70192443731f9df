import { actorLimits } from "../../actors/limits.ts";
import type { RoomMessage } from "../../protocols/index.ts";
import { tokenPattern } from "./checkers.ts";
import { simulatedCalls, simulatedText } from "./runtime.ts";

/** How the mentions of agents in a room stand. */
export interface Mentions {
  /** Those that nobody has answered or refused yet. */
  readonly open: readonly string[];
  /** What is wrong with those that somebody has. */
  readonly wrong: string | undefined;
}

type FaultIn = (answer: RoomMessage, prompt: string) => string | undefined;

/** Judges all messages of a room, oldest first: a person's mention of an agent is settled by one message of that agent,
 *  which answers it or refuses it for all to see. `faultIn` says what is wrong with the answer to a prompt. */
export function judgeMentions(messages: readonly RoomMessage[], faultIn: FaultIn): Mentions {
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
    for (const agent of mentions.filter((member) => member.startsWith("agent/"))) {
      const name = `#${seq} of ${agent}`;
      const answer = settled.get(name);
      if (answer === undefined) open.push(name);
      else {
        const fault = faultIn(answer, `${author.slice("user/".length)}: ${text}`);
        if (fault !== undefined) wrong ??= `${name}: ${fault}`;
      }
    }
  }
  return { open, wrong };
}

/** An answer holds the words that it answers. */
export function faultInWords({ text }: RoomMessage, prompt: string): string | undefined {
  const [token = ""] = prompt.match(tokenPattern) ?? [];
  return text.includes(token) || text.startsWith("Sorry") ? undefined : `"${text}" does not answer "${prompt}"`;
}

/** The same where the simulated model wrote it: it stands with the tools that the model called for it, each once. */
export function faultInSimulated({ text, rounds = [] }: RoomMessage, prompt: string): string | undefined {
  const results = rounds.flatMap(({ calls }) => calls.map(({ result }) => result));
  // The call of each round is a sum of its number: a round that was run twice, or is missing, shows.
  if (results.some((result, round) => result !== String(2 * round))) return `its tools answered ${results.join()}`;
  if (text.startsWith("Sorry")) return undefined;
  const calls = simulatedCalls(prompt);
  const isEndless = calls === "always";
  const due = isEndless ? actorLimits.toolRoundsMax : calls === "never" ? 0 : calls;
  if (results.length !== due) return `it called tools ${results.length} times, not ${due}`;
  if (isEndless) return text.includes("I stopped here: ") ? undefined : `it ends by its limit, and says "${text}"`;
  const whole = simulatedText(prompt).join("").trim();
  return text === whole ? undefined : `"${text}" is not "${whole}"`;
}
