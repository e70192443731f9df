import { sameJson } from "../protocols/index.ts";

/** What a write has against it: of the parts that it changes and whose state the writer has seen, those that are
 *  neither as seen nor already as wanted. Undefined: nothing. A writer that does not say what it saw writes over
 *  whatever is there. */
export function changedSince<State extends object>(
  seen: Partial<State> | undefined,
  now: State,
  wanted: Partial<State>,
): Partial<State> | undefined {
  const changed = (Object.keys(seen ?? {}) as (keyof State)[]).filter(
    (part) => wanted[part] !== undefined && !sameJson(seen?.[part], now[part]) && !sameJson(wanted[part], now[part]),
  );
  if (changed.length === 0) return undefined;
  return Object.fromEntries(changed.map((part) => [part, now[part]])) as Partial<State>;
}
