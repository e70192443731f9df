import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { ownPlace } from "../../wire/index.ts";
import { isTouch } from "../files/attaching.tsx";

/** The panels of a room that need nothing but the room. */
export const roomPanels = ["members", "pins", "threads", "topics", "files"] as const;

/** Those that are about one message. */
export const messagePanels = ["thread", "edits"] as const;

type Panel = (typeof roomPanels)[number] | (typeof messagePanels)[number];

/** What the right-hand panel of a room shows; part of the address, so that back closes it and a link opens it. */
export interface RoomSearch {
  readonly panel?: Panel;
  /** The thread's root, or the message. */
  readonly seq?: number;
  /** A message to scroll to. */
  readonly at?: number;
  /** Only this topic is shown. */
  readonly topic?: string;
}

/** The route of a room's page. */
export const route = getRouteApi("/room/$room");

/** The address of a room that is open: what stands in it, and the ways to change it. */
export function useAddress(room: string) {
  const search = route.useSearch();
  const navigate = useNavigate();
  const to = (next: RoomSearch, replace = false) =>
    void navigate({ replace, to: "/room/$room", params: { room }, search: next });
  return {
    search,
    setPanel: (panel?: Panel, seq?: number, replace?: boolean) =>
      to(
        {
          ...(panel === undefined ? {} : { panel }),
          ...(seq === undefined ? {} : { seq }),
          ...(search.topic === undefined ? {} : { topic: search.topic }),
        },
        replace,
      ),
    showTopic: (topic: string | undefined) =>
      to({
        ...(search.panel === "topics" && !isTouch() ? { panel: "topics" } : {}),
        ...(topic === undefined ? {} : { topic }),
      }),
  };
}

/** The address of an open room. */
export type Address = ReturnType<typeof useAddress>;

/** A link to one message. */
export const linkTo = (room: string, seq: number): string => `${ownPlace()}/room/${room}?at=${seq}`;
