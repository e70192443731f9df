/** The votes of polls that are open. The counts stand in the poll's message; who has voted for what is kept here, so
 *  that a vote can be changed, until the poll is closed. A person who leaves the room keeps the vote, and so has no
 *  second one after coming back. */
import type { RoomEvent } from "../../protocols/index.ts";
import { emptyTable, entryOf, withEntry, withoutEntry, type Table } from "./members.ts";

/** A poll that takes votes. A vote is a number whose bit `i` says that option `i` was chosen; nobody has the vote 0. */
export interface OpenPoll {
  readonly seq: number;
  readonly votes: Table<number>;
}

/** The open poll of that message. */
export const openPoll = (polls: readonly OpenPoll[] | undefined, seq: number): OpenPoll | undefined =>
  polls?.find((poll) => poll.seq === seq);

/** Somebody's vote in a poll. */
export const voteOf = (poll: OpenPoll | undefined, principal: string): number =>
  entryOf(poll?.votes ?? emptyTable, principal) ?? 0;

/** The choices as a vote, and back, in ascending order. */
export const toVote = (choices: readonly number[]): number => choices.reduce((vote, choice) => vote | (1 << choice), 0);
export const toChoices = (vote: number): readonly number[] =>
  Array.from({ length: 32 - Math.clz32(vote) }, (_, choice) => choice).filter((choice) => hasChosen(vote, choice));

/** Whether a vote has chosen an option. */
export const hasChosen = (vote: number, choice: number): boolean => (vote & (1 << choice)) !== 0;

/** The open polls after a vote. */
export const withVote = (
  polls: readonly OpenPoll[] | undefined,
  { message, by, choices }: Extract<RoomEvent, { type: "voted" }>,
): readonly OpenPoll[] =>
  (polls ?? []).map((poll) => {
    if (poll.seq !== message.seq) return poll;
    const vote = toVote(choices);
    return { ...poll, votes: vote === 0 ? withoutEntry(poll.votes, by) : withEntry(poll.votes, by, vote) };
  });

/** The open polls without one that was closed or deleted. */
export const withoutPoll = (polls: readonly OpenPoll[] | undefined, seq: number): readonly OpenPoll[] =>
  (polls ?? []).filter((poll) => poll.seq !== seq);

/** Somebody's votes in the open polls; undefined: none. */
export function votesOf(
  polls: readonly OpenPoll[] | undefined,
  principal: string,
): Readonly<Record<string, readonly number[]>> | undefined {
  const votes = (polls ?? []).flatMap((poll) => {
    const vote = voteOf(poll, principal);
    return vote === 0 ? [] : [[String(poll.seq), toChoices(vote)] as const];
  });
  return votes.length === 0 ? undefined : Object.fromEntries(votes);
}
