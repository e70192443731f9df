import { explain, nameUnsent, useLasting } from "../../live/index.ts";
import type { Unconfirmed } from "../../model/index.ts";
import { Icon } from "./icons.tsx";

// Most messages are taken within a fraction of a second; under each, this would only flash.
const shownAfterMs = 2_000;

/** Under something written here that the node has not taken: that it waits, or why it failed and the ways on. */
export function Unsent({
  pending,
  waits = false,
  isHeld = false,
  retry,
  discard,
}: {
  readonly pending: Unconfirmed;
  /** It is not sent yet, because its files are on their way: they say so themselves. */
  readonly waits?: boolean;
  /** Nothing of it is sent, because the node is away: it can be taken back. */
  readonly isHeld?: boolean;
  readonly retry: () => void;
  readonly discard: () => void;
}) {
  const late = useLasting(pending.status === "waiting" && !waits, shownAfterMs);
  if (isHeld && pending.status === "waiting")
    return (
      <div className="unsent" role="status">
        Waits for the node{" "}
        <button type="button" className="link" onClick={discard}>
          Discard
        </button>
      </div>
    );
  if (pending.status !== "failed") return late ? <div className="unsent">Not sent yet</div> : null;
  return (
    <div className="failed" role="alert">
      <Icon name="warning" size={15} />
      <span>
        {nameUnsent(pending)}. {pending.failure === undefined ? "" : explain(pending.failure)}
      </span>
      <button type="button" className="link" onClick={retry}>
        Try again
      </button>
      <button type="button" className="link" onClick={discard}>
        Discard
      </button>
    </div>
  );
}
