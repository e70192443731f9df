/** Messages of node/cluster/membership between nodes. */
import { Type } from "typebox";
import { count, message, node } from "./parts.ts";

const figure = Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** What a share is of. */
const filled = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

export const membershipMessages = {
  /** I am here. Sent to every member at each heartbeat; the load figures come with some of them. */
  beat: message("control", {
    incarnation: count,
    /** Number of the member list as the sender has it. */
    view: count,
    /** The process stops: what it owns it gives to others, and nothing is to be given to it. */
    stopping: Type.Optional(Type.Boolean()),
    load: Type.Optional(
      Type.Object(
        {
          actors: count,
          turnsPerSecond: figure,
          connections: count,
          eventLoopLagMs: figure,
          memoryBytes: count,
          /** Calls of engines that run or wait at the sender. */
          calls: Type.Optional(count),
          /** What shards take on the sender's disk, what they may still take, and what its operator gives them at the
           *  most. */
          shardBytes: Type.Optional(count),
          shardRoomBytes: Type.Optional(count),
          shardQuotaBytes: Type.Optional(count),
          /** The disk of the sender's data folder, and what is free of it. */
          diskBytes: Type.Optional(count),
          diskFreeBytes: Type.Optional(count),
          /** What a synced write takes at it. */
          syncMs: Type.Optional(figure),
          /** What all rows of the directory are, where the sender keeps them. */
          directorySize: Type.Optional(
            Type.Object(
              { rows: count, rowsMax: filled, bytes: count, bytesMax: filled },
              { additionalProperties: false },
            ),
          ),
        },
        { additionalProperties: false },
      ),
    ),
  }),
  /** Where `from` listens, on its way to `to`, which it has no connection with: to a member that has one with both, and
   *  from there to `to`. The node that answers there proves by its key which one it is. `member`: the row of `from`, as
   *  the member knows it that passes this on; `to` may have been away when `from` was admitted. */
  whereabouts: message("control", {
    from: node,
    to: node,
    addresses: Type.Array(Type.String({ minLength: 1, maxLength: 256 }), { maxItems: 16 }),
    member: Type.Optional(Type.Unknown()),
  }),
} as const;
