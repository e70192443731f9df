/** When a page asks for the cluster's own emoji again. Pure. */

/** A name that is not known is asked for again so long after the last answer: it may have been added since. */
const askAgainMs = 10_000;

/** Gateways answer with what is two seconds old (`emojiListKeptMs`): what was added before its name was shown is in an
 *  answer that is asked for later than that. */
const keptMs = 2_500;

/** Pages that show one message ask over so long, and not all at once. */
const spreadMs = 8_000;

/** How long a page waits that shows a name which is not in the answer that it has. `share`: from 0 to 1, by lot. */
export const askAgainInMs = (knownAtMs: number, nowMs: number, share: number): number =>
  Math.max(keptMs, knownAtMs + askAgainMs - nowMs) + Math.floor(share * spreadMs);
