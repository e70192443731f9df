/** What happens to polls: voted in, closed, read. They are asked by a message (`posting.ts`); votes are kept in
 *  `votes.ts`.
 *
 *  Invariant: the counts in an open poll's message are the counts of its votes. */
import {
  assert,
  wireLimits,
  type MessageOf,
  type Poll,
  type PollResults,
  type RoomMessage,
  type roomCommands,
} from "../../protocols/index.ts";
import { refuse, reply, type Turn } from "../behavior.ts";
import { changed, type Effects } from "./effects.ts";
import { allEntries, emptyTable, hasByRank } from "./members.ts";
import type { Room } from "./shape.ts";
import { hasChosen, openPoll, toChoices, toVote, voteOf, type OpenPoll } from "./votes.ts";

type Of<Name extends keyof typeof roomCommands> = MessageOf<typeof roomCommands, Name>;

/** A poll in which nobody has voted. */
export const newPoll = ({ options, multiple }: Of<"poll">): Poll => ({
  options: options.map((text) => ({ text, votes: 0 })),
  ...(multiple === true && { multiple }),
  voters: 0,
});

/** Replaces the sender's vote. Errors: NOT_FOUND, BAD_REQUEST, FORBIDDEN, LIMIT_REACHED. */
export function vote(room: Room, { choices }: Of<"vote">, message: RoomMessage, turn: Turn): Effects {
  const { poll } = message;
  if (poll === undefined) return noPoll(message, turn);
  const open = takingVotes(room, message, poll);
  if (open === undefined) return [refuse("FORBIDDEN", { reason: "the poll is closed" }, turn.replyTo)];
  if (choices.some((choice) => choice >= poll.options.length))
    return [refuse("BAD_REQUEST", { field: "choices" }, turn.replyTo)];
  if (choices.length > 1 && poll.multiple !== true)
    return [refuse("BAD_REQUEST", { field: "choices", reason: "only one option can be chosen" }, turn.replyTo)];
  const before = voteOf(open, turn.from);
  const now = toVote(choices);
  if (now === before) return [reply(message, turn.replyTo)];
  if (before === 0 && open.votes.size >= wireLimits.votersPerPollMax)
    return [refuse("LIMIT_REACHED", { limit: "votersPerPollMax" }, turn.replyTo)];
  const counted = { ...message, poll: recounted(poll, before, now) };
  return changed(room, turn, { type: "voted", message: counted, by: turn.from, choices: [...toChoices(now)] });
}

/** The poll after somebody's vote has changed. */
function recounted(poll: Poll, before: number, now: number): Poll {
  const change = (choice: number): number => Number(hasChosen(now, choice)) - Number(hasChosen(before, choice));
  return {
    ...poll,
    options: poll.options.map(({ text, votes }, choice) => ({ text, votes: votes + change(choice) })),
    voters: poll.voters + Number(now !== 0) - Number(before !== 0),
  };
}

/** Ends a poll: its author may, and moderators. Errors: NOT_FOUND, FORBIDDEN. */
export function closePoll(room: Room, message: RoomMessage, turn: Turn): Effects {
  const { poll } = message;
  if (poll === undefined) return noPoll(message, turn);
  if (message.author !== turn.from && !hasByRank(room, turn.from, "room.close"))
    return [refuse("FORBIDDEN", { reason: "only its author and moderators can close a poll" }, turn.replyTo)];
  if (takingVotes(room, message, poll) === undefined) return [reply(message, turn.replyTo)];
  const closed = { ...message, poll: { ...poll, closedAtMs: turn.nowMs } };
  return changed(room, turn, { type: "pollClosed", message: closed, by: turn.from });
}

/** The counts, the asker's own vote, and of an open poll who votes for what. Error: NOT_FOUND. */
export function pollResults(room: Room, message: RoomMessage, turn: Turn): Effects {
  const { seq, text: question, poll } = message;
  if (poll === undefined) return noPoll(message, turn);
  const open = openPoll(room.polls, seq);
  const choices = toChoices(voteOf(open, turn.from));
  const named = allEntries(open?.votes ?? emptyTable).slice(0, wireLimits.pollVotesNamedMax);
  const votes = named.map(([member, cast]) => ({ member, choices: toChoices(cast) }));
  return [reply({ seq, question, poll, choices, ...(open && { votes }) } satisfies PollResults, turn.replyTo)];
}

const noPoll = ({ seq }: RoomMessage, turn: Turn): Effects => [refuse("NOT_FOUND", { seq }, turn.replyTo)];

/** The votes of a poll that is open. */
function takingVotes(room: Room, { seq }: RoomMessage, poll: Poll): OpenPoll | undefined {
  const open = openPoll(room.polls, seq);
  assert((open === undefined) === (poll.closedAtMs !== undefined), "a poll is open until it says that it was closed");
  assert(open === undefined || open.votes.size === poll.voters, "a poll counts as many voters as it has votes");
  return open;
}
