import type { RoomMessage } from "../../../../protocols/index.ts";
import { isWithheld } from "../../../../protocols/words/file-words.ts";
import { notices, type Session } from "../../live/index.ts";
import { at } from "../../wire/index.ts";
import { pageLimits } from "../../wire/limits.ts";

/** Attaches the files of a message to the field of another room: each room has its own keys, so they are uploads of
 *  the person who forwards them, by the rules there. What is too large to go through the browser stays a name. */
export async function forwardFiles(
  session: Session,
  { files = [] }: Pick<RoomMessage, "files">,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  const left: string[] = [];
  let bytes = 0;
  for (const file of files) {
    bytes += file.bytes;
    const path = `/api/v1/rooms/${encodeURIComponent(from)}/files/${encodeURIComponent(file.id)}`;
    const mayGo = !isWithheld(file) && bytes <= pageLimits.forwardedBytesMax;
    const answer = mayGo ? await fetch(at(path)).catch(() => undefined) : undefined;
    const blob = answer?.ok === true ? await answer.blob().catch(() => undefined) : undefined;
    const uploads = blob && (await session.files.load().catch(() => undefined));
    if (blob === undefined || uploads === undefined) left.push(`“${file.name}”`);
    else uploads.attach(`room/${to}/text`, to, [new File([blob], file.name, { type: file.type })]);
  }
  if (left.length > 0) notices.show(`Not forwarded, only named: ${left.join(", ")}.`, "bad");
}
