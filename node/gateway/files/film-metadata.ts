/** What a film (MP4, QuickTime) says beside the film: where and when it was taken, by which camera. As of pictures
 *  (`metadata.ts`), it is written over where it stands: a box of it becomes one that readers pass over.
 *
 *      moov ─ mvhd                 times → 0
 *        ├─ udta, meta, uuid       → free, zeros
 *        └─ trak ─ tkhd, mdhd      times → 0
 *             └─ udta, meta, uuid  → free, zeros
 *
 *  How a film is turned stands in `tkhd` and stays. Boxes: ISO/IEC 14496-12, section 4.2. */

/** Boxes that are looked at. */
const boxesMax = 65_536;
/** `moov`, `trak`, `mdia`. */
const depthMax = 3;

const holders: ReadonlySet<string> = new Set(["moov", "trak", "mdia"]);
const said: ReadonlySet<string> = new Set(["udta", "meta", "uuid"]);
const timed: ReadonlySet<string> = new Set(["mvhd", "tkhd", "mdhd"]);

/** Whether films of this type are looked into. */
export const isScrubbedFilm = (type: string | undefined): boolean => type === "video/mp4" || type === "video/quicktime";

/** Writes over it, in place. What cannot be walked through is left from there on. */
export function scrubFilm(bytes: Buffer): void {
  const left = { boxes: boxesMax };
  scrubBoxes(bytes, 0, left);
}

function scrubBoxes(bytes: Buffer, depth: number, left: { boxes: number }): void {
  for (let at = 0; at + 8 <= bytes.length;) {
    left.boxes -= 1;
    if (left.boxes < 0) return;
    const box = boxAt(bytes, at);
    if (box === undefined) return;
    const { type, head, end } = box;
    const data = bytes.subarray(at + head, end);
    if (said.has(type)) {
      bytes.write("free", at + 4, "latin1");
      data.fill(0);
    } else if (timed.has(type)) withoutTimes(data);
    else if (holders.has(type) && depth < depthMax) scrubBoxes(data, depth + 1, left);
    at = end;
  }
}

/** A box; undefined: there is none, or it does not end here. */
function boxAt(
  bytes: Buffer,
  at: number,
): { readonly type: string; readonly head: number; readonly end: number } | undefined {
  const type = bytes.toString("latin1", at + 4, at + 8);
  const short = bytes.readUInt32BE(at);
  const isLong = short === 1;
  if (isLong && at + 16 > bytes.length) return undefined;
  const head = isLong ? 16 : 8;
  // 0: up to the end.
  const size = isLong ? Number(bytes.readBigUInt64BE(at + 8)) : short === 0 ? bytes.length - at : short;
  return size < head || at + size > bytes.length ? undefined : { type, head, end: at + size };
}

/** When it was made and changed: behind the version and flags, each of 4 or 8 bytes. */
function withoutTimes(data: Buffer): void {
  const times = data[0] === 1 ? 16 : 8;
  if (data.length >= 4 + times) data.fill(0, 4, 4 + times);
}
