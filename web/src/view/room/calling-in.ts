import type { RoomView } from "../../../../protocols/index.ts";
import type { RoomStore } from "../../live/index.ts";
import type { Calling, Mentionable } from "../../model/index.ts";

type NameFor = (principal: string) => string;

/** How the mentions of a message of this room are shown; without `mentions` all that the room will find in it. */
export const callingIn = ({ store }: RoomStore, mentions: Calling["mentions"], nameFor: NameFor): Calling => ({
  mentions,
  members: store.latest.view?.members ?? {},
  nameFor,
});

/** Those who can be mentioned in a room. */
export const mentionableIn = (view: RoomView | undefined, nameFor: NameFor): readonly Mentionable[] =>
  Object.keys(view?.members ?? {}).map((principal) => ({ principal, label: nameFor(principal) }));
