import { Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState, type ReactNode, type RefObject } from "react";
import type { RoomThread, RoomView } from "../../../../protocols/index.ts";
import { explain, isFlag, useKept, useSession, useShown, type RoomStore } from "../../live/index.ts";
import { closedFor, isDraftOfThread, pendingShown, threadOf, type RoomModel } from "../../model/index.ts";
import { toRoom, useAttaching } from "../files/attaching.tsx";
import { Composer } from "../parts/composer.tsx";
import type { Mentionable } from "../../model/index.ts";
import { useRoving } from "../parts/roving.ts";
import { useEdits } from "./edits.ts";
import type { MessageActions } from "./message-actions.ts";
import { MessageRow } from "./message-row.tsx";
import { useMute } from "./muted.ts";
import { Panel } from "./panel.tsx";
import { DraftRow, PendingRow, UnreadRow } from "./rows.tsx";
import { Writing } from "./writing.tsx";
import { repliesText } from "./thread-link.tsx";

const threadPage = 200;

/** One message and all that answer it. */
export default function ThreadPanel({
  store,
  view,
  root,
  actions,
  mentionable,
  note,
  onClose,
}: {
  readonly store: RoomStore;
  readonly view: RoomView;
  readonly root: number;
  readonly actions: MessageActions;
  readonly mentionable: readonly Mentionable[];
  readonly note: (text: string) => ReactNode;
  readonly onClose: () => void;
}) {
  const session = useSession();
  const place = `room/${store.room}/thread/${root}`;
  const model = useShown(store.store, (room: RoomModel) => room);
  const { threads } = model;
  const { editing, setEditing } = useEdits(store);
  const end = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const attaching = useAttaching(toRoom(store), place, field);
  const isMuted = useMute(view, session.me) !== undefined;
  const zone = closedFor(view, session.me, "thread") === undefined && !isMuted ? attaching.zone : undefined;
  const isFirst = useRef(true);
  useRoving(list, { leave: () => field.current?.focus() });
  const loaded = useQuery({
    queryKey: ["thread", store.room, root],
    queryFn: async () => {
      const result = await store.history({ thread: root, limit: threadPage });
      if (result.ok) return result.value.messages;
      throw new Error(explain(result.error, "look"));
    },
    staleTime: 0,
  });
  const messages = threadOf(model, root, loaded.data ?? []);
  useThreadOf(messages.find(({ seq }) => seq === root)?.replyTo, actions);
  const pending = pendingShown(model, session.me).filter((post) => post.replyTo === root);
  const drafts = Object.entries(model.drafts).filter(([, draft]) => isDraftOfThread(model, draft, root));
  const newest = messages.at(-1)?.seq ?? 0;
  const [alsoInRoom, setAlsoInRoom] = useKept(`room/${store.room}/thread/${root}/also`, isFlag, false);
  const unreadAfter = useUnreadAfter(threads[root]);
  const firstUnread = messages.find(
    ({ seq, author, threadOnly }) => seq > (unreadAfter ?? Infinity) && author !== session.me && threadOnly === true,
  )?.seq;
  useOpenThread(store, root, newest);
  useEffect(() => {
    // What is new is read from its beginning; then the panel goes along.
    const line = list.current?.querySelector(".unread-line");
    if (isFirst.current && line) line.scrollIntoView({ block: "start" });
    else end.current?.scrollIntoView({ block: "end" });
    if (!loaded.isPending) isFirst.current = false;
  }, [messages.length, pending.length, loaded.isPending]);
  const own = useOwnEdits(actions, setEditing, field);
  return (
    <Panel title="Thread" onClose={onClose} zone={zone} tools={<FollowButton thread={threads[root]} store={store} />}>
      <div ref={list} className="panel-body thread" role="region" aria-label="Messages of the thread">
        {loaded.isPending && messages.length === 0 && <Loader size="sm" aria-label="Loading the thread" />}
        {messages.map((message, index) => (
          <div key={message.seq}>
            {message.seq === firstUnread && <UnreadRow />}
            <MessageRow
              message={message}
              head
              editing={editing.has(message.seq)}
              quoted={messages.find(({ seq }) => seq === message.answers)}
              marked={false}
              inThread
              actions={own}
            />
            {index === 0 && messages.length > 1 && (
              <div className="day">
                <span>{repliesText(messages.length - 1)}</span>
              </div>
            )}
          </div>
        ))}
        {pending.map((post) => (
          <PendingRow key={post.operationId} post={post} head me={session.me} nameFor={actions.nameFor} room={store} />
        ))}
        {drafts.map(([key]) => (
          <DraftRow key={key} draftKey={key} actions={actions} />
        ))}
        <div ref={end} />
      </div>
      <div className="foot">
        <Writing view={view} me={session.me} where="thread">
          <Composer
            {...attaching.field}
            beside={attaching.button()}
            place={place}
            label="Reply in the thread"
            mentionable={mentionable}
            note={note}
            field={field}
            autoFocus
            onTyping={() => store.typing()}
            onEscape={onClose}
            later={{ room: store.room, replyTo: root, ...(alsoInRoom && { alsoInRoom }) }}
            onSend={(text) => {
              attaching.post(text, root, alsoInRoom);
              setAlsoInRoom(undefined);
            }}
          />
          {closedFor(view, session.me, "room") === undefined && (
            <AlsoInRoom checked={alsoInRoom} onChange={(checked) => setAlsoInRoom(checked || undefined)} />
          )}
        </Writing>
      </div>
    </Panel>
  );
}

