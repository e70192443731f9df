import { failure } from "../../../protocols/errors.ts";
import { unsentIn, type Kept, type PendingPost, type PendingSay } from "../model/index.ts";
import { pageLimits } from "../wire/limits.ts";

/** The messages of one room or conversation that the node has not taken, kept until it has.
 *
 *  One that is sent again has its operation id, and the node takes it once. What is older than a node surely remembers
 *  is not sent unasked: the person sees that it may not have been sent. */
export class UnsentStore<Pending extends PendingPost | PendingSay> {
  readonly #kept: Kept;
  readonly #beginning: string;

  constructor(kept: Kept, topic: string) {
    this.#kept = kept;
    this.#beginning = `unsent/${topic}/`;
  }

  /** What waits, oldest first. */
  all(nowMs: number): readonly Pending[] {
    return this.#kept
      .places(this.#beginning)
      .flatMap((place) => unsentIn<Pending>(this.#kept.read(place)) ?? [])
      .toSorted((a, b) => a.atMs - b.atMs)
      .map((pending) =>
        pending.status === "waiting" && nowMs - pending.atMs > pageLimits.unsentMaxMs
          ? { ...pending, status: "failed", failure: failure("ASK_TIMEOUT") }
          : pending,
      );
  }

  /** Whether one is kept: no tab has sent it, or taken it back. */
  has(operationId: string): boolean {
    return this.#kept.read(this.#beginning + operationId) !== undefined;
  }

  /** Keeps one as it is now, or no longer. */
  keep(operationId: string, all: readonly Pending[]): void {
    const pending = all.find((one) => one.operationId === operationId);
    this.#kept.write(this.#beginning + operationId, pending?.status === "accepted" ? undefined : pending);
  }
}

/** The rooms and agents for which something waits. */
export function waitingTopics(kept: Kept): readonly (readonly [kind: string, name: string])[] {
  const topics = kept.places("unsent/").map((place) => place.split("/").slice(1, 3).join("/"));
  return [...new Set(topics)].map((topic) => [topic.slice(0, topic.indexOf("/")), topic.slice(topic.indexOf("/") + 1)]);
}
