import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { wireLimits } from "../../../../protocols/limits.ts";
import { isText, useKept, type RoomStore } from "../../live/index.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { Icon } from "../parts/icons.tsx";
import { Dialog, type DialogProps } from "../parts/layers.tsx";

/** Asks the room a question with options to choose from. */
export default function NewPoll({
  store,
  topic,
  opened,
  onClose,
}: DialogProps & { readonly store: RoomStore; readonly topic: string | undefined }) {
  return (
    <Dialog opened={opened} onClose={onClose} title="New poll">
      {opened && <PollForm store={store} topic={topic} onDone={onClose} />}
    </Dialog>
  );
}

interface Poll {
  readonly question: string;
  readonly texts: readonly string[];
  readonly multiple: boolean;
}
const emptyForm: Poll = { question: "", texts: ["", ""], multiple: false };

function isForm(value: unknown): value is Poll {
  const { question, texts, multiple } = (value ?? {}) as Partial<Record<keyof Poll, unknown>>;
  return isText(question) && Array.isArray(texts) && texts.every(isText) && typeof multiple === "boolean";
}

function PollForm(props: {
  readonly store: RoomStore;
  readonly topic: string | undefined;
  readonly onDone: () => void;
}) {
  const { store, topic, onDone } = props;
  const [form, keep] = useKept(`room/${store.room}/poll`, isForm, emptyForm);
  const { question, texts, multiple } = form;
  const setTexts = (next: readonly string[]) => keep({ ...form, texts: next });
  const [busy, setBusy] = useState(false);
  const options = texts.map((text) => text.trim()).filter((text) => text !== "");
  const twice = options.find((text, index) => options.indexOf(text) < index);
  const faults = useFaults({
    question: "A question needs a letter or a digit.",
    options: "An option is empty, too long, or there already.",
  });
  const ask = async () => {
    setBusy(true);
    const asked = await store.change(
      "poll",
      {
        ...(topic !== undefined && { topic }),
        question: question.trim(),
        options,
        ...(multiple && { multiple }),
      },
      faults.take,
    );
    setBusy(false);
    if (!asked.ok) return;
    keep(undefined);
    onDone();
  };
  return (
    <Form id="poll" keepsNothing faults={faults} className="stack" onSubmit={ask}>
      <TextInput
        label="Question"
        value={question}
        maxLength={wireLimits.pollQuestionCharsMax}
        onChange={(event) => keep({ ...form, question: event.currentTarget.value })}
        error={faults.of("question")}
        required
        data-autofocus
      />
      {texts.map((text, index) => (
        <TextInput
          // Options have no name but their place.
          key={index}
          label={`Option ${index + 1}`}
          value={text}
          maxLength={wireLimits.pollOptionCharsMax}
          required={index < 2}
          error={text.trim() !== "" && text.trim() === twice ? "This option is there already." : faults.of("options")}
          onChange={(event) => setTexts(texts.with(index, event.currentTarget.value))}
        />
      ))}
      {texts.length < wireLimits.pollOptionsMax && (
        <Button variant="default" leftSection={<Icon name="plus" size={16} />} onClick={() => setTexts([...texts, ""])}>
          Add an option
        </Button>
      )}
      <label className="check">
        <input
          type="checkbox"
          checked={multiple}
          onChange={(event) => keep({ ...form, multiple: event.currentTarget.checked })}
        />
        Several options may be chosen
      </label>
      <p className="dim flush">
        Everybody in the room can see who votes for what while the poll is open. Afterwards only the counts are kept.
      </p>
      <Button
        type="submit"
        loading={busy}
        disabled={question.trim() === "" || options.length < 2 || twice !== undefined}
      >
        Ask
      </Button>
    </Form>
  );
}
