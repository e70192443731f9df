/** An agent: a persona and a model that belong to one user. It answers its owner in a direct conversation, and people
 *  who mention it in a room that it is a member of.
 *
 *      say ──► said, generationStarted ──► call ──part──► draft … ──done──► answered
 *
 *  Only the owner reads the conversation or changes the agent: that is checked before anything else, so that others do
 *  not even learn whether it exists. Rooms send `mentioned`, nothing more.
 *
 *  Read `state.ts`, then `conversation.ts` (its branches), `generation.ts` (how an answer comes about), `context.ts`
 *  (what the model reads), `condensing.ts` (what becomes of what it does not read any more), `tools.ts` (what it may
 *  call), `usage.ts` (what all of it took). */
import {
  wireLimits,
  conversationIn,
  agentCommands,
  agentTools,
  type CommandOf,
  type AgentEvent,
  type AgentRated,
  type AgentSignal,
  type AgentState as AgentSnapshot,
  type AgentUsage,
  type AgentView,
  type GenerationAnswer,
  type GenerationPart,
  type Result,
  type AgentPictures,
} from "../../protocols/index.ts";
import { messageCheckOf, refuseSource } from "../message-check.ts";
import { handled, type Handlers } from "../handlers.ts";
import { note, persist, publish, refuse, reply, type ActorRecord, type Behavior, type Signal } from "../behavior.ts";
import { restoreGap, outboxAfterRestore } from "../restored-numbers.ts";
import { storedReminder } from "../kept-bytes.ts";
import { actorLimits as limits } from "../limits.ts";
import { dispatch, fits, recoverOutbox, remindOutbox, settle } from "../outbox.ts";
import { changedSince } from "../seen.ts";
import { resume, resumePage, type ResumeTag } from "../stream.ts";
import { onSummary, onSummaryPart } from "./condensing.ts";
import {
  arrange,
  configure,
  conversations,
  drop,
  endingReminder,
  endings,
  isFromAgent,
  onDelivered,
  onEndingReminded,
  open,
  reopen,
  rowsOf,
  tellAll,
  told,
} from "./conversations.ts";
import { branch, factsOf, history, isFull, nameOf, onPath, regenerate, roomIn, say, uploaded } from "./conversation.ts";
import {
  cancelRuns,
  commit,
  erase,
  goOnErasing,
  isSummingUp,
  type AgentNotes,
  type Cancelled,
  type Coming,
  type Effects,
  type Here,
} from "./effects.ts";
import {
  answerTo,
  askerOf,
  draft,
  onAnswer,
  onPart,
  onPlaced,
  onReminded,
  generationReminder,
  placesOf,
  startNext,
  stopJob,
  takeUp,
  signalOf,
  tellWaiting,
  type Placed,
} from "./generation.ts";
import { telling } from "./listed.ts";
import type { PathTag } from "./paths.ts";
import { branchesOf, erasure, evolve, initial, ownerOf, record, viewOf } from "./state.ts";
import type { AgentChange, AgentState, Job, Life, RoomSource } from "./shape.ts";
import { entriesRead, recalled, withdrawRead, withoutWithdrawn, type RestoringTag } from "./restoring.ts";
import { droppings, isOfFiles, onFilesTaken } from "./said-files.ts";
import { onStoredDue, onStoredTold, recoverStored, tellStored, withTold, type StoredTag } from "./stored.ts";
import { onTitle, onTitlePart } from "./titling.ts";
import { usageAt, usedBy } from "./usage.ts";

export { namedIn, settingsOf } from "./restoring.ts";

