/** Puts text at the caret, in the place of what is marked, as if it were typed: it can be undone. */
export function insert(field: HTMLTextAreaElement, text: string): void {
  field.focus();
  // The only way that browsers can undo; they have no other name for it.
  if (document.execCommand(text === "" ? "delete" : "insertText", false, text)) return;
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertText", data: text }));
}

/** The same, in the place of what stands between `from` and `to`. */
export function replaceIn(field: HTMLTextAreaElement, from: number, to: number, text: string): void {
  field.focus();
  field.setSelectionRange(from, to);
  insert(field, text);
}
