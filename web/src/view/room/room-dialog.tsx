import { lazy, Suspense } from "react";
import type { RoomMessage, RoomView } from "../../../../protocols/index.ts";
import type { RoomStore } from "../../live/index.ts";
import { linkTo } from "./address.ts";

// Loaded when somebody first asks for them.
const NewPoll = lazy(() => import("./new-poll.tsx"));
const RemindMe = lazy(() => import("../schedule/remind-me.tsx"));
const Forward = lazy(() => import("./forward.tsx"));
const MoveTopic = lazy(() => import("./move-topic.tsx"));

/** A dialog of a room that somebody has asked for, and about what it is. */
export type Asked =
  | { readonly kind: "poll"; readonly topic: string | undefined }
  | { readonly kind: "remind"; readonly seq: number }
  | { readonly kind: "forward"; readonly message: RoomMessage }
  | { readonly kind: "move"; readonly messages: readonly RoomMessage[] };

/** The dialog of a room that is open: there is one at a time. */
export function RoomDialog(props: {
  readonly asked: Asked | undefined;
  readonly store: RoomStore;
  readonly view: RoomView;
  readonly moderates: boolean;
  readonly onMoved: () => void;
  readonly onClose: () => void;
}) {
  const { asked, store, view, moderates, onMoved, onClose } = props;
  const { room } = store;
  const shown = { opened: true, onClose };
  return (
    <Suspense>
      {asked?.kind === "poll" && <NewPoll {...shown} store={store} topic={asked.topic} />}
      {asked?.kind === "remind" && <RemindMe {...shown} room={room} seq={asked.seq} />}
      {asked?.kind === "move" && (
        <MoveTopic
          {...shown}
          store={store}
          messages={asked.messages}
          onMoved={onMoved}
          moderates={moderates || view.visibility === "direct"}
        />
      )}
      {asked?.kind === "forward" && (
        <Forward
          {...shown}
          room={room}
          message={asked.message}
          link={linkTo(room, asked.message.seq)}
          isOpenToAll={view.visibility === "public"}
        />
      )}
    </Suspense>
  );
}
