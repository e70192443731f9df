import { useRef } from "react";
import type { Failure } from "../../../../protocols/index.ts";
import type { Faults } from "./faults.ts";

/** What a form rests on that writes something others can change, too: what its person had seen when they began. */
interface SeenBy<Seen> {
  /** Somebody begins to write about the thing of this name: what it is now is what they have seen. */
  begin(name: string): void;
  /** What the write of it has to say that was seen. */
  of(name: string): Seen;
  /** It was written, or given up. */
  end(): void;
  /** Takes the refusal of a write to the form. Where the thing was changed meanwhile, the form says so, and the next
   *  try rests on what is there now. */
  take(name: string): (reason: Failure) => true;
}

/** `known`: what is on show of the thing of this name. `says`: that it was changed, and what it is now. */
export function useSeen<Seen>(
  faults: Faults,
  known: (name: string) => Seen,
  says: (name: string, now: Seen | undefined) => string,
): SeenBy<Seen> {
  const held = useRef<{ readonly name: string; readonly seen: Seen }>(undefined);
  return {
    begin(name) {
      if (held.current?.name !== name) held.current = { name, seen: known(name) };
    },
    of: (name) => (held.current?.name === name ? held.current.seen : known(name)),
    end: () => void (held.current = undefined),
    take: (name) => (reason) => {
      if (reason.code !== "CHANGED_MEANWHILE") return faults.take(reason);
      const now = reason.details?.["now"] as Seen | undefined;
      held.current = now === undefined ? undefined : { name, seen: now };
      faults.say(`${says(name, now)} Nothing was saved. Save again to put yours in its place.`);
      return true;
    },
  };
}
