import { formatted, type Format } from "../../model/formatting.ts";
import { replaceIn } from "./insert.ts";

/** Loaded with the first text that somebody formats. */

/** Formats what is selected in a field, as if it were typed: the browser's own undo takes it back. */
export function format(field: HTMLTextAreaElement, how: Format): void {
  const { value, selectionStart, selectionEnd } = field;
  const { from, to, text, start, end } = formatted(value, selectionStart, selectionEnd, how);
  replaceIn(field, from, to, text);
  field.setSelectionRange(start, end);
}
