/** The room of a person alone, with the files of their conversations with agents (decision 0248). Each message is what
 *  one turn of a conversation showed; its text is the conversation's key. */
import {
  ownRoomKey,
  type CommandOf,
  type KeptFile,
  type RoomMessage,
  type TakenFiles,
  type roomCommands,
} from "../../protocols/index.ts";
import { refuse, reply, type ActorRecord, type Sender, type Turn } from "../behavior.ts";
import { padded } from "../stream.ts";
import { eventEffects, type Effects } from "./effects.ts";
import { filesOfPost } from "./files.ts";
import { entryOf } from "./members.ts";
import { saidIn } from "./mentions.ts";
import { onMessage } from "./posting.ts";
import { refuseArchived } from "./rules.ts";
import type { Room } from "./shape.ts";
import { keptOf, keptPrefix, shownFile } from "./uploads.ts";

type Asked = Extract<CommandOf<typeof roomCommands>, { type: "takeFiles" | "dropFiles" }>;

/** Answers a conversation of the person whose room it is. */
export function forConversation(room: Room, command: Asked, here: Turn): Effects {
  const { by, conversation } = command;
  const owner = conversation.split(".", 1)[0] ?? "";
  const isOwn = here.from === `agent/${conversation}` && by === `user/${owner}` && here.key === ownRoomKey(owner);
  if (!isOwn || entryOf(room.members, by) === undefined) return [refuse("FORBIDDEN")];
  const turn: Turn = { ...here, from: by as Sender };
  if (command.type === "takeFiles") return take(room, command, turn);
  return onMessage(room, { type: "delete", seq: command.seq }, command.seq, turn);
}

/** Tag of the look for what the room of somebody who has gone still has. */
export interface LeftTag {
  readonly type: "left";
  readonly by: Sender;
  /** Set while the deletions of a page go on: it looks whether they are done, so often so far. */
  readonly page?: { readonly first: number; readonly last: number; readonly looks: number };
}

/** Messages with files that are deleted at once. */
const leftAtOnce = 64;
/** Looks for a page before the next: what was refused holds up no other. A deletion is two or three reads. */
const leftLooksMax = 8;

/** Deletes all files of a room whose person has gone, some at a time. */
export const emptying = (by: Sender, after = 0): Effects => [
  {
    type: "read",
    range: { from: `${keptPrefix}${padded(after + 1)}`, to: "kept0", limit: leftAtOnce },
    tag: { type: "left", by } satisfies LeftTag,
  },
];

/** Looks whether a page has gone. */
const looking = (by: Sender, page: NonNullable<LeftTag["page"]>): Effects => [
  {
    type: "read",
    range: { from: keptOf(page.first).from, to: keptOf(page.last).to, limit: 1 },
    tag: { type: "left", by, page } satisfies LeftTag,
  },
];

/** Some of them, or what is still there of those before. */
export function onLeftRead(room: Room, { by, page }: LeftTag, records: readonly ActorRecord[], here: Turn): Effects {
  if (page !== undefined)
    return records.length > 0 && page.looks < leftLooksMax
      ? looking(by, { ...page, looks: page.looks + 1 })
      : emptying(by, page.last);
  const { replyTo: _nobody, ...turn } = { ...here, from: by };
  const seqs = [...new Set(records.map(({ value }) => (value as KeptFile).seq))];
  const [first, last] = [seqs[0], seqs.at(-1)];
  if (first === undefined || last === undefined) return [];
  const deletions = seqs.flatMap((seq) => onMessage(room, { type: "delete", seq }, seq, turn));
  return [...deletions, ...looking(by, { first, last, looks: 1 })];
}

function take(room: Room, { conversation, files: ids }: Extract<Asked, { type: "takeFiles" }>, turn: Turn): Effects {
  const archived = refuseArchived(room, turn);
  if (archived !== undefined) return archived;
  const found = filesOfPost(room, ids, turn);
  if ("refusal" in found) return found.refusal;
  const files = found.kept.map(shownFile);
  const seq = room.messageSeq + 1;
  const message: RoomMessage = { seq, author: turn.from, text: conversation, atMs: turn.nowMs, files };
  const taken: TakenFiles = { seq, files };
  return [
    ...eventEffects(room, turn, [saidIn(message, undefined)], [], { kept: found.kept }),
    reply(taken, turn.replyTo),
  ];
}
