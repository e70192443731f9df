/** What of a key decides. */
interface Key {
  readonly isComposing: boolean;
  readonly keyCode: number;
}

/** Whether an input method has this key, as the one that ends a composition. Safari tells of that one after the end of
 *  the composition: then only the code says so. */
export const isComposing = (key: Key): boolean => key.isComposing || key.keyCode === 229;

/** The one rule for keys: what an input method has is a key of nothing else, in no field, list, dialog or shortcut of
 *  the page, also of those that a library brings. So no handler asks, and none can forget it. Called before anything
 *  else listens.
 *
 *  The terminal reads compositions by itself. */
export function keepComposing(page: EventTarget): void {
  const keep = (event: Event) => {
    const place = event.target as { closest?: (selector: string) => unknown } | null;
    if ((place?.closest?.(".terminal-screen") ?? null) !== null) return;
    if (isComposing(event as unknown as Key)) event.stopImmediatePropagation();
  };
  page.addEventListener("keydown", keep, { capture: true });
  page.addEventListener("keyup", keep, { capture: true });
}
