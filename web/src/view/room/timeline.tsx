import { Loader } from "@mantine/core";
import { useEffect, useMemo, useRef, useState } from "react";
import type { RoomMessage } from "../../../../protocols/index.ts";
import { useSession, useShown, type RoomStore } from "../../live/index.ts";
import {
  answeredBy,
  hasOlder,
  isDraftOfRoom,
  isLinePending,
  messageAt,
  pendingShown,
  reachesMarker,
  timelineRows,
  type RoomModel,
  type TimelineRow,
} from "../../model/index.ts";
import { Feed, type FeedHandle } from "../parts/feed.tsx";
import type { MessageActions } from "./message-actions.ts";
import { MessageRow } from "./message-row.tsx";
import type { Goal } from "./opening.ts";
import { DayRow, DraftRow, EmptyRoom, PendingRow, StartRow, TopicRow, UnreadRow } from "./rows.tsx";
import type { Picked } from "./selecting.ts";

/** The lines of a room, around where one reads. */
export function Timeline(props: {
  readonly store: RoomStore;
  readonly title: string;
  readonly actions: MessageActions;
  readonly editing: ReadonlySet<number>;
  readonly marked: number | undefined;
  readonly picked: Picked | undefined;
  readonly handle: React.Ref<FeedHandle>;
  readonly goal: Goal;
  /** What is to be shown first is there. */
  readonly opened: boolean;
  readonly onLatest: () => void;
  readonly invite: (() => void) | undefined;
  readonly onLeave: () => void;
}) {
  const { store, actions, goal } = props;
  const session = useSession();
  const messages = useShown(store.store, (model: RoomModel) => model.messages);
  const pending = useShown(store.store, (model: RoomModel) => model.pending);
  const drafts = useShown(store.store, draftKeys);
  const view = useShown(store.store, (model: RoomModel) => model.view);
  const older = useShown(store.store, hasOlder);
  const newer = useShown(store.store, (model: RoomModel) => model.newer);
  const placed = useShown(store.store, (model: RoomModel) => model.placed);
  const unread = useShown(store.store, (model: RoomModel) => model.unread.unread);
  const threads = useShown(store.store, (model: RoomModel) => model.threads);
  const answering = pending.some(isLinePending);
  const unreadAfter = useUnreadLine(store, answering, session.me);
  const rows = useMemo(
    () =>
      timelineRows({
        messages,
        pending: newer ? [] : pendingShown(store.store.shown(), session.me).filter(isLinePending),
        drafts: drafts === "" || newer ? [] : drafts.split("\n"),
        me: session.me,
        // In one step with the new row: the feed would still be on its way to the end when the line goes.
        unreadAfter: answering ? undefined : unreadAfter,
        hasOlder: older,
      }),
    [messages, pending, answering, drafts, unreadAfter, older, newer, store, session.me],
  );
  const markRead = (seq: number) => {
    const { latest } = store.store;
    const { readSeq, mentioned } = latest.unread;
    if (!document.hidden && (seq > readSeq || mentioned)) store.markRead(session.me, seq);
  };
  const seen = useRef<{ readonly row: TimelineRow | undefined; readonly isEnd: boolean }>({
    row: undefined,
    isEnd: false,
  });
  const markSeen = () => {
    const { row, isEnd } = seen.current;
    const { latest } = store.store;
    if (isEnd) return markRead(latest.view?.messageSeq ?? 0);
    // Further back, what was read reaches as far as one has scrolled; behind a jump there may be more unread before it.
    if (row?.kind === "message" && reachesMarker(latest)) markRead(row.message.seq);
  };
  // An edit may mention the reader in what was read before.
  const mentioned = useShown(store.store, (model: RoomModel) => model.unread.mentioned);
  useEffect(() => {
    if (mentioned) markSeen();
  }, [mentioned]);
  useEffect(() => {
    document.addEventListener("visibilitychange", markSeen);
    return () => document.removeEventListener("visibilitychange", markSeen);
  });
  const row = (entry: TimelineRow) => {
    switch (entry.kind) {
      case "start":
        return view === undefined ? <></> : <StartRow view={view} title={props.title} invite={props.invite} />;
      case "day":
        return <DayRow atMs={entry.atMs} />;
      case "unread":
        return <UnreadRow />;
      case "topic":
        return <TopicRow topic={entry.topic} onOpen={actions.openTopic} />;
      case "message": {
        const { message } = entry;
        return (
          <MessageRow
            message={message}
            head={entry.head}
            quoted={quotedOf(store.store.shown(), message)}
            thread={threads[message.seq]}
            editing={props.editing.has(message.seq)}
            marked={props.marked === message.seq}
            picked={props.picked?.has(message.seq)}
            inThread={false}
            actions={actions}
          />
        );
      }
      case "pending":
        return (
          <PendingRow post={entry.post} head={entry.head} me={session.me} nameFor={actions.nameFor} room={store} />
        );
      case "draft":
        return <DraftRow draftKey={entry.draftKey} actions={actions} />;
    }
  };
  if (!props.opened)
    return (
      <div className="feed empty">
        <Loader aria-label="Loading the messages" />
      </div>
    );
  if (view !== undefined && !older && !newer && rows.every((entry) => entry.kind === "start"))
    return <EmptyRoom view={view} title={props.title} invite={props.invite} me={session.me} />;
  return (
    <Feed
      key={placed}
      label="Messages"
      rows={rows}
      hasOlder={older}
      loadOlder={() => store.load("older")}
      newer={{ has: newer, load: () => store.load("newer"), toLatest: props.onLatest }}
      startAt={startOf(goal, rows)}
      isStop={isArticle}
      onLeave={props.onLeave}
      unread={unread}
      onSeen={(last, isEnd) => {
        seen.current = { row: last, isEnd };
        if (last?.kind === "message") store.viewedSeq = last.message.seq;
        markSeen();
      }}
      handle={props.handle}
    >
      {row}
    </Feed>
  );
}

