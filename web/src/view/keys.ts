/** Whether an input method has this key, as the one that ends a composition. Safari tells of that one after the end of the
 *  composition: then only the code says so. */
export const isComposing = (event: { readonly isComposing: boolean; readonly keyCode: number }): boolean =>
  event.isComposing || event.keyCode === 229;

/** The one rule for keys: what an input method has is a key of nothing else, in no field, list, dialog or shortcut of the page, also of
 *  those that a library brings. So no handler asks, and none can forget it. Called before anything else listens.
 *
 *  The terminal reads compositions by itself. */
export function keepComposing(page: EventTarget): void {
  const keep = (event: Event) => {
    const { target } = event;
    if (target instanceof Element && target.closest(".terminal-screen") !== null) return;
    if (isComposing(event as KeyboardEvent)) event.stopImmediatePropagation();
  };
  page.addEventListener("keydown", keep, { capture: true });
  page.addEventListener("keyup", keep, { capture: true });
}
