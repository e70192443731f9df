import { Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { RoomMessage, RoomThread } from "../../../../protocols/index.ts";
import { useShown, type RoomStore } from "../../live/index.ts";
import { calledIn, messageAt, namedFiles, threadsInOrder, type RoomModel } from "../../model/index.ts";
import { momentOf } from "../parts/time.ts";
import type { MessageActions } from "./message-actions.ts";
import { Panel } from "./panel.tsx";
import { callingIn } from "./calling-in.ts";
import { NamedLine } from "./named-line.tsx";
import { repliesText, ThreadNews } from "./thread-link.tsx";

/** The threads of a room that were written in last, and what is unread in them. */
export default function ThreadsPanel({
  store,
  actions,
  onClose,
}: {
  readonly store: RoomStore;
  readonly actions: MessageActions;
  readonly onClose: () => void;
}) {
  const model = useShown(store.store, (room: RoomModel) => room);
  const threads = threadsInOrder(model.threads);
  const missing = threads.map(({ root }) => root).filter((root) => messageAt(model, root) === undefined);
  const loaded = useQuery({
    queryKey: ["thread roots", store.room, missing],
    enabled: missing.length > 0,
    queryFn: async () => {
      const pages = await Promise.all(missing.map((seq) => store.history({ before: seq + 1, limit: 1 })));
      return pages.flatMap((page) => (page.ok ? page.value.messages : []));
    },
  });
  const rootOf = ({ root }: RoomThread): RoomMessage | undefined =>
    messageAt(model, root) ?? loaded.data?.find(({ seq }) => seq === root);
  return (
    <Panel title="Threads" onClose={onClose}>
      <div className="panel-body stack" tabIndex={0} role="region" aria-label="List of threads">
        {loaded.isLoading && <Loader size="sm" aria-label="Loading" />}
        {threads.length === 0 && <p className="dim">No threads</p>}
        {threads.map((thread) => (
          <ThreadCard key={thread.root} thread={thread} root={rootOf(thread)} actions={actions} />
        ))}
      </div>
    </Panel>
  );
}

function ThreadCard(props: {
  readonly thread: RoomThread;
  readonly root: RoomMessage | undefined;
  readonly actions: MessageActions;
}) {
  const { thread, root, actions } = props;
  return (
    <article className="card">
      {root !== undefined && (
        <p className="flush ellipsis">
          <b>
            <bdi>{actions.nameFor(root.author)}</bdi>
          </b>{" "}
          {root.deletedAtMs === undefined ? (
            <NamedLine
              text={root.text || namedFiles(root.files)}
              calling={callingIn(actions.room, calledIn(root), actions.nameFor)}
            />
          ) : (
            <bdi>deleted message</bdi>
          )}
        </p>
      )}
      <p className="flush ellipsis dim">
        <bdi>{actions.nameFor(thread.last.author)}</bdi>:{" "}
        <NamedLine text={thread.last.text || "a file"} calling={callingIn(actions.room, undefined, actions.nameFor)} />
      </p>
      <div className="row card-foot">
        <button type="button" className="link" onClick={() => actions.openThread(thread.root)}>
          {repliesText(thread.count)}
        </button>
        <ThreadNews thread={thread} />
        <span className="dim">{momentOf(thread.last.atMs)}</span>
      </div>
    </article>
  );
}
