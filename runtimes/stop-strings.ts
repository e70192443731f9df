/** Cuts an answer at the first stop string, though the string may arrive in pieces.
 *
 *  Text that may still become a stop string is held back; everything before it goes out at once. So a reader never sees
 *  any part of a stop string, and waits for at most the longest one. */
interface StopMatcher {
  /** The text that can go out now. Once `matched`, the answer is over and nothing more goes in; `stop` ended it. */
  push(text: string): { readonly text: string; readonly matched: boolean; readonly stop?: string };
  /** What was held back, when the answer ends for another reason. */
  flush(): string;
}

export function createStopMatcher(stops: readonly string[]): StopMatcher {
  const wanted = stops.filter((stop) => stop !== "");
  // Nearly all answers have none, and each of their tokens comes by here.
  if (wanted.length === 0) return { push: (text) => ({ text, matched: false }), flush: () => "" };
  let held = "";
  return {
    push(text) {
      held += text;
      const first = firstMatch(held, wanted);
      if (first !== undefined) {
        const before = held.slice(0, first.at);
        held = "";
        return { text: before, matched: true, stop: first.stop };
      }
      const keep = heldLength(held, wanted);
      const out = held.slice(0, held.length - keep);
      held = held.slice(held.length - keep);
      return { text: out, matched: false };
    },
    flush() {
      const rest = held;
      held = "";
      return rest;
    },
  };
}

function firstMatch(
  text: string,
  stops: readonly string[],
): { readonly at: number; readonly stop: string } | undefined {
  const found = stops.map((stop) => ({ at: text.indexOf(stop), stop })).filter(({ at }) => at >= 0);
  return found.toSorted((one, other) => one.at - other.at)[0];
}

/** The length of the longest end of `text` that begins a stop string. */
function heldLength(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops)
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length -= 1)
      if (text.endsWith(stop.slice(0, length))) longest = length;
  return longest;
}
