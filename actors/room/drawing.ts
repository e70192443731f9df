/** Small pictures of files, made by the room's node (docs/decisions/0242-thumbnails.md). The picture is a blob of the
 *  room, sealed by itself; where it is and its key stand in the record of its file, and go with it. */
import type { CommandOf, KeptFile, MadePicture, RoomMessage, roomCommands } from "../../protocols/index.ts";
import { roomOfFile } from "../../protocols/index.ts";
import { refuse, reply, type ActorRecord, type ReplyTo, type Sender, type Turn } from "../behavior.ts";
import { eventEffects, type Effects } from "./effects.ts";
import type { Room } from "./shape.ts";
import { isOpenFile, keptKey, shownFile } from "./uploads.ts";

type Asked = Extract<CommandOf<typeof roomCommands>, { type: "fileDrawn" }>;

/** Tag of the read of the file. */
export interface DrawingTag {
  readonly type: "drawing";
  readonly asked: Asked;
  readonly by: Sender;
  readonly to: ReplyTo | undefined;
}

/** A file that there is a picture of, once its message is there. */
export interface Drawn {
  readonly type: "drawn";
  readonly file: KeptFile;
  readonly place: number;
  readonly picture: MadePicture;
  readonly by: Sender;
  readonly to: ReplyTo | undefined;
}

/** Reads the file first. */
export function aboutDrawing(asked: Asked, { from, key, replyTo }: Turn): Effects {
  if (roomOfFile(asked.picture.id) !== key) return [refuse("BAD_REQUEST", { field: "picture" })];
  const at = keptKey(asked.seq, asked.place);
  const tag: DrawingTag = { type: "drawing", asked, by: from, to: replyTo };
  return [{ type: "read", range: { from: at, to: `${at}!`, limit: 1 }, tag }];
}

/** The file is there, or not any more. */
export function onDrawingRead({ asked, by, to }: DrawingTag, [record]: readonly ActorRecord[]): Effects | Drawn {
  const file = record?.value as KeptFile | undefined;
  if (file?.id !== asked.id) return [refuse("NOT_FOUND", { file: asked.id }, to)];
  return { type: "drawn", file, place: asked.place, picture: asked.picture, by, to };
}

/** The file has it from now on. What is known of the file may have changed while it was read. */
export function drawn(room: Room, { file, place, picture }: Drawn, message: RoomMessage, turn: Turn): Effects {
  const { files = [] } = message;
  const now = files.find(({ id }) => id === file.id);
  if (message.deletedAtMs !== undefined || now === undefined)
    return [refuse("NOT_FOUND", { file: file.id }, turn.replyTo)];
  if (file.preview !== undefined) return [refuse("ALREADY_DONE", { file: file.id }, turn.replyTo)];
  if (now.check !== file.check || !isOpenFile(now))
    return [refuse("CHANGED_MEANWHILE", { file: file.id, now: now.check }, turn.replyTo)];
  const kept: KeptFile = { ...file, preview: picture };
  const next = { ...message, files: files.map((one) => (one.id === file.id ? shownFile(kept) : one)) };
  const event = { type: "edited", message: next, by: message.author, checked: file.id } as const;
  const changed = { checked: { file: kept, place, gone: [] } };
  return [...eventEffects(room, turn, [event], [], changed), reply({}, turn.replyTo)];
}
