/** Tells what a model thinks from what it answers: thoughts come first, between marks of its template, or not at all.
 *  Pure. */

/** How a model marks its thoughts. */
export interface ThoughtMarks {
  /** Undefined: the prompt has begun the thought already. */
  readonly begins: string | undefined;
  readonly ends: string;
}

/** A piece of what was written. */
interface ThoughtAndText {
  readonly thought: string;
  readonly text: string;
}

/** Takes what is written, piece by piece. */
export interface ThoughtSplitter {
  push(text: string): ThoughtAndText;
  /** What was held back, when no more comes. */
  flush(): ThoughtAndText;
}

/** Without marks everything is text. */
export function createThoughtSplitter(marks: ThoughtMarks | undefined): ThoughtSplitter {
  let place: "before" | "within" | "behind" =
    marks === undefined ? "behind" : marks.begins === undefined ? "within" : "before";
  let held = "";
  /** The white space between the thought and the answer belongs to neither. */
  let begun = marks === undefined;
  const answer = (text: string): string => {
    const out = begun ? text : text.trimStart();
    begun ||= out !== "";
    return out;
  };
  const before = (begins: string): ThoughtAndText => {
    const first = held.trimStart();
    if (first.startsWith(begins)) {
      held = first.slice(begins.length);
      place = "within";
      return within(marks?.ends ?? "");
    }
    if (begins.startsWith(first)) return { thought: "", text: "" };
    place = "behind";
    begun = true;
    const text = held;
    held = "";
    return { thought: "", text };
  };
  const within = (ends: string): ThoughtAndText => {
    const at = held.indexOf(ends);
    if (at >= 0) {
      const [thought, text] = [held.slice(0, at), held.slice(at + ends.length)];
      place = "behind";
      held = "";
      return { thought, text: answer(text) };
    }
    // Its end may be the beginning of the mark.
    let keep = Math.min(held.length, ends.length - 1);
    while (keep > 0 && !ends.startsWith(held.slice(held.length - keep))) keep -= 1;
    const thought = held.slice(0, held.length - keep);
    held = held.slice(held.length - keep);
    return { thought, text: "" };
  };
  return {
    push(text) {
      if (place === "behind") return { thought: "", text: answer(text) };
      held += text;
      return place === "before" ? before(marks?.begins ?? "") : within(marks?.ends ?? "");
    },
    flush() {
      const rest = held;
      held = "";
      return place === "within" ? { thought: rest, text: "" } : { thought: "", text: rest };
    },
  };
}
