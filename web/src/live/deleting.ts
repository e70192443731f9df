/** Messages of a room deleted together (docs/decisions/0278-many-messages-deleted-at-once.md). */
import { wireLimits } from "../../../protocols/limits.ts";
import type { Failure, Result, RoomHistory } from "../../../protocols/index.ts";
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

/** Deletes messages, so many at a time as the room takes. */
export async function deleteTogether(room: string, seqs: readonly number[]): Promise<DeletedTogether> {
  let left = [...seqs];
  const done = { deleted: 0, kept: 0 };
  while (left.length > 0) {
    const some = left.slice(0, wireLimits.deletedAtOnceMax);
    const result = await call("rooms.deleteMessages", { room, seqs: some });
    if (!result.ok) return { ...done, failure: result.error };
    const of = (...wanted: readonly string[]) =>
      result.value.outcomes.filter(({ outcome }) => wanted.includes(outcome)).map(({ seq }) => seq);
    const again = of("OVERLOADED");
    done.deleted += of("deleted", "gone").length;
    done.kept += of("FORBIDDEN", "NOT_FOUND").length;
    // Each request deletes at least one of those that are to be asked for again.
    left = [...again, ...left.slice(some.length)];
  }
  return done;
}

/** The messages that somebody wrote since a time, of the newest in the room; `isPart`: there may be more further
 *  back. */
export async function writtenSince(
  history: (query: { readonly limit: number; readonly before?: number }) => Promise<Result<RoomHistory>>,
  member: string,
  sinceMs: number,
): Promise<Result<{ readonly seqs: readonly number[]; readonly isPart: boolean }>> {
  const seqs: number[] = [];
  let before: number | undefined;
  for (let looked = 0; looked < lookedAtMax;) {
    const page = await history({ limit: pageMax, ...(before !== undefined && { before }) });
    if (!page.ok) return page;
    const { messages, more } = page.value;
    const those = messages.filter((one) => one.author === member && one.deletedAtMs === undefined);
    seqs.push(...those.filter(({ atMs }) => atMs >= sinceMs).map(({ seq }) => seq));
    const [oldest] = messages;
    if (oldest === undefined || !more || oldest.atMs < sinceMs) return { ok: true, value: { seqs, isPart: false } };
    before = oldest.seq;
    looked += messages.length;
  }
  return { ok: true, value: { seqs, isPart: true } };
}
