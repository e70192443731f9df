import type { RoomSummary, Sidebar } from "../../../protocols/index.ts";
import { isOwnRoom } from "../../../protocols/kinds/room-own.ts";
import { groupRooms, type RoomGroups } from "./room-list.ts";

/** What nobody has arranged. */
export const plainSidebar: Sidebar = { favourites: [], sections: [], muted: [] };

/** The list of rooms as a person has arranged it. */
export interface Arranged extends RoomGroups {
  readonly favourites: readonly RoomSummary[];
  readonly sections: readonly { readonly name: string; readonly rooms: readonly RoomSummary[] }[];
}

/** The list in the person's order: favourites and sections first; what stands in none of them after it, as ever. What
 *  the person is no longer in, or is archived, has no place among them; the files of conversations with agents are
 *  found there. */
export function arranged(list: readonly RoomSummary[], { favourites, sections }: Sidebar): Arranged {
  const others = list.filter(({ room }) => !isOwnRoom(room));
  const shown = new Map(others.filter(({ archived }) => archived !== true).map((room) => [room.room, room]));
  const take = (keys: readonly string[]): readonly RoomSummary[] =>
    keys.flatMap((key) => {
      const room = shown.get(key);
      shown.delete(key);
      return room === undefined ? [] : [room];
    });
  const first = take(favourites);
  const own = sections.map(({ name, rooms }) => ({ name, rooms: take(rooms) }));
  const rest = groupRooms(others.filter((room) => room.archived === true || shown.has(room.room)));
  return { ...rest, favourites: first, sections: own };
}

/** With a room among the favourites, at their end, or not. */
export const withFavourite = (sidebar: Sidebar, room: string, on: boolean): Sidebar => ({
  ...sidebar,
  favourites: withOne(sidebar.favourites, room, on),
});

/** With a room that is muted, or not. */
export const withMuted = (sidebar: Sidebar, room: string, on: boolean): Sidebar => ({
  ...sidebar,
  muted: withOne(sidebar.muted, room, on),
});

const withOne = (keys: readonly string[], key: string, on: boolean): string[] => [
  ...keys.filter((one) => one !== key),
  ...(on ? [key] : []),
];

/** With a room in the section of this name, at its end; in none without a name. */
export const inSection = (sidebar: Sidebar, room: string, section: string | undefined): Sidebar => ({
  ...sidebar,
  sections: sidebar.sections.map(({ name, rooms }) => ({ name, rooms: withOne(rooms, room, name === section) })),
});

/** With one more section, without rooms; a name that is there stays as it is. */
export const withSection = (sidebar: Sidebar, name: string): Sidebar =>
  sidebar.sections.some((section) => section.name === name)
    ? sidebar
    : { ...sidebar, sections: [...sidebar.sections, { name, rooms: [] }] };

/** Without a section: its rooms stand where they stood before. */
export const withoutSection = (sidebar: Sidebar, name: string): Sidebar => ({
  ...sidebar,
  sections: sidebar.sections.filter((section) => section.name !== name),
});

/** With one thing a place further up or down among those that are shown; at the end it stays. */
export function moved<One>(all: readonly One[], one: One, past: One | undefined): One[] {
  const [from, to] = [all.indexOf(one), past === undefined ? -1 : all.indexOf(past)];
  if (from < 0 || to < 0) return [...all];
  return all.filter((other) => other !== one).toSpliced(to, 0, one);
}

/** With a room moved past another, in the favourites (no section) or in a section. */
export const withRoomMoved = (sidebar: Sidebar, section: string | undefined, room: string, past: string): Sidebar =>
  section === undefined
    ? { ...sidebar, favourites: moved(sidebar.favourites, room, past) }
    : {
        ...sidebar,
        sections: sidebar.sections.map((one) =>
          one.name === section ? { ...one, rooms: moved(one.rooms, room, past) } : one,
        ),
      };

/** With a section moved past another. */
export function withSectionMoved(sidebar: Sidebar, name: string, past: string): Sidebar {
  const of = (wanted: string) => sidebar.sections.find((section) => section.name === wanted);
  const one = of(name);
  return one === undefined ? sidebar : { ...sidebar, sections: moved(sidebar.sections, one, of(past)) };
}
