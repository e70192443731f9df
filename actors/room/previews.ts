/** Previews of pages that messages link to (docs/decisions/0241-link-previews.md). The room's node reads the pages, and
 *  the room takes what it found for a fact of the message:
 *
 *      posted, edited ─► node: which pages? ─► preview ─► the message has them
 *                                                              │  edited: what is not linked any more goes
 *                                                              │  deleted: all of it goes
 *                                                              └  removed: none comes again
 *
 *  Pictures are blobs of the room, sealed as files are. The message names each by its blob, so whatever removes the
 *  message or the link removes the picture and its key in the same append. */
import { roomOfFile, type CommandOf, type RoomMessage, type roomCommands } from "../../protocols/index.ts";
import { refuse, reply, type Turn } from "../behavior.ts";
import { changed, eventEffects, type Effects } from "./effects.ts";
import { hasByRank } from "./members.ts";
import type { Pictures, Room } from "./shape.ts";
import { stillLinked } from "./state.ts";
import { pictureId } from "./uploads.ts";

type Command = CommandOf<typeof roomCommands>;

/** What the room's node has found. */
export type Previewed = Extract<Command, { type: "preview" }>;

/** The change that takes pictures away; empty: there are none. */
const going = (gone: readonly string[]): { readonly pictures?: Pictures } =>
  gone.length === 0 ? {} : { pictures: { made: [], gone } };

const imagesOf = ({ previews = [] }: Pick<RoomMessage, "previews">): readonly string[] =>
  previews.flatMap(({ image }) => (image === undefined ? [] : [image.id]));

/** What goes with a message. */
export const picturesOf = (message: RoomMessage): { readonly pictures?: Pictures } => going(imagesOf(message));

/** What an edited message still has: previews of links that are still in it. */
export function afterEdit(
  message: RoomMessage,
  text: string,
): { readonly previews?: RoomMessage["previews"]; readonly pictures: { readonly pictures?: Pictures } } {
  const { previews } = message;
  if (previews === undefined) return { pictures: {} };
  const left = [...stillLinked(previews, text)];
  const kept = imagesOf({ previews: left });
  const pictures = going(imagesOf(message).filter((id) => !kept.includes(id)));
  // None, but there: nobody wants them.
  return left.length > 0 || previews.length === 0 ? { previews: left, pictures } : { pictures };
}

/** The message has these from now on. Errors: NOT_FOUND, CHANGED_MEANWHILE. */
export function previewed(room: Room, command: Previewed, message: RoomMessage, turn: Turn): Effects {
  const { editedAtMs = 0, deletedAtMs, previews: before, seq } = message;
  if (deletedAtMs !== undefined) return [refuse("NOT_FOUND", { seq }, turn.replyTo)];
  if (editedAtMs !== command.edited || before?.length === 0)
    return [refuse("CHANGED_MEANWHILE", { seq, now: editedAtMs }, turn.replyTo)];
  const found = command.previews.map(({ picture, kept, ...told }) => {
    if (picture === undefined) {
      const image = before?.find((one) => kept !== undefined && one.image?.id === kept)?.image;
      return { told: { ...told, ...(image && { image }) } };
    }
    const { id, part, key, bytes, width, height } = picture;
    const file = { id, name: "preview.webp", bytes, key, parts: [part], type: "image/webp", width, height };
    const made = { ...file, seq, author: message.author, atMs: turn.nowMs };
    return { told: { ...told, image: { id: pictureId(made), width, height } }, made };
  });
  const made = found.flatMap((one) => one.made ?? []);
  if (made.some(({ id }) => roomOfFile(id) !== turn.key))
    return [refuse("BAD_REQUEST", { field: "previews" }, turn.replyTo)];
  const { previews: _before, ...rest } = message;
  const previews = found.map(({ told }) => told);
  const left = imagesOf({ previews });
  const gone = imagesOf(message).filter((id) => !left.includes(id));
  const next: RoomMessage = previews.length === 0 ? rest : { ...rest, previews };
  const event = { type: "edited", message: next, by: message.author, checked: "" } as const;
  return [...eventEffects(room, turn, [event], [], { pictures: { made, gone } }), reply({}, turn.replyTo)];
}

/** Nobody is to see them, nor any that come later. Errors: NOT_FOUND, FORBIDDEN. */
export function withoutPreviews(room: Room, message: RoomMessage, turn: Turn): Effects {
  if (message.deletedAtMs !== undefined) return [refuse("NOT_FOUND", { seq: message.seq }, turn.replyTo)];
  if (message.author !== turn.from && !hasByRank(room, turn.from, "room.delete"))
    return [
      refuse("FORBIDDEN", { reason: "only its author and moderators take previews from a message" }, turn.replyTo),
    ];
  if (message.previews?.length === 0) return [reply(message, turn.replyTo)];
  const next: RoomMessage = { ...message, previews: [] };
  const event = { type: "edited", message: next, by: turn.from, checked: "" } as const;
  const pictures = picturesOf(message);
  if (pictures.pictures === undefined) return changed(room, turn, event);
  return [...eventEffects(room, turn, [event], [], pictures), reply(next, turn.replyTo)];
}
