import { Kbd } from "@mantine/core";
import { Fragment } from "react";
import { Dialog, type DialogProps } from "../parts/layers.tsx";
import "./keyboard-help.css";

type Key = readonly [combination: readonly string[], meaning: string];

const groups: readonly { readonly title: string; readonly keys: readonly Key[] }[] = [
  {
    title: "While you write",
    keys: [
      [["Enter"], "Send"],
      [["Shift", "Enter"], "New line"],
      [["↑"], "Edit your last message, when the field is empty"],
      [["@"], "Mention a person or an agent"],
      [["#"], "Name a room, as a link"],
      [[":"], "Find an emoji by its name, as in :tada:"],
      [["Ctrl", "B"], "Bold"],
      [["Ctrl", "I"], "Italic"],
      [["Ctrl", "K"], "Link, when words are selected"],
      [["Esc"], "Cancel an edit or a reply; close a panel"],
      [["Shift", "Tab"], "Go to the messages"],
    ],
  },
  {
    title: "On a message",
    keys: [
      [["↑"], "Previous message"],
      [["↓"], "Next message"],
      [["Home"], "First message that is loaded"],
      [["End"], "Latest message"],
      [["Enter"], "What you can do with the message"],
      [["→"], "Next link or button in the message"],
      [["←"], "Previous one, then the message itself"],
      [["X"], "Select the message; again: not any more"],
      [["Shift", "X"], "Select up to the message"],
      [["Esc"], "Back to the field; end selecting"],
    ],
  },
  {
    title: "Anywhere",
    keys: [
      [["Ctrl", "K"], "Go to a room, a person or an agent; find messages"],
      [["/"], "Find messages in the room where you are"],
      [["F8"], "Go to the latest notice; Esc closes it"],
      [["?"], "This list"],
    ],
  },
];

/** The list of keys; opened by `?`. */
export function KeyboardHelp({ opened, onClose }: DialogProps) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Keyboard shortcuts">
      {groups.map(({ title, keys }) => (
        <Fragment key={title}>
          <h3 className="keys-title">{title}</h3>
          <dl className="keys">
            {keys.map(([combination, meaning]) => (
              <Fragment key={meaning}>
                <dt>
                  {combination.map((key, index) => (
                    <span key={key}>
                      {index > 0 && " + "}
                      <Kbd>{key}</Kbd>
                    </span>
                  ))}
                </dt>
                <dd>{meaning}</dd>
              </Fragment>
            ))}
          </dl>
        </Fragment>
      ))}
    </Dialog>
  );
}
