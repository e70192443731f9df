import { Button, Menu } from "@mantine/core";
import { lazy, Suspense, type ReactNode, type RefObject } from "react";
import type { RoomView } from "../../../../protocols/index.ts";
import type { Mentionable } from "../../model/index.ts";
import { isTouch, type Attaching } from "../files/attaching.tsx";
import { Composer } from "../parts/composer.tsx";
import type { FeedHandle } from "../parts/feed.tsx";
import { Icon } from "../parts/icons.tsx";
import type { Address } from "./address.ts";
import { TypingLine } from "./announcer.tsx";
import type { MessageActions } from "./message-actions.ts";
import type { Asked } from "./room-dialog.tsx";
import type { Picked } from "./selecting.ts";
import { useTopicWritten } from "./topic-written.tsx";
import { Writing } from "./writing.tsx";

// Loaded when somebody first needs them.
const UnreadWarning = lazy(() => import("./warnings.tsx"));
const SelectionBar = lazy(() => import("./selection-bar.tsx"));

interface Field {
  readonly view: RoomView;
  readonly title: string;
  readonly actions: MessageActions;
  readonly address: Address;
  readonly attaching: Attaching;
  /** Where the text is kept until it is sent. */
  readonly place: string;
  readonly field: RefObject<HTMLTextAreaElement | null>;
  readonly feed: RefObject<FeedHandle | null>;
  readonly mentionable: readonly Mentionable[];
  readonly note: (text: string) => ReactNode;
  readonly onAsk: (asked: Asked) => void;
}

/** What is below the messages: the field to write in, or what can be done with the messages that are selected. */
export function Foot(
  props: Field & {
    readonly picked: Picked | undefined;
    readonly onEndPicking: () => void;
  },
) {
  const { view, actions, picked, onAsk } = props;
  const { room: store, me, moderates, nameFor } = actions;
  return (
    <div className="foot">
      <Suspense>
        {view.members[me]?.role !== "owner" && <UnreadWarning store={store} />}
        {picked && (
          <SelectionBar {...{ store, me, moderates, nameFor, picked }} onEnd={props.onEndPicking}>
            <Button
              variant="default"
              size="xs"
              leftSection={<Icon name="hash" size={16} />}
              disabled={picked.size === 0}
              onClick={() => onAsk({ kind: "move", messages: [...picked.values()] })}
            >
              Move to topic …
            </Button>
          </SelectionBar>
        )}
      </Suspense>
      <div hidden={picked !== undefined}>
        <Field {...props} />
      </div>
      <TypingLine actions={actions} />
    </div>
  );
}

/** The field that one writes in, with the topic that it goes to. */
function Field(props: Field) {
  const { view, title, actions, address, attaching, place, field, feed, mentionable, note, onAsk } = props;
  const { room: store, me } = actions;
  const { search } = address;
  const topic = useTopicWritten(store, view, search.topic);
  const editLast = () => {
    const last = store.store.latest.messages.findLast(
      ({ author, deletedAtMs, poll }) => author === me && deletedAtMs === undefined && poll === undefined,
    );
    if (last === undefined) return;
    feed.current?.show(`m${last.seq}`);
    actions.setEditing(last.seq, true);
  };
  return (
    <Writing view={view} me={me} where="room">
      {topic.field}
      <Composer
        key={store.room}
        {...attaching.field}
        hinders={() => topic.isMissing() || attaching.field.hinders()}
        {...{ place, field, mentionable, note }}
        label={
          `Message ${view.visibility === "direct" ? "" : "#"}${title}` +
          (search.topic === undefined ? "" : ` › ${search.topic}`)
        }
        // Somebody who goes through what was found goes on there.
        autoFocus={!isTouch() && search.find === undefined}
        onTyping={() => store.typing()}
        onUp={editLast}
        onEscape={() => {
          if (search.panel !== undefined) address.setPanel();
        }}
        later={{ room: store.room, ...(topic.name !== undefined && { topic: topic.name }) }}
        onSend={(text) => {
          store.writesIn = topic.name;
          attaching.post(text);
          feed.current?.toEnd();
        }}
        beside={
          <Beside
            button={attaching.button}
            onPoll={() => onAsk({ kind: "poll", topic: topic.name })}
            onTopic={topic.open}
          />
        }
      />
    </Writing>
  );
}

/** What can be sent beside a text: where one touches, one menu has all of it. */
function Beside(props: {
  readonly button: Attaching["button"];
  readonly onPoll: () => void;
  /** Absent: the field for it is there. */
  readonly onTopic: (() => void) | undefined;
}) {
  const { button, onPoll, onTopic } = props;
  return (
    <>
      {button(
        <>
          <Menu.Item leftSection={<Icon name="poll" size={16} />} onClick={onPoll}>
            New poll
          </Menu.Item>
          {onTopic && (
            <Menu.Item leftSection={<Icon name="hash" size={16} />} onClick={onTopic}>
              Write in a topic
            </Menu.Item>
          )}
        </>,
      )}
      {!isTouch() && onTopic && (
        <button type="button" className="tool" aria-label="Write in a topic" title="Write in a topic" onClick={onTopic}>
          <Icon name="hash" />
        </button>
      )}
      {!isTouch() && (
        <button type="button" className="tool" aria-label="New poll" title="New poll" onClick={onPoll}>
          <Icon name="poll" />
        </button>
      )}
    </>
  );
}
