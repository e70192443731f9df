/** Who is mentioned in a text, and what a mentioned agent is told. */
import { wireLimits, type RoomMessage } from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";
import { memberOf } from "./members.ts";
import type { Room } from "./state.ts";

// After a letter or digit it is an e-mail address, not a mention.
const mention = /(?<![\p{L}\p{N}_])@([a-z0-9][a-z0-9._-]{0,95})/giu;

/** The members a text mentions, each once, in order: `@name`, `@owner.agent`, or `@agent` when only one is called so.
 *  Text inside code is not looked at. */
export function mentionsIn(text: string, room: Room): readonly string[] {
  if (!text.includes("@")) return [];
  const found = new Set<string>();
  const callNames = callNamesOf(room);
  let tried = 0;
  for (const [, called = ""] of withoutSpans(withoutFences(text)).matchAll(mention)) {
    for (const name of namesIn(called.toLowerCase())) {
      tried += 1;
      if (tried > limits.mentionNamesMax) return [...found];
      const member = memberCalled(name, room, callNames);
      if (member === undefined) continue;
      found.add(member);
      break;
    }
    if (found.size >= wireLimits.mentionsPerMessageMax) break;
  }
  return [...found];
}

/** The text without fenced code blocks. One pass: the text comes from outside and may be built to be slow. */
function withoutFences(text: string): string {
  let open: string | undefined;
  const kept = text.split("\n").filter((line) => {
    const fence = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (open === undefined) {
      open = fence;
      return fence === undefined;
    }
    if (fence !== undefined && fence.startsWith(open)) open = undefined;
    return false;
  });
  return kept.join("\n");
}

/** The text without `code spans`: from a run of backticks to the next run of the same length, in one pass. */
function withoutSpans(text: string): string {
  const runs = [...text.matchAll(/`+/g)].map((run) => ({ from: run.index, to: run.index + run[0].length, end: -1 }));
  const nextOfLength = new Map<number, number>();
  for (const run of runs.toReversed()) {
    run.end = nextOfLength.get(run.to - run.from) ?? -1;
    nextOfLength.set(run.to - run.from, run.to);
  }
  let prose = "";
  let at = 0;
  for (const { from, end } of runs) {
    if (from < at || end < 0) continue;
    prose += `${text.slice(at, from)} `;
    at = end;
  }
  return prose + text.slice(at);
}

/** What may be a member's name, the longest first: what follows may be the end of a sentence, as in "@ada." */
function* namesIn(called: string): Iterable<string> {
  for (let end = called.length; end > 0; end -= 1)
    if (end === called.length || /[._-]/.test(called.charAt(end))) yield called.slice(0, end);
}

/** Agents by the name without their owner; null when several are called so. */
type CallNames = ReadonlyMap<string, string | null>;

function callNamesOf(room: Room): CallNames {
  const callNames = new Map<string, string | null>();
  for (const agent of room.agents) {
    const name = agent.slice(agent.indexOf(".") + 1);
    callNames.set(name, callNames.has(name) ? null : agent);
  }
  return callNames;
}

function memberCalled(name: string, room: Room, callNames: CallNames): string | undefined {
  for (const principal of [`user/${name}`, `agent/${name}`]) if (memberOf(room.members, principal)) return principal;
  return callNames.get(name) ?? undefined;
}

/** What an agent is told when `message` mentions it: the conversation it belongs to (its thread, or the room), oldest
 *  first, the mention last. Bounded in messages and characters. `root` begins the thread, however long ago that was. */
export function contextOf(
  room: Room,
  message: RoomMessage,
  root: RoomMessage | undefined,
): readonly { author: string; text: string }[] {
  const { replyTo } = message;
  const lines: { author: string; text: string }[] = [];
  let chars = 0;
  const recent = room.recent.toReversed();
  const old = root === undefined || recent.some(({ seq }) => seq === root.seq) ? [] : [root];
  for (const said of [message, ...recent, ...old]) {
    if (said.deletedAtMs !== undefined) continue;
    if (replyTo !== undefined && said.seq !== replyTo && said.replyTo !== replyTo) continue;
    chars += said.text.length;
    if (lines.length > 0 && chars > limits.mentionContextChars) break;
    lines.push({ author: nameOf(said.author), text: said.text });
    if (lines.length >= limits.mentionContextMessages) break;
  }
  return lines.toReversed();
}

const nameOf = (principal: string): string => principal.slice(principal.indexOf("/") + 1);
