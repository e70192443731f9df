/** What somebody keeps in the room, for them alone: they may have left, and still see and delete it, for it counts for
 *  them until it is gone (decision 0281). */
import { wireLimits, type CommandOf, type KeptFile, type OwnFiles, type roomCommands } from "../../protocols/index.ts";
import { reply, type ActorRecord, type Effect, type ReplyTo, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { padded } from "../stream.ts";
import type { Effects } from "./effects.ts";
import { isMember } from "./members.ts";
import { refuseOutsider } from "./membership.ts";
import { onMessage } from "./posting.ts";
import type { Room } from "./shape.ts";
import { storedOf } from "./stored.ts";
import { keptPrefix, shownFile } from "./uploads.ts";

type Of<Type extends "ownFiles" | "deleteOwn"> = Extract<CommandOf<typeof roomCommands>, { type: Type }>;

/** Tag of a page of all files, of which the asker's are taken. */
export interface OwnFilesTag {
  readonly type: "ownFiles";
  readonly by: string;
  readonly limit: number;
  readonly found: OwnFiles["files"];
  readonly read: number;
  readonly to: ReplyTo | undefined;
}

/** Either command. Who keeps nothing here and is no member is a stranger. */
export function aboutOwn(room: Room, message: Of<"ownFiles"> | Of<"deleteOwn">, turn: Turn): Effects {
  if (!isMember(room, turn.from) && storedOf(room, turn.from) === 0) return refuseOutsider(room, turn);
  if (message.type === "deleteOwn")
    return onMessage(room, { type: "delete", seq: message.seq, isOwn: true }, message.seq, turn);
  const { before, limit = wireLimits.pageEntriesDefault } = message;
  return [page(before ?? room.messageSeq + 1, { by: turn.from, limit, found: [], read: 0, to: turn.replyTo })];
}

const page = (before: number, tag: Omit<OwnFilesTag, "type">): Effect<never, never> => ({
  type: "read",
  range: { from: keptPrefix, to: `${keptPrefix}${padded(before)}`, limit: limits.storedCountedAtOnce, reverse: true },
  tag: { type: "ownFiles", ...tag } satisfies OwnFilesTag,
});

/** A page arrived, newest first. Files of one message stay together. */
export function onOwnFilesRead(tag: OwnFilesTag, records: readonly ActorRecord[]): Effects {
  const all = records.map(({ value }) => value as KeptFile);
  const isWhole = all.length < limits.storedCountedAtOnce;
  const last = all.at(-1)?.seq ?? 0;
  // The last message of a full page may have more files: it comes with the next one.
  const seen = isWhole ? all : all.filter(({ seq }) => seq > last);
  const mine = seen
    .filter(({ author, check }) => author === tag.by && check !== "removed")
    .map((file) => ({ ...shownFile(file), seq: file.seq, author: file.author, atMs: file.atMs }));
  const found = [...tag.found, ...mine];
  const read = tag.read + all.length;
  if (!isWhole && found.length < tag.limit && read < limits.countedMax)
    return [page(last + 1, { ...tag, found, read })];
  const end = found[tag.limit - 1]?.seq;
  const files = end === undefined ? found : found.filter(({ seq }) => seq >= end);
  const next = files.length < found.length ? end : isWhole ? undefined : last + 1;
  return [reply({ files, ...(next !== undefined && { next }) } satisfies OwnFiles, tag.to)];
}
