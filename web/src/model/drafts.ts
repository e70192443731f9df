/** Answers of agents that a room waits for, as the page knows them. */
import type { AnswerStage, RoomAnswering, RoomMessage, RoomSignal, ToolRound } from "../../../protocols/index.ts";

/** An answer an agent is asked for, or is writing into the room. `text` is undefined after a gap: then the page only
 *  says that it writes. */
export interface RoomDraft extends AnswerStage {
  readonly agent: string;
  /** Undefined: its agent has not said anything of it. */
  readonly generation: string | undefined;
  readonly replyTo?: number;
  /** The person who asked, where that is known. */
  readonly by?: string;
  readonly text: string | undefined;
  /** The tools that were called before it. */
  readonly rounds: readonly ToolRound[];
}

/** All of a room. */
export type RoomDrafts = Readonly<Record<string, RoomDraft>>;

/** No name of a generation looks like it. */
const keyOf = (agent: string, seq: number): string => `${seq} ${agent}`;

/** Those of a state that was loaded. */
export const draftsOf = (answering: readonly RoomAnswering[] = []): RoomDrafts =>
  Object.fromEntries(
    answering.map(({ agent, seq, generation, text, rounds = [], ...rest }) => [
      keyOf(agent, seq),
      { ...rest, agent, replyTo: seq, generation, text: generation === undefined ? "" : text, rounds },
    ]),
  );

/** After one more message: what it answers is over, and whom it mentions is asked. */
export function draftsAfter(drafts: RoomDrafts, message: RoomMessage): RoomDrafts {
  const { seq, author, answers, generation, mentions = [] } = message;
  const over = new Set([
    ...(answers === undefined ? [] : [keyOf(author, answers)]),
    ...(generation === undefined ? [] : [generation]),
  ]);
  const left = Object.entries(drafts).filter(
    ([key, draft]) => !over.has(key) && (generation === undefined || draft.generation !== generation),
  );
  const asked = author.startsWith("user/") ? mentions.filter((one) => one.startsWith("agent/")) : [];
  const begun = asked.map((agent) => [
    keyOf(agent, seq),
    { agent, replyTo: seq, by: author, generation: undefined, text: "", rounds: [] } satisfies RoomDraft,
  ]);
  if (begun.length === 0 && left.length === Object.keys(drafts).length) return drafts;
  return Object.fromEntries([...left, ...begun]) as RoomDrafts;
}

/** After one more piece. `asker`: the author of what it answers, where that is known. */
export function draftsAfterPiece(
  drafts: RoomDrafts,
  signal: Extract<RoomSignal, { type: "draft" }>,
  asker?: string,
): RoomDrafts {
  const { agent, generation, replyTo, offset, text, rounds, stage, ahead } = signal;
  const key = replyTo === undefined ? generation : keyOf(agent, replyTo);
  const known = drafts[key];
  if (signal.done === true) return draftsWithout(drafts, key);
  const before = known?.generation === generation ? known : undefined;
  const by = known?.by ?? asker;
  const draft: RoomDraft = {
    agent,
    generation,
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(by !== undefined && { by }),
    text: appendPiece(before?.text, offset, text),
    // Said at the beginning of the text; what goes on behind it keeps them.
    rounds: rounds ?? before?.rounds ?? [],
    // A node of the version before says nothing of it, and tells pieces only.
    stage: stage ?? "writing",
    ...(ahead !== undefined && { ahead }),
  };
  return { ...drafts, [key]: draft };
}

function draftsWithout(drafts: RoomDrafts, key: string): RoomDrafts {
  if (!(key in drafts)) return drafts;
  const { [key]: _, ...rest } = drafts;
  return rest;
}

/** The text after one more piece of a draft, or undefined when a piece before it is missing. A piece at offset 0 starts
 *  the text anew; one that overlaps replaces what it covers. */
export function appendPiece(known: string | undefined, offset: number, piece: string): string | undefined {
  if (offset === 0) return piece;
  if (known === undefined || offset > known.length) return undefined;
  return known.slice(0, offset) + piece;
}
