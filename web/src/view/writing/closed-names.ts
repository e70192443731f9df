import { useEffect, useRef, type RefObject } from "react";
import type { Typed } from "../../model/index.ts";
import { replaceIn } from "./insert.ts";

/** `:tada:` becomes its emoji with the second colon, and stays as it was typed where that was undone. Returns what is
 *  to be told of each change of the text. */
export function useClosedNames(
  field: RefObject<HTMLTextAreaElement | null>,
  closed: (Typed & { readonly sign: string }) | undefined,
): (event: Event) => void {
  const isTyped = useRef(false);
  useEffect(() => {
    if (!isTyped.current || closed === undefined) return;
    isTyped.current = false;
    // Not while the key is still at work: what is put there then could not be undone.
    setTimeout(() => close(field.current, closed));
  });
  return (event) => {
    const input = event instanceof InputEvent ? event : undefined;
    // Not by an undo, a paste or a composition.
    isTyped.current = input?.inputType === "insertText" && input.data?.endsWith(":") === true;
    if (input?.inputType === "historyUndo") setTimeout(() => leaveName(field.current));
  };
}

function close(field: HTMLTextAreaElement | null, { start, part, sign }: Typed & { readonly sign: string }): void {
  const end = start + part.length + 2;
  if (field === null || field.value.slice(start, end) !== `:${part}:`) return;
  const behind = field.selectionEnd - end;
  replaceIn(field, start, end, sign);
  if (behind > 0) field.setSelectionRange(start + sign.length + behind, start + sign.length + behind);
}

/** A name that came back by an undo is selected, and what is typed next would take its place. */
function leaveName(field: HTMLTextAreaElement | null): void {
  if (field === null || !/^:[^\s:]+:$/.test(field.value.slice(field.selectionStart, field.selectionEnd))) return;
  field.setSelectionRange(field.selectionEnd, field.selectionEnd);
}
