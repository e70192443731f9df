/** An answer that grows may end in the middle of a word that is marked: what is open counts as closed. */
import closeMarks from "remend";
import { readMarkdown, type Reading } from "../../../protocols/reading/index.ts";

const onlyMarks = {
  comparisonOperators: false,
  htmlTags: false,
  images: false,
  katex: false,
  links: false,
  setextHeadings: false,
  singleTilde: false,
};

/** Reads on from what was read of the beginning of a text. */
export const readGrowing = (text: string, known?: Reading): Reading =>
  readMarkdown(text, { known, close: (written) => closeMarks(written, onlyMarks) });
