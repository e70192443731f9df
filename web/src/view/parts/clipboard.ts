import { useEffect, useState } from "react";
import { notices } from "../../live/index.ts";

/** Copies a text. Browsers give the clipboard to secure pages only, and a node in the home network is reached over
 *  plain HTTP: there the old way still works. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.style.position = "fixed";
    field.style.opacity = "0";
    const before = document.activeElement;
    // Inside an open dialog focus may not leave it.
    (before?.closest("[role=dialog]") ?? document.body).append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    if (before instanceof HTMLElement) before.focus();
    if (!copied) notices.show("The browser did not allow copying.", "bad");
    return copied;
  }
}

const shownMs = 1_500;

/** For a copy button: whether it has just copied, and the act itself. */
export function useCopy(): { readonly copied: boolean; readonly copy: (text: string) => void } {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), shownMs);
    return () => clearTimeout(timer);
  }, [copied]);
  return { copied, copy: (text) => void copyText(text).then(setCopied) };
}
