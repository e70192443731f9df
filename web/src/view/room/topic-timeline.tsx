import { Loader, Menu } from "@mantine/core";
import { useEffect, useMemo, useRef, useState } from "react";
import type { RoomMessage } from "../../../../protocols/index.ts";
import { notices, useSession, useShown, type RoomStore } from "../../live/index.ts";
import {
  answeredBy,
  isLinePending,
  isSameTopic,
  messageAt,
  pendingShown,
  timelineRows,
  type RoomModel,
  type TimelineRow,
} from "../../model/index.ts";
import { hasUnread, topicLines } from "../../model/topic-lines.ts";
import { Feed, type FeedHandle } from "../parts/feed.tsx";
import { Icon } from "../parts/icons.tsx";
import { Actions } from "../parts/layers.tsx";
import type { MessageActions } from "./message-actions.ts";
import { MessageRow } from "./message-row.tsx";
import { DayRow, DraftRow, PendingRow, UnreadRow } from "./rows.tsx";
import type { Picked } from "./selecting.ts";
import { RenameTopic } from "./rename-topic.tsx";
import { useTopics } from "./topics.ts";

const pageSize = 50;

interface Loaded {
  readonly messages: readonly RoomMessage[];
  readonly more: boolean;
  /** The room's newest message when it was asked for. */
  readonly to: number;
}

/** The lines of one topic. */
export default function TopicTimeline(props: {
  readonly store: RoomStore;
  readonly topic: string;
  readonly actions: MessageActions;
  readonly editing: ReadonlySet<number>;
  readonly picked: Picked | undefined;
  readonly handle: React.Ref<FeedHandle>;
  readonly mayRename: boolean;
  readonly onTopic: (topic: string | undefined) => void;
  readonly onLeave: () => void;
}) {
  const { store, topic, actions } = props;
  const session = useSession();
  const model = useShown(store.store, (room: RoomModel) => room);
  const { loaded, loadOlder } = useLoaded(store, topic, model);
  const [unreadAfter] = useState(model.unread.unread > 0 ? model.unread.readSeq : undefined);
  const lines = loaded && topicLines(model, topic, { loaded: loaded.messages, hasOlder: loaded.more });
  const drafts = Object.entries(model.drafts)
    .filter(([, { replyTo }]) => isSameTopic(messageAt(model, replyTo ?? 0)?.topic, topic))
    .map(([key]) => key);
  const pending = pendingShown(model, session.me).filter(
    (post) => isLinePending(post) && post.topic !== undefined && isSameTopic(post.topic, topic),
  );
  const rows = useMemo(
    () =>
      timelineRows({
        messages: lines ?? [],
        pending,
        drafts,
        me: session.me,
        unreadAfter: pending.length > 0 ? undefined : unreadAfter,
        hasOlder: true,
        isOneTopic: true,
      }),
    [lines, pending, drafts, session.me, unreadAfter],
  );
  const seen = useRef(0);
  const markSeen = () => {
    const { latest } = store.store;
    const read = (lines ?? []).filter(({ seq }) => seq <= seen.current);
    const last = read.at(-1);
    if (!document.hidden && last !== undefined && hasUnread(latest, read)) store.markTopic(topic, last.seq);
  };
  useEffect(() => {
    document.addEventListener("visibilitychange", markSeen);
    return () => document.removeEventListener("visibilitychange", markSeen);
  });
  const row = (entry: TimelineRow) => {
    switch (entry.kind) {
      case "start":
      case "topic":
        return <></>;
      case "day":
        return <DayRow atMs={entry.atMs} />;
      case "unread":
        return <UnreadRow />;
      case "message":
        return (
          <MessageRow
            message={entry.message}
            head={entry.head}
            quoted={messageAt(model, answeredBy(entry.message) ?? 0)}
            thread={model.threads[entry.message.seq]}
            editing={props.editing.has(entry.message.seq)}
            picked={props.picked?.has(entry.message.seq)}
            marked={false}
            inThread={false}
            actions={actions}
          />
        );
      case "pending":
        return (
          <PendingRow post={entry.post} head={entry.head} me={session.me} nameFor={actions.nameFor} room={store} />
        );
      case "draft":
        return <DraftRow draftKey={entry.draftKey} actions={actions} />;
    }
  };
  return (
    <>
      <TopicBar {...props} />
      {loaded === undefined ? (
        <div className="feed empty">
          <Loader aria-label="Loading the messages" />
        </div>
      ) : rows.length === 0 ? (
        <div className="feed empty">
          <p className="dim">Nothing is in this topic yet. What you write here begins it.</p>
        </div>
      ) : (
        <Feed
          label={`Messages in ${topic}`}
          rows={rows}
          hasOlder={loaded.more}
          loadOlder={loadOlder}
          startAt={rows.some(({ kind }) => kind === "unread") ? { key: "unread", align: "start" } : undefined}
          isStop={({ kind }) => kind === "message" || kind === "pending" || kind === "draft"}
          onLeave={props.onLeave}
          onSeen={(last, isEnd) => {
            const end = lines?.at(-1)?.seq ?? 0;
            seen.current = isEnd ? end : last?.kind === "message" ? last.message.seq : seen.current;
            markSeen();
          }}
          handle={props.handle}
        >
          {row}
        </Feed>
      )}
    </>
  );
}

