/** What people set of a room, described once for the room, the page and the terminal. It loads no schema. */
import { describeDuration } from "../words/amounts.ts";
import type { RoomEvent, RoomPosting, RoomView } from "./room.ts";

const settingNames = ["title", "topic", "archived", "posting", "slowMs"] as const satisfies readonly (keyof RoomView)[];

/** What a room is set to, by people in it. The room itself, its view and the page's model have these fields. */
export type RoomSettings = Pick<RoomView, (typeof settingNames)[number]>;

/** The settings of a room, and nothing else of it. */
export const settingsOf = (room: RoomSettings): RoomSettings =>
  Object.fromEntries(
    settingNames.filter((name) => room[name] !== undefined).map((name) => [name, room[name]]),
  ) as unknown as RoomSettings;

/** The events that set something. Each has a row in `settingEvents`, and nothing else needs to know it. */
export type RoomSettingEvent = Extract<RoomEvent, { readonly type: "titled" | "topicSet" | "archiveSet" | "rulesSet" }>;

interface SettingRow<Event> {
  /** What is different after it. */
  readonly after: (event: Event) => Partial<RoomSettings>;
  /** What a line about it says, behind the name of the one who did it. */
  readonly says: (event: Event) => string;
}

const settingEvents: { readonly [Event in RoomSettingEvent as Event["type"]]: SettingRow<Event> } = {
  titled: { after: ({ title }) => ({ title }), says: ({ title }) => `renamed the room to ${title}` },
  topicSet: { after: ({ topic }) => ({ topic }), says: ({ topic }) => `set the topic: ${topic}` },
  archiveSet: {
    after: ({ archived }) => ({ archived }),
    says: ({ archived }) =>
      archived ? "archived the room: it can be read, and nobody writes" : "brought the room back",
  },
  rulesSet: {
    after: ({ posting, slowMs }) => ({ posting, slowMs }),
    says: (event) => `set who posts: ${rulesText(event)}`,
  },
};

const posters: Readonly<Record<RoomPosting, string>> = {
  members: "every member",
  threads: "moderators, and members in threads",
  moderators: "moderators",
};

/** Who posts in a room and how often, in words. */
export const rulesText = ({ posting = "members", slowMs = 0 }: Partial<RoomSettings>): string =>
  slowMs === 0 ? posters[posting] : `${posters[posting]}; members once in ${describeDuration(slowMs)}`;

const rowOf = ({ type }: RoomSettingEvent) => settingEvents[type] as SettingRow<RoomSettingEvent>;

/** Whether an event sets something. */
export const isSettingEvent = (event: RoomEvent): event is RoomSettingEvent => Object.hasOwn(settingEvents, event.type);

/** A room, its view or a page's model after an event that sets something. */
export const withSettings = <Room extends RoomSettings>(room: Room, event: RoomSettingEvent): Room => ({
  ...room,
  ...rowOf(event).after(event),
});

/** A line about an event that sets something, behind the name of the one who did it. */
export const settingText = (event: RoomSettingEvent): string => rowOf(event).says(event);
