import { Kbd } from "@mantine/core";
import { Dialog, type DialogProps } from "./layers.tsx";

const keys: readonly (readonly [readonly string[], string])[] = [
  [["Enter"], "Send"],
  [["Shift", "Enter"], "New line"],
  [["↑"], "Edit your last message (in an empty field)"],
  [["Esc"], "Cancel an edit or a reply, close a panel"],
  [["Shift", "Tab"], "From the field to the messages"],
  [["↑"], "Message before (↓ message after, Home first, End last)"],
  [["Enter"], "On a message: its actions (← → from one to the next)"],
  [["→"], "On a message: its links and buttons (← back)"],
  [["Esc"], "Back to the message, then to the field"],
  [["@"], "Mention a person or an agent"],
  [["Ctrl", "K"], "Go to a room, a person or an agent"],
  [["?"], "This list"],
];

/** The list of keys; opened by `?`. */
export function KeyboardHelp({ opened, onClose }: DialogProps) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Keyboard shortcuts">
      <dl className="keys">
        {keys.map(([combination, meaning]) => (
          <div key={meaning} style={{ display: "contents" }}>
            <dt>
              {combination.map((key, index) => (
                <span key={key}>
                  {index > 0 && " + "}
                  <Kbd>{key}</Kbd>
                </span>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
