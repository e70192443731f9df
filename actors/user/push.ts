/** Browsers that take notices for a person while their page is closed. The account keeps where they are; its node
 *  follows the person's rooms and sends (`node/gateway/push`).
 *
 *      added, changed, comes into memory ─► says `pushWatched` ─► the node hears it, and follows or ends
 *
 *  Invariant: a browser is told as long as the session lasts in which it was added. */
import { wireLimits, type CommandOf, type PushDevice, type userCommands } from "../../protocols/index.ts";
import { persist, publish, refuse, reply, type Effect, type Turn } from "../behavior.ts";
import type { Effects, PersonHandlers } from "./effects.ts";
import type { UserNotes } from "./notes.ts";
import { isOut } from "./sessions.ts";
import type { Account, HeldPush } from "./state.ts";

type Command = CommandOf<typeof userCommands>;
type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;

const shown = ({ id, name, content, addedAtMs }: HeldPush): PushDevice => ({ id, name, content, addedAtMs });

/** Those whose session is still there. */
function pushesOf(account: Account, nowMs: number): readonly HeldPush[] {
  const { pushes = [], sessions } = account;
  if (pushes.length === 0 || isOut(account, nowMs)) return [];
  const open = sessions.filter(({ expiresAtMs = Infinity }) => expiresAtMs > nowMs).map(({ id }) => id);
  return pushes.filter(({ session }) => open.includes(session));
}

/** Has the node look who is to be told: it keeps this to itself, and nobody else hears it. */
export const pushWatched: Effect<never, never> = publish({ type: "pushWatched" });

const set = (pushes: readonly HeldPush[]): Effects => [persist({ type: "factorSet", set: { pushes } }), pushWatched];

/** Error: LIMIT_REACHED. */
function add(account: Account, command: Of<"addPush">, turn: Turn<UserNotes>): Effects {
  const { id, endpoint, p256dh, auth, name, content, session } = command;
  if (!account.sessions.some((one) => one.id === session)) return [refuse("FORBIDDEN", { reason: "no such session" })];
  const others = pushesOf(account, turn.nowMs).filter((one) => one.endpoint !== endpoint);
  if (others.length >= wireLimits.pushDevicesMax) return [refuse("LIMIT_REACHED", { limit: "pushDevicesMax" })];
  const held: HeldPush = { id, endpoint, p256dh, auth, name, content, session, addedAtMs: turn.nowMs };
  return [...set([...others, held]), reply(shown(held))];
}

/** Error: NOT_FOUND. */
function change(
  account: Account,
  id: string,
  to: (held: HeldPush) => readonly HeldPush[],
  turn: Turn<UserNotes>,
): Effects {
  const known = pushesOf(account, turn.nowMs);
  if (!known.some((one) => one.id === id)) return [refuse("NOT_FOUND", { id })];
  return [...set(known.flatMap((one) => (one.id === id ? to(one) : [one]))), reply({})];
}

/** What the gateway asks of them. */
export const pushHandlers: PersonHandlers<"addPush" | "setPush" | "removePush" | "pushes"> = {
  addPush: ({ account }, command, turn) => add(account, command, turn),
  setPush: ({ account }, { id, content }, turn) => change(account, id, (held) => [{ ...held, content }], turn),
  removePush: ({ account }, { id }, turn) => change(account, id, () => [], turn),
  pushes: ({ account }, _, turn) => [reply({ pushes: pushesOf(account, turn.nowMs) })],
};
