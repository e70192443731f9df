import type { RoomMute } from "../../../../protocols/index.ts";
import { Icon } from "../parts/icons.tsx";
import { useNames } from "../parts/lists.ts";
import { momentOf } from "../parts/time.ts";

/** What stands in place of the field to write in for somebody who is muted. */
export default function MutedNote({ mute: { by, untilMs, reason } }: { readonly mute: RoomMute }) {
  const nameFor = useNames();
  return (
    <p className="closed-note" role="note">
      <Icon name="mute" size={16} />
      <span>
        You are muted here {untilMs === undefined ? "until it is lifted" : `until ${momentOf(untilMs)}`}, by{" "}
        <bdi>{nameFor(by)}</bdi>
        {reason !== undefined && (
          <>
            : <bdi>{reason}</bdi>
          </>
        )}
        . You can read; a moderator of the room can lift it.
      </span>
    </p>
  );
}
