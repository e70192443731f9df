/** Messages that a person has saved for later: where they are, and nothing of what they say. Whether the person may
 *  read them still, and whether they are still there, the rooms know. */
import { wireLimits, type CommandOf, type SavedMessage, type userCommands } from "../../protocols/index.ts";
import { persist, refuse, reply, type Turn } from "../behavior.ts";
import type { Effects, PersonHandlers } from "./effects.ts";
import type { UserNotes } from "./notes.ts";
import { happen } from "./sessions.ts";
import type { Account, UserState } from "./state.ts";

type Of<Type extends "saveMessage" | "unsaveMessage"> = Extract<CommandOf<typeof userCommands>, { type: Type }>;

const isOne =
  ({ room, seq }: Pick<SavedMessage, "room" | "seq">) =>
  (one: SavedMessage): boolean =>
    one.room === room && one.seq === seq;

/** Errors: NOT_A_MEMBER, LIMIT_REACHED. */
function save(
  state: UserState,
  { rooms, saved = [] }: Account,
  { room, seq }: Of<"saveMessage">,
  turn: Turn<UserNotes>,
): Effects {
  const known = saved.find(isOne({ room, seq }));
  if (known !== undefined) return [reply(known)];
  if (!rooms.includes(room)) return [refuse("NOT_A_MEMBER")];
  if (saved.length >= wireLimits.savedMax) return [refuse("LIMIT_REACHED", { limit: "savedMax" })];
  const one: SavedMessage = { room, seq, savedAtMs: turn.nowMs };
  return [
    persist({ type: "factorSet", set: { saved: [...saved, one] } }),
    ...happen(state, turn, [{ type: "savedSet", room, seq, saved: true }]),
    reply(one),
  ];
}

/** Error: NOT_FOUND. */
function unsave(
  state: UserState,
  { saved = [] }: Account,
  { room, seq }: Of<"unsaveMessage">,
  turn: Turn<UserNotes>,
): Effects {
  const others = saved.filter((one) => !isOne({ room, seq })(one));
  if (others.length === saved.length) return [refuse("NOT_FOUND", { room, seq })];
  return [
    persist({ type: "factorSet", set: { saved: others } }),
    ...happen(state, turn, [{ type: "savedSet", room, seq, saved: false }]),
    reply({}),
  ];
}

/** What a person asks about what they have saved. */
export const savedHandlers: PersonHandlers<"saveMessage" | "unsaveMessage" | "saved"> = {
  saveMessage: ({ state, account }, command, turn) => save(state, account, command, turn),
  unsaveMessage: ({ state, account }, command, turn) => unsave(state, account, command, turn),
  saved: ({ account }) => [reply({ saved: (account.saved ?? []).toReversed() })],
};