function startOf(
  goal: Goal,
  rows: readonly TimelineRow[],
): { readonly key: string; readonly align: "start" | "center" } | undefined {
  if (goal.kind === "end") return undefined;
  if (goal.kind === "line") return { key: `m${goal.seq}`, align: "center" };
  return rows.some(({ kind }) => kind === "unread") ? { key: "unread", align: "start" } : undefined;
}

/** Behind which message the line of what is new stands. It stays where it was when the room was opened: reading must
 *  not move it away. */
function useUnreadLine(store: RoomStore, answering: boolean, me: string): number | undefined {
  const unread = useShown(store.store, (model: RoomModel) => model.unread);
  const newest = useShown(store.store, (model: RoomModel) => (model.newer ? undefined : model.messages.at(-1)));
  const [line, setLine] = useState(() => (unread.unread > 0 ? unread.readSeq : undefined));
  // It goes when one answers, and comes again for what arrives while nobody looks.
  useEffect(() => {
    if (answering) setLine(undefined);
    else if (document.hidden && newest !== undefined && newest.author !== me)
      setLine((before) => before ?? newest.seq - 1);
  }, [answering, newest?.seq]);
  // The person wants it unread from here on.
  const readSeq = useRef(unread.readSeq);
  useEffect(() => {
    if (unread.readSeq < readSeq.current) setLine(unread.readSeq);
    readSeq.current = unread.readSeq;
  }, [unread.readSeq]);
  return line;
}

function quotedOf(model: RoomModel, message: RoomMessage): RoomMessage | undefined {
  const seq = answeredBy(message);
  return seq === undefined ? undefined : messageAt(model, seq);
}

const isArticle = ({ kind }: TimelineRow): boolean => kind === "message" || kind === "pending" || kind === "draft";

/** The drafts that exist among the room's lines, as one text: it changes when one begins or ends, not with every
 *  token. */
const draftKeys = (model: RoomModel): string =>
  Object.entries(model.drafts)
    .filter(([, draft]) => isDraftOfRoom(model, draft))
    .map(([key]) => key)
    .join("\n");