/** What was loaded of a topic, and the way to what is older. Where the room was loaded anew meanwhile and there may be
 *  a hole between, the end is loaded again. */
function useLoaded(store: RoomStore, topic: string, { from }: RoomModel) {
  const [loaded, setLoaded] = useState<Loaded>();
  const load = async (before?: number) => {
    const to = store.store.latest.view?.messageSeq ?? 0;
    const query = { topic, roomOnly: true, limit: pageSize, ...(before !== undefined && { before }) };
    const result = await store.history(query);
    if (!result.ok) return notices.fail(result.error, "look");
    const { messages, more } = result.value;
    setLoaded((known) =>
      before === undefined || known === undefined
        ? { messages, more, to }
        : { ...known, messages: [...messages, ...known.messages], more: more && messages.length > 0 },
    );
    return;
  };
  useEffect(() => {
    void load();
  }, [store, topic]);
  useEffect(() => {
    if (loaded !== undefined && from > loaded.to + 1) void load();
  }, [from]);
  return { loaded, loadOlder: () => load(loaded?.messages[0]?.seq) };
}

/** Which topic is shown, and what can be done with it. */
function TopicBar(props: Parameters<typeof TopicTimeline>[0]) {
  const { store, topic, onTopic } = props;
  const [renaming, setRenaming] = useState(false);
  const { data } = useTopics(store, topic);
  const known = data?.topics.find((one) => isSameTopic(one.topic, topic));
  const resolved = known?.resolved === true;
  const { isClosed: isArchived } = props.actions;
  return (
    <div className="topic-bar" role="group" aria-label="Topic">
      <Icon name={resolved ? "check" : "hash"} size={16} />
      <h2 className="grow ellipsis" dir="auto">
        {known?.topic ?? topic}
        {resolved && <span className="tag">resolved</span>}
      </h2>
      {known !== undefined && (
        <Actions
          width={230}
          button={
            <button
              type="button"
              className="tool"
              aria-label="What to do with the topic"
              title="What to do with the topic"
            >
              <Icon name="more" />
            </button>
          }
        >
          <OwnTopicItems store={store} topic={topic} known={known?.interest} />
          {!isArchived && (
            <Menu.Item
              leftSection={<Icon name="check" size={16} />}
              onClick={() => void store.change("resolveTopic", { topic, resolved: !resolved })}
            >
              {resolved ? "Open it again" : "Mark as resolved"}
            </Menu.Item>
          )}
          {props.mayRename && !isArchived && (
            <Menu.Item leftSection={<Icon name="edit" size={16} />} onClick={() => setRenaming(true)}>
              Rename the topic …
            </Menu.Item>
          )}
        </Actions>
      )}
      <button
        type="button"
        className="tool"
        aria-label="Show the whole room"
        title="Show the whole room"
        onClick={() => onTopic(undefined)}
      >
        <Icon name="close" />
      </button>
      {renaming && (
        <RenameTopic
          opened
          store={store}
          topic={known?.topic ?? topic}
          onRenamed={onTopic}
          onClose={() => setRenaming(false)}
        />
      )}
    </div>
  );
}

/** What the person alone sets of a topic. */
function OwnTopicItems(props: {
  readonly store: RoomStore;
  readonly topic: string;
  readonly known: "follow" | "mute" | undefined;
}) {
  const { store, topic, known } = props;
  const choose = (next: "follow" | "mute") =>
    void store.change("followTopic", { topic, interest: known === next ? "none" : next });
  return (
    <>
      <Menu.Item leftSection={<Icon name="bell" size={16} />} onClick={() => choose("follow")}>
        {known === "follow" ? "Do not follow any more" : "Follow the topic"}
      </Menu.Item>
      <Menu.Item leftSection={<Icon name="mute" size={16} />} onClick={() => choose("mute")}>
        {known === "mute" ? "Unmute the topic" : "Mute the topic"}
      </Menu.Item>
    </>
  );
}
