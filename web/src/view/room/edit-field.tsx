import "../parts/meanwhile.css";
import { useState } from "react";
import type { Result, RoomMessage } from "../../../../protocols/index.ts";
import { editIn, startedEdit, notices, useSession, type HalfEdit, type RoomStore } from "../../live/index.ts";
import { copyText } from "../parts/clipboard.ts";
import { Composer } from "../parts/composer.tsx";
import { toEdit, toSend } from "../parts/reader.ts";
import { callingIn, mentionableIn } from "./calling-in.ts";

/** The field in place of a message that its author changes. What is typed is kept at once; a message that changed
 *  meanwhile is shown beside it, and the author chooses. */
export default function EditField({
  message,
  room,
  nameFor,
  onDone,
  onResume,
}: {
  readonly message: RoomMessage;
  readonly room: RoomStore;
  readonly nameFor: (principal: string) => string;
  readonly onDone: () => void;
  readonly onResume: () => void;
}) {
  const { kept } = useSession();
  const place = room.editPlace(message.seq);
  const mentionable = mentionableIn(room.store.latest.view, nameFor);
  const shown = toEdit(message.text, callingIn(room, message.mentions, nameFor), mentionable);
  const [edit, setEdit] = useState(() => editIn(kept.read(place)) ?? startedEdit({ ...message, text: shown }));
  const [busy, setBusy] = useState(false);
  const changed = (message.editedAtMs ?? 0) !== edit.seenMs;
  const gone = message.deletedAtMs !== undefined;
  const type = (text: string) => {
    const next: HalfEdit = { ...edit, text };
    setEdit(next);
    if (text === edit.was) kept.finish(place, edit);
    else kept.write(place, next);
  };
  const leave = () => {
    kept.finish(place, edit);
    onDone();
  };
  const cancel = () => {
    leave();
    if (edit.text === edit.was || edit.text === shown) return;
    notices.done("Your edit was discarded.", () => {
      kept.write(place, edit);
      onResume();
    });
  };
  const save = async (seenMs: number, text: string) => {
    if (text === message.text) return leave();
    if (text === "") return;
    setBusy(true);
    const result: Result<RoomMessage> = await room.edit(message.seq, text, seenMs);
    setBusy(false);
    if (result.ok) leave();
  };
  if (gone)
    return (
      <div className="edit-conflict" role="alert">
        <p>This message was deleted while you were editing it. Your text:</p>
        <blockquote dir="auto">{edit.text}</blockquote>
        <div className="row wrap">
          <button type="button" className="link" onClick={() => void copyText(edit.text)}>
            Copy my text
          </button>
          <button type="button" className="link" onClick={leave}>
            Discard it
          </button>
        </div>
      </div>
    );
  return (
    <>
      {changed && (
        <div className="edit-conflict" role="alert">
          <p>This message was changed elsewhere while you were editing it. It says now:</p>
          <blockquote dir="auto">{shown}</blockquote>
          <p>Yours is in the field below.</p>
          <div className="row wrap">
            <button
              type="button"
              className="link"
              disabled={busy}
              onClick={() => void save(message.editedAtMs ?? 0, toSend(edit.text, mentionable) ?? edit.text)}
            >
              Save mine instead
            </button>
            <button type="button" className="link" disabled={busy} onClick={leave}>
              Keep what it says now
            </button>
          </div>
        </div>
      )}
      <Composer
        place={place}
        label="Edit the message"
        edited={{ text: edit.text, onText: type }}
        autoFocus
        mentionable={mentionable}
        onSend={(text) => void (changed || busy ? undefined : save(edit.seenMs, text))}
        onEscape={cancel}
        action={changed ? <></> : undefined}
        head={
          <div className="composer-head">
            <span className="grow">
              {busy ? "Saving …" : changed ? "Edit — choose above" : "Edit — Enter saves, Esc cancels"}
            </span>
            <button type="button" className="link" onClick={cancel}>
              Cancel
            </button>
          </div>
        }
      />
    </>
  );
}
