import type {
  Failure,
  RoomEvent,
  RoomHistory,
  RoomMember,
  RoomMessage,
  RoomSignal,
  RoomState,
  RoomView,
  ToolRound,
} from "../../../protocols/index.ts";

/** An answer an agent is writing into the room. `text` is undefined after a gap: then the page only says that it writes. */
export interface RoomDraft {
  readonly agent: string;
  readonly generation: string;
  readonly replyTo?: number;
  readonly text: string | undefined;
  /** The tools that were called before it. */
  readonly rounds: readonly ToolRound[];
}

/** A message of this page that the room has not shown back yet. */
export interface PendingPost {
  readonly operationId: string;
  readonly text: string;
  readonly replyTo?: number;
  readonly atMs: number;
  /** The room's newest message when it was written: its own must come later. */
  readonly afterSeq: number;
  readonly status: "waiting" | "failed" | "accepted";
  readonly seq?: number;
  readonly failure?: Failure;
}

/** A room as the page knows it: a window of its messages that ends at the newest. */
export interface RoomModel {
  readonly status: "loading" | "ready" | "refused";
  readonly refusal?: Failure;
  readonly view: RoomView | undefined;
  /** Oldest first, without holes. */
  readonly messages: readonly RoomMessage[];
  /** Messages changed by events but older than the window: panels that loaded them apart take the newer one. */
  readonly changed: Readonly<Record<number, RoomMessage>>;
  /** The person's own votes in open polls, by message. */
  readonly votes: Readonly<Record<string, readonly number[]>>;
  readonly pending: readonly PendingPost[];
  readonly drafts: Readonly<Record<string, RoomDraft>>;
  /** Who types, until when (this page's clock). */
  readonly typing: Readonly<Record<string, number>>;
}

export type RoomInput =
  | { readonly type: "state"; readonly state: RoomState }
  | { readonly type: "event"; readonly event: RoomEvent }
  | { readonly type: "signal"; readonly signal: RoomSignal; readonly nowMs: number }
  | { readonly type: "older"; readonly history: RoomHistory }
  | { readonly type: "posting"; readonly post: Omit<PendingPost, "status" | "afterSeq"> }
  /** Written before the page was loaded. */
  | { readonly type: "restored"; readonly posts: readonly PendingPost[] }
  | { readonly type: "posted"; readonly operationId: string; readonly seq: number }
  | { readonly type: "postFailed"; readonly operationId: string; readonly failure: Failure }
  | { readonly type: "retrying"; readonly operationId: string }
  | { readonly type: "discarded"; readonly operationId: string }
  /** The person has voted, here or on another device. */
  | { readonly type: "chose"; readonly seq: number; readonly choices: readonly number[] }
  /** This page, or another device, showed all up to `seq`. */
  | { readonly type: "seen"; readonly member: string; readonly seq: number }
  | { readonly type: "refused"; readonly reason: Failure };

export const emptyRoom: RoomModel = {
  status: "loading",
  view: undefined,
  messages: [],
  changed: {},
  votes: {},
  pending: [],
  drafts: {},
  typing: {},
};

// A member who types says so every 3 seconds; twice that bridges one lost signal. The node's `untilMs` is on the node's clock,
// which a phone does not share, so only the moment of arrival counts.
const typingShownMs = 6_000;

/** Messages kept at most: beyond it the oldest leave the window and are loaded again when scrolled to. */
export const windowMessagesMax = 4_000;

