/** What a person has begun to write and not sent, in this browser. */
import type { Kept } from "./kept.ts";

/** Where it is: in a room, in one of its threads, or in the conversation with an agent. */
export interface UnsentDraft {
  readonly place: string;
  readonly text: string;
  readonly room?: string;
  readonly thread?: number;
  readonly agent?: string;
}

const roomText = /^room\/([^/]+)\/text$/;
const threadText = /^room\/([^/]+)\/thread\/(\d+)$/;
const agentText = /^agent\/([^/]+)\/text$/;

/** All of them. */
export function unsentDrafts(kept: Pick<Kept, "places" | "read">): readonly UnsentDraft[] {
  return [...kept.places("room/"), ...kept.places("agent/")].flatMap((place) => {
    const text = kept.read(place);
    const where = whereOf(place);
    return typeof text === "string" && text.trim() !== "" && where !== undefined ? [{ place, text, ...where }] : [];
  });
}

function whereOf(place: string): Pick<UnsentDraft, "room" | "thread" | "agent"> | undefined {
  const room = roomText.exec(place)?.[1];
  if (room !== undefined) return { room };
  const [, inRoom, thread] = threadText.exec(place) ?? [];
  if (inRoom !== undefined) return { room: inRoom, thread: Number(thread) };
  const agent = agentText.exec(place)?.[1];
  return agent === undefined ? undefined : { agent };
}
