import { wireLimits } from "../../../protocols/limits.ts";
import type { Presence, ShownStatus } from "../../../protocols/index.ts";
import type { Client } from "../wire/index.ts";

/** A person who does nothing in the page for so long is away. */
const awayAfterMs = 5 * 60_000;
const lookEveryMs = 15_000;
/** What comes into view at once is asked for at once. */
const gatherMs = 150;

/** The people whose presence the page shows. It asks for those that are on show, and for no others. */
export class PresenceStore {
  readonly #client: Pick<Client, "look">;
  /** How many places show each, the newest last. */
  readonly #wanted = new Map<string, number>();
  readonly #known = new Map<string, Presence>();
  readonly #listeners = new Set<() => void>();
  #gathering: ReturnType<typeof setTimeout> | undefined;

  constructor(client: Pick<Client, "look" | "onPresence">) {
    this.#client = client;
    client.onPresence((people, whole) => {
      if (whole) this.#known.clear();
      for (const one of people)
        if (one.here === "offline") this.#known.delete(one.user);
        else this.#known.set(one.user, one);
      for (const listener of this.#listeners) listener();
    });
  }

  /** How somebody is; undefined: offline, or not known yet. */
  readonly get = (user: string): Presence | undefined => this.#known.get(user);

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** A place shows this person from now on; call what it gives when it does no more. */
  want(user: string): () => void {
    const count = this.#wanted.get(user) ?? 0;
    this.#wanted.delete(user);
    this.#wanted.set(user, count + 1);
    if (count === 0) this.#gather();
    return () => {
      const left = (this.#wanted.get(user) ?? 1) - 1;
      if (left > 0) return void this.#wanted.set(user, left);
      this.#wanted.delete(user);
      this.#gather();
    };
  }

  close(): void {
    clearTimeout(this.#gathering);
  }

  /** Of more than one connection may look at, those that came into view last. */
  #gather(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      void this.#client.look([...this.#wanted.keys()].slice(-wireLimits.peopleLookedAtMax));
    }, gatherMs);
  }
}

/** What a status says now; undefined: nothing any more. */
export const liveStatus = (status: ShownStatus | undefined, nowMs: number): ShownStatus | undefined =>
  status?.untilMs !== undefined && status.untilMs <= nowMs ? undefined : status;

/** Tells the node whether the person uses the page: by what they do in it. Call what it gives to end that. */
export function followUse(client: Pick<Client, "here">): () => void {
  let usedAtMs = Date.now();
  const look = (): void => client.here(Date.now() - usedAtMs < awayAfterMs);
  const used = (): void => {
    usedAtMs = Date.now();
    client.here(true);
  };
  const seen = (): void => {
    if (!document.hidden) used();
  };
  const acts = ["pointerdown", "pointermove", "input", "focusin", "wheel"] as const;
  const options = { capture: true, passive: true } as const;
  for (const act of acts) window.addEventListener(act, used, options);
  document.addEventListener("visibilitychange", seen);
  const timer = setInterval(look, lookEveryMs);
  return () => {
    for (const act of acts) window.removeEventListener(act, used, options);
    document.removeEventListener("visibilitychange", seen);
    clearInterval(timer);
  };
}
