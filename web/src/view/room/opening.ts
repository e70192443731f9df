import { useEffect, useState } from "react";
import { useSession, type RoomStore } from "../../live/index.ts";

/** Where the timeline is to be. */
export type Goal = { readonly kind: "unread" | "end" } | { readonly kind: "line"; readonly seq: number };

const place = "settings/rooms-open";
export type OpensAt = "unread" | "newest";

/** Where rooms open, as the person chose it in this browser. */
export function useOpensAt(): readonly [OpensAt, (next: OpensAt) => void] {
  const { kept } = useSession();
  const [chosen, set] = useState<OpensAt>(kept.read(place) === "newest" ? "newest" : "unread");
  const choose = (next: OpensAt) => {
    kept.write(place, next === "newest" ? next : undefined);
    set(next);
  };
  return [chosen, choose];
}

/** Where a room opens: at the message that a link names, at the first unread one, or at the newest. What is needed for
 *  it is loaded before anything is shown. */
export function useOpening(
  store: RoomStore,
  at: number | undefined,
): {
  readonly goal: Goal;
  readonly opened: boolean;
  readonly setGoal: (goal: Goal) => void;
  /** What a link names was found, or is not there. */
  readonly open: () => void;
} {
  const [opensAt] = useOpensAt();
  const [goal, setGoal] = useState<Goal>(() =>
    at !== undefined ? { kind: "line", seq: at } : { kind: opensAt === "newest" ? "end" : "unread" },
  );
  const [opened, setOpened] = useState(false);
  useEffect(() => {
    store.opened();
    if (goal.kind === "line") return;
    void (goal.kind === "unread" ? store.reachUnread() : store.toLatest()).then(() => setOpened(true));
  }, [store]);
  return { goal, opened, setGoal, open: () => setOpened(true) };
}
