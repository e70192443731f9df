import type { RoomMessage } from "../../../protocols/index.ts";
import type { PendingSay } from "./agent.ts";
import type { PendingPost } from "./room-model.ts";

/** An edit that was begun. */
export interface HalfEdit {
  readonly text: string;
  /** What the message said when it was begun, and which state of it that was: when it was edited last, or 0. */
  readonly was: string;
  readonly seenMs: number;
}

export const startedEdit = ({ text, editedAtMs = 0 }: RoomMessage): HalfEdit => ({
  text,
  was: text,
  seenMs: editedAtMs,
});

/** What was kept of an edit. */
export function editIn(value: unknown): HalfEdit | undefined {
  const { text, was, seenMs } = (value ?? {}) as Partial<Record<keyof HalfEdit, unknown>>;
  if (typeof text !== "string" || typeof was !== "string" || typeof seenMs !== "number") return undefined;
  return { text, was, seenMs };
}

/** What was kept of a message that waits for its node. Fit to be sent again: under its operation id the node takes it
 *  once. */
export function unsentIn<Pending extends PendingPost | PendingSay>(value: unknown): Pending | undefined {
  const { operationId, text, atMs, afterSeq, status } = (value ?? {}) as Partial<Record<keyof Pending, unknown>>;
  const isWhole =
    typeof operationId === "string" &&
    typeof text === "string" &&
    typeof atMs === "number" &&
    typeof afterSeq === "number" &&
    (status === "waiting" || status === "failed");
  return isWhole ? (value as Pending) : undefined;
}

/** A file that was chosen for a message and uploaded, with what somebody wrote about it. */
export interface Chosen {
  readonly hash: string;
  readonly text: string;
}

/** Whether what was kept is one that can be sent. */
export function isChosen(value: unknown): value is Chosen {
  const { hash, text, size, format } = (value ?? {}) as Partial<Record<string, unknown>>;
  return typeof hash === "string" && typeof text === "string" && typeof size === "number" && typeof format === "string";
}
