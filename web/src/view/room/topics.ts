import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { explain, useShown, type RoomStore } from "../../live/index.ts";
import type { RoomModel } from "../../model/index.ts";

// Several events of a moment are one question.
const calmMs = 400;

/** The topics of a room with some letters in their names, newest first, and what is unread in them: asked for anew when
 *  it may be another. */
export function useTopics(store: RoomStore, find = "") {
  const loaded = useQuery({
    queryKey: ["topics", store.room, find],
    queryFn: async () => {
      const result = await store.topics(find === "" ? {} : { find });
      if (result.ok) return result.value;
      throw new Error(explain(result.error, "look"));
    },
    staleTime: 0,
    // What is shown stays until there is something else to show.
    placeholderData: (previous, query) => (query?.queryKey[1] === store.room ? previous : undefined),
  });
  const now = useShown(store.store, stampOf);
  const { refetch } = loaded;
  useEffect(() => {
    const timer = setTimeout(() => void refetch(), calmMs);
    return () => clearTimeout(timer);
  }, [now, refetch]);
  return loaded;
}

/** Changes with what is told of topics. */
const stampOf = ({ view, unread, topicsChanged = 0 }: RoomModel): string =>
  [view?.messageSeq, unread.readSeq, JSON.stringify(unread.seen), JSON.stringify(unread.topics), topicsChanged].join(
    " ",
  );
