import { Button } from "@mantine/core";
import { useState } from "react";
import type { Failure, RoomView } from "../../../../protocols/index.ts";
import type { RoomStore } from "../../live/index.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { useMeanwhile } from "../parts/meanwhile.tsx";
import { RoomFields } from "./room-fields.tsx";

/** Changes the title and topic of a room. */
export default function ChangeRoom({
  view,
  store,
  onDone,
}: {
  readonly view: RoomView;
  readonly store: RoomStore;
  readonly onDone: () => void;
}) {
  const [{ title, topic }, setTexts] = useState({ title: view.title, topic: view.topic });
  const faults = useFaults({
    title: "This title is too long, or has signs that cannot be shown.",
    topic: "This topic is too long.",
  });
  const meanwhile = useMeanwhile({
    title: {
      label: "Title",
      now: view.title,
      mine: title,
      take: (now) => setTexts((texts) => ({ ...texts, title: now })),
    },
    topic: {
      label: "Topic",
      now: view.topic,
      mine: topic,
      take: (now) => setTexts((texts) => ({ ...texts, topic: now })),
    },
  });
  const { seen } = meanwhile;
  const save = async () => {
    if (meanwhile.stands) return;
    const refused = (name: "title" | "topic") => (refusal: Failure) =>
      meanwhile.take(refusal, [name]) || faults.take(refusal);
    if (title.trim() !== seen.title && title.trim() !== "") {
      const parameters = { title: title.trim(), seen: seen.title };
      const result = await store.change("setTitle", parameters, refused("title"));
      if (!result.ok) return;
    }
    if (topic.trim() !== seen.topic) {
      const parameters = { topic: topic.trim(), seen: seen.topic };
      const result = await store.change("setTopic", parameters, refused("topic"));
      if (!result.ok) return;
    }
    onDone();
  };
  return (
    <Form id="room" about={store.room} faults={faults} className="stack" onSubmit={save}>
      <RoomFields values={{ title, topic }} onChange={setTexts} faults={faults} />
      {meanwhile.notes}
      <Button type="submit" disabled={meanwhile.stands}>
        Save
      </Button>
    </Form>
  );
}