/** What the room looks like after one more input. Pure; unchanged parts keep their identity, so that rows can be memoised. */
export function foldRoom(room: RoomModel, input: RoomInput): RoomModel {
  switch (input.type) {
    case "state": {
      const { messages, votes = {}, ...view } = input.state;
      const { refusal: _, ...rest } = room;
      return settle({ ...rest, status: "ready", view, messages, votes, changed: {}, drafts: {}, typing: {} });
    }
    case "event":
      return room.view === undefined ? room : settle(foldEvent(room, room.view, input.event));
    case "signal":
      return foldSignal(room, input.signal, input.nowMs);
    case "older": {
      const first = room.messages[0]?.seq ?? Number.MAX_SAFE_INTEGER;
      const older = input.history.messages.filter((message) => message.seq < first);
      return older.length === 0 ? room : { ...room, messages: [...older, ...room.messages] };
    }
    case "posting": {
      const post = { ...input.post, status: "waiting", afterSeq: room.view?.messageSeq ?? 0 } as const;
      return { ...room, pending: [...room.pending, post] };
    }
    case "restored":
      return { ...room, pending: [...input.posts, ...room.pending] };
    case "posted":
      return settle(changePending(room, input.operationId, { status: "accepted", seq: input.seq }));
    case "postFailed":
      return changePending(room, input.operationId, { status: "failed", failure: input.failure });
    case "retrying":
      return changePending(room, input.operationId, { status: "waiting" });
    case "discarded":
      return { ...room, pending: room.pending.filter((post) => post.operationId !== input.operationId) };
    case "chose":
      return { ...room, votes: { ...room.votes, [input.seq]: input.choices } };
    case "seen": {
      const read = room.view?.members[input.member]?.readSeq;
      if (room.view === undefined || read === undefined || read >= input.seq) return room;
      return { ...room, view: changeMember(room.view, input.member, { readSeq: input.seq }) };
    }
    case "refused":
      return { ...room, status: "refused", refusal: input.reason };
  }
}

/** True when messages older than the window exist. */
export const hasOlder = (room: RoomModel): boolean => (room.messages[0]?.seq ?? 1) > 1;

/** The message with this seq as far as the page knows it. */
export function messageAt(room: RoomModel, seq: number): RoomMessage | undefined {
  const first = room.messages[0]?.seq;
  if (first === undefined) return room.changed[seq];
  const found = room.messages[seq - first];
  if (found?.seq === seq) return found;
  return room.messages.find((message) => message.seq === seq) ?? room.changed[seq];
}

/** The pending posts to show: those whose own message is not in the window yet. The event may come before the answer that
 *  says which seq it got, so a waiting post also counts as shown when a later message of the same author has its text. */
export function pendingShown(room: RoomModel, me: string): readonly PendingPost[] {
  if (room.pending.length === 0) return room.pending;
  const taken = new Set<number>();
  return room.pending.filter((post) => {
    if (post.status !== "waiting") return true;
    const arrived = room.messages.find(
      (message) =>
        message.seq > post.afterSeq && message.author === me && message.text === post.text && !taken.has(message.seq),
    );
    if (arrived !== undefined) taken.add(arrived.seq);
    return arrived === undefined;
  });
}

/** A thread: its root and all that answer it, from what was loaded apart and what the room window knows since. */
export function threadOf(room: RoomModel, root: number, loaded: readonly RoomMessage[]): readonly RoomMessage[] {
  const bySeq = new Map<number, RoomMessage>();
  const take = (message: RoomMessage | undefined) => {
    if (message !== undefined && (message.seq === root || message.replyTo === root)) bySeq.set(message.seq, message);
  };
  for (const message of loaded) take(message);
  for (const message of Object.values(room.changed)) take(message);
  for (const message of room.messages) take(message);
  return [...bySeq.values()].toSorted((a, b) => a.seq - b.seq);
}

function changePending(room: RoomModel, operationId: string, change: Partial<PendingPost>): RoomModel {
  const pending = room.pending.map((post) => {
    if (post.operationId !== operationId) return post;
    const { failure: _, ...rest } = post;
    return { ...rest, ...change };
  });
  return { ...room, pending };
}

/** Drops pending posts that the window now holds. */
function settle(room: RoomModel): RoomModel {
  const newest = room.messages.at(-1)?.seq ?? 0;
  const pending = room.pending.filter((post) => post.seq === undefined || post.seq > newest);
  return pending.length === room.pending.length ? room : { ...room, pending };
}

function foldEvent(room: RoomModel, view: RoomView, event: RoomEvent): RoomModel {
  switch (event.type) {
    case "created":
      return { ...room, view: event.view };
    case "joined": {
      const member: RoomMember = { role: event.role, joinedAtMs: event.atMs, readSeq: view.messageSeq };
      return { ...room, view: { ...view, members: { ...view.members, [event.member]: member } } };
    }
    case "left": {
      const { [event.member]: _, ...members } = view.members;
      return { ...room, view: { ...view, members } };
    }
    // The list of bans is asked for when it is shown.
    case "banned":
    case "unbanned":
      return room;
    case "roleSet":
      return { ...room, view: changeMember(view, event.member, { role: event.role }) };
    case "titled":
      return { ...room, view: { ...view, title: event.title } };
    case "topicSet":
      return { ...room, view: { ...view, topic: event.topic } };
    case "posted":
      return foldPosted(room, view, event.message, event.root);
    case "restored":
      return event.messages.reduce(foldRestored, event.root === undefined ? room : replaceMessage(room, event.root));
    case "withdrawn":
      return event.messages.reduce(replaceMessage, room);
    case "edited":
    case "deleted":
    case "reacted":
    case "voted":
    case "pollClosed":
      return replaceMessage(room, event.message);
    case "pinned": {
      const others = view.pins.filter((seq) => seq !== event.message.seq);
      const pins = event.on ? [...others, event.message.seq] : others;
      return replaceMessage({ ...room, view: { ...view, pins } }, event.message);
    }
  }
}

