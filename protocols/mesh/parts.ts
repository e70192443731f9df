/** Pieces that the messages of several parts share. */
import { Type, type TSchema, type TUnsafe } from "typebox";
import type { Channel } from "./channel.ts";
import { addressText, type ActorId, type SlotId } from "../ids.ts";
import type { Failure } from "../errors.ts";

/** An object whose later versions may have more fields, which are left out before anybody here sees them. */
export const closed = <P extends Record<string, TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });

/** Declares one message between nodes: its fields, and the channel it travels on. */
export const message = <P extends Record<string, TSchema>>(channel: Channel, properties: P) => ({
  channel,
  schema: closed(properties),
});

/** Declares a call: a message that is answered, and how. It may be refused as well, with any failure. */
export const call = <P extends Record<string, TSchema>, A extends TSchema>(
  channel: Channel,
  properties: P,
  answer: A,
) => ({ ...message(channel, properties), answer });

/** The answer of a call that has nothing to say but that it was done. */
export const done = Type.Null();

export const bytes: TUnsafe<Uint8Array> = Type.Refine(
  Type.Unsafe<Uint8Array>({ title: "bytes" }),
  (value) => value instanceof Uint8Array,
);
export const node = Type.String({ minLength: 1, maxLength: 128 });
/** An address of etcd. */
export const endpoint = Type.String({ minLength: 1, maxLength: 500 });
export const slot = Type.Unsafe<SlotId>(Type.String({ pattern: `^${addressText}$` }));
export const actor = Type.Unsafe<ActorId>(Type.String({ pattern: `^${addressText}$` }));
export const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const checksum = Type.Integer({ minimum: 0, maximum: 0xffffffff });
/** A failure as data; checked no further than this: it is only shown and compared by code. */
export const failed = Type.Unsafe<Failure>(
  Type.Object({ code: Type.String(), outcome: Type.String(), message: Type.String() }),
);