type Command = CommandOf<typeof agentCommands>;
type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;
/** The behavior of agents. */
export const agent: Behavior<AgentState, Command, AgentChange, AgentNotes, Partial<AgentNotes>> = {
  kind: "agent",
  role: "chat",
  accepts: messageCheckOf(agentCommands),
  initial: () => initial,
  decide: (state, message, turn) =>
    withTold(state, decide(state, message, turn), turn, { evolve, owner: ownerOf(turn.key) }),
  evolve,
  record,
  recover: (state, turn) => [
    ...recoverOutbox(state.outbox, turn.self),
    ...goOnErasing(state, turn),
    ...takeUp(state, turn),
    ...tellWaiting(state),
    ...recoverStored(state, ownerOf(turn.key), turn),
  ],
  pending: (state) => state.outbox.entries.length > 0 || (state.life?.jobs.length ?? 0) > 0 || erasure(state) !== null,
  blobs: ({ life }) => (life === null ? [] : uploaded(life).map(({ hash }) => hash)),
  notes: { initial: () => ({ run: null }), evolve: (notes, change) => ({ ...notes, ...change }) },
  restored,
};

/** Its answers have names by which rooms know them again, so those skip the same gap. */
function restored(state: AgentState): AgentState {
  const head = state.head + restoreGap;
  const { conversations, stored } = state;
  const events = { eventFloor: head, eventsErased: head };
  return {
    ...state,
    ...events,
    head,
    generations: state.generations + restoreGap,
    // The account may have heard of later versions.
    ...(stored && { stored: { ...stored, version: stored.version + restoreGap } }),
    ...(conversations !== undefined && { conversations: conversations + restoreGap }),
    outbox: outboxAfterRestore(state.outbox),
  };
}

function decide(state: AgentState, message: Command | Signal, turn: Here): Effects {
  const refusal = refuseSource(agentCommands, message, turn.from);
  if (refusal !== undefined) return refusal;
  switch (message.type) {
    case "answered":
      return onAnswered(state, message, turn);
    case "records":
      return onRecords(state, message.tag as ResumeTag | PathTag | RestoringTag, message.records, turn);
    case "part":
      return message.engine === "generate" ? onSaid(state, message.tag, message.part, turn) : [];
    case "waits":
      return onPlaced(state, message.tag, message.place, turn);
    case "reminded":
      if (message.id === storedReminder) return onStoredDue(state, ownerOf(turn.key), turn);
      if (message.id === endingReminder) return onEndingReminded(state, turn);
      return message.id === generationReminder
        ? onReminded(state, turn)
        : remindOutbox(state.outbox, message.id, turn.self);
    case "erase":
      return turn.from === turn.self ? erase(state, turn) : [refuse("FORBIDDEN")];
    case "tellStored":
      if (turn.from !== turn.self && turn.from !== "node") return [refuse("FORBIDDEN")];
      return [...tellStored(state), reply({})];
    case "attach":
    case "attachSound":
      return attach(state, message, turn);
    case "pictures":
      return [
        state.life === null
          ? refuse("NOT_FOUND")
          : reply({
              hashes: uploaded(state.life).map(({ hash }) => hash),
              room: roomIn(state.life),
            } satisfies AgentPictures),
      ];
    case "mentioned":
    case "stopMention":
    case "tellRoom":
      return fromRoom(state, message, turn);
    case "configure":
      return configure(state, message, turn);
    case "told":
      return state.life === null ? [refuse("NOT_FOUND")] : told(state, state.life, message, turn);
    case "reopen":
      return state.life === null ? [refuse("NOT_FOUND")] : reopen(state, state.life, message, turn);
    case "entries":
    case "restore":
    case "withdraw":
      return state.life === null ? [refuse("NOT_FOUND")] : recalled(state, state.life, message, turn);
    default:
      if (message.type === "delete" && isFromAgent(turn))
        return state.life === null ? [refuse("NOT_FOUND")] : end(state, state.life, turn);
      if (turn.from !== `user/${ownerOf(turn.key)}`)
        return [refuse("FORBIDDEN", { reason: "only the agent's owner can do this" })];
      if (message.type === "create") return create(state, message, turn);
      return state.life === null
        ? [refuse("NOT_FOUND")]
        : handled(forOwner, { state, life: state.life }, message, turn);
  }
}

