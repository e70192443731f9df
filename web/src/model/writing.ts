/** What is being typed at the caret, and completed there: names of emoji and of rooms. `calling.ts` has mentions. */
import { mayCall } from "../../../protocols/reading/mentions.ts";

/** Something that begins with a sign and ends at the caret. */
export interface Typed {
  readonly start: number;
  /** What stands behind the sign. */
  readonly part: string;
}

const nameCharsMax = 97;

function typedAt(text: string, caret: number, pattern: RegExp): (Typed & { readonly end: string }) | undefined {
  const near = Math.max(0, caret - nameCharsMax);
  const found = pattern.exec(text.slice(near, caret));
  if (found === null || !mayCall(text, near + found.index)) return undefined;
  return { start: near + found.index, part: found[1] ?? "", end: found[2] ?? "" };
}

/** The name of an emoji behind a colon. `closed`: its second colon is there. */
export function shortcodeAt(text: string, caret: number): (Typed & { readonly closed: boolean }) | undefined {
  // Two letters: `:D` and `:p` are faces that people type themselves.
  const found = typedAt(text, caret, /(?<!:):([\p{L}\p{N}_+-]{2,})(:?)$/u);
  return found && { start: found.start, part: found.part, closed: found.end === ":" };
}

/** The name of a room behind `#`, as it is shown or as it stands in addresses. */
export function roomAt(text: string, caret: number): Typed | undefined {
  const found = typedAt(text, caret, /(?<!#)#([\p{L}\p{M}\p{N}._-]*)$/u);
  return found && { start: found.start, part: found.part };
}

/** A room that some words name. */
interface RoomName {
  readonly at: number;
  /** The sign and the name, as they are written. */
  readonly said: string;
  /** The name in addresses. */
  readonly key: string;
}

/** The rooms that words may name: whether there is such a room, these words do not say. */
export const roomNamesIn = (text: string): readonly RoomName[] =>
  [...text.matchAll(/(?<!#)#([a-z0-9](?:[a-z0-9._-]{0,94}[a-z0-9])?)(?![\p{Script=Latin}\p{N}_#])/giu)].flatMap(
    ({ 0: said, 1: name = "", index: at }) => (mayCall(text, at) ? [{ at, said, key: name.toLowerCase() }] : []),
  );

/** Colours of skin, from none (yellow) to dark. */
export const tones = ["", "\u{1f3fb}", "\u{1f3fc}", "\u{1f3fd}", "\u{1f3fe}", "\u{1f3ff}"] as const;
export type Tone = 0 | 1 | 2 | 3 | 4 | 5;

/** What one person does with emoji, kept in the browser. */
export interface EmojiHabits {
  readonly tone: Tone;
  /** Those picked last, the newest first, without a colour of skin. */
  readonly recent: readonly string[];
}

export const noHabits: EmojiHabits = { tone: 0, recent: [] };

/** Whether what is kept is habits: another version of the page may have kept it. */
export function isHabits(value: unknown): value is EmojiHabits {
  const { tone, recent } = (value ?? {}) as Partial<Record<keyof EmojiHabits, unknown>>;
  const isTone = typeof tone === "number" && Number.isInteger(tone) && tone >= 0 && tone < tones.length;
  return isTone && Array.isArray(recent) && recent.every((sign) => typeof sign === "string");
}
