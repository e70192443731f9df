import { useSyncExternalStore } from "react";
import type { Failure } from "../../../protocols/index.ts";
import { explain } from "../model/index.ts";

/** A short message at the edge of the page. */
export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly tone: "plain" | "bad";
  /** What can be done about it, as long as it is shown. */
  readonly action?: NoticeAction | undefined;
}

/** A button of a notice: mostly “Undo”. */
interface NoticeAction {
  readonly label: string;
  readonly run: () => void;
}

const shownMs = 6_000;
// To read what was done, to regret it, and to get to the button, also by keyboard.
const actionShownMs = 15_000;
const noticesMax = 4;

/** The notices on show, and what screen readers are told. */
class Notices {
  #list: readonly Notice[] = [];
  #next = 1;
  readonly #listeners = new Set<() => void>();
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();

  readonly shown = (): readonly Notice[] => this.#list;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  show(text: string, tone: Notice["tone"] = "plain", action?: NoticeAction): void {
    this.raise(text, tone, action);
  }

  /** The same for one that somebody takes away. Returns its id. What is said once more takes the place of what was
   *  said before, but where that has a button: it undoes something else. */
  raise(text: string, tone: Notice["tone"], action?: NoticeAction): number {
    const notice = { id: this.#next++, text, tone, action };
    const others = this.#list.filter((known) => known.text !== text || known.action !== undefined);
    this.#set([...others, notice].slice(-noticesMax));
    this.release(notice.id);
    return notice.id;
  }

  /** Something was done that can be undone. */
  done(text: string, undo: () => void): void {
    this.show(text, "plain", { label: "Undo", run: undo });
  }

  /** It stays while somebody points at it, or has the focus on its button. */
  hold(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  /** It goes after a while. */
  release(id: number): void {
    this.hold(id);
    const notice = this.#list.find((known) => known.id === id);
    if (notice === undefined) return;
    const afterMs = notice.action === undefined ? shownMs : actionShownMs;
    this.#timers.set(
      id,
      setTimeout(() => this.dismiss(id), afterMs),
    );
  }

  /** `asked`: see `explain`. */
  fail(reason: Failure, asked?: "change" | "look"): void {
    this.show(explain(reason, asked), "bad");
  }

  /** A try has worked: what was said of those before it is over. */
  worked(): void {
    for (const { id, tone } of this.#list) if (tone === "bad") this.dismiss(id);
  }

  dismiss(id: number): void {
    this.hold(id);
    if (this.#list.some((notice) => notice.id === id)) this.#set(this.#list.filter((notice) => notice.id !== id));
  }

  /** What was said to one person is not left for the next. */
  clear(): void {
    for (const { id } of this.#list) this.dismiss(id);
  }

  #set(list: readonly Notice[]): void {
    this.#list = list;
    for (const listener of this.#listeners) listener();
  }
}

/** One place for all parts of the page. */
export const notices = new Notices();

export const useNotices = (): readonly Notice[] => useSyncExternalStore(notices.subscribe, notices.shown);
