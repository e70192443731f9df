import type { ReactNode } from "react";
import type { DropZone } from "../files/attaching.tsx";
import { Icon } from "../parts/icons.tsx";

/** The right-hand panel: beside the room where there is space, over it on a phone. */
export function Panel(props: {
  readonly title: string;
  readonly onClose: () => void;
  /** Absent: as the button that closes. */
  readonly onEscape?: () => void;
  readonly tools?: ReactNode;
  readonly zone?: DropZone | undefined;
  readonly children: ReactNode;
}) {
  return (
    <aside
      className="panel"
      {...props.zone}
      aria-label={props.title}
      onKeyDown={(event) => {
        if (event.key === "Escape") (props.onEscape ?? props.onClose)();
      }}
    >
      <div className="panel-head">
        <h2>{props.title}</h2>
        {props.tools}
        <button
          type="button"
          className="tool"
          aria-label={`Close ${props.title.toLowerCase()}`}
          onClick={props.onClose}
        >
          <Icon name="close" />
        </button>
      </div>
      {props.children}
    </aside>
  );
}
