/** How long a message can be taken back before it leaves, as the person chose it in this browser. */
import type { Kept } from "../model/index.ts";

/** Where the choice is kept. */
export const undoSendPlace = "settings/undo-send";

/** The choices, in seconds; the first one is not kept. */
export const undoSendSeconds = ["0", "5", "10"] as const;

/** No message waits longer. */
export const undoSendMaxMs = Math.max(...undoSendSeconds.map(Number)) * 1_000;

/** Zero: it leaves at once. */
export const undoSendMs = (kept: Pick<Kept, "read">): number => {
  const chosen = kept.read(undoSendPlace);
  return undoSendSeconds.some((one) => one === chosen) ? Number(chosen) * 1_000 : 0;
};
