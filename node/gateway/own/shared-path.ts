/** What a read-only link to a conversation shows of it, when an answer that was owed comes into the path later. */
import type { ConversationTurn, SharedLink } from "../../../protocols/index.ts";

/** The newest turn whose path nothing is added to any more. Of questions that wait one behind another it is the first:
 *  its answer comes between it and the next. */
export function settledLeaf(turns: readonly ConversationTurn[]): number | undefined {
  const waiting = turns.slice(turns.findLastIndex(({ role }) => role !== "user") + 1);
  return (waiting[0] ?? turns.at(-1))?.turn;
}

/** Without answers that came into the path after the link. The agent's clock may be ahead of the account's: what is not
 *  newer than the last turn, which was there, is no later either. */
export function saidBefore(
  turns: readonly ConversationTurn[],
  { atMs }: Pick<SharedLink, "atMs">,
): readonly ConversationTurn[] {
  const lastMs = Math.max(atMs, turns.at(-1)?.atMs ?? 0);
  return turns.filter((turn) => turn.atMs <= lastMs);
}
