/** What people set of a room or of a message in it, described once for the room, the page and the terminal. It loads no
 *  schema. */
import { describeDuration } from "../words/amounts.ts";
import type { AgentMode, AgentRules } from "./room-agents.ts";
import { withMute } from "./room-muted.ts";
import type { RoomPosting } from "./room-rules.ts";
import type { RoomEvent } from "./room.ts";
import type { RoomView } from "./room-view.ts";

const settingNames = [
  "title",
  "topic",
  "visibility",
  "archived",
  "posting",
  "slowMs",
  "keepsVersions",
  "topicsNeeded",
  "agentRules",
  "people",
  "pins",
  "mutes",
] as const satisfies readonly (keyof RoomView)[];

/** What a room is set to, by people in it. The room itself, its view and the page's model have these fields. */
export type RoomSettings = Pick<RoomView, (typeof settingNames)[number]>;

/** The settings of a room, and nothing else of it. */
export const settingsOf = (room: RoomSettings): RoomSettings =>
  Object.fromEntries(
    settingNames.filter((name) => room[name] !== undefined).map((name) => [name, room[name]]),
  ) as unknown as RoomSettings;

/** The events that set something. Each has a row in `settingEvents`: page and terminal need nothing else, and the room
 *  itself only where it keeps what its view does not show. A message that the event brings takes the place of the one
 *  that was there. */
export type RoomSettingEvent = Extract<
  RoomEvent,
  {
    readonly type:
      | "titled"
      | "topicSet"
      | "visibilitySet"
      | "archiveSet"
      | "rulesSet"
      | "agentRulesSet"
      | "agentsStopped"
      | "pinned"
      | "reacted"
      | "banned"
      | "unbanned"
      | "topicResolved"
      | "muted"
      | "unmuted";
  }
>;

/** How a line calls people, and times. */
interface Words {
  readonly who: (principal: string) => string;
  readonly when: (atMs: number) => string;
}

interface SettingRow<Event> {
  /** What is different after it. Absent: no setting. */
  readonly after?: (event: Event, before: RoomSettings) => Partial<RoomSettings>;
  /** What a line about it says, behind the name of the one who did it. */
  readonly says: (event: Event, words: Words) => string;
}

function heldBack(
  { type, member, untilMs, reason }: Extract<RoomEvent, { readonly type: "banned" | "muted" }>,
  { who, when }: Words,
): string {
  const until = untilMs === undefined ? "" : ` until ${when(untilMs)}`;
  return `${type} ${who(member)}${until}${reason === undefined ? "" : `: ${reason}`}`;
}

const settingEvents: { readonly [Event in RoomSettingEvent as Event["type"]]: SettingRow<Event> } = {
  titled: { after: ({ title }) => ({ title }), says: ({ title }) => `renamed the room to ${title}` },
  topicSet: { after: ({ topic }) => ({ topic }), says: ({ topic }) => `set the topic: ${topic}` },
  visibilitySet: {
    after: ({ visibility }) => ({ visibility }),
    says: ({ visibility }) =>
      visibility === "public"
        ? "made the room public: everybody can find, join and read it"
        : "made the room private: nobody joins it without being let in",
  },
  archiveSet: {
    after: ({ archived }) => ({ archived }),
    says: ({ archived }) =>
      archived ? "archived the room: it can be read, and nobody writes" : "brought the room back",
  },
  rulesSet: {
    after: ({ posting, slowMs, keepsVersions, topicsNeeded }) => ({
      posting,
      slowMs,
      ...(keepsVersions !== undefined && { keepsVersions }),
      ...(topicsNeeded !== undefined && { topicsNeeded }),
    }),
    says: (event) => `set who posts: ${rulesText(event)}`,
  },
  agentRulesSet: {
    after: ({ rules: agentRules }) => ({ agentRules }),
    says: ({ rules }, { who }) => `set what agents may do: ${agentRulesText(rules, who)}`,
  },
  agentsStopped: {
    says: ({ answers }) =>
      `stopped all agents: ${["no answer", "one answer"][answers] ?? `${answers} answers`} ran or waited`,
  },
  pinned: {
    after({ message: { seq }, on }, { pins }) {
      const others = pins.filter((pin) => pin !== seq);
      return { pins: on ? [...others, seq] : others };
    },
    says: ({ message, on }) => `${on ? "pinned" : "unpinned"} #${message.seq}`,
  },
  reacted: {
    says: ({ message, emoji, on }) =>
      on ? `reacted to #${message.seq} with ${emoji}` : `took ${emoji} back from #${message.seq}`,
  },
  // The list of topics is asked for when it is shown.
  topicResolved: {
    says: ({ topic, resolved }) => (resolved ? `marked ${topic} as resolved ✔` : `opened ${topic} again`),
  },
  // The list of bans is asked for when it is shown.
  banned: { says: heldBack },
  unbanned: { says: ({ member }, { who }) => `lifted the ban of ${who(member)}` },
  muted: {
    after: ({ type: _type, ...mute }, { mutes }) => ({ mutes: withMute(mutes, mute) }),
    says: heldBack,
  },
  unmuted: {
    after: ({ member }, { mutes = [] }) => ({ mutes: mutes.filter((mute) => mute.member !== member) }),
    says: ({ member, by }, { who }) => (member === by ? "is muted no more" : `lifted the mute of ${who(member)}`),
  },
};

