/** Read-only links that a person has made to conversations with agents: the hash of each secret, and where the path
 *  ends that it shows. What that path says the conversation knows, so what is deleted there is shown nowhere. */
import {
  holdsAt,
  wireLimits,
  type CommandOf,
  type SharedLink,
  type SharedLinks,
  type userCommands,
} from "../../protocols/index.ts";
import { persist, refuse, reply, type Turn } from "../behavior.ts";
import type { Effects, PersonHandlers } from "./effects.ts";
import type { UserNotes } from "./notes.ts";
import { isOut } from "./sessions.ts";
import type { Account, HeldShared } from "./state.ts";

type Of<Type extends "addShared"> = Extract<CommandOf<typeof userCommands>, { type: Type }>;

/** The id of the reminder that the next one ends. */
export const sharedReminder = "shared";

/** Without what an older version wrote. */
const fieldsOf = ({ id, conversation, leaf, atMs, untilMs }: HeldShared): Omit<SharedLink, "title"> => ({
  id,
  conversation,
  leaf,
  atMs,
  untilMs,
});

/** Its title is the conversation's to tell: what is cleared or deleted there stands nowhere else. */
const shown = (link: HeldShared): SharedLink => ({ ...fieldsOf(link), title: "" });

const holding = ({ shared = [] }: Account, nowMs: number): readonly HeldShared[] =>
  shared
    .filter(({ atMs, untilMs }) => holdsAt(nowMs, untilMs, untilMs - atMs))
    .map((link): HeldShared => ({ ...fieldsOf(link), hash: link.hash }));

const set = (shared: readonly HeldShared[]): Effects => [
  persist({ type: "factorSet", set: { shared } }),
  shared.length === 0
    ? { type: "forget", id: sharedReminder }
    : { type: "remind", id: sharedReminder, dueMs: Math.min(...shared.map(({ untilMs }) => untilMs)) },
];

/** Those that have ended go. */
export const sharedReminded = (account: Account | null, { nowMs }: Turn<UserNotes>): Effects =>
  account === null ? [{ type: "forget", id: sharedReminder }] : set(holding(account, nowMs));

function add(account: Account, command: Of<"addShared">, { nowMs }: Turn<UserNotes>): Effects {
  const { id, hash, conversation, leaf, lifeMs } = command;
  const others = holding(account, nowMs);
  const max = wireLimits.sharedLinksMax;
  if (others.length >= max) return [refuse("LIMIT_REACHED", { limit: "sharedLinksMax", max })];
  const held: HeldShared = { id, hash, conversation, leaf, atMs: nowMs, untilMs: nowMs + lifeMs };
  return [...set([...others, held]), reply(shown(held))];
}

function remove(account: Account, id: string, { nowMs }: Turn<UserNotes>): Effects {
  const known = holding(account, nowMs);
  const one = known.find((link) => link.id === id);
  if (one === undefined) return [refuse("NOT_FOUND", { id })];
  return [...set(known.filter((link) => link !== one)), reply(shown(one))];
}

/** A link is its maker's word: it shows nothing while they may not sign in, or the account is to be deleted. */
function open(account: Account, hash: string, { nowMs }: Turn<UserNotes>): Effects {
  const isEnded = isOut(account, nowMs) || account.deletion !== undefined;
  const one = isEnded ? undefined : holding(account, nowMs).find((link) => link.hash === hash);
  return [one === undefined ? refuse("NOT_FOUND") : reply(shown(one))];
}

/** What the gateway asks of them. */
export const sharedHandlers: PersonHandlers<"addShared" | "removeShared" | "shared" | "openShared"> = {
  addShared: ({ account }, command, turn) => add(account, command, turn),
  removeShared: ({ account }, { id }, turn) => remove(account, id, turn),
  shared: ({ account }, _, turn) => [
    reply({ links: holding(account, turn.nowMs).map(shown).toReversed() } satisfies SharedLinks),
  ],
  openShared: ({ account }, { hash }, turn) => open(account, hash, turn),
};
