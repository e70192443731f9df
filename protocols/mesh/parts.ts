/** Pieces that the messages of several parts share. */
import { Type, type TSchema, type TUnsafe } from "typebox";
import type { Channel } from "./channel.ts";
import { addressText, type ActorId, type SlotId } from "../ids.ts";
import type { Failure } from "../errors.ts";

/** Declares one message between nodes: its fields, and the channel it travels on. It is closed: what a later version adds
 *  is left out before anybody sees it. */
export const message = <P extends Record<string, TSchema>>(channel: Channel, properties: P) => ({
  channel,
  schema: Type.Object(properties, { additionalProperties: false }),
});

export const bytes: TUnsafe<Uint8Array> = Type.Refine(
  Type.Unsafe<Uint8Array>({ title: "bytes" }),
  (value) => value instanceof Uint8Array,
);
export const node = Type.String({ minLength: 1, maxLength: 128 });
export const slot = Type.Unsafe<SlotId>(Type.String({ pattern: `^${addressText}$` }));
export const actor = Type.Unsafe<ActorId>(Type.String({ pattern: `^${addressText}$` }));
export const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const checksum = Type.Integer({ minimum: 0, maximum: 0xffffffff });
/** A failure as data; checked no further than that it is an object: it is only shown and compared by code. */
export const failed = Type.Unsafe<Failure>(
  Type.Object({ code: Type.String(), outcome: Type.String(), message: Type.String() }),
);
