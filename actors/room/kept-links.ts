/** Links as the room's state has them; what is done with them is in `links.ts`. */
import type { LinkChange, Room } from "./shape.ts";

/** The room after something became of a link. */
export function evolveLink(room: Room, change: LinkChange): Room {
  const { links: before = [] } = room;
  if (change.is === "ended") return { ...room, links: before.filter(({ id }) => id !== change.id) };
  return { ...room, links: [...before.filter(({ id }) => !change.ended.includes(id)), change.link] };
}

/** The links after somebody came by one. */
export const withUse = ({ links: before }: Room, used: { readonly id: string } | undefined): Pick<Room, "links"> =>
  before === undefined || used === undefined
    ? {}
    : { links: before.map((link) => (link.id === used.id ? { ...link, usesLeft: link.usesLeft - 1 } : link)) };

/** The links after somebody went, or owns the room no more: a person who may not make links lets nobody in by one. */
export const withoutLinksOf = ({ links: before }: Room, member: string): Pick<Room, "links"> =>
  before?.some(({ by }) => by === member) === true ? { links: before.filter(({ by }) => by !== member) } : {};

/** The room as a backup brings it back: some of its links may have been taken back since. */
export function withoutLinks({ links: _links, ...room }: Room): Room {
  return room;
}
