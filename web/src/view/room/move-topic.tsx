import { Loader, NativeSelect } from "@mantine/core";
import { useState } from "react";
import { wireLimits } from "../../../../protocols/limits.ts";
import type { RoomMessage } from "../../../../protocols/index.ts";
import { notices, type RoomStore } from "../../live/index.ts";
import { isSameTopic } from "../../model/index.ts";
import { Icon } from "../parts/icons.tsx";
import { Dialog, type DialogProps } from "../parts/layers.tsx";
import { Note } from "../parts/note.tsx";
import { PickList } from "../parts/pick-list.tsx";
import { useTopics } from "./topics.ts";

type Scope = "one" | "later" | "all";

/** What is said of messages that moved. */
function told(moved: number, topic: string | undefined): void {
  const what = moved === 1 ? "One message is" : `${moved} messages are`;
  notices.show(topic === undefined ? `${what} in no topic now.` : `${what} in ${topic} now.`);
}

/** Asks where a message goes, and what goes with it. */
export default function MoveTopic(
  props: DialogProps & {
    readonly store: RoomStore;
    readonly messages: readonly RoomMessage[];
    readonly moderates: boolean;
    readonly onMoved?: () => void;
  },
) {
  const { store, messages, moderates, opened, onClose } = props;
  const topics = new Set(messages.map(({ topic }) => topic));
  // Where they are of several topics, each of these may be the one where all go.
  const from = topics.size === 1 ? messages[0]?.topic : undefined;
  const [text, setText] = useState("");
  const [scope, setScope] = useState<Scope>("one");
  const name = text.trim().slice(0, wireLimits.messageTopicCharsMax);
  const { data, error, isPending, isPlaceholderData } = useTopics(store, name);
  const isBehind = isPending || isPlaceholderData;
  const others = (data?.topics ?? []).map(({ topic }) => topic).filter((topic) => !isSameTopic(topic, from));
  // Only where the list says that there is none of this name.
  const isNew =
    !isBehind && name !== "" && !others.some((topic) => isSameTopic(topic, name)) && !isSameTopic(name, from);
  const items: readonly { readonly into?: string; readonly isNew?: true }[] = [
    ...others.map((into) => ({ into })),
    ...(isNew ? [{ into: name, isNew: true as const }] : []),
    ...(from !== undefined && name === "" ? [{}] : []),
  ];
  const move = async ({ into }: { readonly into?: string }) => {
    const where = into === undefined ? {} : { into };
    let moved = 0;
    let topic = into;
    // An answer goes with the message that it answers, and is not asked for by itself.
    for (const seq of new Set(messages.map((message) => message.replyTo ?? message.seq))) {
      const seen = from === undefined ? {} : { topic: from };
      const what =
        scope === "all" ? seen : { seq, ...(messages.length === 1 && seen), ...(scope === "later" && { later: true }) };
      const result = await store.change("moveTopic", { ...what, ...where });
      if (!result.ok) return;
      moved += result.value.moved;
      topic = result.value.topic;
    }
    told(moved, topic);
    props.onMoved?.();
    onClose();
  };
  return (
    <Dialog opened={opened} onClose={onClose} title="Move to topic">
      {moderates && messages.length === 1 && (
        <NativeSelect
          mb="xs"
          label="What moves"
          data={[
            { value: "one", label: "This message, with its thread" },
            { value: "later", label: "It and all later ones of its topic" },
            ...(from === undefined ? [] : [{ value: "all", label: `All of ${from}` }]),
          ]}
          value={scope}
          onChange={(event) => setScope(event.currentTarget.value as Scope)}
        />
      )}
      <PickList
        label="A topic, or the name of a new one"
        listLabel="Topics"
        text={text}
        onText={setText}
        items={items}
        keyOf={({ into = "" }) => into}
        isExact={({ into }) => isSameTopic(into, name)}
        behind={isBehind}
        eager
        row={({ into, isNew: begins }) => (
          <>
            <Icon name={into === undefined ? "close" : begins === true ? "plus" : "hash"} size={16} />
            <span className="grow ellipsis" dir="auto">
              {into === undefined ? "No topic" : begins === true ? `New topic: ${into}` : into}
            </span>
          </>
        )}
        onPick={(item) => void move(item)}
        nothing={isPending ? <Loader size="sm" aria-label="Loading" /> : <p className="dim">No other topic</p>}
      />
      {error !== null && <Note tone="bad">{error.message}</Note>}
    </Dialog>
  );
}
