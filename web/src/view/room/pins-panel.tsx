import { Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { RoomMessage, RoomView } from "../../../../protocols/index.ts";
import { useShown, type RoomStore } from "../../live/index.ts";
import { calledIn, messageAt, type RoomModel } from "../../model/index.ts";
import { MessageFiles } from "../files/message-files.tsx";
import { RichText } from "../parts/rich-text.tsx";
import { dateOf } from "../parts/time.ts";
import { callingIn } from "./calling-in.ts";
import type { MessageActions } from "./message-actions.ts";
import { Panel } from "./panel.tsx";

/** The pinned messages, newest pin first. */
export default function PinsPanel({
  store,
  view,
  actions,
  onClose,
}: {
  readonly store: RoomStore;
  readonly view: RoomView;
  readonly actions: MessageActions;
  readonly onClose: () => void;
}) {
  const model = useShown(store.store, (room: RoomModel) => room);
  const missing = view.pins.filter((seq) => messageAt(model, seq) === undefined);
  const loaded = useQuery({
    queryKey: ["pins", store.room, missing],
    enabled: missing.length > 0,
    queryFn: async () => {
      const pages = await Promise.all(missing.map((seq) => store.history({ before: seq + 1, limit: 1 })));
      return pages.flatMap((page) => (page.ok ? page.value.messages : []));
    },
  });
  const found = view.pins
    .toReversed()
    .map((seq) => messageAt(model, seq) ?? loaded.data?.find((message) => message.seq === seq))
    .filter((message): message is RoomMessage => message !== undefined);
  return (
    <Panel title="Pinned messages" onClose={onClose}>
      <div className="panel-body stack" tabIndex={0} role="region" aria-label="List of pinned messages">
        {loaded.isLoading && <Loader size="sm" aria-label="Loading" />}
        {found.length === 0 && !loaded.isLoading && <p className="dim">No pinned messages</p>}
        {found.map((message) => (
          <article key={message.seq} className="card">
            <div className="message-head">
              <span className="author" dir="auto">
                {actions.nameFor(message.author)}
              </span>
              <time>{dateOf(message.atMs)}</time>
            </div>
            <RichText text={message.text} calling={callingIn(store, calledIn(message), actions.nameFor)} />
            {message.files && <MessageFiles room={store.room} files={message.files} />}
            <div className="row card-foot">
              <button type="button" className="link" onClick={() => actions.show(message.seq)}>
                Show in the room
              </button>
              {actions.moderates && (
                <button type="button" className="link" onClick={() => actions.pin(message)}>
                  Unpin
                </button>
              )}
            </div>
          </article>
        ))}
      </div>
    </Panel>
  );
}
