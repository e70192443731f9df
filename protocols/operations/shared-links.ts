/** Read-only links to the caller's conversations with agents. */
import { sharedLife, type SharedLink, type SharedLinkMade } from "../kinds/shared-links.ts";
import { answer } from "../wire/command.ts";
import { key, object } from "../wire/schema.ts";
import { changes, fieldsOf, listOf, ofActors, ofOwnAccount, reads } from "./operation.ts";

const tags = ["agent"];

export const sharedLinkOperations = {
  "sharedLinks.list": reads({
    answer: fieldsOf({ links: listOf(answer<SharedLink>("SharedLink")) }),
    permission: "account.use",
    errors: ofActors,
    summary: "The caller's read-only links to conversations that still hold, the newest first",
    tags,
  }),
  "sharedLinks.make": changes({
    ...ofOwnAccount,
    params: object({ agent: key }),
    fields: object(sharedLife),
    answer: answer<SharedLinkMade>("SharedLinkMade"),
    permission: "agent.use",
    errors: ["SHARING_OFF", "NOT_FOUND", "FORBIDDEN", "LIMIT_REACHED", ...ofActors],
    action: "makeSharedLink",
    facts: ({ agent, lifeMs }) => ({ agent, lifeMs }),
    summary: "Makes a link by which anybody reads a conversation as it is shown now; only this answer shows it",
    description:
      "It shows the path up to the newest turn that is whole: nothing that is said later, no other branch, " +
      "no persona, pictures, sounds or tools. `path` begins at the page's own address.",
    tags,
  }),
  "sharedLinks.remove": changes({
    ...ofOwnAccount,
    params: object({ id: key }),
    answer: answer<SharedLink>("SharedLink"),
    permission: "account.use",
    errors: ["NOT_FOUND", ...ofActors],
    action: "endSharedLink",
    facts: ({ id }) => ({ id }),
    summary: "Takes a read-only link back; answers with what it was",
    tags,
  }),
};
