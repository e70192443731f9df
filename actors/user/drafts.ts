/** What a person has begun to write, for their other devices. Events say where, and never what: the text stands in the
 *  account alone, and goes when it is sent, emptied, left or old (decision 0249). */
import { agentOfKey, type CommandOf, type DraftList, type UnsentText } from "../../protocols/index.ts";
import type { userCommands } from "../../protocols/index.ts";
import { note, persist, refuse, reply, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Effects, PersonHandlers } from "./effects.ts";
import type { UserNotes } from "./notes.ts";
import { happen } from "./sessions.ts";
import type { Account, UserState } from "./state.ts";

type Asked = Extract<CommandOf<typeof userCommands>, { type: "setDraft" }>;
type Dropped = Extract<CommandOf<typeof userCommands>, { type: "conversationDropped" }>;

/** Those that are not too old. A revision is the time at which it was made. */
const draftsAt = ({ drafts = [] }: Account, nowMs: number): readonly UnsentText[] =>
  drafts.filter(({ revision }) => revision + limits.draftKeptMs > nowMs);

/** The highest revision, also of those that are gone. */
const draftsHead = ({ draftsHead: head = 0, drafts = [] }: Account): number =>
  drafts.reduce((highest, { revision }) => Math.max(highest, revision), head);

/** Why there is no place for so many; undefined: there is. None gives way: a device that has it would take it for sent
 *  elsewhere. */
function refuseMany(drafts: readonly UnsentText[]): Effects | undefined {
  const { draftsMax, draftsCharsMax } = limits;
  if (drafts.length > draftsMax) return [refuse("LIMIT_REACHED", { limit: "draftsMax", max: draftsMax })];
  return drafts.reduce((sum, { text }) => sum + text.length, 0) > draftsCharsMax
    ? [refuse("LIMIT_REACHED", { limit: "draftsCharsMax", max: draftsCharsMax })]
    : undefined;
}

/** Why nothing is written at a place. */
function refusePlace({ rooms, agents }: Account, place: string): Effects | undefined {
  const [kind, key = ""] = place.split("/", 3);
  if (kind === "room") return rooms.includes(key) ? undefined : [refuse("NOT_A_MEMBER")];
  return agents.some((held) => held.agent === agentOfKey(key)) ? undefined : [refuse("NOT_FOUND", { agent: key })];
}

/** Writes that count for the limit: those of the last minute, so never more than that. */
const writesAt = ({ notes, nowMs }: Turn<UserNotes>): readonly number[] =>
  (notes.draftWrites ?? []).filter((atMs) => atMs > nowMs - minuteMs);

const minuteMs = 60_000;

function set(state: UserState, account: Account, asked: Asked, turn: Turn<UserNotes>): Effects {
  const { place, text, revision: seen } = asked;
  const known = draftsAt(account, turn.nowMs).find((one) => one.place === place);
  const now: UnsentText = known ?? { place, text: "", revision: 0 };
  if (now.text === text) return [reply(now)];
  const refusal = text === "" ? undefined : refusePlace(account, place);
  if (refusal !== undefined) return refusal;
  if (seen !== now.revision) return [refuse("CHANGED_MEANWHILE", { now })];
  const others = draftsAt(account, turn.nowMs).filter((one) => one.place !== place);
  const draft: UnsentText = { place, text, revision: Math.max(turn.nowMs, draftsHead(account) + 1) };
  const next = text === "" ? { ...draft, revision: 0 } : draft;
  const tooMany = text === "" ? undefined : refuseMany([...others, next]);
  if (tooMany !== undefined) return tooMany;
  const writes = writesAt(turn);
  // What is sent or emptied goes at once, however often: it makes room.
  if (text !== "" && writes.length >= limits.draftWritesMax)
    return [refuse("RATE_LIMITED", { retryAfterMs: (writes[0] as number) + minuteMs - turn.nowMs })];
  const noted = text === "" ? [] : [note({ draftWrites: [...writes, turn.nowMs] })];
  return [...written(state, draft, turn), ...noted, reply(next)];
}

/** One draft as it is from now on; an empty text takes it away, which devices hear as revision 0. */
const written = (state: UserState, draft: UnsentText, turn: Turn<UserNotes>): Effects => [
  persist({ type: "factorSet", set: {}, draft }),
  ...happen(state, turn, [{ type: "draftSet", place: draft.place, revision: draft.text === "" ? 0 : draft.revision }]),
];

/** A conversation is gone, and with it what was begun there. */
export function withoutConversation(
  state: UserState,
  account: Account,
  { conversation }: Dropped,
  turn: Turn<UserNotes>,
): Effects {
  if (turn.from !== `agent/${agentOfKey(conversation)}` || !conversation.startsWith(`${turn.key}.`))
    return [refuse("FORBIDDEN")];
  const place = `agent/${conversation}`;
  if (account.drafts?.some((one) => one.place === place) !== true) return [reply({})];
  const revision = Math.max(turn.nowMs, draftsHead(account) + 1);
  return [...written(state, { place, text: "", revision }, turn), reply({})];
}

/** What a person asks about what they have begun to write. */
export const draftHandlers: PersonHandlers<"setDraft" | "drafts"> = {
  setDraft: ({ state, account }, command, turn) => set(state, account, command, turn),
  drafts: ({ account }, _, turn) => [
    reply({
      drafts: draftsAt(account, turn.nowMs).toReversed(),
      ...(account.draftsHead !== undefined && { revision: draftsHead(account) }),
    } satisfies DraftList),
  ],
};
