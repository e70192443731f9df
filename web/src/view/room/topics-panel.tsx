import { Button, Loader } from "@mantine/core";
import { useState } from "react";
import { wireLimits } from "../../../../protocols/limits.ts";
import type { RoomTopic } from "../../../../protocols/index.ts";
import type { RoomStore } from "../../live/index.ts";
import { Icon } from "../parts/icons.tsx";
import { Note } from "../parts/note.tsx";
import { PickList } from "../parts/pick-list.tsx";
import { momentOf } from "../parts/time.ts";
import { Panel } from "./panel.tsx";
import { useTopics } from "./topics.ts";

/** The topics of a room, the one that was written in last first. */
export default function TopicsPanel(props: {
  readonly store: RoomStore;
  readonly topic: string | undefined;
  readonly onTopic: (topic: string | undefined) => void;
  readonly onClose: () => void;
}) {
  const { store, onTopic } = props;
  const [text, setText] = useState("");
  const [more, setMore] = useState<readonly RoomTopic[]>([]);
  const loaded = useTopics(store, text.trim());
  const { topics = [], more: hasMore = false, without = 0, unread } = loaded.data ?? {};
  const last = more.at(-1) ?? topics.at(-1);
  const listed = [...topics, ...more.filter(({ topic }) => !topics.some((one) => one.topic === topic))];
  const load = async () => {
    if (last === undefined) return;
    const find = text.trim() === "" ? {} : { find: text.trim() };
    const result = await store.topics({ ...find, before: last.lastSeq, after: last.topic });
    if (result.ok) setMore([...more, ...result.value.topics]);
  };
  return (
    <Panel title="Topics" onClose={props.onClose}>
      <div className="panel-body stack" tabIndex={0} role="region" aria-label="List of topics">
        <PickList
          label="Find a topic"
          listLabel="Topics"
          text={text}
          onText={(next) => {
            setText(next);
            setMore([]);
          }}
          items={listed}
          keyOf={({ topic }) => topic}
          behind={loaded.isPending || loaded.isPlaceholderData}
          row={(topic) => <TopicLine topic={topic} isShown={topic.topic === props.topic} />}
          onPick={({ topic }) => onTopic(topic)}
          nothing={loaded.isPending ? <Loader size="sm" aria-label="Loading" /> : <p className="dim">No topics</p>}
        />
        {loaded.error !== null && <Note tone="bad">{loaded.error.message}</Note>}
        {hasMore && (more.length === 0 || more.length % wireLimits.pageEntriesDefault === 0) && (
          <Button variant="default" onClick={() => void load()}>
            More topics
          </Button>
        )}
        {without > 0 && unread !== undefined && <p className="dim">{without} unread without a topic</p>}
        {props.topic !== undefined && (
          <Button variant="default" onClick={() => onTopic(undefined)}>
            Show the whole room
          </Button>
        )}
      </div>
    </Panel>
  );
}

function TopicLine({ topic, isShown }: { readonly topic: RoomTopic; readonly isShown: boolean }) {
  const { topic: name, unread, resolved, interest, lastAtMs } = topic;
  return (
    <>
      <Icon name={resolved === true ? "check" : "hash"} size={16} />
      <span
        className={`grow ellipsis${interest === "mute" ? " dim" : ""}`}
        dir="auto"
        aria-current={isShown || undefined}
      >
        {resolved === true && <span className="hidden-text">resolved </span>}
        {name}
      </span>
      {interest !== undefined && (
        <span className="dim">
          <Icon name={interest === "mute" ? "mute" : "bell"} size={14} />
          <span className="hidden-text">{interest === "mute" ? "muted" : "followed"}</span>
        </span>
      )}
      {unread > 0 ? (
        <span className="count">
          {unread}
          <span className="hidden-text"> unread</span>
        </span>
      ) : (
        <span className="dim">{momentOf(lastAtMs)}</span>
      )}
    </>
  );
}
