/** What somebody has written, to be deleted together (docs/decisions/0278-many-messages-deleted-at-once.md). */
import type { Result, RoomHistory } from "../../../protocols/index.ts";
import { counted } from "../../../protocols/words/amounts.ts";

/** So far back it is looked for what somebody wrote, in messages. */
const lookedAtMax = 5_000;
const pageMax = 200;

/** What became of it, in words. */
export const deletedWords = (deleted: number, kept: number): string =>
  `${counted(deleted, "message")} deleted.${kept > 0 ? ` ${kept} could not be.` : ""}`;

/** The messages that somebody and their agents wrote since a time, of the newest in the room; `isPart`: there may be
 *  more further back. */
export async function writtenSince(
  history: (query: { readonly limit: number; readonly before?: number }) => Promise<Result<RoomHistory>>,
  member: string,
  sinceMs: number,
): Promise<Result<{ readonly seqs: readonly number[]; readonly isPart: boolean }>> {
  const seqs: number[] = [];
  const agents = member.startsWith("user/") ? `agent/${member.slice("user/".length)}.` : undefined;
  const isOf = (author: string) => author === member || (agents !== undefined && author.startsWith(agents));
  let before: number | undefined;
  for (let looked = 0; looked < lookedAtMax;) {
    const page = await history({ limit: pageMax, ...(before !== undefined && { before }) });
    if (!page.ok) return page;
    const { messages, more } = page.value;
    const those = messages.filter((one) => isOf(one.author) && one.deletedAtMs === undefined);
    seqs.push(...those.filter(({ atMs }) => atMs >= sinceMs).map(({ seq }) => seq));
    const [oldest] = messages;
    // One message that is older, or was brought back, is no end: clocks of nodes differ.
    const said = messages.filter(({ restored }) => restored === undefined);
    const isPast = said.length > 0 && said.every(({ atMs }) => atMs < sinceMs);
    if (oldest === undefined || !more || isPast) return { ok: true, value: { seqs, isPart: false } };
    before = oldest.seq;
    looked += messages.length;
  }
  return { ok: true, value: { seqs, isPart: true } };
}
