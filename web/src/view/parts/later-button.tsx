import { useState } from "react";
import type { Later } from "../../../../protocols/index.ts";
import { Icon } from "./icons.tsx";
import { useLater } from "./later.ts";
import { Actions } from "./layers.tsx";

/** What is written in a field, and where it is to be said. */
export interface SaidLater {
  readonly where: Pick<Later, "room" | "replyTo" | "alsoInRoom" | "topic">;
  /** As it would be sent now. */
  readonly text: () => Promise<string>;
  /** It is written down, and no longer this field's. */
  readonly onDone: () => void;
}

const load = () => import("../schedule/send-later.tsx");

/** The way to send later, beside Send. What is behind it is loaded when somebody first asks. */
export function LaterButton({ isOff, ...said }: SaidLater & { readonly isOff: boolean }) {
  const [opened, setOpened] = useState(false);
  const [isChoosing, setChoosing] = useState(false);
  const part = useLater(load, opened);
  return (
    <>
      <Actions
        position="top-end"
        width={340}
        onOpen={setOpened}
        button={
          <button type="button" className="tool send-later" aria-label="Send later" title="Send later" disabled={isOff}>
            <Icon name="clock" />
          </button>
        }
      >
        {part && <part.LaterTimes {...said} onOther={() => setChoosing(true)} />}
      </Actions>
      {part && <part.SendAt {...said} opened={isChoosing} onClose={() => setChoosing(false)} />}
    </>
  );
}
