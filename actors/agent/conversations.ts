/** The conversations with an agent: the agent has the list, each conversation is an actor of its own (decision 0236).
 *
 *      agent                                     conversation
 *      open ─► a row, mail ──configure──► it begins with the agent's settings ──► open is answered
 *      update, one after the other ─────► the same takes what is new
 *      row ◄───────────────────told────── said, titled, cleared
 *      drop ─► no row, mail ────delete──► ended, as an agent is
 *
 *  The first conversation is the agent's own: its row is there when there is a second one. */
import {
  actorId,
  agentTools,
  conversationIn,
  conversationKey,
  wireLimits,
  type ActorId,
  type AgentConversation,
  type AgentConversations,
  type AgentView,
  type CommandOf,
  type Failure,
  type agentCommands,
} from "../../protocols/index.ts";
import { note, persist, publish, refuse, reply, type Message } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import {
  deliver,
  dispatch,
  fits,
  outboxReminder,
  remindOutbox,
  type Mail,
  type Outbox,
  type OutboxEntry,
  type Settled,
} from "../outbox.ts";
import { commit, erase, type Coming, type Effects, type Here } from "./effects.ts";
import { agentActor, listing, shown } from "./listed.ts";
import type { AgentState, Life, Listed } from "./shape.ts";
import { evolve, ownerOf, viewOf } from "./state.ts";
import { title, wordsOf } from "./titling.ts";

type Command = CommandOf<typeof agentCommands>;
type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;

/** Whether a message comes from the agent that this actor is a conversation with. */
export const isFromAgent = ({ from, key }: Here): boolean => {
  const of = conversationIn(key);
  return of !== undefined && from === agentActor(of.agent);
};

/** The list, the one that was used last first; undefined: there is the first alone. */
export const rowsOf = ({ conversations }: Life): readonly AgentConversation[] | undefined =>
  conversations?.map(shown).toSorted((one, other) => other.usedAtMs - one.usedAtMs || other.number - one.number);

/** The row of the first conversation, where there is none yet. */
function firstRow({ recent, createdAtMs }: Life): Listed {
  const said = recent.find(({ role, text }) => role === "user" && text !== "");
  return { number: 0, title: wordsOf(said?.text ?? ""), createdAtMs, usedAtMs: recent.at(-1)?.atMs ?? createdAtMs };
}

const rowOf = (life: Life, number: number): Listed | undefined =>
  life.conversations?.find((one) => one.number === number) ?? (number === 0 ? firstRow(life) : undefined);

const notHere = (key: string) =>
  refuse("BAD_REQUEST", { field: "agent", reason: `this is a conversation: ask its agent, ${key}` });

/** Answers with the list. */
export function conversations(life: Life, turn: Here): Effects {
  const of = conversationIn(turn.key);
  if (of !== undefined) return [notHere(of.agent)];
  const rows = rowsOf(life) ?? [shown(firstRow(life))];
  return [reply({ conversations: rows } satisfies AgentConversations)];
}

/** Opens another one. Errors: LIMIT_REACHED, OVERLOADED. */
export function open(state: AgentState, life: Life, command: Of<"open">, turn: Here): Effects {
  const of = conversationIn(turn.key);
  if (of !== undefined) return [notHere(of.agent)];
  const operation = turn.replyTo?.operation;
  const known = life.conversations?.find((one) => operation !== undefined && one.operation === operation);
  if (known !== undefined) return isBeginning(state, turn, known) ? wait(known, turn) : [reply(shown(known))];
  const number = (state.conversations ?? 0) + 1;
  const { title: named, folder = "", model } = command;
  const row: Listed = {
    number,
    title: named ?? "",
    ...(named !== undefined && { named: true }),
    ...(folder !== "" && { folder }),
    ...(model !== undefined && { model }),
    createdAtMs: turn.nowMs,
    usedAtMs: turn.nowMs,
    ...(operation !== undefined && { operation }),
  };
  return begin(state, life, { ...row, opening: turn.nowMs }, turn);
}

