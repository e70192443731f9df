import { lazy, Suspense } from "react";
import type { RoomView } from "../../../../protocols/index.ts";
import { describeDuration } from "../../../../protocols/words/amounts.ts";
import { closedFor, waitsFor, type Closed } from "../../model/index.ts";
import { Icon } from "../parts/icons.tsx";
import { useMute } from "./muted.ts";

const MutedNote = lazy(() => import("./muted-note.tsx"));

const closedTexts: Readonly<Record<Closed, string>> = {
  archived: "This room is archived. It can be read, and nobody writes in it.",
  moderators: "Only moderators post here. You can react to what they write.",
  threads: "Only moderators post here. You can react, and answer in threads.",
  own: "These are the files of your conversations with agents. Attach others in a conversation.",
};

/** What stands in place of the field to write in where the room is closed for this person. */
export function Writing(props: {
  readonly view: RoomView;
  readonly me: string;
  readonly where: "room" | "thread";
  readonly children: React.ReactNode;
}) {
  const closed = closedFor(props.view, props.me, props.where);
  const mute = useMute(props.view, props.me);
  const slowMs = waitsFor(props.view, props.me);
  if (mute !== undefined && closed === undefined)
    return (
      <Suspense>
        <MutedNote mute={mute} />
      </Suspense>
    );
  if (closed !== undefined)
    return (
      <p className="closed-note" role="note">
        <Icon name="lock" size={16} /> {closedTexts[closed]}
      </p>
    );
  return (
    <>
      {props.children}
      {slowMs > 0 && <p className="slow-note">Slow mode: you can send one message in {describeDuration(slowMs)}.</p>}
    </>
  );
}
