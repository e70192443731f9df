/** What others see of a user, and how the user changes it. */
import {
  normalEmoji,
  sameJson,
  shownStatus,
  type Avatar,
  isAdminBy,
  type CommandOf,
  type LinkPreviewChoice,
  type UserAbout,
  type UserCard,
  type UserView,
  type userCommands,
} from "../../protocols/index.ts";
import { persist, refuse, reply, type Turn } from "../behavior.ts";
import { changedSince } from "../seen.ts";
import type { UserNotes } from "./notes.ts";
import type { Effects } from "./effects.ts";
import { happen, listing } from "./sessions.ts";
import { rolesOf, viewOf, type Account, type UserState } from "./state.ts";

type Profile = Omit<Extract<CommandOf<typeof userCommands>, { type: "setProfile" }>, "type">;

/** Changes what is named. What others see of it goes to the list of people. */
export function setProfile(
  state: UserState,
  account: Account,
  { displayName, theme, linkPreviews, seen }: Profile,
  turn: Turn<UserNotes>,
): Effects {
  const before = viewOf(state, account, turn.key);
  const now = changedSince<{ displayName: string }>(seen, before, {
    ...(displayName !== undefined && { displayName }),
  });
  if (now !== undefined) return [refuse("CHANGED_MEANWHILE", { now })];
  const choice = linkPreviews && { ...choiceOf(account), ...linkPreviews };
  const view: UserView = {
    ...before,
    ...(displayName !== undefined && { displayName }),
    ...(theme && { theme }),
    ...(choice && { linkPreviews: choice }),
  };
  if (sameJson(view, before)) return [reply(view)];
  const mail = view.displayName === before.displayName ? [] : listing(view, turn);
  return [
    // Nodes of versions before keep what is set so.
    ...(choice ? [persist({ type: "factorSet" as const, set: { linkPreviews: choice } })] : []),
    ...happen(state, turn, [{ type: "profileSet", view }], mail),
    reply(view),
  ];
}

/** What the person wants of previews of links. */
export const choiceOf = ({ linkPreviews }: Account): LinkPreviewChoice => linkPreviews ?? { own: true, shown: true };

/** Replaces the picture, or takes it away. */
export function setAvatar(
  state: UserState,
  account: Account,
  avatar: Avatar | undefined,
  turn: Turn<UserNotes>,
): Effects {
  const { avatar: before, ...rest } = viewOf(state, account, turn.key);
  const view: UserView = { ...rest, ...(avatar && { avatar }) };
  if (avatar?.hash === before?.hash) return [reply(view)];
  return [...happen(state, turn, [{ type: "profileSet", view }], listing(view, turn)), reply(view)];
}

/** Replaces what the person says of themselves. Error: BAD_REQUEST. */
export function setStatus(
  state: UserState,
  account: Account,
  { type: _type, ...said }: Extract<CommandOf<typeof userCommands>, { type: "setStatus" }>,
  turn: Turn<UserNotes>,
): Effects {
  const emoji = said.emoji === undefined ? undefined : normalEmoji(said.emoji);
  if (said.emoji !== undefined && emoji === undefined)
    return [refuse("BAD_REQUEST", { path: "/emoji", problem: "must be exactly one emoji" })];
  if (said.untilMs !== undefined && said.untilMs <= turn.nowMs)
    return [refuse("BAD_REQUEST", { path: "/untilMs", problem: "must be a time to come" })];
  const status = { ...said, ...(emoji !== undefined && { emoji }) };
  const isNone = Object.entries(status).every(([name, value]) => name === "untilMs" || value === false);
  const { status: _before, ...rest } = viewOf(state, account, turn.key);
  const view: UserView = { ...rest, ...(!isNone && { status }) };
  return [
    // Nodes of versions before keep what is set so, and pass over what the profile says of it.
    persist({ type: "factorSet", set: { status: isNone ? null : status } }),
    ...happen(state, turn, [{ type: "profileSet", view }]),
    reply(view),
  ];
}

/** What the person tells of themselves, and whether they are an admin or a guest. */
export function aboutOf(state: UserState, { about = {} }: Pick<Account, "about">): UserAbout {
  const roles = rolesOf(state);
  const role = isAdminBy(roles) ? "admin" : roles.includes("guest") ? "guest" : undefined;
  return { ...about, ...(role && { role }) };
}

/** Replaces it. */
export function setAbout(
  state: UserState,
  account: Account,
  { type: _type, ...about }: Extract<CommandOf<typeof userCommands>, { type: "setAbout" }>,
): Effects {
  const isNone = Object.keys(about).length === 0;
  const answer = reply(aboutOf(state, { about }));
  return sameJson(account.about ?? {}, about)
    ? [answer]
    : [persist({ type: "factorSet", set: { about: isNone ? null : about } }), answer];
}

/** What everybody may know. */
export function cardOf({ displayName, avatar, status }: Account, user: string, nowMs: number): UserCard {
  const shown = shownStatus(status, nowMs);
  return { user, displayName, ...(avatar && { avatar }), ...(shown && { status: shown }) };
}

/** What everybody may know of a deleted account: that it was one. */
export const cardOfDeleted = (user: string): UserCard => ({ user, displayName: "Deleted account", deleted: true });
