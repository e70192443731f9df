/** What a person has begun to write and not sent, on all their devices (decision 0249). */
import { Type } from "typebox";
import { keyText } from "../ids.ts";
import { wireLimits as limits } from "../limits.ts";
import { answer, command } from "../wire/command.ts";
import { position, text } from "../wire/schema.ts";

const own = { from: ["client"], permission: "account.use" } as const;

/** Where it is written: in a room, in a thread of it, or in a conversation with an agent. */
const place = Type.String({ pattern: `^(room/${keyText}(/thread/[0-9]{1,15})?|agent/${keyText})$`, maxLength: 128 });

export const userDraftCommands = {
  /** An empty text takes it away. `revision` is that of the text which the writer has seen, 0: none. If there is
   *  another one by now, nothing is written: CHANGED_MEANWHILE, with that one as `now`.
   *  Errors: NOT_A_MEMBER, NOT_FOUND, LIMIT_REACHED, CHANGED_MEANWHILE. */
  setDraft: command({
    ...own,
    params: { place, text: text(limits.messageCharsMax, 0), revision: position },
    result: answer<UnsentText>("UnsentText"),
    effect: "changes",
    http: ["PUT", "/me/drafts"],
    summary: "Keeps what the caller has begun to write at a place",
  }),
  drafts: command({
    ...own,
    params: {},
    result: answer<DraftList>("DraftList"),
    effect: "reads",
    http: ["GET", "/me/drafts"],
    summary: "What the caller has begun to write and not sent, the newest first",
    answers: "list",
  }),
} as const;

/** What stands at a place; `revision` rises with each change, also over one that emptied it, and is 0 where there is
 *  nothing. */
export interface UnsentText {
  readonly place: string;
  readonly text: string;
  readonly revision: number;
}

/** Answer to `drafts`. */
export interface DraftList {
  readonly drafts: readonly UnsentText[];
  /** The highest revision that there ever was: an account that was brought back from a backup has a lower one than its
   *  devices know. Absent: not known. */
  readonly revision?: number;
}
