import { Menu } from "@mantine/core";
import {
  lazy,
  Suspense,
  useRef,
  useState,
  useSyncExternalStore,
  type DragEvent,
  type ReactNode,
  type RefObject,
} from "react";
import { notices, useSession, type RoomStore } from "../../live/index.ts";
import type { AttachedFile } from "../../model/index.ts";
import type { HeldPost } from "../../live/uploads.ts";
import { Icon } from "../parts/icons.tsx";
import { notLoaded } from "../parts/later.ts";
import { Actions } from "../parts/layers.tsx";
import { filesIn } from "../pasting/index.ts";

/** Files of a field. Only what every room needs is here: the rest is loaded with the first file. */

export const AttachedFiles = lazy(() => import("./attached.tsx"));

/** What a part of the page does with files that are dropped on it. */
export interface DropZone {
  readonly "data-dropping": string | undefined;
  readonly onDragOver: (event: DragEvent) => void;
  readonly onDragLeave: (event: DragEvent) => void;
  readonly onDrop: (event: DragEvent) => void;
}

/** What a field for messages needs to take files. */
export interface Attaching {
  /** Of the field: `Composer` takes these. */
  readonly field: {
    readonly head: ReactNode;
    readonly mayBeEmpty: boolean;
    readonly hinders: () => boolean;
    readonly onFiles: (files: readonly File[]) => void;
  };
  /** The button that chooses files. Where one touches it has a menu, with what `more` puts into it. */
  readonly button: (more?: ReactNode) => ReactNode;
  readonly zone: DropZone;
  /** Sends a message with all that is attached. */
  readonly post: (text: string, replyTo?: number, alsoInRoom?: boolean) => void;
}

/** Where files go, and what makes a message of a text with them. */
interface AttachingTo {
  /** The room, or `agent/` and the conversation with one. */
  readonly target: string;
  /** Takes what goes another way, and gives the rest back. */
  readonly sift?: (files: readonly File[]) => readonly File[];
  readonly post: (
    text: string,
    files: readonly AttachedFile[] | undefined,
    replyTo?: number,
    alsoInRoom?: boolean,
  ) => HeldPost["post"];
}

/** What posts in a room. */
export const toRoom = (store: RoomStore): AttachingTo => ({
  target: store.room,
  post: (text, files, replyTo, alsoInRoom) => store.post(text, replyTo, alsoInRoom, files),
});

/** Takes files for the messages of a field: chosen, dropped, pasted, or from the camera. */
export function useAttaching(to: AttachingTo, place: string, field: RefObject<HTMLTextAreaElement | null>): Attaching {
  const { files } = useSession();
  const count = useSyncExternalStore(files.subscribe, () => files.countAt(place));
  const [isOver, setIsOver] = useState(false);
  const onFiles = (all: readonly File[]) => {
    const chosen = to.sift?.(all) ?? all;
    if (chosen.length === 0) return;
    files.load().then((uploads) => uploads.attach(place, to.target, chosen), notLoaded);
    // One goes on writing; where one touches, a keyboard would cover what was chosen.
    if (!isTouch()) field.current?.focus();
  };
  return {
    field: {
      head: <Suspense>{count > 0 && <AttachedFiles place={place} />}</Suspense>,
      mayBeEmpty: count > 0,
      hinders() {
        const why = files.uploads?.hindrance(place);
        if (why !== undefined) notices.show(why, "bad");
        return why !== undefined;
      },
      onFiles,
    },
    button: (more) => <AttachButton onFiles={onFiles} more={more} />,
    zone: {
      "data-dropping": isOver ? "Drop the files to attach them" : undefined,
      onDragOver(event) {
        if (!event.dataTransfer.types.includes("Files")) return;
        event.preventDefault();
        setIsOver(true);
      },
      onDragLeave({ currentTarget, relatedTarget }) {
        if (!(relatedTarget instanceof Node && currentTarget.contains(relatedTarget))) setIsOver(false);
      },
      onDrop(event) {
        setIsOver(false);
        const dropped = filesIn(event.dataTransfer);
        // The field has them, or it is a text.
        if (event.isDefaultPrevented() || dropped.length === 0) return;
        event.preventDefault();
        onFiles(dropped);
      },
    },
    post(text, replyTo, alsoInRoom) {
      const { uploads } = files;
      const post = to.post(text, uploads?.filesAt(place), replyTo, alsoInRoom);
      uploads?.sent(place, to.target, post);
    },
  };
}

/** Whether it is a finger that points. */
export const isTouch = (): boolean => matchMedia("(pointer: coarse)").matches;

const named = { type: "button", className: "tool", "aria-label": "Attach files", title: "Attach files" } as const;

/** Chooses files; where one touches, the camera is offered as well. */
function AttachButton({
  onFiles,
  more,
}: {
  readonly onFiles: (files: readonly File[]) => void;
  readonly more: ReactNode;
}) {
  const input = useRef<HTMLInputElement>(null);
  const choose = (byCamera: boolean) => {
    const { current } = input;
    if (current === null) return;
    current.accept = byCamera ? "image/*" : "";
    current.toggleAttribute("capture", byCamera);
    current.click();
  };
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        onChange={({ currentTarget }) => {
          onFiles([...(currentTarget.files ?? [])]);
          // The same file may be chosen again.
          currentTarget.value = "";
        }}
      />
      {isTouch() ? (
        <Actions
          position="top-start"
          button={
            <button {...named}>
              <Icon name="clip" />
            </button>
          }
        >
          <Menu.Item leftSection={<Icon name="image" size={16} />} onClick={() => choose(true)}>
            Take a picture
          </Menu.Item>
          <Menu.Item leftSection={<Icon name="clip" size={16} />} onClick={() => choose(false)}>
            Choose files
          </Menu.Item>
          {more}
        </Actions>
      ) : (
        <button {...named} onClick={() => choose(false)}>
          <Icon name="clip" />
        </button>
      )}
    </>
  );
}
