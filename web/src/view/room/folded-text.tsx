import { useMemo, useState } from "react";
import type { RoomMessage } from "../../../../protocols/index.ts";
import { calledIn, foldedAt } from "../../model/index.ts";
import { RichText } from "../parts/rich-text.tsx";
import { callingIn } from "./calling-in.ts";
import type { MessageActions } from "./message-actions.ts";
import { counted } from "./thread-link.tsx";

/** The text of a message. Of a long one the beginning, and a button for the rest. */
export function FoldedText({
  message,
  actions: { room, nameFor, unfolded, showVersions },
}: {
  readonly message: RoomMessage;
  readonly actions: Pick<MessageActions, "room" | "nameFor" | "unfolded" | "showVersions">;
}) {
  const { seq, text, editedAtMs, mentions, groups, versions } = message;
  const onEdited = useMemo(() => versions && (() => showVersions(seq)), [versions, showVersions, seq]);
  const edited = { editedAtMs, ...(onEdited && { onEdited }) };
  const calling = useMemo(
    () => (mentions || groups ? callingIn(room, calledIn({ mentions, groups }), nameFor) : undefined),
    [room, mentions, groups, nameFor],
  );
  const [isWhole, setIsWhole] = useState(() => unfolded.has(seq));
  const end = foldedAt(text);
  if (end === undefined) return <RichText text={text} calling={calling} {...edited} />;
  const turn = (button: HTMLElement) => {
    setIsWhole(!isWhole);
    if (isWhole) unfolded.delete(seq);
    else unfolded.add(seq);
    // Its beginning may be far above; the focus stays on the button.
    if (isWhole) requestAnimationFrame(() => button.scrollIntoView({ block: "nearest" }));
  };
  return (
    <>
      {isWhole ? (
        <RichText text={text} calling={calling} {...edited} />
      ) : (
        // What is open where it is cut counts as closed, as in an answer that grows.
        <RichText text={`${text.slice(0, end)} …`} calling={calling} streaming />
      )}
      <button
        type="button"
        className="link fold"
        aria-expanded={isWhole}
        onClick={(event) => turn(event.currentTarget)}
      >
        {isWhole ? "Show less" : `Show more (${counted.format(text.length - end)} characters)`}
      </button>
    </>
  );
}
