import { lazy, Suspense, useState } from "react";
import type { RoomView } from "../../../../protocols/index.ts";
import { isText, notices, useKept, useShown, type RoomStore } from "../../live/index.ts";
import { hasTopics } from "../../model/index.ts";

// Loaded in a room that has topics.
const TopicField = lazy(() => import("./topic-field.tsx"));

/** The topic in which one writes: the one that is shown, or what stands in a field of its own, which is there where the
 *  room has topics. */
export function useTopicWritten(store: RoomStore, view: RoomView, shown: string | undefined) {
  const [written, write] = useKept(`topics/${store.room}`, isText, "");
  const [isOpen, setIsOpen] = useState(false);
  const known = useShown(store.store, hasTopics);
  const isNeeded = view.topicsNeeded === true;
  const hasField = shown === undefined && (isNeeded || known || isOpen || written !== "");
  const name = shown ?? (written.trim() || undefined);
  return {
    name,
    open: hasField || shown !== undefined ? undefined : () => setIsOpen(true),
    isMissing(): boolean {
      const isMissing = isNeeded && name === undefined;
      if (isMissing) notices.show("Say what it is about: this room asks for a topic.", "bad");
      return isMissing;
    },
    field: hasField && (
      <Suspense>
        <TopicField
          store={store}
          topic={written}
          isNeeded={isNeeded}
          isOpened={isOpen}
          onTopic={(next) => write(next === "" ? undefined : next)}
        />
      </Suspense>
    ),
  };
}
