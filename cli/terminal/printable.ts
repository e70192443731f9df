/** What may reach a terminal. Text from other people must not move the cursor, change colours, answer as the keyboard,
 *  run the wrong way or hide: neither as it is, nor in a table, nor in a line of JSON. Everything that is printed goes
 *  through here (`Output`, `Screen`); what comes over the wire also where it becomes part of a text, since from then on
 *  it can not be told from colours of our own. */
import { printable } from "../../protocols/text/printable.ts";

export { printable, withoutControls } from "../../protocols/text/printable.ts";

/** One line of JSON. What a terminal would obey is written as JSON escapes it, so that programs read the same value. */
export const jsonLine = (value: unknown): string =>
  JSON.stringify(value).replaceAll(dangerousInJson, (sign) =>
    Array.from({ length: sign.length }, (_, at) => `\\u${sign.charCodeAt(at).toString(16).padStart(4, "0")}`).join(""),
  );

const dangerousInJson =
  /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]|(?!\u200c|\u200d|\ufe0e|\ufe0f)\p{Default_Ignorable_Code_Point}/gu;

const graphemes = new Intl.Segmenter();

/** What a terminal draws two columns wide: East Asian letters and signs, and emoji. */
const wide =
  /^(?:[\u1100-\u115f\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})/u;

/** The start of a text that takes at most `width` columns of a terminal, and the columns that it takes. */
export function fitting(text: string, width: number): { readonly start: string; readonly width: number } {
  let taken = 0;
  let end = 0;
  for (const { segment, index } of graphemes.segment(text)) {
    const columns = wide.test(segment) ? 2 : 1;
    if (taken + columns > width) break;
    taken += columns;
    end = index + segment.length;
  }
  return { start: text.slice(0, end), width: taken };
}

/** The colours that `paint` and the log give, and their ends: nothing else that begins with an escape. */
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const painted = /(\u001b\[(?:0|1|2|22|31|32|33|34|35|36|39|41|49|90)m)/;

/** What is left of a whole text when it is printed: with colours, those of our own. */
export function guarded(text: string, color: boolean): string {
  if (!color) return printable(text);
  return text
    .split(painted)
    .map((part, index) => (index % 2 === 1 ? part : printable(part)))
    .join("");
}
