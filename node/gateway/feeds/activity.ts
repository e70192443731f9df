/** What a person is told of a message in a room that their client does not follow. */
import {
  cut,
  notificationRules,
  sidebar,
  wireLimits,
  type NodeFrame,
  personStatus,
  type UserView,
} from "../../../protocols/index.ts";
import { isDirectNow, tell, type ToldPerson } from "../../../protocols/telling/index.ts";
import { hasKeyword, keywordTerms, type KeywordTerm } from "../../../protocols/telling/keywords.ts";
import { checkOf } from "../../../protocols/wire/check.ts";
import type { SeenMessage } from "./watcher.ts";

type Activity = Extract<NodeFrame, { readonly activity: unknown }>["activity"];

/** What an account says of what its person wants to be told, and their words ready to be looked for. */
export interface ToldAccount extends ToldPerson {
  readonly terms: readonly KeywordTerm[];
}

/** Of an account of which nothing is known. */
export const untold: ToldAccount = { terms: [] };

const rules = checkOf(notificationRules);
const arranged = checkOf(sidebar);
const statuses = checkOf(personStatus);

/** As a view of the account says. One of an older node does not name the rules, and they stay. */
export const toldByView = (before: ToldAccount, view: ToldView): ToldAccount => ({
  ...toldBy(before, view),
  status: statuses.Check(view.status) ? view.status : undefined,
});

type ToldView = Partial<Pick<UserView, "notifications" | "sidebar" | "status">>;

/** As an event of the account says; what it does not name stays. */
export function toldBy(before: ToldAccount, said: Omit<ToldView, "status">): ToldAccount {
  const { notifications, sidebar: own } = said;
  return {
    ...before,
    ...(arranged.Check(own) && { sidebar: own }),
    ...(rules.Check(notifications) && { notifications, terms: keywordTerms(notifications.keywords) }),
  };
}

/** The frame. Of the text only those get a beginning who may be shown a notice: whether they follow a thread or
 *  a topic, only their room knows. Somebody who may not read is told nothing of it, nor whether it has a word of
 *  theirs. */
export function activityOf(
  { user, account }: { readonly user: string; readonly account: ToldAccount },
  { room, message, mentioned }: { readonly room: string; readonly message: SeenMessage; readonly mentioned: boolean },
  { mayRead, nowMs }: { readonly mayRead: boolean; readonly nowMs: number },
): Activity {
  const { seq, author, replyTo, threadOnly, answered } = message;
  const text = (mayRead && message.text) || "";
  const topic = mayRead ? message.topic : undefined;
  const me = `user/${user}`;
  const keyword = author !== me && hasKeyword(text, account.terms);
  const reply = answered === me;
  const telling = tell(
    account,
    {
      room,
      isOwn: author === me,
      // At most: the text goes along where it may be needed, and clients ask what the room is.
      direct: isDirectNow(room, undefined),
      mentioned,
      keyword,
      reply: replyTo !== undefined,
      threadOnly: threadOnly === true,
      interest: topic === undefined ? undefined : "follow",
    },
    nowMs,
  );
  return {
    room,
    seq,
    author,
    mentioned,
    ...(threadOnly === true && replyTo !== undefined && { thread: replyTo }),
    ...(topic !== undefined && { topic }),
    ...(reply && { reply }),
    ...(keyword && { keyword }),
    ...(telling === "notice" && text !== "" && { text: cut(text, wireLimits.activityCharsMax) }),
  };
}
