import { lazy, Suspense, useEffect, type ReactNode } from "react";
import type { RoomView } from "../../../../protocols/index.ts";
import type { Mentionable } from "../../model/index.ts";
import { loadDeleting } from "./acting.ts";
import type { Address } from "./address.ts";
import type { MessageActions } from "./message-actions.ts";

// Loaded when somebody first asks for them.
const MembersPanel = lazy(() => import("./members-panel.tsx"));
const VersionsPanel = lazy(() => import("./versions-panel.tsx"));
const FilesPanel = lazy(() => import("../files/files-panel.tsx"));
const TopicsPanel = lazy(() => import("./topics-panel.tsx"));
// Loaded once the room is there, so that a node that is away then keeps nobody from a thread.
const loadPins = () => import("./pins-panel.tsx");
const loadThread = () => import("./thread-panel.tsx");
const loadThreads = () => import("./threads-panel.tsx");
const PinsPanel = lazy(loadPins);
const ThreadPanel = lazy(loadThread);
const ThreadsPanel = lazy(loadThreads);
const calmMs = 1_000;

/** What is beside the room, as its address says. */
export function RoomPanel(props: {
  readonly address: Address;
  readonly view: RoomView;
  readonly title: string;
  readonly actions: MessageActions;
  readonly mentionable: readonly Mentionable[];
  readonly note: (text: string) => ReactNode;
}) {
  const { address, view, title, actions, mentionable, note } = props;
  const { panel, seq, topic } = address.search;
  const at = { store: actions.room, onClose: () => address.setPanel() };
  return (
    <Suspense>
      {panel === "members" && <MembersPanel {...at} view={view} title={title} />}
      {panel === "pins" && <PinsPanel {...at} view={view} actions={actions} />}
      {panel === "threads" && <ThreadsPanel {...at} actions={actions} />}
      {panel === "topics" && <TopicsPanel {...at} topic={topic} onTopic={address.showTopic} />}
      {panel === "files" && <FilesPanel {...at} actions={actions} />}
      {panel === "edits" && seq !== undefined && <VersionsPanel key={seq} {...at} seq={seq} />}
      {panel === "thread" && seq !== undefined && (
        <ThreadPanel key={seq} {...at} {...{ view, actions, mentionable, note }} root={seq} />
      )}
    </Suspense>
  );
}

/** Loads what somebody may need while the node is away. */
export function usePartsReady(): void {
  useEffect(() => {
    const load = () => Promise.all([loadPins(), loadThread(), loadThreads(), loadDeleting()]).catch(() => undefined);
    const timer = setTimeout(() => void load(), calmMs);
    return () => clearTimeout(timer);
  }, []);
}
