/** What messages said before they were edited: people who read a message may read that, too.
 *
 *      edit ──► edited, with what the message said ──► record version/AUTHOR/SEQ/PLACE, so many of one message
 *                                                        └── gone with the message, with its author's account, or
 *                                                            when the room keeps none any more
 *
 *  They are records and nothing else: neither in memory, nor in the stream, nor searched, nor in what a recall brings
 *  back. */
import type { MessageVersion, RoomMessage, RoomVersions } from "../../protocols/index.ts";
import { persist, refuse, reply, type ActorRecord, type ReplyTo, type Sender, type Turn } from "../behavior.ts";
import type { Effects } from "./effects.ts";
import { below, versionRange } from "./kept-versions.ts";
import { entryOf } from "./members.ts";
import type { Room, RoomChange } from "./shape.ts";

/** Tag of the read of what a message said. */
export interface VersionsTag {
  readonly type: "versions";
  readonly from: Sender;
  readonly to: ReplyTo | undefined;
}

/** Asks what a message said before. Error: NOT_FOUND. */
export function versions(room: Room, message: RoomMessage, { from, replyTo: to }: Turn): Effects {
  if (message.deletedAtMs !== undefined) return [refuse("NOT_FOUND", { seq: message.seq }, to)];
  if (room.keepsVersions === false) return [reply({ versions: [] } satisfies RoomVersions, to)];
  return [{ type: "read", range: versionRange(message), tag: { type: "versions", from, to } satisfies VersionsTag }];
}

/** It is there. Somebody who went meanwhile reads it no more. */
export function onVersionsRead(room: Room, { from, to }: VersionsTag, records: readonly ActorRecord[]): Effects {
  if (entryOf(room.members, from) === undefined) return [refuse("NOT_A_MEMBER", undefined, to)];
  const read = records.map(({ value }) => value as MessageVersion).toSorted((a, b) => a.atMs - b.atMs);
  return [reply({ versions: read } satisfies RoomVersions, to)];
}

/** Tag of the look whether something is left of what is forgotten. */
export interface ForgetTag {
  readonly type: "forget";
  readonly prefix: string;
  readonly answer: object;
  readonly to: ReplyTo | undefined;
}

/** Forgets all earlier texts below a prefix, and then answers. An append removes only so many records, so it is looked
 *  whether something is left. */
export const forgetting = (prefix: string, answer: object, { replyTo: to }: Turn): Effects =>
  look({ type: "forget", prefix, answer, to });

const look = (tag: ForgetTag): Effects => [{ type: "read", range: { ...below(tag.prefix), limit: 1 }, tag }];

/** The look is back. */
export function onForgetRead(tag: ForgetTag, records: readonly ActorRecord[]): Effects {
  if (records.length === 0) return [reply(tag.answer, tag.to)];
  return [persist<RoomChange>({ type: "readMarked", member: "", seq: 0, forget: tag.prefix }), ...look(tag)];
}
