import { Button, Loader } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import type { RoomFileRow } from "../../../../protocols/index.ts";
import { explain, useShown, type RoomStore } from "../../live/index.ts";
import type { RoomModel } from "../../model/index.ts";
import { dateOf } from "../parts/time.ts";
import type { MessageActions } from "../room/message-actions.ts";
import { Panel } from "../room/panel.tsx";
import SentFiles from "./sent-files.tsx";

/** All files of a room, newest first. */
export default function FilesPanel({
  store,
  actions,
  onClose,
}: {
  readonly store: RoomStore;
  readonly actions: MessageActions;
  readonly onClose: () => void;
}) {
  const newest = useShown(store.store, newestWithFiles);
  const pages = useInfiniteQuery({
    queryKey: ["files", store.room],
    initialPageParam: undefined as number | undefined,
    queryFn: async ({ pageParam }) => {
      const result = await store.files(pageParam);
      if (result.ok) return result.value;
      throw new Error(explain(result.error, "look"));
    },
    getNextPageParam: ({ files, more }) => (more ? files.at(-1)?.seq : undefined),
    staleTime: 0,
  });
  const { refetch } = pages;
  useEffect(() => {
    if (newest !== undefined) void refetch();
  }, [newest, refetch]);
  const messages = byMessage(pages.data?.pages.flatMap(({ files }) => files) ?? []);
  return (
    <Panel title="Files" onClose={onClose}>
      <div className="panel-body stack" tabIndex={0} role="region" aria-label="List of files">
        {pages.isPending && <Loader size="sm" aria-label="Loading the files" />}
        {pages.isError && <p role="alert">{pages.error.message}</p>}
        {pages.isSuccess && messages.length === 0 && (
          <p className="dim">No files yet. What is sent with messages of this room is listed here.</p>
        )}
        {messages.map((files) => (
          <article key={files[0].seq} className="card">
            <div className="message-head">
              <span className="author" dir="auto">
                {actions.nameFor(files[0].author)}
              </span>
              <time>{dateOf(files[0].atMs)}</time>
            </div>
            <SentFiles room={store.room} files={files} />
            <div className="row card-foot">
              <button type="button" className="link" onClick={() => actions.show(files[0].seq)}>
                Show in the room
              </button>
            </div>
          </article>
        ))}
        {pages.hasNextPage && (
          <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
            Show older files
          </Button>
        )}
      </div>
    </Panel>
  );
}

/** The newest message of the window with files: when it is another, there are more. */
const newestWithFiles = ({ messages }: RoomModel): number | undefined =>
  messages.findLast(({ files }) => files !== undefined)?.seq;

type OfMessage = readonly [RoomFileRow, ...(readonly RoomFileRow[])];

/** The files of one message stand together, in their own order. */
function byMessage(files: readonly RoomFileRow[]): readonly OfMessage[] {
  const groups = new Map<number, OfMessage>();
  for (const file of files) groups.set(file.seq, [file, ...(groups.get(file.seq) ?? [])]);
  return [...groups.values()];
}
