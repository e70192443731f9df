import { useEffect, useState } from "react";
import { notices } from "../../live/index.ts";

/** Says that a part of the page did not come. */
export const notLoaded = (): void => notices.show("This could not be loaded: the node may be down. Try again.", "bad");

/** A part of the page that is loaded when it is first needed, and stays; undefined until it is there. Where it cannot
 *  be loaded, that is said, and it is tried again the next time. `load` is the same function each time. */
export function useLater<Part>(load: () => Promise<Part>, isNeeded: boolean): Part | undefined {
  const [part, setPart] = useState<Part>();
  const isMissing = isNeeded && part === undefined;
  useEffect(() => {
    if (!isMissing) return;
    load().then(setPart, notLoaded);
  }, [isMissing, load]);
  return part;
}
