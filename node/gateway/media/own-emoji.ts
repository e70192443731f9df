/** The cluster's own emoji, as a gateway has them. Thousands of pages that show one new name, and the pictures that
 *  they fetch then, are one question to `emoji/cluster`, one actor (docs/decisions/0275-emoji-of-the-cluster.md). */
import { ok, type EmojiView, type OwnEmoji, type Result } from "../../../protocols/index.ts";
import type { Kernel } from "../../kernel/api.ts";
import type { Clock } from "../../ports/index.ts";
import type { GatewayLimits } from "../limits.ts";

/** The actor that has them. */
export const ownEmojiActor = "emoji/cluster";

/** What this node knows of them. Errors are those of the ask. */
export interface OwnEmojiList {
  /** All of them, as they were at most `emojiListKeptMs` ago. */
  all(): Promise<Result<EmojiView>>;
  /** The one that fits. That there is none is said by an answer that was asked for after this call. */
  find(fits: (emoji: OwnEmoji) => boolean): Promise<Result<OwnEmoji | undefined>>;
  /** They were changed by this gateway: what it knows is old. */
  changed(): void;
}

/** Whether a command asks for all of them. */
export const isEmojiList = (to: string, type: string): boolean => to === ownEmojiActor && type === "list";

/** Makes it. */
export function createOwnEmoji({
  kernel,
  clock,
  limits,
}: {
  readonly kernel: Pick<Kernel, "ask">;
  readonly clock: Clock;
  readonly limits: Pick<GatewayLimits, "askTimeoutMs" | "emojiListKeptMs">;
}): OwnEmojiList {
  /** How many questions were begun. */
  let begun = 0;
  let known: { readonly answer: Promise<Result<EmojiView>>; isOpen: boolean; readonly atMs: number } | undefined;
  /** One question is under way at most. */
  const ask = (): Promise<Result<EmojiView>> => {
    begun += 1;
    const answer = kernel.ask({
      to: ownEmojiActor,
      from: "gateway",
      message: { type: "list" },
      timeoutMs: limits.askTimeoutMs,
    }) as Promise<Result<EmojiView>>;
    const own = { answer, isOpen: true, atMs: clock.monotonicMs() };
    known = own;
    const end = (isGood: boolean): void => {
      own.isOpen = false;
      if (!isGood && known === own) known = undefined;
    };
    answer.then(
      ({ ok: isGood }) => end(isGood),
      () => end(false),
    );
    return answer;
  };
  const all = (): Promise<Result<EmojiView>> =>
    known !== undefined && (known.isOpen || clock.monotonicMs() - known.atMs < limits.emojiListKeptMs)
      ? known.answer
      : ask();
  return {
    all,
    async find(fits) {
      const before = begun;
      const among = (listed: Result<EmojiView>) => (listed.ok ? ok(listed.value.emoji.find(fits)) : listed);
      const answer = all();
      const isNew = begun > before;
      const found = among(await answer);
      if (isNew || !found.ok || found.value !== undefined) return found;
      // What was known may be older than the emoji. Of many that wait for that, one asks.
      return among(await (begun > before ? all() : ask()));
    },
    changed() {
      known = undefined;
    },
  };
}