/** Of mail, or of a run. */
function onAnswered(state: AgentState, message: Extract<Signal, { type: "answered" }>, turn: Here): Effects {
  const tag = message.tag as StoredTag | undefined;
  if (tag?.type === "stored") return onStoredTold(state, tag, message.result, turn);
  const settled = settle(state.outbox, message, turn);
  if (settled !== undefined) return [...settled.effects, ...onDelivered(state, settled, turn)];
  if (isOfFiles(message.tag)) return onFilesTaken(state, message.tag, message.result, turn, say);
  return onEnded(state, message.tag, message.result, turn);
}

/** The run with this tag is that of an answer, of a summary, of a title, or of nothing that is wanted any more. */
function onSaid(state: AgentState, tag: string, part: GenerationPart, turn: Here): Effects {
  const { condensing = null, titling = null } = turn.notes;
  if (titling?.tag === tag) return onTitlePart(titling, part.text);
  return condensing !== null && condensing.tag === tag
    ? onSummaryPart(condensing, part.text)
    : onPart(state, tag, part, turn);
}

function onEnded(state: AgentState, tag: unknown, result: Result<unknown>, turn: Here): Effects {
  const { condensing = null, titling = null, cancelled = [] } = turn.notes;
  if (titling !== null && titling.tag === tag) return onTitle(state, titling, result, turn);
  const one = cancelled.find((run) => run.tag === tag);
  if (one !== undefined) return onCancelled(state, one, result, turn);
  return condensing !== null && condensing.tag === tag
    ? onSummary(state, condensing, result, turn)
    : onAnswer(state, tag, result, turn);
}

/** A run that was cancelled has ended: what it took is counted, and rides on an event that versions before know. */
function onCancelled(state: AgentState, run: Cancelled, result: Result<unknown>, turn: Here): Effects {
  const { life } = state;
  const done = note({ cancelled: (turn.notes.cancelled ?? []).filter((one) => one !== run) });
  if (life === null || !result.ok) return [done];
  const used = usedBy(run.model, result.value as GenerationAnswer, run.sinceMs, turn.nowMs);
  const event: AgentEvent = { type: "updated", view: viewOf(state, life, turn.key) };
  return [...commit(state, turn, [{ event, used }]).effects, done];
}

/** The commands that only its owner may send, and only while it is there. */
type OwnerCommand = Exclude<
  Command,
  {
    type:
      | "create"
      | "mentioned"
      | "stopMention"
      | "tellRoom"
      | "erase"
      | "tellStored"
      | "attach"
      | "attachSound"
      | "pictures"
      | "entries"
      | "restore"
      | "withdraw"
      | "configure"
      | "told"
      | "reopen";
  }
>;

interface Living {
  readonly state: AgentState;
  readonly life: Life;
}

const uploadOf = (life: Life, { type, hash }: Of<"picture" | "sound">): Effects => {
  const found = uploaded(life).find((one) => one.hash === hash);
  const isAsked = found !== undefined && "ms" in found === (type === "sound");
  return [isAsked ? reply(factsOf(found)) : refuse("NOT_FOUND", { [type]: hash })];
};

const forOwner: Handlers<Living, OwnerCommand, Here, Effects> = {
  describe: ({ state, life }, _, turn) => [reply(describedOf(state, life, turn))],
  update: ({ state, life }, message, turn) => update(state, life, message, turn),
  delete: ({ state, life }, _, turn) => end(state, life, turn),
  say: ({ state, life }, message, turn) => say(state, life, message, turn),
  stop: ({ state, life }, _, turn) => stop(state, life, turn),
  regenerate: ({ state, life }, message, turn) => regenerate(state, life, message, turn),
  branch: ({ state, life }, message, turn) => branch(state, life, message, turn),
  open: ({ state, life }, message, turn) => open(state, life, message, turn),
  conversations: ({ life }, _, turn) => conversations(life, turn),
  arrange: ({ state, life }, message, turn) => arrange(state, life, message, turn),
  drop: ({ state, life }, message, turn) => drop(state, life, message, turn),
  rate: ({ state, life }, message, turn) => rate(state, life, message, turn),
  clear: ({ state, life }, _, turn) => clear(state, life, turn),
  history: ({ state, life }, message, turn) => history(state, life, message, turn),
  picture: ({ life }, message) => uploadOf(life, message),
  sound: ({ life }, message) => uploadOf(life, message),
  usage: ({ life }, _, turn) => [reply({ rows: usageAt(life.usage, turn.nowMs) } satisfies AgentUsage)],
  resume: ({ state, life }, message, turn) =>
    resume(spanOf(state), message.after, turn, () => snapshotOf(state, life, turn), signalsOf(life, turn)),
};

