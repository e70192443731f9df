import { useLasting } from "../live/index.ts";

// Most messages are taken within a fraction of a second; under each, this would only flash.
const shownAfterMs = 2_000;

/** Under something written here that the node has not taken for a while. */
export function NotSentYet({ waiting }: { readonly waiting: boolean }) {
  return useLasting(waiting, shownAfterMs) ? <div className="unsent">Not sent yet</div> : null;
}
