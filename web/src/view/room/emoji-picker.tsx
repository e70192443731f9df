import { Popover, TextInput } from "@mantine/core";
import { useState } from "react";
import { normalEmoji } from "../../../../protocols/text/emoji.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { Icon } from "../parts/icons.tsx";
import { useLayer } from "../parts/layers.tsx";
import { emojis } from "./emoji.ts";

/** A button that offers emoji, and a field for any other. */
export function EmojiPicker({
  onPick,
  onOpen,
}: {
  readonly onPick: (emoji: string) => void;
  readonly onOpen: (open: boolean) => void;
}) {
  const [opened, setOpened] = useState(false);
  const [other, setOther] = useState("");
  const faults = useFaults();
  const change = (open: boolean) => {
    setOpened(open);
    onOpen(open);
  };
  useLayer(opened, () => change(false));
  const pick = (emoji: string) => {
    change(false);
    setOther("");
    onPick(emoji);
  };
  const submit = () => {
    const emoji = normalEmoji(other.trim());
    if (emoji !== undefined) return pick(emoji);
    if (other.trim() !== "") faults.say("This is not one emoji.", "emoji");
  };
  return (
    <Popover opened={opened} onChange={change} position="top-end" withinPortal trapFocus shadow="md">
      <Popover.Target>
        <button
          type="button"
          className="tool"
          aria-label="Add a reaction"
          title="Add a reaction"
          onClick={() => change(!opened)}
        >
          <Icon name="smile" />
        </button>
      </Popover.Target>
      <Popover.Dropdown p={8} aria-label="Reactions">
        <div className="emoji-grid">
          {emojis.map((emoji) => (
            <button
              key={emoji}
              type="button"
              className="emoji"
              aria-label={`React with ${emoji}`}
              onClick={() => pick(emoji)}
            >
              {emoji}
            </button>
          ))}
        </div>
        <Form id="reaction" keepsNothing faults={faults} onSubmit={submit}>
          <TextInput
            size="xs"
            placeholder="Another emoji, then Enter"
            aria-label="Another emoji"
            value={other}
            maxLength={32}
            error={faults.of("emoji")}
            onChange={(event) => setOther(event.currentTarget.value)}
          />
        </Form>
      </Popover.Dropdown>
    </Popover>
  );
}
