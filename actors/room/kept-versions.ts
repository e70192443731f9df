/** Earlier texts of messages as the room's records have them; what is done with them is in `versions.ts`. */
import { wireLimits, type MessageVersion, type RoomMessage } from "../../protocols/index.ts";
import type { RecordOp } from "../behavior.ts";
import { padded } from "../stream.ts";
import type { RoomChange, Was } from "./shape.ts";

/** The beginning of all earlier texts. */
export const versionPrefix = "version/";
/** The beginning of those of one author. */
export const versionsBy = (author: string): string => `${versionPrefix}${author}/`;
const versionsOf = ({ author, seq }: Pick<RoomMessage, "author" | "seq">): string =>
  `${versionsBy(author)}${padded(seq)}/`;

/** All keys with a beginning, which ends with a slash. */
export const below = (prefix: string): { readonly from: string; readonly to: string } => ({
  from: prefix,
  to: `${prefix.slice(0, -1)}0`,
});

/** The range of what one message said before. */
export const versionRange = (message: Pick<RoomMessage, "author" | "seq">) => ({
  ...below(versionsOf(message)),
  limit: wireLimits.messageVersionsMax,
});

/** What an edited message said before. */
export const wasOf = ({ author, seq, text, versions = 0, atMs, editedAtMs = atMs }: RoomMessage): Was => ({
  author,
  seq,
  place: versions % wireLimits.messageVersionsMax,
  text,
  atMs: editedAtMs,
});

const dropped = (prefix: string): RecordOp => {
  const { from, to } = below(prefix);
  return { deleteFrom: from, deleteTo: to };
};

/** What a change does to earlier texts. */
export function versionRecords(change: RoomChange): readonly RecordOp[] {
  if (change.type === "readMarked" && "forget" in change) return [dropped(change.forget)];
  if (change.type !== "happened") return [];
  const { event, was } = change;
  if (was !== undefined) {
    const { text, atMs, place } = was;
    const value: MessageVersion = { text, atMs };
    return [{ put: `${versionsOf(was)}${String(place).padStart(2, "0")}`, value }];
  }
  if (event.type === "deleted") return [dropped(versionsOf(event.message))];
  return event.type === "withdrawn" ? event.messages.map((message) => dropped(versionsOf(message))) : [];
}