const posters: Readonly<Record<RoomPosting, string>> = {
  members: "every member",
  threads: "moderators, and members in threads",
  moderators: "moderators",
};

/** Who posts in a room and how often, in words. */
export const rulesText = ({
  posting = "members",
  slowMs = 0,
  keepsVersions,
  topicsNeeded,
}: Partial<RoomSettings>): string =>
  [
    posters[posting],
    ...(slowMs === 0 ? [] : [`members once in ${describeDuration(slowMs)}`]),
    ...(keepsVersions === false ? ["nobody reads what edited messages said before"] : []),
    ...(topicsNeeded === true ? ["messages need a topic"] : []),
  ].join("; ");

/** What agents may do in a room, in words. */
export function agentRulesText({ turns, dayTokens, modes }: AgentRules, who: (principal: string) => string): string {
  const modesOf = (mode: AgentMode): string =>
    Object.keys(modes)
      .filter((agent) => modes[agent] === mode)
      .map(who)
      .join(", ");
  const [always, moderated] = [modesOf("always"), modesOf("moderators")];
  return [
    turns === 0 ? "they do not call each other" : `they call each other for ${turns} turns without a person`,
    ...(dayTokens === 0 ? [] : [`${dayTokens} tokens in a day`]),
    ...(always === "" ? [] : [`every message is answered by ${always}`]),
    ...(moderated === "" ? [] : [`moderators alone ask ${moderated}`]),
  ].join("; ");
}

const rowOf = ({ type }: RoomSettingEvent) => settingEvents[type] as SettingRow<RoomSettingEvent>;

/** Whether an event sets something. */
export const isSettingEvent = (event: RoomEvent): event is RoomSettingEvent => Object.hasOwn(settingEvents, event.type);

/** A room, its view or a page's model after an event that sets something. */
export function withSettings<Room extends RoomSettings>(room: Room, event: RoomSettingEvent): Room {
  const { after } = rowOf(event);
  return after === undefined ? room : { ...room, ...after(event, room) };
}

/** What is set of agents after one has left: nothing of it. */
export function withoutModeOf(
  { agentRules }: Pick<RoomSettings, "agentRules">,
  agent: string,
): Pick<RoomSettings, "agentRules"> {
  if (agentRules === undefined || !Object.hasOwn(agentRules.modes, agent)) return {};
  const { [agent]: _gone, ...modes } = agentRules.modes;
  return { agentRules: { ...agentRules, modes } };
}

/** A line about messages that went to another topic. */
export function movedText({ from, to, messages, renamed }: Extract<RoomEvent, { type: "topicMoved" }>): string {
  if (renamed === true && from !== undefined && to !== undefined) return `renamed the topic ${from} to ${to}`;
  const what = messages.length === 1 ? "a message" : `${messages.length} messages`;
  return `moved ${what}${from === undefined ? "" : ` from ${from}`} to ${to ?? "no topic"}`;
}

/** A line about an event that sets something, behind the name of the one who did it. */
export const settingText = (event: RoomSettingEvent, words: Words): string => rowOf(event).says(event, words);
