import { Menu } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { Failure } from "../../../../protocols/index.ts";
import { cleaned } from "../../../../protocols/text/text.ts";
import { laterChoices } from "../../../../protocols/words/later-times.ts";
import { notices, useSession } from "../../live/index.ts";
import { Icon } from "../parts/icons.tsx";
import type { SaidLater } from "../parts/later-button.tsx";
import type { DialogProps } from "../parts/layers.tsx";
import { momentOf } from "../parts/time.ts";
import { ChooseTime } from "./choose-time.tsx";
import "./schedule.css";

/** Writes the text of a field down to be sent later. False: it was refused. */
function useSendLater({ where, text, onDone }: SaidLater) {
  const session = useSession();
  const navigate = useNavigate();
  return async (atMs: number, take?: (refusal: Failure) => boolean): Promise<boolean> => {
    const said = { ...where, text: cleaned(await text(), "lines"), atMs };
    const result = await session.change("schedule", said, take);
    if (!result.ok) return false;
    onDone();
    const show = () => void navigate({ to: "/later" });
    notices.show(`This is sent on ${momentOf(atMs)}.`, "plain", { label: "Show what is scheduled", run: show });
    return true;
  };
}

/** The times in the menu beside Send. */
export function LaterTimes({ onOther, ...said }: SaidLater & { readonly onOther: () => void }) {
  const [nowMs] = useState(() => Date.now());
  const send = useSendLater(said);
  return (
    <>
      {laterChoices(nowMs).map(({ label, atMs }) => (
        <Menu.Item
          key={label}
          rightSection={<span className="dim">{momentOf(atMs)}</span>}
          onClick={() => void send(atMs)}
        >
          {label}
        </Menu.Item>
      ))}
      <Menu.Item leftSection={<Icon name="clock" size={16} />} onClick={onOther}>
        Choose a time …
      </Menu.Item>
    </>
  );
}

/** Asks for any other time. */
export function SendAt({ opened, onClose, ...said }: DialogProps & SaidLater) {
  const send = useSendLater(said);
  return (
    <ChooseTime
      opened={opened}
      onClose={onClose}
      title="Send later"
      about={said.where.room}
      action="Schedule"
      onPick={(atMs, _, take) => send(atMs, take)}
    />
  );
}
