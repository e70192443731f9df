import type { RoomView } from "../../../../protocols/index.ts";
import { nthOfGroup } from "../../../../protocols/kinds/room-group.ts";
import { isAgent } from "../../model/index.ts";

/** Whether a room is, or was, a conversation of several people: it stays with them. */
export const staysWithPeople = ({ room, people }: Pick<RoomView, "room" | "people">): boolean =>
  people !== undefined || nthOfGroup(room) !== undefined;

/** Whether somebody can be brought into a room at all: of people only those whose conversation it was. */
export const mayEnter = (view: Pick<RoomView, "room" | "people">, principal: string): boolean =>
  isAgent(principal) || !staysWithPeople(view) || view.people?.includes(principal) === true;
