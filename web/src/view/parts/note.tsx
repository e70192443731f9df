import type { ReactNode } from "react";
import { Icon } from "./icons.tsx";
import { told } from "./told.tsx";

/** A remark that stays in its place. A `bad` one is read out at once. */
export function Note(props: {
  readonly tone: "plain" | "good" | "warn" | "bad";
  readonly title?: string;
  readonly onClose?: () => void;
  readonly children: ReactNode;
}) {
  return (
    <div className={`note ${props.tone}`} role={props.tone === "bad" ? "alert" : undefined}>
      {(props.tone === "warn" || props.tone === "bad") && <Icon name="warning" />}
      <div className="grow">
        {props.title !== undefined && <div className="note-title">{props.title}</div>}
        {told(props.children)}
      </div>
      {props.onClose !== undefined && (
        <button type="button" className="tool" aria-label="Hide this note" onClick={props.onClose}>
          <Icon name="close" size={16} />
        </button>
      )}
    </div>
  );
}