/** Makes a conversation again that a backup has. */
export function reopen(state: AgentState, life: Life, command: Of<"reopen">, turn: Here): Effects {
  const { number, title: named = "", model } = command;
  const known = rowOf(life, number);
  if (known !== undefined) return [reply(shown(known))];
  const at = { createdAtMs: turn.nowMs, usedAtMs: turn.nowMs };
  return begin(state, life, { number, title: named, ...(model !== undefined && { model }), ...at }, turn);
}

function begin(state: AgentState, life: Life, row: Listed, turn: Here): Effects {
  const others = life.conversations ?? [];
  const max = wireLimits.agentConversationsMax;
  if (others.filter(({ number }) => number > 0).length >= max)
    return [refuse("LIMIT_REACHED", { limit: "agentConversationsMax", max })];
  if (!fits(state.outbox, 1)) return [refuse("OVERLOADED")];
  const mail = beginning(life, row, turn);
  const first = life.conversations === undefined ? [listing(state, life, turn, firstRow(life))] : [];
  const { after, effects } = commit(state, turn, [...first, { ...listing(state, life, turn, row), mail: [mail] }]);
  return [...effects, ...wait(row, turn), ...title(after, turn)];
}

const beginning = (life: Life, row: Listed, turn: Here): Mail => ({
  to: actorOf(turn, row),
  message: {
    ...settingsFor(life, row.model),
    begin: true,
    ...(row.opening !== undefined && { opening: row.opening }),
    ...(row.named === true && { named: true }),
  },
});

const actorOf = ({ key }: Here, { number }: Pick<Listed, "number">): ActorId =>
  agentActor(conversationKey(key, number));

const isBeginning = (state: AgentState, turn: Here, row: Listed): boolean =>
  state.outbox.entries.some(({ to, message }) => to === actorOf(turn, row) && message["begin"] === true);

function wait(row: Listed, turn: Here): Effects {
  const { opening = {} } = turn.notes;
  const to = actorOf(turn, row);
  const waiting = opening[to] ?? [];
  if (turn.replyTo === undefined) return [];
  if (waiting.length >= limits.roomListsWaitingMax) return [refuse("OVERLOADED")];
  return [note({ opening: { ...opening, [to]: [...waiting, turn.replyTo] } })];
}

/** A conversation has begun, or cannot: those who wait for it are answered. */
export function onDelivered(state: AgentState, { entry, result }: Settled, turn: Here): Effects {
  if (entry?.message.type === "delete") return result.ok ? [] : deleteLater(state, entry, result.error, turn);
  if (entry?.message.type !== "configure") return [];
  const left = { ...state, outbox: deliver(state.outbox, entry.id) };
  if (entry.message["begin"] !== true) return left.life === null ? [] : toldSettings(left, left.life, turn);
  const { opening = {} } = turn.notes;
  const { [entry.to]: waiting = [], ...others } = opening;
  const row = state.life?.conversations?.find((one) => actorOf(turn, one) === entry.to);
  const done = note({ opening: others });
  if (left.life === null || row === undefined)
    return [done, ...waiting.map((to) => refuse("NOT_FOUND", undefined, to))];
  if (result.ok) return [done, ...waiting.map((to) => reply(shown(row), to))];
  const { code, details } = result.error;
  const gone = unlisting(left, left.life, turn, row.number);
  if (code === "NAME_TAKEN") {
    // Another life has that number: its list was lost. What it has is left alone.
    const next: Listed = { ...row, number: (left.conversations ?? 0) + 1 };
    const mail = beginning(left.life, next, turn);
    const { after, effects } = commit(left, turn, [gone, { ...listing(left, left.life, turn, next), mail: [mail] }]);
    return [...effects, ...erase(after, turn), note({ opening: { ...others, [mail.to]: waiting } })];
  }
  const { after, effects } = commit(left, turn, [gone]);
  return [...effects, ...erase(after, turn), done, ...waiting.map((to) => refuse(code, details, to))];
}

/** A node of the version before has the conversation, and lets an agent delete nothing: it is asked until another node
 *  has it. */
