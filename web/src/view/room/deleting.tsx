import type { RoomMessage } from "../../../../protocols/index.ts";
import { calledIn } from "../../model/index.ts";
import type { Dialogs, Question } from "../shell/dialogs.tsx";
import { callingIn } from "./calling-in.ts";
import type { MessageActions } from "./message-actions.ts";
import { NamedLine } from "./named-line.tsx";

// Enough to know which message it is.
const quotedCharsMax = 200;

/** Deletes a message when that was asked and answered. */
export async function remove(message: RoomMessage, actions: MessageActions, ask: Dialogs["ask"]): Promise<void> {
  if (await ask(deleting(message, actions))) await actions.room.change("delete", { seq: message.seq });
}

/** What is asked before a message is deleted. */
function deleting(message: RoomMessage, { room, nameFor, me }: MessageActions): Question {
  const name = nameFor(message.author);
  const own = message.author === me;
  const isOwner = room.store.latest.view?.members[me]?.role === "owner";
  return {
    title: own ? "Delete your message?" : `Delete the message of ${name}?`,
    body: (
      <>
        <blockquote dir="auto">
          <NamedLine
            text={message.text.slice(0, quotedCharsMax)}
            calling={callingIn(room, calledIn(message), nameFor)}
          />
        </blockquote>
        <p>
          {own
            ? "It disappears for everybody and cannot be brought back."
            : `You are ${isOwner ? "an owner" : "a moderator"} of this room, so you can. ${name} and ` +
              "everybody else will see that a message was deleted. It cannot be brought back."}
        </p>
      </>
    ),
    action: "Delete",
    grave: true,
  };
}