const spanOf = (state: AgentState) => ({ head: state.head, floor: state.eventFloor });

const describedOf = (state: AgentState, life: Life, { key }: Here): AgentView => ({
  ...viewOf(state, life, key),
  ...(life.forks !== undefined && { branches: branchesOf(state, life) }),
});

function snapshotOf(state: AgentState, life: Life, turn: Here): AgentSnapshot {
  const view = describedOf(state, life, turn);
  const conversation = life.recent.slice(-wireLimits.pageEntriesDefault);
  const [first, ...behind] = placesOf(life, turn);
  const waiting = behind.flatMap(({ job: { source, generation }, place }) =>
    source.type === "room" ? [] : [{ generation, turn: source.turn, ...place }],
  );
  const draft = first && draftOf(first);
  const listed = rowsOf(life);
  return {
    ...view,
    conversation,
    ...(draft && { draft }),
    ...(waiting.length > 0 && { waiting }),
    ...(listed && { conversations: listed }),
  };
}

/** What there is of an answer in the conversation. */
function draftOf({ job: { source, generation, rounds }, text, place }: Placed): AgentSnapshot["draft"] {
  return source.type === "room"
    ? undefined
    : { generation, turn: source.turn, text, ...place, ...(rounds && { rounds }) };
}

/** The signals that say again what goes on in the conversation. */
const signalsOf = (life: Life | null, turn: Here): readonly AgentSignal[] =>
  life === null
    ? []
    : placesOf(life, turn).flatMap(({ job, text, place }) =>
        job.source.type === "room" ? [] : [signalOf(job, job.source.turn, { offset: 0, text, place })],
      );

// --- life ------------------------------------------------------------------------------------------------------------

function create(state: AgentState, { persona, model }: Of<"create">, turn: Here): Effects {
  if (state.life !== null) return [reply(viewOf(state, state.life, turn.key))];
  const view: AgentView = {
    agent: turn.key,
    owner: ownerOf(turn.key),
    persona: persona ?? "",
    model: model ?? "",
    sampling: {},
    tools: agentTools,
    createdAtMs: turn.nowMs,
    turns: 0,
    busy: false,
  };
  const at = state.head + 1;
  const event: AgentEvent = { type: "updated", view };
  return [persist({ type: "created", at, event, createdAtMs: turn.nowMs }), publish(event, at), reply(view)];
}

type Settings = Pick<AgentView, "persona" | "model" | "sampling" | "tools">;

function update(state: AgentState, life: Life, change: Of<"update">, turn: Here): Effects {
  const before = viewOf(state, life, turn.key);
  const { seen, ...wanted } = change;
  const of = conversationIn(turn.key);
  const { persona, sampling, tools, model } = change;
  if (of !== undefined && (persona ?? sampling ?? tools) !== undefined)
    return [refuse("BAD_REQUEST", { field: "agent", reason: `these are settings of the agent, ${of.agent}` })];
  const now = changedSince<Settings>(seen, before, wanted);
  if (now !== undefined) return [refuse("CHANGED_MEANWHILE", { now })];
  const view: AgentView = {
    ...before,
    ...(change.persona !== undefined && { persona: change.persona }),
    ...(change.model !== undefined && { model: change.model }),
    ...(change.sampling !== undefined && { sampling: change.sampling }),
    ...(change.tools !== undefined && { tools: change.tools }),
  };
  const own = of !== undefined && model !== undefined;
  const tells = own ? telling(state, life, { model }, turn) : [];
  const changed: Coming = { event: { type: "updated", view }, ...(own && { ownModel: true as const }) };
  const { after, effects } = commit(state, turn, [...tells, changed]);
  return [...effects, ...(of === undefined ? spread(after, turn) : []), reply(view)];
}