function deleteLater(state: AgentState, { id, to, message }: OutboxEntry, { code }: Failure, turn: Here): Effects {
  // Another conversation may have the number by now.
  const isListed = state.life?.conversations?.some((one) => actorOf(turn, one) === to) === true;
  if (code !== "FORBIDDEN" || isListed) return [];
  return [
    persist({ type: "delivered", id, next: { mail: [{ to, message }], behind: state.life?.behind ?? [] } }),
    { type: "remind", id: endingReminder, dueMs: turn.nowMs + limits.endingRetryMs },
  ];
}

/** Asks again for what was refused, while there is such. */
export const onEndingReminded = ({ outbox }: AgentState, turn: Here): Effects =>
  outbox.entries.some(({ message }) => message["type"] === "delete")
    ? remindOutbox(outbox, outboxReminder, turn.self)
    : [{ type: "forget", id: endingReminder }];

/** The id of the reminder that asks once more for deletions. */
export const endingReminder = "endings";

const unlisting = (state: AgentState, life: Life, turn: Here, number: number): Coming => ({
  event: { type: "updated", view: viewOf(state, life, turn.key), unlisted: number },
  unlisted: number,
});

/** Names and sorts one. Error: NOT_FOUND. */
export function arrange(state: AgentState, life: Life, command: Of<"arrange">, turn: Here): Effects {
  const of = conversationIn(turn.key);
  if (of !== undefined) return [notHere(of.agent)];
  const row = rowOf(life, command.number);
  if (row === undefined) return [refuse("NOT_FOUND", { number: command.number })];
  const { folder = row.folder ?? "", tags = row.tags ?? [], title: named } = command;
  const { favourite = row.favourite === true, archived = row.archived === true } = command;
  const { folder: _folder, tags: _tags, favourite: _favourite, archived: _archived, ...rest } = row;
  const listed: Listed = {
    ...rest,
    ...(named !== undefined && { title: named, named: true as const }),
    ...(folder !== "" && { folder }),
    ...(tags.length > 0 && { tags }),
    ...(favourite && { favourite }),
    ...(archived && { archived }),
  };
  const tells = named !== undefined && row.named !== true && listed.number > 0 && fits(state.outbox, 1);
  const mail = tells ? [{ to: actorOf(turn, row), message: { ...settingsFor(life, row.model), named: true } }] : [];
  return [...commit(state, turn, [{ ...listing(state, life, turn, listed), mail }]).effects, reply(shown(listed))];
}

/** Deletes one. Errors: NOT_FOUND, BAD_REQUEST, OVERLOADED. */
export function drop(state: AgentState, life: Life, { number }: Of<"drop">, turn: Here): Effects {
  const of = conversationIn(turn.key);
  if (of !== undefined) return [notHere(of.agent)];
  if (number === 0)
    return [refuse("BAD_REQUEST", { field: "number", reason: "the first conversation is the agent's own: clear it" })];
  if (rowOf(life, number) === undefined) return [refuse("NOT_FOUND", { number })];
  if (!fits(state.outbox, 2)) return [refuse("OVERLOADED")];
  const mail: readonly Mail[] = [
    { to: actorOf(turn, { number }), message: { type: "delete" } },
    // The account has what was begun there.
    {
      to: actorId("user", ownerOf(turn.key)),
      message: { type: "conversationDropped", conversation: conversationKey(turn.key, number) },
    },
  ];
  const { after, effects } = commit(state, turn, [{ ...unlisting(state, life, turn, number), mail }]);
  return [...effects, ...erase(after, turn), reply({})];
}

/** What ends the conversations of an agent that ends. */
export const endings = (life: Life, turn: Here): Mail[] =>
  numbersOf(life).map((number) => ({ to: actorOf(turn, { number }), message: { type: "delete" } }));

const numbersOf = ({ conversations: listed = [] }: Life): readonly number[] =>
  listed.flatMap(({ number }) => (number > 0 ? [number] : []));

