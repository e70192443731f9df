import { useSyncExternalStore } from "react";
import type { Failure } from "../../../protocols/index.ts";

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

  fail(reason: Failure): void {
    this.show(explain(reason), "bad");
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

/** A failure in words for the person: what the error table says, and the detail that names the cause. */
export function explain(reason: Failure): string {
  const retryAfterMs = reason.details?.["retryAfterMs"];
  if (reason.code === "RATE_LIMITED" && typeof retryAfterMs === "number")
    return `Too fast: try again in ${Math.max(1, Math.ceil(retryAfterMs / 1000))} s.`;
  // The table's help is written for somebody without a code; here one was typed.
  if (reason.code === "ADMIN_CODE_WRONG")
    return "This is not the admin code that the node printed at its latest start.";
  if (reason.code === "UNREACHABLE") return "The node does not answer. Is it running?";
  const { path, problem, reason: why, field } = reason.details ?? {};
  // And here for who runs the nodes.
  if (reason.code === "SLOT_UNAVAILABLE")
    return typeof why === "string"
      ? `Not available now: ${why}.`
      : "Not available now: it is on a node that is away. Try again later, or ask your admin.";
  if (reason.code === "DIRECTORY_AWAY")
    return "Not possible now: the part of the cluster that finds a place for what is new is away. What is in use goes on. Try again later, or tell your admin.";
  if (typeof path === "string" && typeof problem === "string")
    return `${path.split("/").at(-1) || "The request"} ${problem}.`;
  const detail = why ?? field;
  return typeof detail === "string" ? `${reason.message} (${detail})` : reason.message;
}