function changeMember(view: RoomView, key: string, change: Partial<RoomMember>): RoomView {
  const member = view.members[key];
  return member === undefined ? view : { ...view, members: { ...view.members, [key]: { ...member, ...change } } };
}

function foldPosted(room: RoomModel, view: RoomView, message: RoomMessage, root: RoomMessage | undefined): RoomModel {
  if (message.seq <= (room.messages.at(-1)?.seq ?? 0)) return replaceMessage(room, message);
  const withRoot = root === undefined ? room : replaceMessage(room, root);
  const { [message.author]: _, ...typing } = room.typing;
  const grown = [...withRoot.messages, message];
  // Its author has seen all up to it.
  const author = view.members[message.author];
  const read = author === undefined ? {} : { readSeq: Math.max(author.readSeq, message.seq) };
  return {
    ...withRoot,
    typing: message.author in room.typing ? typing : room.typing,
    messages: grown.length > windowMessagesMax ? grown.slice(-windowMessagesMax / 2) : grown,
    view: { ...changeMember(view, message.author, read), messageSeq: message.seq },
    drafts: message.generation === undefined ? withRoot.drafts : withoutDraft(withRoot.drafts, message.generation),
  };
}

/** One more message, which its author wrote long ago: it says nothing of what the author does now. */
function foldRestored(room: RoomModel, message: RoomMessage): RoomModel {
  if (message.seq <= (room.messages.at(-1)?.seq ?? 0)) return replaceMessage(room, message);
  const grown = [...room.messages, message];
  return {
    ...room,
    messages: grown.length > windowMessagesMax ? grown.slice(-windowMessagesMax / 2) : grown,
    ...(room.view !== undefined && { view: { ...room.view, messageSeq: message.seq } }),
  };
}

function replaceMessage(room: RoomModel, message: RoomMessage): RoomModel {
  const index = room.messages.findIndex((known) => known.seq === message.seq);
  if (index < 0) return { ...room, changed: { ...room.changed, [message.seq]: message } };
  return { ...room, messages: room.messages.with(index, message) };
}

function withoutDraft(drafts: RoomModel["drafts"], generation: string): RoomModel["drafts"] {
  if (!(generation in drafts)) return drafts;
  const { [generation]: _, ...rest } = drafts;
  return rest;
}

function foldSignal(room: RoomModel, signal: RoomSignal, nowMs: number): RoomModel {
  switch (signal.type) {
    case "typing":
      return { ...room, typing: { ...room.typing, [signal.member]: nowMs + typingShownMs } };
    case "draft": {
      // A draft that comes after its own message is late, not new.
      const posted = room.messages.slice(-50).some((message) => message.generation === signal.generation);
      if (signal.done === true || posted) return { ...room, drafts: withoutDraft(room.drafts, signal.generation) };
      const known = room.drafts[signal.generation];
      const draft: RoomDraft = {
        agent: signal.agent,
        generation: signal.generation,
        ...(signal.replyTo === undefined ? {} : { replyTo: signal.replyTo }),
        text: appendPiece(known?.text, signal.offset, signal.text),
        // Said at the beginning of the text; what goes on behind it keeps them.
        rounds: signal.rounds ?? known?.rounds ?? [],
      };
      return { ...room, drafts: { ...room.drafts, [signal.generation]: draft } };
    }
  }
}

/** The text after one more piece of a draft, or undefined when a piece before it is missing. A piece at offset 0 starts
 *  the text anew; one that overlaps replaces what it covers. */
export function appendPiece(known: string | undefined, offset: number, piece: string): string | undefined {
  if (offset === 0) return piece;
  if (known === undefined || offset > known.length) return undefined;
  return known.slice(0, offset) + piece;
}