function AlsoInRoom(props: { readonly checked: boolean; readonly onChange: (checked: boolean) => void }) {
  return (
    <label className="check also">
      <input
        type="checkbox"
        checked={props.checked}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      Also send to the room
    </label>
  );
}

/** What is shown is read, while somebody looks, and the search offers the thread that was open last as a filter. */
function useOpenThread(store: RoomStore, root: number, newest: number): void {
  const session = useSession();
  useEffect(() => {
    session.lastThread = `${store.room}/${root}`;
  }, [session, store, root]);
  useEffect(() => {
    const seen = () => {
      if (!document.hidden && newest > 0) store.markThread(root, newest);
    };
    seen();
    document.addEventListener("visibilitychange", seen);
    return () => document.removeEventListener("visibilitychange", seen);
  }, [store, root, newest]);
}

/** The actions of the room, with the edits of the panel: what is edited there stands there. */
function useOwnEdits(
  actions: MessageActions,
  setEditing: MessageActions["setEditing"],
  field: RefObject<HTMLTextAreaElement | null>,
): MessageActions {
  return useMemo<MessageActions>(
    () => ({
      ...actions,
      // The lines of the room alone are selected.
      pick: () => undefined,
      setEditing(seq, on) {
        setEditing(seq, on);
        if (!on) field.current?.focus();
      },
      quote(message, inThread) {
        actions.quote(message, inThread);
        if (inThread) field.current?.focus();
      },
    }),
    [actions, setEditing, field],
  );
}

/** Whether the person follows the thread; there is something to follow once somebody has answered. */
function FollowButton({ thread, store }: { readonly thread: RoomThread | undefined; readonly store: RoomStore }) {
  if (thread === undefined) return null;
  const follows = thread.own !== undefined && thread.own.muted !== true;
  return (
    <button
      type="button"
      className="link"
      aria-pressed={follows}
      title={follows ? "You see what is new in this thread" : "You see only that you are mentioned"}
      onClick={() => void store.followThread(thread.root, !follows)}
    >
      {follows ? "Following" : "Follow"}
    </button>
  );
}

/** The last message that was read before the thread was opened: the line stays where it was then. */
function useUnreadAfter(thread: RoomThread | undefined): number | undefined {
  const [unreadAfter] = useState(() => {
    const own = thread?.own;
    return own !== undefined && own.unread > 0 ? own.readSeq : undefined;
  });
  return unreadAfter;
}

/** A link may name a reply: what is written to it is in the thread of its root, which is shown instead. */
function useThreadOf(root: number | undefined, actions: MessageActions): void {
  useEffect(() => {
    if (root !== undefined) actions.openThread(root);
  }, [actions, root]);
}
