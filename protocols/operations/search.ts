/** Finding what was said. */
import { answer } from "../wire/command.ts";
import { messageSearch, type SearchPage } from "../wire/search.ts";
import { ofActors, reads } from "./operation.ts";

export const searchOperations = {
  "search.messages": reads({
    fields: messageSearch,
    answer: answer<SearchPage>("SearchPage"),
    permission: "room.read",
    looks: true,
    errors: [...ofActors, "NOT_FOUND", "NOT_A_MEMBER"],
    summary: "Finds messages in the caller's rooms and conversations with agents",
    description:
      "What the caller may read now: nothing of a room that they have left or were removed from, nothing that was " +
      "deleted, and edited messages as they are now. Everything is found that was answered to the caller before.",
    tags: ["room"],
  }),
};
