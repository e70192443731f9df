import { Button, Loader, SegmentedControl } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useState } from "react";
import type { RoomFileRow } from "../../../../protocols/index.ts";
import { explain, useShown, type RoomStore } from "../../live/index.ts";
import { hasSmall, isShownAtOnce } from "../../model/file-boxes.ts";
import type { RoomModel } from "../../model/index.ts";
import { dateOf } from "../parts/time.ts";
import type { MessageActions } from "../room/message-actions.ts";
import { Panel } from "../room/panel.tsx";
import SentFiles, { fileUrl } from "./sent-files.tsx";

const Viewer = lazy(() => import("./viewer.tsx"));

/** As many pictures fill the panel; pages of other files between them are passed by, but not for ever. */
const picturesMin = 24;
const pagesMax = 10;

/** All files of a room, newest first: as a list, or the pictures among them side by side. */
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
  const [isGallery, setIsGallery] = useState(false);
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
  const files = pages.data?.pages.flatMap((page) => page.files) ?? [];
  const messages = byMessage(files);
  const pictures = isGallery ? files.filter(isShownAtOnce) : [];
  const { hasNextPage, isFetching, isError, fetchNextPage } = pages;
  const wantsMore = isGallery && pictures.length < picturesMin && (pages.data?.pages.length ?? 0) < pagesMax;
  useEffect(() => {
    if (wantsMore && hasNextPage && !isFetching && !isError) void fetchNextPage();
  }, [wantsMore, hasNextPage, isFetching, isError, fetchNextPage]);
  return (
    <Panel title="Files" onClose={onClose}>
      <div className="panel-body stack" tabIndex={0} role="region" aria-label="List of files">
        <SegmentedControl
          size="xs"
          fullWidth
          aria-label="What is shown"
          value={isGallery ? "pictures" : "all"}
          onChange={(value) => setIsGallery(value === "pictures")}
          data={[
            { value: "all", label: "All files" },
            { value: "pictures", label: "Pictures" },
          ]}
        />
        {pages.isPending && <Loader size="sm" aria-label="Loading the files" />}
        {pages.isError && <p role="alert">{pages.error.message}</p>}
        {pages.isSuccess && messages.length === 0 && (
          <p className="dim">No files yet. What is sent with messages of this room is listed here.</p>
        )}
        {isGallery && messages.length > 0 && !hasNextPage && pictures.length === 0 && (
          <p className="dim">There are no pictures among the files of this room.</p>
        )}
        {isGallery && <Gallery room={store.room} pictures={pictures} actions={actions} />}
        {(isGallery ? [] : messages).map((files) => (
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
        {hasNextPage && (
          <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void fetchNextPage()}>
            Show older files
          </Button>
        )}
      </div>
    </Panel>
  );
}

/** Pictures side by side; each opens as large as the screen, and leads on to the others. */
function Gallery({
  room,
  pictures,
  actions,
}: {
  readonly room: string;
  readonly pictures: readonly RoomFileRow[];
  readonly actions: MessageActions;
}) {
  const [shown, setShown] = useState<string>();
  return (
    <>
      <ul className="gallery" aria-label="Pictures">
        {pictures.map((file) => (
          <li key={file.id}>
            <button
              type="button"
              className="file-picture"
              aria-label={`Show ${file.name}, ${actions.nameFor(file.author)}, ${dateOf(file.atMs)}`}
              onClick={() => setShown(file.id)}
            >
              <img
                src={hasSmall(file) ? `${fileUrl(room, file)}/preview` : fileUrl(room, file)}
                alt=""
                loading="lazy"
                decoding="async"
                draggable={false}
              />
            </button>
          </li>
        ))}
      </ul>
      {shown !== undefined && (
        <Suspense>
          <Viewer room={room} pictures={pictures} first={shown} onClose={() => setShown(undefined)} />
        </Suspense>
      )}
    </>
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
