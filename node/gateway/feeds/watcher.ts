import { Type, type Static } from "typebox";
import { schema, type Result } from "../../../protocols/index.ts";

/** What watchers see of a message. Any member may publish it, so it is checked. */
export const seen = Type.Object({
  seq: schema.position,
  author: Type.String(),
  mentions: Type.Optional(Type.Array(Type.String())),
  replyTo: Type.Optional(schema.position),
  threadOnly: Type.Optional(Type.Literal(true)),
  text: Type.Optional(Type.String()),
  topic: Type.Optional(Type.String()),
});

/** The message with the author of the one that it answers, where that is told with it. */
export type SeenMessage = Static<typeof seen> & { readonly answered?: string };

/** Somebody who wants to know that something was posted, without the messages themselves. */
export interface Watcher {
  /** The person, `user/ada`. */
  readonly actor: string;
  posted(topic: string, message: SeenMessage): void;
  /** An edit has made a message mention these, which were not told of it before. */
  edited(topic: string, message: SeenMessage, told: readonly string[]): void;
  /** The person is no member of the room any more, as the room itself says: it is unwatched. */
  left(topic: string): void;
  /** The newest message of a topic, of which events may have been missed; undefined when all is read. Asked of its
   *  actor. */
  newest(topic: string): Promise<Result<(Static<typeof seen> & { readonly atMs: number }) | undefined>>;
}
