/** `cli/cluster/control.ts` in a page: the node at hand is the one that served it, and commands run as the person who
 *  is signed in. */
import type { Target } from "../../node/target.ts";
import { running } from "./run.ts";

/** What stands for the address of the node of the page. */
export const hereUrl = "page:";

export const readControlFile = (): Promise<object> => Promise.resolve({});
export const findRunning = readControlFile;
export const localTarget = (): Target => ({ url: hereUrl, confirm: () => running().terminal.confirm() });
