/** What becomes of a message of a backup that may still live: a pure rule. Nothing that lives is ever written over. */
import type { RoomMessage } from "../../../protocols/index.ts";

/** How a message of a backup stands to the room as it is now.
 *
 *  `fresh`: the room has it in no form. `same`: it lives as it was. `edited`, `deleted`: it was changed since. `back`:
 *  an earlier recall brought it, and that lives. `done`: this recall has brought it, whatever became of that. */
export type Verdict = "fresh" | "same" | "edited" | "deleted" | "back" | "done";

/** What comes back of what lives. `skip`: nothing. `edited`: also what was edited since, as it was. `again`:
 *  everything. */
export type Existing = "skip" | "edited" | "again";

/** Compares a message of a backup with what the room has at its position, and with what came back of it. */
export function verdictOf(
  was: RoomMessage,
  now: { readonly living: RoomMessage | undefined; readonly restored: readonly RoomMessage[] },
  recall: string,
): Verdict {
  if (now.restored.some(({ restored }) => restored?.recall === recall)) return "done";
  const { living } = now;
  // A room that was made anew has other messages at the same positions.
  const isIt = living?.author === was.author && living.atMs === was.atMs;
  if (isIt && living.deletedAtMs === undefined && living.text === was.text) return "same";
  if (now.restored.some(({ restored, deletedAtMs }) => deletedAtMs === undefined && isOf(restored, was))) return "back";
  if (!isIt) return "fresh";
  return living.deletedAtMs === undefined ? "edited" : "deleted";
}

const isOf = (restored: RoomMessage["restored"], was: RoomMessage): boolean => restored?.atMs === was.atMs;

/** Whether a rule brings it back. */
export function comesBack(verdict: Verdict, rule: { readonly existing: Existing; readonly deleted: boolean }): boolean {
  switch (verdict) {
    case "fresh":
      return true;
    case "done":
      return false;
    case "deleted":
      return rule.deleted;
    case "edited":
      return rule.existing !== "skip";
    case "same":
    case "back":
      return rule.existing === "again";
  }
}
