import { useSyncExternalStore } from "react";
import type { Failure } from "../../../protocols/index.ts";
import { explain } from "../model/index.ts";

/** A short message at the edge of the page. */
export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly tone: "plain" | "bad";
}

const shownMs = 6_000;
const noticesMax = 4;

/** The notices on show, and what screen readers are told. */
export class Notices {
  #list: readonly Notice[] = [];
  #next = 1;
  readonly #listeners = new Set<() => void>();

  readonly shown = (): readonly Notice[] => this.#list;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  show(text: string, tone: Notice["tone"] = "plain"): void {
    const notice = { id: this.#next++, text, tone };
    this.#set([...this.#list.filter((known) => known.text !== text), notice].slice(-noticesMax));
    setTimeout(() => this.dismiss(notice.id), shownMs);
  }

  /** `asked`: see `explain`. */
  fail(reason: Failure, asked?: "change" | "look"): void {
    this.show(explain(reason, asked), "bad");
  }

  dismiss(id: number): void {
    if (this.#list.some((notice) => notice.id === id)) this.#set(this.#list.filter((notice) => notice.id !== id));
  }

  #set(list: readonly Notice[]): void {
    this.#list = list;
    for (const listener of this.#listeners) listener();
  }
}

/** One place for all parts of the page. */
export const notices = new Notices();

export const useNotices = (): readonly Notice[] => useSyncExternalStore(notices.subscribe, notices.shown);
