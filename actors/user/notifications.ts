/** What a person wants to be told of. A room that is left keeps what was said of it, until its place is needed. */
import {
  sameJson,
  wireLimits,
  type CommandOf,
  type NotificationRules,
  type userCommands,
} from "../../protocols/index.ts";
import { isTimeZone, plainNotifications } from "../../protocols/telling/index.ts";
import { keywordTerms } from "../../protocols/telling/keywords.ts";
import { persist, refuse, reply, type Turn } from "../behavior.ts";
import { changedSince } from "../seen.ts";
import type { Effects, PersonHandlers } from "./effects.ts";
import type { UserNotes } from "./notes.ts";
import { happen } from "./sessions.ts";
import { viewOf, type Account, type UserState } from "./state.ts";

type Command = CommandOf<typeof userCommands>;
type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;

const rulesOf = ({ notifications }: Account): NotificationRules => notifications ?? plainNotifications;

function set(state: UserState, account: Account, notifications: NotificationRules, turn: Turn<UserNotes>): Effects {
  if (sameJson(notifications, rulesOf(account))) return [reply(viewOf(state, account, turn.key))];
  return [
    persist({ type: "factorSet", set: { notifications } }),
    ...happen(state, turn, [{ type: "notificationsSet", notifications }]),
    reply(viewOf(state, { ...account, notifications }, turn.key)),
  ];
}

function setRules(
  state: UserState,
  account: Account,
  { level, keywords, quiet, seen }: Of<"setNotifications">,
  turn: Turn<UserNotes>,
): Effects {
  const before = rulesOf(account);
  const wanted = { ...(level && { level }), ...(keywords && { keywords }), ...(quiet && { quiet }) };
  const now = changedSince<NotificationRules>(seen, before, wanted);
  if (now !== undefined) return [refuse("CHANGED_MEANWHILE", { now })];
  const empty = keywords?.find((keyword) => keywordTerms([keyword]).length === 0);
  if (empty !== undefined)
    return [refuse("BAD_REQUEST", { field: "keywords", reason: "there is nothing to look for in one of them" })];
  if (quiet !== undefined && !isTimeZone(quiet.zone))
    return [refuse("BAD_REQUEST", { field: "quiet", reason: "this node knows no such time zone" })];
  return set(state, account, { ...before, ...wanted }, turn);
}

function setRoom(
  state: UserState,
  account: Account,
  { type: _type, ...said }: Of<"setRoomNotifications">,
  turn: Turn<UserNotes>,
): Effects {
  if (!account.rooms.includes(said.room)) return [refuse("NOT_A_MEMBER")];
  if (said.mutedUntilMs !== undefined && said.mutedUntilMs <= turn.nowMs)
    return [refuse("BAD_REQUEST", { field: "mutedUntilMs", reason: "this time is over" })];
  const before = rulesOf(account);
  const others = before.rooms.filter(({ room }) => room !== said.room);
  const isSaid = said.level !== undefined || said.mutedUntilMs !== undefined;
  // The person is in no more rooms than there are places, so this makes one.
  const kept =
    isSaid && others.length >= wireLimits.roomsPerUserMax
      ? others.filter(({ room }) => account.rooms.includes(room))
      : others;
  return set(state, account, { ...before, rooms: isSaid ? [...kept, said] : kept }, turn);
}

/** What a person says of what they want to be told. */
export const notificationHandlers: PersonHandlers<"setNotifications" | "setRoomNotifications"> = {
  setNotifications: ({ state, account }, command, turn) => setRules(state, account, command, turn),
  setRoomNotifications: ({ state, account }, command, turn) => setRoom(state, account, command, turn),
};
