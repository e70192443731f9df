/** The list of leaked passwords that an operator gives as a file: one password a line, or lines as haveibeenpwned.com
 *  has them, `SHA-1:COUNT`. Kept are eight bytes of each hash, sorted: a million passwords take 8 MB, and a password
 *  that is not in the list is refused once in 10^13. */
import { createHash } from "node:crypto";
import { atOnce, linesOf, stepsInPiece, type Pieces } from "../../pieces.ts";

const bytesKept = 8;

/** The first bytes of a password's hash, as a number. */
const markOf = (hash: Buffer): bigint => hash.readBigUInt64BE(0);

/** Whether a password is in the list. */
export interface LeakList {
  has(password: string): boolean;
  readonly size: number;
}

function markOfLine(line: string): bigint {
  const hex = /^([0-9a-f]{40})(?::\d+)?$/i.exec(line)?.[1];
  return markOf(
    hex === undefined ? createHash("sha1").update(line).digest() : Buffer.from(hex.slice(0, 2 * bytesKept), "hex"),
  );
}

/** Reads the file's text. The numbers are sorted at once: a million take 0.1 s. */
export function* leakListIn(text: string): Pieces<LeakList> {
  const read: bigint[] = [];
  let lines = 0;
  for (const line of linesOf(text)) {
    const password = line.replace(/\r$/, "");
    if (password !== "") read.push(markOfLine(password));
    if ((lines += 1) % stepsInPiece === 0) yield;
  }
  const marks = new BigUint64Array(read).sort();
  return {
    size: marks.length,
    has(password) {
      const mark = markOf(createHash("sha1").update(password).digest());
      let [low, high] = [0, marks.length];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if ((marks[middle] as bigint) < mark) low = middle + 1;
        else high = middle;
      }
      return marks[low] === mark;
    },
  };
}

/** The same at once. */
export const readLeakList = (text: string): LeakList => atOnce(leakListIn(text));
