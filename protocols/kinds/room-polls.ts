/** Polls of rooms. */
import { Type } from "typebox";
import { answer, changedByPeople, command, readByPeople } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { topicName, type Poll, type Posted, type RoomMessage } from "./room-message.ts";
import { line, position } from "../wire/schema.ts";

const message = answer<RoomMessage>("RoomMessage");

/** Commands of a room about its polls. */
export const roomPollCommands = {
  /** Posts a message with a poll. Errors: LIMIT_REACHED. */
  poll: command({
    params: {
      question: line(limits.pollQuestionCharsMax),
      options: Type.Array(line(limits.pollOptionCharsMax), {
        minItems: 2,
        maxItems: limits.pollOptionsMax,
        uniqueItems: true,
      }),
      /** Several options may be chosen. */
      multiple: Type.Optional(Type.Boolean()),
      topic: Type.Optional(topicName),
    },
    result: answer<Posted>("Posted"),
    ...changedByPeople,
    permission: "room.post",
    http: ["POST", "/rooms/:room/polls"],
    summary: "Asks the room a question with options to choose from",
  }),
  /** `choices` are places in the list of options, from 0, and replace an earlier vote; none takes it back. Members see
   *  who votes for what; once the poll is closed, only the counts are kept. Errors: NOT_FOUND, FORBIDDEN,
   *  LIMIT_REACHED. */
  vote: command({
    params: {
      seq: position,
      choices: Type.Array(Type.Integer({ minimum: 0, maximum: limits.pollOptionsMax - 1 }), {
        maxItems: limits.pollOptionsMax,
        uniqueItems: true,
      }),
    },
    result: message,
    ...changedByPeople,
    permission: "room.post",
    http: ["PUT", "/rooms/:room/polls/:seq/vote"],
    summary: "Votes in a poll, changes the vote or takes it back",
  }),
  /** For good. Errors: NOT_FOUND, FORBIDDEN. */
  closePoll: command({
    params: { seq: position },
    result: message,
    ...changedByPeople,
    permission: "room.close",
    http: ["POST", "/rooms/:room/polls/:seq/close"],
    summary: "Closes a poll: it takes no more votes",
  }),
  /** Errors: NOT_FOUND. */
  pollResults: command({
    params: { seq: position },
    result: answer<PollResults>("PollResults"),
    ...readByPeople,
    permission: "room.read",
    http: ["GET", "/rooms/:room/polls/:seq"],
    summary: "The counts of a poll, the caller's own vote, and while it is open who votes for what",
  }),
} as const;

/** Answer to `pollResults`. */
export interface PollResults {
  readonly seq: number;
  readonly question: string;
  readonly poll: Poll;
  /** The asker's own vote; empty: none, or the poll is closed. */
  readonly choices: readonly number[];
  /** The members and their votes, so many of them (`pollVotesNamedMax`). Absent: the poll is closed, or an older node
   *  answers. */
  readonly votes?: readonly { readonly member: string; readonly choices: readonly number[] }[];
}
