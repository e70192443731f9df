import { Button, NativeSelect } from "@mantine/core";
import { useState } from "react";
import type { NotificationLevel } from "../../../../protocols/index.ts";
import { notices, useSession } from "../../live/index.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { Dialog, type DialogProps } from "../parts/layers.tsx";
import { useNotificationRules } from "../parts/lists.ts";
import { levelOptions } from "../parts/notifying-words.ts";
import { momentOf } from "../parts/time.ts";

const hourMs = 3_600_000;
const mutes = [
  { value: "no", label: "Not muted" },
  { value: "1", label: "For an hour" },
  { value: "8", label: "For 8 hours" },
  { value: "24", label: "For a day" },
  { value: "168", label: "For a week" },
] as const;

/** What the person is told of one room, and until when it is muted. */
export default function RoomNotifications({ room, opened, onClose }: DialogProps & { readonly room: string }) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Notifications">
      {opened && <Choice room={room} onDone={onClose} />}
    </Dialog>
  );
}

function Choice({ room, onDone }: { readonly room: string; readonly onDone: () => void }) {
  const session = useSession();
  const rule = useNotificationRules().rooms.find((one) => one.room === room);
  const [untilMs] = useState(() => ((rule?.mutedUntilMs ?? 0) > Date.now() ? rule?.mutedUntilMs : undefined));
  const [level, setLevel] = useState<NotificationLevel | "">(rule?.level ?? "");
  const [mute, setMute] = useState<string>(untilMs === undefined ? "no" : "kept");
  const faults = useFaults();
  const save = async () => {
    const mutedUntilMs = mute === "kept" ? untilMs : mute === "no" ? undefined : Date.now() + Number(mute) * hourMs;
    const said = { ...(level !== "" && { level }), ...(mutedUntilMs !== undefined && { mutedUntilMs }) };
    const result = await session.change("setRoomNotifications", { room, ...said }, faults.take);
    if (!result.ok) return;
    notices.show("You are told of this room so from now on.");
    onDone();
  };
  const kept = untilMs === undefined ? [] : [{ value: "kept", label: `Until ${momentOf(untilMs)}` }];
  return (
    <Form id="room-notifications" about={room} faults={faults} className="stack" onSubmit={save}>
      <NativeSelect
        label="Tell me of"
        data={[{ value: "", label: "As of other rooms" }, ...levelOptions]}
        value={level}
        onChange={(event) => setLevel(event.currentTarget.value as NotificationLevel | "")}
        data-autofocus
      />
      <NativeSelect
        label="Muted"
        description="Meanwhile a mention is counted, and nothing else."
        data={[...mutes, ...kept]}
        value={mute}
        onChange={(event) => setMute(event.currentTarget.value)}
      />
      <Button type="submit">Save</Button>
    </Form>
  );
}
