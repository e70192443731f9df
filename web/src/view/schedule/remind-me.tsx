import { useNavigate } from "@tanstack/react-router";
import { notices, useSession } from "../../live/index.ts";
import type { DialogProps } from "../parts/layers.tsx";
import { momentOf } from "../parts/time.ts";
import { ChooseTime } from "./choose-time.tsx";
import "./schedule.css";

/** Asks when the person is to be reminded of a message. */
export default function RemindMe({
  room,
  seq,
  opened,
  onClose,
}: DialogProps & { readonly room: string; readonly seq: number }) {
  const session = useSession();
  const navigate = useNavigate();
  return (
    <ChooseTime
      opened={opened}
      onClose={onClose}
      title="Remind me of this message"
      about={room}
      action="Remind me"
      offers
      onPick={async (atMs, _, take) => {
        const result = await session.change("remindMe", { room, seq, atMs }, take);
        const show = () => void navigate({ to: "/later" });
        if (result.ok)
          notices.show(`You are reminded on ${momentOf(atMs)}.`, "plain", { label: "Show all reminders", run: show });
        return result.ok;
      }}
    />
  );
}
