/** What a field of an open form is, beside what it rests on and what the node says now. */
export type MeanwhileVerdict =
  /** Nobody else has changed it. */
  | "same"
  /** It was changed, and nobody has typed here, or the same: the form goes on with what it is now. */
  | "theirs"
  /** It was changed to something else than what is typed here: the person chooses. */
  | "both";

/** `seen`: what the field said when what is typed began. */
export function meanwhileOf(texts: {
  readonly seen: string;
  readonly mine: string;
  readonly now: string;
}): MeanwhileVerdict {
  const { seen, mine, now } = texts;
  if (now === seen) return "same";
  // Spaces around it are not sent.
  return mine === seen || mine.trim() === now.trim() ? "theirs" : "both";
}
