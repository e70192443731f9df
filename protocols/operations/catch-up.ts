/** What was missed. */
import { catchUpAsked, type CatchUp, type FollowedThreads } from "../wire/catch-up.ts";
import { answer } from "../wire/command.ts";
import { ofActors, reads } from "./operation.ts";

const rate = { of: "catchUp", act: (count: number) => `ask ${count} times what they have missed` } as const;

export const catchUpOperations = {
  "catchUp.show": reads({
    fields: catchUpAsked,
    answer: answer<CatchUp>("CatchUp"),
    permission: "room.read",
    rate,
    errors: [...ofActors, "NOT_FOUND"],
    summary: "What the caller has missed in their rooms and threads",
    description:
      "What is behind the caller's read markers, as far as they want to be told of it: of rooms that they have muted " +
      "only what mentions them. What concerns them comes first. The markers stay where they are.",
    tags: ["room"],
  }),
  "catchUp.threads": reads({
    answer: answer<FollowedThreads>("FollowedThreads"),
    permission: "room.read",
    rate,
    errors: [...ofActors, "NOT_FOUND"],
    summary: "The threads that the caller follows, in all of their rooms",
    tags: ["room"],
  }),
};
