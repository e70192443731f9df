/** Profiles of a running node. */
import { Type } from "typebox";
import { answer } from "../wire/command.ts";
import { profileParams, takeProfile, type Profile } from "../admin/profiles.ts";
import { changes, fieldsOf, ofOthers, reads } from "./operation.ts";

const tags = ["admin"];

export const profileOperations = {
  "profiles.take": changes({
    fields: takeProfile,
    answer: fieldsOf({ id: Type.String() }),
    permission: "cluster.administer",
    errors: ["NOT_FOUND", "LIMIT_REACHED", ...ofOthers],
    action: "takeProfile",
    facts: (fields) => ({ ...fields }),
    summary: "Begins to look at what a node does, or at what its code keeps in memory",
    description:
      "The answer has the id of a task (`/admin/tasks/:id`). The node goes on, a little slower. " +
      "One runs at a time on a node, which keeps the newest four results in its memory. " +
      "They have names of functions and files of Plexus, and nothing of people.",
    tags,
  }),
  "profiles.show": reads({
    params: profileParams,
    answer: answer<Profile>("Profile"),
    permission: "cluster.administer",
    errors: ["NOT_FOUND", ...ofOthers],
    summary: "A profile that was taken, as a tree of calls",
    tags,
  }),
};
