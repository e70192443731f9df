/** Marking what was missed as read, and taking that back: each marker goes to where the answer says that it stands, so
 *  what came meanwhile stays unread. */
import type { CatchUp } from "../protocols/wire/catch-up.ts";
import type { Client } from "./client.ts";

/** Requests that are under way together. */
const atOnce = 8;

/** The rooms and threads whose markers move. */
export type Markers = Pick<CatchUp, "rooms" | "threads">;

/** Marks them as read, or as unread again. Returns of how many this was refused, or had no answer. */
export async function markMissed(
  client: Pick<Client, "call">,
  { rooms, threads }: Markers,
  to: "read" | "unread",
): Promise<number> {
  const marks = [
    ...rooms.map(({ room, readSeq, messageSeq }) => ({ room, from: readSeq, seq: messageSeq })),
    ...threads.map(({ room, root, readSeq, lastSeq }) => ({ room, from: readSeq, seq: lastSeq, thread: root })),
  ].values();
  let failed = 0;
  const next = async (): Promise<void> => {
    for (const { room, from, seq, ...of } of marks) {
      const said =
        to === "read"
          ? await client.call("room.markRead", room, { seq, ...of })
          : await client.call("room.markUnread", room, { seq: from + 1, ...of });
      if (!said.ok) failed += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, next));
  return failed;
}
