import { useEffect, useState, type RefObject } from "react";
import { notices, type RoomStore } from "../../live/index.ts";
import type { FeedHandle } from "../parts/feed.tsx";
import type { Address } from "./address.ts";
import { useOpening } from "./opening.ts";

/** Where the timeline of a room is, and the ways to other lines of it: what the address names is shown by itself. */
export function useShownLine(store: RoomStore, { search, setPanel }: Address, feed: RefObject<FeedHandle | null>) {
  const { goal, opened, setGoal, open } = useOpening(store, search.at);
  const [marked, setMarked] = useMarked();
  /** `isLink`: the address names it. */
  const show = async (seq: number, isLink = false) => {
    const message = await store.find(seq);
    if (message === "failed") return;
    if (message === undefined) {
      setGoal({ kind: "end" });
      return notices.show("There is no such message in this room.");
    }
    // Where it is no line of the room, it is shown where it is one.
    // Back leads to where the link was, and not to the link.
    if (message.threadOnly === true) return setPanel("thread", message.replyTo, isLink);
    const hadFocus = document.activeElement?.matches(".feed *") === true;
    setGoal({ kind: "line", seq });
    if (!(await store.reach(seq))) return;
    setMarked(seq);
    // The rows of what was just loaded exist after the next render.
    requestAnimationFrame(() => feed.current?.show(`m${seq}`, hadFocus));
  };
  useEffect(() => {
    if (search.at !== undefined) void show(search.at, true).then(open);
  }, [search.at]);
  return {
    goal,
    opened,
    marked,
    show,
    onLatest() {
      setGoal({ kind: "end" });
      void store.toLatest();
    },
  };
}

/** The message that somebody was led to, for a moment. */
function useMarked() {
  const [marked, setMarked] = useState<number>();
  useEffect(() => {
    if (marked === undefined) return;
    const timer = setTimeout(() => setMarked(undefined), 2_500);
    return () => clearTimeout(timer);
  }, [marked]);
  return [marked, setMarked] as const;
}
