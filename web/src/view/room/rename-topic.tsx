import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { wireLimits } from "../../../../protocols/limits.ts";
import type { RoomStore } from "../../live/index.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { Dialog, type DialogProps } from "../parts/layers.tsx";

/** Asks for another name of a topic. */
export function RenameTopic(
  props: DialogProps & {
    readonly store: RoomStore;
    readonly topic: string;
    readonly onRenamed: (topic: string) => void;
  },
) {
  const { store, topic, onRenamed } = props;
  const [text, setText] = useState(topic);
  const faults = useFaults({ into: "This name is too long, or has nothing visible in it." });
  const rename = async () => {
    const into = text.trim();
    if (into === "" || into === topic) return props.onClose();
    const result = await store.change("moveTopic", { topic, into }, (refusal) => faults.take(refusal));
    if (!result.ok) return;
    onRenamed(result.value.topic ?? into);
    props.onClose();
  };
  return (
    <Dialog opened={props.opened} onClose={props.onClose} title="Rename the topic">
      <Form id="topic-name" about={`${store.room}/${topic}`} faults={faults} className="stack" onSubmit={rename}>
        <TextInput
          label="Name"
          description="Where there is a topic of that name already, the messages go there."
          name="into"
          value={text}
          error={faults.of("into")}
          maxLength={wireLimits.messageTopicCharsMax}
          onChange={(event) => setText(event.currentTarget.value)}
          data-autofocus
        />
        <Button type="submit">Rename</Button>
      </Form>
    </Dialog>
  );
}
