/** The cluster's own emoji: names, and what their pictures are called. One actor, `emoji/cluster`, has all of them:
 *  they are few and bounded, a list is one answer, and of two that want one name one gets it. The pictures are blobs of
 *  this actor, on the nodes that hold its slot. */
import {
  emojiCommands,
  sameJson,
  wireLimits,
  type CommandOf,
  type EmojiView,
  type OwnEmoji,
} from "../../protocols/index.ts";
import { messageCheckOf } from "../message-check.ts";
import { decideBy, type Handlers } from "../handlers.ts";
import { persist, refuse, reply, type Behavior, type Effect, type Turn } from "../behavior.ts";

/** All of them, by name. */
interface EmojiState {
  readonly emoji: readonly OwnEmoji[];
}

/** What is persisted. */
type EmojiChange =
  | { readonly type: "added"; readonly emoji: OwnEmoji }
  | { readonly type: "removed"; readonly name: string };

type Incoming = CommandOf<typeof emojiCommands>;
type Effects = readonly Effect<EmojiChange, never>[];

const namedIn = ({ emoji }: EmojiState, name: string): OwnEmoji | undefined => emoji.find((one) => one.name === name);

const handlers: Handlers<EmojiState, Incoming, Turn, Effects> = {
  list: ({ emoji }) => [reply({ emoji } satisfies EmojiView)],
  add(state, { type: _type, ...emoji }) {
    const before = namedIn(state, emoji.name);
    // A gateway that has no answer asks again.
    if (before !== undefined && sameJson(before, emoji)) return [reply(before)];
    if (before !== undefined) return [refuse("NAME_TAKEN", { field: "name" })];
    if (state.emoji.length >= wireLimits.ownEmojiMax)
      return [refuse("LIMIT_REACHED", { limit: "ownEmojiMax", max: wireLimits.ownEmojiMax })];
    return [persist({ type: "added", emoji }), reply(emoji)];
  },
  remove(state, { name }) {
    const before = namedIn(state, name);
    return before === undefined ? [refuse("NOT_FOUND", { name })] : [persist({ type: "removed", name }), reply(before)];
  },
};

/** The behavior of emoji. */
export const emoji: Behavior<EmojiState, Incoming, EmojiChange> = {
  kind: "emoji",
  role: "chat",
  accepts: messageCheckOf(emojiCommands),
  initial: () => ({ emoji: [] }),
  decide: decideBy(emojiCommands, handlers),
  evolve: ({ emoji: before }, change) => {
    const name = change.type === "added" ? change.emoji.name : change.name;
    const others = before.filter((one) => one.name !== name);
    if (change.type === "removed") return { emoji: others };
    return { emoji: [...others, change.emoji].toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
  },
  blobs: (state) => [...new Set(state.emoji.map(({ hash }) => hash))],
};
