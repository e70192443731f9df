import type { RoomMessage } from "../../../../protocols/index.ts";
import { notices, type Session } from "../../live/index.ts";
import { takeFiles } from "../../model/forwarding.ts";
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
  const { taken, left } = await takeFiles(files, pageLimits.forwardedBytesMax, async ({ id, name, type }) => {
    const path = `/api/v1/rooms/${encodeURIComponent(from)}/files/${encodeURIComponent(id)}`;
    const answer = await fetch(at(path), { signal }).catch(() => undefined);
    const blob = answer?.ok === true ? await answer.blob().catch(() => undefined) : undefined;
    return blob && new File([blob], name, { type });
  });
  const uploads = taken.length === 0 ? undefined : await session.files.load().catch(() => undefined);
  if (signal.aborted) return false;
  uploads?.attach(`room/${to}/text`, to, taken);
  const named = uploads === undefined ? files.map(({ name }) => name) : left;
  if (named.length > 0)
    notices.show(`Not forwarded, only named: ${named.map((name) => `“${name}”`).join(", ")}.`, "bad");
  return true;
}
