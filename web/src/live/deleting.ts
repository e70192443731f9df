/** Messages of a room deleted together (docs/decisions/0278-many-messages-deleted-at-once.md). */
import { wireLimits } from "../../../protocols/limits.ts";
import type { Failure, Result, RoomHistory } from "../../../protocols/index.ts";
import { counted } from "../../../protocols/words/amounts.ts";
import { call } from "../wire/index.ts";

/** So far back it is looked for what somebody wrote, in messages. */
const lookedAtMax = 5_000;
const pageMax = 200;

/** What became of it: how many are gone now, and how many the room kept. */
export interface DeletedTogether {
  readonly deleted: number;
  readonly kept: number;
  /** Why it ended before its end. */
  readonly failure?: Failure;
}

/** What became of it, in words. */
export const deletedWords = (deleted: number, kept: number): string =>
  `${counted(deleted, "message")} deleted.${kept > 0 ? ` ${kept} could not be.` : ""}`;

/** How often the room may say of all that it is asked for to ask again. */
const vainMax = 5;

/** Deletes messages, so many at a time as the room takes. */
export async function deleteTogether(room: string, seqs: readonly number[]): Promise<DeletedTogether> {
  let left = [...seqs];
  const done = { deleted: 0, kept: 0 };
  let vain = 0;
  while (left.length > 0) {
    const some = left.slice(0, wireLimits.deletedAtOnceMax);
    const result = await call("rooms.deleteMessages", { room, seqs: some });
    if (!result.ok) return { ...done, failure: result.error };
    const of = (...wanted: readonly string[]) =>
      result.value.outcomes.filter(({ outcome }) => wanted.includes(outcome)).map(({ seq }) => seq);
    const again = of("OVERLOADED");
    done.deleted += of("deleted", "gone").length;
    done.kept += of("FORBIDDEN", "NOT_FOUND").length;
    vain = again.length === some.length ? vain + 1 : 0;
    if (vain >= vainMax) return { ...done, kept: done.kept + left.length };
    left = [...again, ...left.slice(some.length)];
  }
  return done;
}

/** The messages that somebody and their agents wrote since a time, of the newest in the room; `isPart`: there may be more further
 *  back. */
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