/** The settings, as mail to a conversation. */
const settingsFor = ({ persona, model, sampling, tools = agentTools }: Life, own: string | undefined): Message => ({
  type: "configure",
  persona,
  model: own ?? model,
  sampling,
  tools: [...tools],
  ...(own !== undefined && { own: true }),
});

const isOfSettings = ({ message }: Mail): boolean => message.type === "configure" && message["begin"] !== true;

/** The next conversations that are told the settings, so many at once; the others are behind. */
function tellSettings(
  outbox: Outbox,
  life: Life,
  behind: readonly number[],
  turn: Here,
): { readonly mail: readonly Mail[]; readonly behind: readonly number[] } {
  const listed = life.conversations ?? [];
  const wanted = behind.filter((number) => listed.some((one) => one.number === number));
  const room = Math.max(0, limits.settingsToldAtOnce - outbox.entries.filter(isOfSettings).length);
  const mail = wanted.slice(0, fits(outbox, room) ? room : 0).map((number): Mail => {
    const own = listed.find((one) => one.number === number)?.model;
    return { to: actorOf(turn, { number }), message: settingsFor(life, own) };
  });
  return { mail, behind: wanted.slice(mail.length) };
}

/** All conversations have to be told. */
export const tellAll = ({ outbox }: AgentState, life: Life, turn: Here) =>
  tellSettings(outbox, life, numbersOf(life), turn);

/** One was told: the next is. */
function toldSettings(state: AgentState, life: Life, turn: Here): Effects {
  const { behind = [] } = life;
  if (behind.length === 0) return [];
  const next = tellSettings(state.outbox, life, behind, turn);
  // Number 0 is nobody's: it carries what is next.
  return [persist({ type: "delivered", id: 0, next }), ...dispatch(state.outbox, next.mail, turn.self)];
}

/** The agent's settings: this conversation begins with them, or takes what is new. */
export function configure(state: AgentState, command: Of<"configure">, turn: Here): Effects {
  const { begin: begins = false, own = false, named = false, opening, persona, model, sampling, tools } = command;
  const titled = named && { titled: true as const };
  if (!isFromAgent(turn)) return [refuse("FORBIDDEN")];
  const { life } = state;
  if (life !== null) {
    if (begins && opening !== undefined && life.opening !== opening) return [refuse("NAME_TAKEN")];
    const view: AgentView = {
      ...viewOf(state, life, turn.key),
      persona,
      sampling,
      tools,
      ...(life.ownModel !== true && { model }),
    };
    return [...commit(state, turn, [{ event: { type: "updated", view }, ...titled }]).effects, reply({})];
  }
  if (!begins) return [reply({})];
  const at = state.head + 1;
  const of = { agent: turn.key, owner: turn.key.split(".", 1)[0] ?? "" };
  const settings = { persona, model, sampling, tools };
  const view: AgentView = { ...of, ...settings, createdAtMs: turn.nowMs, turns: 0, busy: false };
  const event = { type: "updated" as const, view };
  const created = { type: "created" as const, at, event, createdAtMs: turn.nowMs };
  // What a creation says of tools versions before do not read.
  const { effects } = commit(evolve(state, created), turn, [
    { event, ...(own && { ownModel: true as const }), ...titled, ...(opening !== undefined && { opening }) },
  ]);
  return [persist(created), publish(event, at), ...effects, reply({})];
}

/** A conversation was used, or has another title. */
export function told(state: AgentState, life: Life, command: Of<"told">, turn: Here): Effects {
  const { number, usedAtMs = 0, title: now, model } = command;
  if (number === 0 || turn.from !== actorOf(turn, { number })) return [refuse("FORBIDDEN")];
  const row = life.conversations?.find((one) => one.number === number);
  if (row === undefined) return [reply({})];
  const listed: Listed = {
    ...row,
    usedAtMs: Math.max(row.usedAtMs, usedAtMs),
    ...(now !== undefined && row.named !== true && { title: now }),
    ...(model !== undefined && { model }),
  };
  const { after, effects } = commit(state, turn, [listing(state, life, turn, listed)]);
  return [...effects, ...erase(after, turn), reply({})];
}
