import type { RoomMessage } from "../../../../protocols/index.ts";
import { isWithheld } from "../../../../protocols/words/file-words.ts";
import { notices, type Session } from "../../live/index.ts";
import { at } from "../../wire/index.ts";
import { pageLimits } from "../../wire/limits.ts";

/** Attaches the files of a message to the field of another room: each room has its own keys, so they are uploads of
 *  the person who forwards them, by the rules there. What is too large to go through the browser stays a name. All of
 *  them are here before one is attached; false: that was stopped, and none is. */
export async function forwardFiles(
  session: Session,
  { files = [] }: Pick<RoomMessage, "files">,
  { from, to, signal }: { readonly from: string; readonly to: string; readonly signal: AbortSignal },
): Promise<boolean> {
  const taken: File[] = [];
  const left: string[] = [];
  let bytes = 0;
  for (const file of files) {
    bytes += file.bytes;
    const path = `/api/v1/rooms/${encodeURIComponent(from)}/files/${encodeURIComponent(file.id)}`;
    const mayGo = !isWithheld(file) && bytes <= pageLimits.forwardedBytesMax;
    const answer = mayGo ? await fetch(at(path), { signal }).catch(() => undefined) : undefined;
    const blob = answer?.ok === true ? await answer.blob().catch(() => undefined) : undefined;
    if (blob === undefined) left.push(`“${file.name}”`);
    else taken.push(new File([blob], file.name, { type: file.type }));
  }
  const uploads = taken.length === 0 ? undefined : await session.files.load().catch(() => undefined);
  if (signal.aborted) return false;
  if (uploads === undefined) left.push(...taken.map(({ name }) => `“${name}”`));
  else uploads.attach(`room/${to}/text`, to, taken);
  if (left.length > 0) notices.show(`Not forwarded, only named: ${left.join(", ")}.`, "bad");
  return true;
}
