import { cut } from "../../../protocols/text/text.ts";

/** As of `wireLimits`, all of which the page does not load for one of them. `afresh.test.ts` compares what comes of
 *  both. */
const summaryTextChars = 160;

/** What a message says where it is the newest of a list. */
export const summaryText = (text: string): string => cut(text, summaryTextChars);
