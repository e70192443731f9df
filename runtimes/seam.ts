import type { GenerationRequest } from "../protocols/index.ts";
import type { Flow } from "./adapter.ts";

/** Where an answer that was begun elsewhere goes on. A token has its space before its word, so the model is given the
 *  text without the space at its end, and what it writes of that space is left out. */
interface Seam {
  /** What the model reads of the beginning. */
  readonly begun: string;
  /** What is new of a piece that it writes. */
  push(piece: string): string;
}

/** The seam behind a text. */
export function createSeam(text: string): Seam {
  const begun = text.trimEnd();
  let known = text.slice(begun.length);
  return {
    begun,
    push(piece) {
      let at = 0;
      while (at < piece.length && known !== "" && piece[at] === known[0]) {
        known = known.slice(1);
        at += 1;
      }
      // Something else: it goes on from here.
      if (at < piece.length) known = "";
      return piece.slice(at);
    },
  };
}

/** The way of what is new: of an answer that was begun, what is behind its beginning; of any other, all. */
export function flowOf({ messages }: GenerationRequest, flow: Flow<"generate">): Flow<"generate"> {
  const begun = messages.at(-1);
  if (begun?.continues !== true) return flow;
  const seam = createSeam(begun.content);
  return {
    get cancelled() {
      return flow.cancelled;
    },
    part: (part) => flow.part({ ...part, text: seam.push(part.text) }),
    ready: () => flow.ready(),
    onCancel: (callback) => flow.onCancel(callback),
    doing: (what) => flow.doing?.(what),
  };
}