/** New settings go to the conversations, which answer by their own copies. */
function spread(state: AgentState, turn: Here): Effects {
  if (state.life?.conversations === undefined) return [];
  const next = tellAll(state, state.life, turn);
  return [persist({ type: "delivered", id: 0, next }), ...dispatch(state.outbox, next.mail, turn.self)];
}

function end(state: AgentState, life: Life, turn: Here): Effects {
  const mail = life.jobs.flatMap((job) =>
    job.source.type === "room"
      ? [answerTo(job.source, job, { text: "Sorry, I was deleted before I could answer.", refused: "NOT_FOUND" })]
      : [],
  );
  const all = [...mail, ...endings(life, turn), ...droppings(life, turn)];
  const { after, effects } = commit(state, turn, [{ event: { type: "deleted" }, mail: all }]);
  const runs = cancelRuns(turn, { answer: true, summary: true, title: true });
  return [...effects, ...erase(after, turn), ...runs, reply({})];
}

// --- the conversation ------------------------------------------------------------------------------------------------

/** Something for a message to come, or of a turn that a recall brought back. Its bytes have been stored for the
 *  agent. */
function attach(
  { life }: AgentState,
  { type: _type, recall, ...picture }: Of<"attach" | "attachSound">,
  turn: Here,
): Effects {
  // What is uploaded comes from people, what comes back from the node that recalls.
  if ((turn.from === "node") !== (recall !== undefined)) return [refuse("FORBIDDEN")];
  if (life === null) return [refuse("NOT_FOUND")];
  if (recall === undefined) return [persist({ type: "attached", picture }), reply(picture)];
  if (uploaded(life).some(({ hash }) => hash === picture.hash)) return [reply(picture)];
  if (life.recalls?.find(({ id }) => id === recall)?.withdrawn !== undefined)
    return [refuse("BAD_REQUEST", { field: "recall", reason: "this recall was withdrawn" })];
  if (roomIn(life) === 0) return [refuse("LIMIT_REACHED", { limit: "agentPicturesMax" })];
  return [persist({ type: "attached", picture, recall }), reply(picture)];
}

/** Stops the conversation's answer; an answer that a room waits for is left alone. */
function stop(state: AgentState, life: Life, turn: Here): Effects {
  const job = life.jobs.find(({ source }) => source.type === "conversation");
  return [...(job === undefined ? [] : stopJob(state, job, turn)), reply({})];
}

/** An event that nodes before this command know: the answer as it is, with what is thought of it. */
function rate(state: AgentState, life: Life, { turn: number, thumb }: Of<"rate">, turn: Here): Effects {
  const found = life.recent.find((one) => one.turn === number && one.role === "assistant");
  if (found === undefined) return [refuse("NOT_FOUND")];
  const { thumb: before, ...plain } = found;
  const { model } = found;
  const rated = {
    turn: number,
    ...(model !== undefined && { model }),
    ...(thumb && { thumb }),
    ...(before && { before }),
  };
  if (thumb === before) return [reply(rated satisfies AgentRated)];
  const event: AgentEvent = { type: "answered", generation: "", turn: { ...plain, ...(thumb && { thumb }) } };
  return [...commit(state, turn, [{ event }]).effects, reply(rated satisfies AgentRated)];
}

