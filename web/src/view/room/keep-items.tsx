import { Menu } from "@mantine/core";
import type { RoomMessage } from "../../../../protocols/index.ts";
import { notices, useSession } from "../../live/index.ts";
import { copyText } from "../parts/clipboard.ts";
import { Icon, type IconName } from "../parts/icons.tsx";
import { useSaved } from "../parts/lists.ts";
import type { MessageActions } from "./message-actions.ts";

/** What a person does with a message besides answering it: quote it, forward it, be reminded of it, save it, copy it.
 *  What is saved is asked for with the first menu that is opened. */
export function KeepItems({
  message,
  inThread,
  actions,
}: {
  readonly message: RoomMessage;
  readonly inThread: boolean;
  readonly actions: MessageActions;
}) {
  const session = useSession();
  const [room, seq] = [actions.room.room, message.seq];
  const isSaved = useSaved().data?.some((one) => one.room === room && one.seq === seq) === true;
  const save = async () => {
    const result = await session.change(isSaved ? "unsaveMessage" : "saveMessage", { room, seq });
    if (result.ok) notices.show(isSaved ? "The message is no longer saved." : "Saved. You find it in the sidebar.");
  };
  const entry = (icon: IconName, label: string, run: () => unknown) => (
    <Menu.Item leftSection={<Icon name={icon} size={16} />} onClick={() => void run()}>
      {label}
    </Menu.Item>
  );
  return (
    <>
      {!actions.isClosed && entry("quote", "Quote", () => actions.quote(message, inThread))}
      {message.poll === undefined && entry("forward", "Forward …", () => actions.forward(message))}
      {entry("clock", "Remind me …", () => actions.remind(message))}
      {entry("bookmark", isSaved ? "Remove from saved" : "Save for later", save)}
      {entry("copy", "Copy text", () => copyText(message.text))}
      {!inThread && entry("check", "Select messages", () => actions.pick(message))}
      {entry("hash", "Copy link", () => actions.copyLink(message))}
    </>
  );
}
