import { useLayoutEffect, useRef, type RefObject } from "react";
import { useLayer } from "../parts/layers.tsx";

/** What was typed before the switcher was there. */
export interface Letters {
  readonly text: string;
  /** Enter was pressed after it. */
  readonly isEntered: boolean;
}

/** Nothing was typed. */
export const noLetters: Letters = { text: "", isEntered: false };

/** Takes what is typed right after Ctrl+K, while the switcher is still being loaded. Nobody sees it. */
export function FirstLetters(props: { readonly letters: RefObject<Letters>; readonly onClose: () => void }) {
  const { letters, onClose } = props;
  const field = useRef<HTMLInputElement>(null);
  // Before the focus is taken: what had it gets it back.
  useLayer(true, onClose);
  useLayoutEffect(() => field.current?.focus(), []);
  return (
    <input
      ref={field}
      className="hidden-text"
      aria-label="Go to"
      maxLength={100}
      // As in a dialog: a field that comes with the page, and takes the focus, does not take the letters.
      onBlur={({ currentTarget }) => currentTarget.focus()}
      onInput={({ currentTarget: { value } }) => {
        if (!letters.current.isEntered) letters.current = { text: value, isEntered: false };
      }}
      onKeyDown={({ key }) => {
        if (key === "Escape") onClose();
        if (key === "Enter") letters.current = { ...letters.current, isEntered: true };
      }}
    />
  );
}
