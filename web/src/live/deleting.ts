/** Messages of a room deleted together (docs/decisions/0278-many-messages-deleted-at-once.md). */
import { wireLimits } from "../../../protocols/limits.ts";
import type { Failure } from "../../../protocols/index.ts";
import { call } from "../wire/index.ts";

/** What became of it: how many are gone now, and how many the room kept. */
export interface DeletedTogether {
  readonly deleted: number;
  readonly kept: number;
  /** Why it ended before its end. */
  readonly failure?: Failure;
}

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
