import { Button } from "@mantine/core";
import { useRouter } from "@tanstack/react-router";
import { useEffect, useId, useState, type ReactNode } from "react";
import { counted } from "../../../../protocols/words/amounts.ts";
import { deleteTogether } from "../../live/deleting.ts";
import { notices, useShown, type RoomStore } from "../../live/index.ts";
import { messageAt, type RoomModel } from "../../model/index.ts";
import { deletedWords } from "../../model/written-since.ts";
import { copyText } from "../parts/clipboard.ts";
import { Icon } from "../parts/icons.tsx";
import { useDialogs } from "../shell/dialogs.tsx";
import type { Picked } from "./selecting.ts";
import "./moderating.css";

/** What can be done with the messages that are selected, in place of the field to write in. */
export default function SelectionBar(props: {
  readonly store: RoomStore;
  readonly picked: Picked;
  readonly me: string;
  readonly moderates: boolean;
  readonly nameFor: (principal: string) => string;
  readonly onEnd: () => void;
  /** What else can be done with them. */
  readonly children?: ReactNode;
}) {
  const { store, picked, me, moderates, nameFor, onEnd } = props;
  const { ask } = useDialogs();
  const { history } = useRouter();
  const [busy, setBusy] = useState(false);
  const messages = useShown(store.store, (model: RoomModel) => model.messages);
  // As they are now; what was deleted meanwhile is none of them any more.
  const known = new Map(messages.map((message) => [message.seq, message]));
  const those = [...picked.values()]
    .map((message) => known.get(message.seq) ?? messageAt(store.store.latest, message.seq) ?? message)
    .filter(({ deletedAtMs }) => deletedAtMs === undefined)
    .toSorted((one, other) => one.seq - other.seq);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented && document.querySelector("[role=dialog]") === null)
        onEnd();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  });
  // On a phone there is no Escape: Back ends it, and leads nowhere.
  useEffect(() =>
    history.block({
      blockerFn: ({ action }) => {
        if (action === "BACK") onEnd();
        return action === "BACK";
      },
      enableBeforeUnload: false,
    }),
  );
  const why = useId();
  const others = those.filter(({ author }) => author !== me).length;
  const isRefused = !moderates && others > 0;
  const what = counted(those.length, "message");
  const remove = async () => {
    const isMeant = await ask({
      title: `Delete ${what}?`,
      body: (
        <p>
          {others > 0 ? `${others === those.length ? "All" : others} of them are written by others. ` : ""}
          They disappear for everybody, with their files, and cannot be brought back.
        </p>
      ),
      action: `Delete ${what}`,
      grave: true,
    });
    if (!isMeant) return;
    setBusy(true);
    const { deleted, kept, failure } = await deleteTogether(
      store.room,
      those.map(({ seq }) => seq),
    );
    setBusy(false);
    if (failure !== undefined) return notices.fail(failure);
    notices.show(deletedWords(deleted, kept));
    onEnd();
  };
  const copy = async () => {
    const text = those.map((message) => `${nameFor(message.author)}: ${message.text}`).join("\n");
    if (await copyText(text)) notices.show(`${what} copied.`);
  };
  return (
    <div className="selection-bar" role="toolbar" aria-label="Selected messages">
      <b role="status" className="grow">
        {those.length === 0 ? "Select messages" : `${those.length} selected`}
      </b>
      <Button
        variant="default"
        size="xs"
        leftSection={<Icon name="copy" size={16} />}
        disabled={those.length === 0}
        onClick={() => void copy()}
      >
        Copy
      </Button>
      {props.children}
      <Button
        color="red.9"
        size="xs"
        leftSection={<Icon name="trash" size={16} />}
        disabled={those.length === 0 || isRefused}
        aria-describedby={isRefused ? why : undefined}
        loading={busy}
        onClick={() => void remove()}
      >
        Delete …
      </Button>
      <Button variant="default" size="xs" onClick={onEnd}>
        Cancel
      </Button>
      {isRefused && (
        <p id={why} className="dim">
          {`Others wrote ${others} of them, and only moderators delete what others wrote.`}
        </p>
      )}
    </div>
  );
}
