import { lazy, Suspense, useRef, useState, type RefObject } from "react";
import { useSession, useShown, type RoomStore } from "../../live/index.ts";
import { closedFor, otherPerson, type RoomModel } from "../../model/index.ts";
import { toRoom, useAttaching } from "../files/attaching.tsx";
import type { FeedHandle } from "../parts/feed.tsx";
import { useNames, useRoomTitle } from "../parts/lists.ts";
import { useMessageActions } from "./acting.ts";
import { useAddress, type Address } from "./address.ts";
import { Announcer } from "./announcer.tsx";
import { mentionableIn } from "./calling-in.ts";
import { useEdits } from "./edits.ts";
import { Foot } from "./foot.tsx";
import { MentionNote, mayInvite } from "./mention-note.tsx";
import type { MessageActions } from "./message-actions.ts";
import { useMute } from "./muted.ts";
import { RoomDialog, type Asked } from "./room-dialog.tsx";
import { RoomHeader } from "./room-header.tsx";
import { RoomPanel } from "./room-panel.tsx";
import type { Picked } from "./selecting.ts";
import { useShownLine } from "./shown-line.ts";
import { staysWithPeople } from "./staying.ts";
import { Timeline } from "./timeline.tsx";

// Loaded when somebody first asks for it.
const TopicTimeline = lazy(() => import("./topic-timeline.tsx"));

/** A room that one is in: its header, its messages, the field to write in, and what is beside. */
export function OpenRoom({ store }: { readonly store: RoomStore }) {
  const { me } = useSession();
  const nameFor = useNames();
  const titleOf = useRoomTitle();
  const view = useShown(store.store, (model: RoomModel) => model.view);
  const feed = useRef<FeedHandle>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const address = useAddress(store.room);
  const line = useShownLine(store, address, feed);
  const { editing, setEditing } = useEdits(store);
  const [picked, setPicked] = useState<Picked>();
  const [asked, setAsked] = useState<Asked>();
  const place = `room/${store.room}/text`;
  const attaching = useAttaching(toRoom(store), place, field);
  const role = view?.members[me]?.role;
  const moderates = role === "owner" || role === "moderator";
  const isMuted = useMute(view, me) !== undefined;
  const isClosed = view?.archived === true || isMuted;
  const now = { ...address, show: line.show };
  const actions = useMessageActions(store, { now, moderates, isClosed, field, setEditing, setPicked, setAsked });
  if (view === undefined) return null;
  const title = titleOf(view);
  const shared = {
    view,
    title,
    actions,
    address,
    feed,
    mentionable: mentionableIn(view, nameFor),
    note: (text: string) => <MentionNote text={text} store={store} view={view} />,
  };
  const endPicking = () => setPicked(undefined);
  return (
    <div className="screen">
      <main
        className="screen-main"
        aria-label={title}
        {...(closedFor(view, me, "room") === undefined && !isMuted && attaching.zone)}
      >
        <RoomHeader
          {...{ view, title, store }}
          other={otherPerson(store.room, me)}
          canChange={view.visibility !== "direct" && moderates}
          panel={address.search.panel}
          onPanel={address.setPanel}
        />
        <Lines
          {...{ ...shared, line, editing, picked }}
          onLeave={() => (picked === undefined ? field.current?.focus() : endPicking())}
        />
        <Foot {...{ ...shared, attaching, place, field, picked }} onEndPicking={endPicking} onAsk={setAsked} />
        <Announcer actions={actions} />
      </main>
      <RoomDialog {...{ asked, store, view, moderates }} onMoved={endPicking} onClose={() => setAsked(undefined)} />
      <RoomPanel {...shared} />
    </div>
  );
}

/** The messages of the room, or those of one topic. */
function Lines(props: {
  readonly view: NonNullable<RoomModel["view"]>;
  readonly title: string;
  readonly actions: MessageActions;
  readonly address: Address;
  readonly feed: RefObject<FeedHandle | null>;
  readonly line: ReturnType<typeof useShownLine>;
  readonly editing: ReadonlySet<number>;
  readonly picked: Picked | undefined;
  readonly onLeave: () => void;
}) {
  const { view, title, actions, address, line, feed, editing, picked, onLeave } = props;
  const { room: store, me, moderates } = actions;
  const { topic } = address.search;
  const shared = { store, actions, editing, picked, onLeave, handle: feed };
  if (topic === undefined)
    return (
      <Timeline
        {...{ ...shared, title }}
        {...line}
        invite={mayInvite(view, me) && !staysWithPeople(view) ? () => address.setPanel("members") : undefined}
      />
    );
  return (
    <Suspense fallback={<div className="feed empty" />}>
      <TopicTimeline key={topic} {...shared} topic={topic} mayRename={moderates} onTopic={address.showTopic} />
    </Suspense>
  );
}