function clear(state: AgentState, life: Life, turn: Here): Effects {
  const { after: cleared, effects: forgotten } = commit(state, turn, [
    { event: { type: "cleared" }, mail: droppings(life, turn) },
  ]);
  const tells = telling(cleared, cleared.life ?? life, { title: "" }, turn);
  const { after, effects: listed } = commit(cleared, turn, tells);
  const writing = life.jobs[0]?.source.type === "conversation";
  return [
    ...forgotten,
    ...listed,
    ...erase(after, turn),
    ...cancelRuns(turn, { answer: writing, summary: isSummingUp(turn), title: true }),
    ...(writing ? startNext(after, turn) : []),
    ...tellWaiting(after),
    reply({}),
  ];
}

/** What rooms tell it of mentions. */
function fromRoom(state: AgentState, message: Of<"mentioned" | "stopMention" | "tellRoom">, turn: Here): Effects {
  const { room, type } = message;
  const { life } = state;
  if (turn.from !== `room/${room}`) return [refuse("FORBIDDEN")];
  // Rooms have agents as members, not conversations with them.
  if (type === "mentioned" && conversationIn(turn.key) !== undefined) return [refuse("NOT_FOUND")];
  if (life === null) return [type === "mentioned" ? refuse("NOT_FOUND") : reply({})];
  if (type === "tellRoom") {
    const places = placesOf(life, turn).filter(({ job }) => job.source.type === "room" && job.source.room === room);
    return [...places.map(({ job, text, place }) => draft(job, 0, text, place)), reply({})];
  }
  const known = life.jobs.find(
    ({ source }) => source.type === "room" && source.room === room && source.seq === message.seq,
  );
  if (type === "stopMention") return [...(known === undefined ? [] : stopJob(state, known, turn)), reply({})];
  return known === undefined ? mentioned(state, life, message, turn) : [reply({})];
}

/** A room's member mentioned the agent. */
function mentioned(
  state: AgentState,
  life: Life,
  { room, seq, thread, context, files, moreFiles }: Of<"mentioned">,
  turn: Here,
): Effects {
  const waiting = life.jobs.slice(1).filter(({ source }) => source.type === "room");
  const asker = askerOf(context);
  const theirs = waiting.filter(({ source }) => source.type === "room" && askerOf(source.context) === asker);
  const isCrowded =
    waiting.length >= limits.agentQueueMentionsMax || theirs.length >= limits.agentQueueMentionsPerPersonMax;
  if (isFull(life) || isCrowded) return [refuse("QUEUE_FULL", { waiting: life.jobs.length - 1 })];
  // Every answer that is owed will need a place in the outbox.
  if (!fits(state.outbox, limits.agentQueueMax + 1)) return [refuse("OVERLOADED")];
  const source: RoomSource = {
    type: "room",
    room,
    seq,
    ...(thread !== undefined && { thread }),
    context,
    ...(files !== undefined && { files }),
    ...(moreFiles !== undefined && { moreFiles }),
  };
  const job: Job = { generation: nameOf(state, turn), attempt: 0, source };
  return [...owe(state, job, turn), reply({})];
}

/** Adds a job of which nothing is public yet. */
function owe(state: AgentState, job: Job, turn: Here): Effects {
  const change: AgentChange = { type: "owed", job };
  const after = evolve(state, change);
  return [persist(change), ...startNext(after, turn), ...tellWaiting(after)];
}

// --- reading ---------------------------------------------------------------------------------------------------------

function onRecords(
  state: AgentState,
  tag: ResumeTag | PathTag | RestoringTag,
  records: readonly ActorRecord[],
  turn: Here,
): Effects {
  // Forgotten or deleted while the disk answered: then it is not shown any more.
  if (state.life === null) return [refuse("NOT_FOUND", undefined, tag.to)];
  if (tag.type === "resume")
    return resumePage(spanOf(state), tag, records, signalsOf(state.life, turn), withoutWithdrawn(state));
  if (tag.type === "entries") return entriesRead(state, tag, records);
  if (tag.type === "withdraw") return withdrawRead(state, tag, records, turn);
  return onPath(state, state.life, tag, records, turn);
}
