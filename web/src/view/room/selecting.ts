import { useCallback, useRef, useState } from "react";
import { wireLimits } from "../../../../protocols/limits.ts";
import type { RoomMessage } from "../../../../protocols/index.ts";
import { notices, type RoomStore } from "../../live/index.ts";

/** Messages that are selected, by their place, as they were then. */
export type Picked = ReadonlyMap<number, RoomMessage>;

/** The mode in which messages are selected. */
export interface Selecting {
  /** Undefined: nobody selects. */
  readonly picked: Picked | undefined;
  /** Selects a message, or no more; `extends`: with all between it and the last one. */
  readonly pick: (message: RoomMessage, extend: boolean) => void;
  readonly end: () => void;
}

/** What is selected in the lines of a room. */
export function useSelecting(store: RoomStore): Selecting {
  const [picked, setPicked] = useState<Picked>();
  const anchor = useRef<number>(undefined);
  const pick = useCallback(
    (message: RoomMessage, extend: boolean) => {
      const from = extend ? anchor.current : undefined;
      anchor.current = message.seq;
      const [first, last] = [Math.min(from ?? message.seq, message.seq), Math.max(from ?? message.seq, message.seq)];
      const between = store.store.latest.messages.filter(
        ({ seq, deletedAtMs }) => seq >= first && seq <= last && deletedAtMs === undefined,
      );
      setPicked((before = new Map()) => {
        const next = new Map(before);
        if (from === undefined && next.delete(message.seq)) return next;
        for (const one of between) next.set(one.seq, one);
        if (next.size <= wireLimits.deletedAtOnceMax) return next;
        notices.show(`${wireLimits.deletedAtOnceMax} messages can be selected at once.`, "bad");
        return before;
      });
    },
    [store],
  );
  const end = useCallback(() => {
    anchor.current = undefined;
    setPicked(undefined);
  }, []);
  return { picked, pick, end };
}
