/** What a node is busy with, for admins who ask any other (node/tasks). */
import { Type } from "typebox";
import type { AdminTask } from "../admin/tasks.ts";
import { call, closed, done } from "./parts.ts";

/** Only shown: a later version may say more of it. */
const task = Type.Unsafe<AdminTask>(
  Type.Object({
    id: Type.String({ maxLength: 160 }),
    kind: Type.String({ maxLength: 32 }),
    what: Type.String({ maxLength: 2_048 }),
    state: Type.String({ maxLength: 32 }),
    progress: Type.Record(Type.String({ maxLength: 64 }), Type.Number(), { maxProperties: 32 }),
  }),
);

export const taskMessages = {
  /** What the asked node does, or did a while ago. */
  "task.list": call("control", {}, closed({ tasks: Type.Array(task, { maxItems: 256 }) })),
  /** Ends a task of the asked node. Errors: NOT_FOUND, FORBIDDEN. */
  "task.cancel": call("control", { id: Type.String({ maxLength: 160 }) }, done),
  /** Likewise one of its disk, for somebody with `keys.manage`: `task.cancel`, which a gateway of the version before
   *  sends for less, ends none of those. */
  "task.turnDisk": call("control", { id: Type.String({ maxLength: 160 }) }, done),
} as const;
