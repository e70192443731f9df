/** Text from other people and nodes, as it may become part of a sentence: in a terminal, on the page, in a line of the
 *  log. It must not move the cursor, run the wrong way or hide. */

/** Control characters, and what turns the direction of text or breaks lines: shown as a mark, so that nobody is
 *  deceived. */
const dangerous = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]/gu;

/** What takes no room and changes nothing that a terminal shows: left out. The joiners that scripts and emoji need, and
 *  the variation selectors of these, stay. */
const invisible = /(?!\u200c|\u200d|\ufe0e|\ufe0f)\p{Default_Ignorable_Code_Point}/gu;

/** Marks on one letter, beyond any language: they would be drawn over the lines above. */
const piled = /(\p{M}{8})\p{M}+/gu;

/** Text that may have several lines. */
export function printable(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replaceAll(dangerous, (sign) => (sign === "\n" || sign === "\t" ? sign : "\ufffd"))
    .replaceAll(invisible, "")
    .replaceAll(piled, "$1");
}

/** Text that has one line: a name, a title, a cell of a table. */
export const withoutControls = (text: string): string => printable(text).replaceAll(/[\n\t]+/g, " ");
