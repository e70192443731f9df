import { useCallback, useSyncExternalStore } from "react";
import { isHabits, noHabits, type EmojiHabits } from "../model/index.ts";
import { useSession } from "./session.ts";

/** What the person has made at a place and not finished, or `none`; the same in every tab, and there again after a
 *  reload. */
export function useKept<Value>(
  place: string,
  isValue: (value: unknown) => value is Value,
  none: Value,
): readonly [Value, (value: Value | undefined) => void] {
  const { kept } = useSession();
  const subscribe = useCallback((listener: () => void) => kept.subscribe(place, listener), [kept, place]);
  const value = useSyncExternalStore(subscribe, () => kept.read(place));
  const set = useCallback((next: Value | undefined) => kept.write(place, next), [kept, place]);
  return [isValue(value) ? value : none, set];
}

export const isText = (value: unknown): value is string => typeof value === "string";
export const isFlag = (value: unknown): value is boolean => typeof value === "boolean";

/** What this person does with emoji. */
export const useHabits = () => useKept<EmojiHabits>("emoji", isHabits, noHabits);
