/** Texts of files, so that they are found (docs/decisions/0243-text-in-files.md). The room's node reads a file that
 *  anybody here may fetch, and tells the room what stands in it:
 *
 *      posted, checked ─► node: reads the file ─► fileRead ─► records text/SEQ/PLACE, texted/SEQ/PLACE
 *                                                               └── gone with the message, and with quarantine
 *
 *  A text is a record and nothing else: neither in memory nor in the stream. A mark without one says that there is
 *  nothing to be read. */
import {
  wireLimits,
  type CommandOf,
  type FileText,
  type KeptFile,
  type RoomMessage,
  type UnreadFiles,
  type roomCommands,
} from "../../protocols/index.ts";
import { persist, refuse, reply, type ActorRecord, type ReplyTo, type Sender, type Turn } from "../behavior.ts";
import type { Effects } from "./effects.ts";
import { entryOf } from "./members.ts";
import type { FiledText, Room } from "./shape.ts";
import { messageInMemory } from "./state.ts";
import {
  fileKey,
  isOpenFile,
  keptKey,
  keptPrefix,
  shownFile,
  textKey,
  textMarkPrefix,
  type Place,
  type TextMark,
} from "./uploads.ts";

type Command = CommandOf<typeof roomCommands>;
type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;

/** Tags of the reads behind texts. */
export type TextTag =
  | { readonly type: "reading"; readonly asked: Of<"fileRead">; readonly by: Sender; readonly to: ReplyTo | undefined }
  | {
      readonly type: "textPlace" | "text";
      readonly id: string;
      readonly seq: number;
      readonly by: Sender;
      readonly to: ReplyTo | undefined;
    }
  | {
      readonly type: "unreadFiles" | "unreadMarks";
      readonly kept: readonly KeptFile[];
      readonly places: readonly number[];
      readonly to: ReplyTo | undefined;
    };

/** A file that was read, once its message is there. */
export interface Filed {
  readonly type: "filed";
  readonly file: KeptFile;
  readonly text: FiledText;
  readonly by: Sender;
  readonly to: ReplyTo | undefined;
}

const one = (key: string) => ({ from: key, to: `${key}!`, limit: 1 });

/** Reads the file first. */
export const aboutText = (asked: Of<"fileRead">, { from, replyTo }: Turn): Effects => [
  {
    type: "read",
    range: one(keptKey(asked.seq, asked.place)),
    tag: { type: "reading", asked, by: from, to: replyTo } satisfies TextTag,
  },
];

/** What is found of a file. */
export const fileText = (_room: Room, { file: id }: Of<"fileText">, { from, replyTo }: Turn): Effects => [
  {
    type: "read",
    range: one(fileKey(id)),
    tag: { type: "textPlace", id, seq: 0, by: from, to: replyTo } satisfies TextTag,
  },
];

const newest = (prefix: string) => ({
  from: prefix,
  to: `${prefix.slice(0, -1)}0`,
  limit: wireLimits.pageEntriesDefault,
  reverse: true,
});

/** Files of the newest messages that nobody has read. */
export const unreadFiles = ({ replyTo: to }: Turn): Effects => [
  { type: "read", range: newest(keptPrefix), tag: { type: "unreadFiles", kept: [], places: [], to } satisfies TextTag },
];

/** Records arrived. */
export function onTextRead(room: Room, tag: TextTag, records: readonly ActorRecord[]): Effects | Filed {
  const { to } = tag;
  switch (tag.type) {
    case "reading": {
      const { id, seq, place, text, tried } = tag.asked;
      const file = records[0]?.value as KeptFile | undefined;
      if (file?.id !== id) return [refuse("NOT_FOUND", { file: id }, to)];
      return { type: "filed", file, text: { seq, place, id, text, ...(tried && { tried }) }, by: tag.by, to };
    }
    case "unreadFiles": {
      const kept = records.map(({ value }) => value as KeptFile);
      const places = records.map(({ key }) => Number(key.slice(-2)));
      return [{ type: "read", range: newest(textMarkPrefix), tag: { ...tag, type: "unreadMarks", kept, places } }];
    }
    case "unreadMarks":
      return [reply(unreadOf(tag, records), to)];
    case "textPlace": {
      const place = records[0]?.value as Place | undefined;
      if (place === undefined || "picture" in place) return [refuse("NOT_FOUND", { file: tag.id }, to)];
      const next: TextTag = { ...tag, type: "text", seq: place.seq };
      return [{ type: "read", range: one(textKey(place.seq, place.place)), tag: next }];
    }
    default: {
      if (entryOf(room.members, tag.by) === undefined) return [refuse("NOT_A_MEMBER", undefined, to)];
      const text = records[0]?.value as FileText | undefined;
      // The message may have gone while this was read.
      const isGone = messageInMemory(room, tag.seq)?.deletedAtMs !== undefined;
      if (isGone || text?.id !== tag.id || text.text === "") return [refuse("NOT_FOUND", { file: tag.id }, to)];
      return [reply(text, to)];
    }
  }
}

/** Those that were kept and not read. Where there are more marks than were asked for, older ones may be among them:
 *  these are left out. */
function unreadOf(
  { kept, places }: Extract<TextTag, { readonly kept: unknown }>,
  records: readonly ActorRecord[],
): UnreadFiles {
  const marks = new Map(records.map(({ value }) => [(value as TextMark).id, value as TextMark]));
  const isFull = records.length >= wireLimits.pageEntriesDefault;
  const oldest = isFull ? Number(records.at(-1)?.key.slice(textMarkPrefix.length, -3)) : 0;
  const left = kept.flatMap((file, at) => {
    const { id, seq, author, atMs } = file;
    const tried = marks.get(id)?.tried;
    if (!isOpenFile(file) || (marks.has(id) && tried !== true) || seq <= oldest) return [];
    return [{ ...shownFile(file), seq, author, atMs, place: places[at] ?? 0, ...(tried && { tried }) }];
  });
  return { files: left };
}

/** The file has this text from now on. What is known of the file may have changed while it was read. */
export function filed({ file, text }: Filed, message: RoomMessage, turn: Turn): Effects {
  const now = (message.files ?? []).find(({ id }) => id === file.id);
  if (message.deletedAtMs !== undefined || now === undefined)
    return [refuse("NOT_FOUND", { file: file.id }, turn.replyTo)];
  if (!isOpenFile(now)) return [refuse("CHANGED_MEANWHILE", { file: file.id, now: now.check }, turn.replyTo)];
  return [persist({ type: "readMarked", member: "", seq: 0, filed: text }), reply({}, turn.replyTo)];
}
