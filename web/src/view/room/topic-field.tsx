import { TextInput } from "@mantine/core";
import { useId } from "react";
import { wireLimits } from "../../../../protocols/limits.ts";
import type { RoomStore } from "../../live/index.ts";
import { useTopics } from "./topics.ts";

/** The topic in which one writes, with those of the room to choose from. */
export default function TopicField(props: {
  readonly store: RoomStore;
  readonly topic: string;
  readonly isNeeded: boolean;
  /** Somebody has asked for the field. */
  readonly isOpened: boolean;
  readonly onTopic: (topic: string) => void;
}) {
  const list = useId();
  const { data } = useTopics(props.store, props.topic.trim());
  return (
    <>
      <TextInput
        className="topic-field"
        size="xs"
        autoFocus={props.isOpened}
        aria-label="Topic"
        placeholder={props.isNeeded ? "Topic" : "Topic, or none"}
        maxLength={wireLimits.messageTopicCharsMax}
        list={list}
        value={props.topic}
        onChange={(event) => props.onTopic(event.currentTarget.value)}
      />
      <datalist id={list}>
        {(data?.topics ?? []).map(({ topic }) => (
          <option key={topic} value={topic} />
        ))}
      </datalist>
    </>
  );
}
