import { Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { MessageVersion, RoomMessage } from "../../../../protocols/index.ts";
import { useShown, type RoomStore } from "../../live/index.ts";
import { messageAt, type RoomModel } from "../../model/index.ts";
import { asked } from "../../wire/index.ts";
import { Note } from "../parts/note.tsx";
import { momentOf } from "../parts/time.ts";
import { Told } from "../parts/told.tsx";
import { Panel } from "./panel.tsx";

/** What a message said before it was edited, the newest first. */
export default function VersionsPanel({
  store,
  seq,
  onClose,
}: {
  readonly store: RoomStore;
  readonly seq: number;
  readonly onClose: () => void;
}) {
  const message = useShown(store.store, (model: RoomModel) => messageAt(model, seq));
  const isDeleted = message?.deletedAtMs !== undefined;
  const { data, error } = useQuery({
    queryKey: ["versions", store.room, seq],
    queryFn: () => asked("versions", { room: store.room, seq }),
    enabled: !isDeleted,
    staleTime: 0,
    retry: false,
  });
  const versions = isDeleted ? [] : (data?.versions ?? []);
  return (
    <Panel title="Edits" onClose={onClose}>
      <div className="panel-body stack" tabIndex={0} role="region" aria-label="What the message said">
        {isDeleted && <p className="dim">The message was deleted, and what it said before with it.</p>}
        {!isDeleted && error !== null && (
          <Note tone="bad">
            <Told text={error.message} />
          </Note>
        )}
        {!isDeleted && data === undefined && error === null && <Loader size="sm" aria-label="Loading" />}
        {!isDeleted && data !== undefined && versions.length === 0 && (
          <p className="dim">Nothing of what it said before is kept.</p>
        )}
        {versions.length > 0 && message !== undefined && <Version version={presentOf(message)} isPresent />}
        {versions.toReversed().map((version) => (
          <Version key={version.atMs} version={version} />
        ))}
      </div>
    </Panel>
  );
}

const presentOf = ({ text, atMs, editedAtMs = atMs }: RoomMessage): MessageVersion => ({ text, atMs: editedAtMs });

function Version({ version, isPresent = false }: { readonly version: MessageVersion; readonly isPresent?: boolean }) {
  const { text, atMs } = version;
  return (
    <article className="card">
      <p className="flush dim">
        <time dateTime={new Date(atMs).toISOString()}>{momentOf(atMs)}</time>
        {isPresent && " · as it is now"}
      </p>
      <p className="flush version-text" dir="auto">
        {text}
      </p>
    </article>
  );
}
