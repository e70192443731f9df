import { DraftSync } from "./draft-sync.ts";
import { notices } from "./notices.ts";
import type { Session } from "./session.ts";

/** What keeps the drafts of a session and those of its account together. */
export const syncDrafts = ({ kept, client, name }: Pick<Session, "kept" | "client" | "name">): DraftSync =>
  new DraftSync({
    kept,
    set: (draft) => client.call("user.setDraft", name, draft),
    list: () => client.call("user.drafts", name, {}),
    joined: () => notices.show("You wrote here on another device, too: the field has both texts."),
    after(ms, run) {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  });
