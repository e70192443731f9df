/** Messages of a backup that come back into a room. */
import { Type } from "typebox";
import { answer, command } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { recallId as recall } from "../admin/restored.ts";
import { recalledMessage } from "./room-message.ts";
import { position, timeMs } from "../wire/schema.ts";

/** Commands of a room about what a recall brings. */
export const roomRecallCommands = {
  /** Adds messages of a backup as new entries, without those that the same recall has brought. Errors: LIMIT_REACHED,
   *  BAD_REQUEST (it was taken back), NOT_FOUND (`root`). */
  restore: command({
    params: {
      recall,
      snapshot: position,
      backupAtMs: timeMs,
      /** Nothing that had a position before it comes any more. */
      from: position,
      /** The message that all of them answer. */
      root: Type.Optional(position),
      messages: Type.Array(recalledMessage, { minItems: 1, maxItems: limits.restoredPerEventMax }),
    },
    result: answer<RoomRestored>("RoomRestored"),
    from: ["node"],
    effect: "changes",
    summary: "Adds messages of a backup as new entries",
  }),
  /** Deletes what a recall brought, some of it at a time. Error: NOT_FOUND. */
  withdraw: command({
    params: { recall },
    result: answer<RoomWithdrawn>("RoomWithdrawn"),
    from: ["node"],
    effect: "changes",
    summary: "Deletes what a recall brought",
  }),
} as const;

/** Answer to `restore`: what came now, by the positions that it had and has. */
export interface RoomRestored {
  readonly restored: readonly (readonly [was: number, seq: number])[];
}

/** Answer to `withdraw`. `more`: it must be sent again. */
export interface RoomWithdrawn {
  readonly removed: number;
  readonly more: boolean;
}
