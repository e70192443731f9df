/** The places of files in their message, whose sizes are known before anything of them is loaded: nothing moves when it
 *  comes. Pure. */

import type { FileCheck } from "../../../protocols/index.ts";
import { isWithheld } from "../../../protocols/words/file-words.ts";

/** A file of a message, as the room tells of it. */
export interface SentFile {
  readonly id: string;
  readonly name: string;
  /** As the node found it in the bytes. */
  readonly type: string;
  readonly bytes: number;
  /** Of pictures, in pixels. */
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  /** There is a small picture of it, so large. */
  readonly preview?: { readonly width: number; readonly height: number } | undefined;
  /** What a scanner has said of it. */
  readonly check?: FileCheck | undefined;
}

/** Whether it is a picture that the node sends as one: a browser shows these, and runs nothing in them. */
export const isPicture = (type: string): boolean => /^image\/(?:png|jpeg|webp|gif)$/.test(type);

/** A larger picture is loaded when somebody opens it, and not because somebody scrolls by. */
const shownBytesMax = 10 * 1024 * 1024;
/** So is one of more pixels: few bytes may become gigabytes where a browser draws them. */
const shownPixelsMax = 30_000_000;
/** One of more pixels than any camera makes is not shown at all. */
const drawnPixelsMax = 250_000_000;
const boxWidthMax = 360;
const boxHeightMax = 260;
// As tall as a finger is wide.
const boxSideMin = 44;

/** Whether a picture is loaded where its message stands. */
export const isShownAtOnce = ({ type, bytes, width = 0, height = 0, check, preview }: SentFile): boolean =>
  !isWithheld({ check }) &&
  isPicture(type) &&
  width > 0 &&
  height > 0 &&
  (preview !== undefined || (width * height <= shownPixelsMax && bytes <= shownBytesMax));

/** Whether the node's small picture stands for it: also for what is no picture itself. */
export const hasSmall = ({ preview, check }: SentFile): boolean => preview !== undefined && !isWithheld({ check });

/** Whether a picture is shown when somebody opens it. */
export const isDrawn = ({ type, width = 0, height = 0 }: SentFile): boolean =>
  isPicture(type) && width * height <= drawnPixelsMax;

/** How large the place of a file is, in pixels of the page; on a narrow screen as wide as that, in the same form. */
export function boxOf(file: SentFile): { readonly width: number; readonly height: number } {
  // The small one stands as it was held.
  const { width = 0, height = 0 } = file.preview ?? file;
  const type = isWithheld(file) ? "" : file.type;
  if (isShownAtOnce(file)) {
    const scale = Math.min(1, boxWidthMax / width, boxHeightMax / height);
    const side = (pixels: number): number => Math.max(boxSideMin, Math.round(pixels * scale));
    return { width: side(width), height: side(height) };
  }
  // A film in its usual form, a player, a card; with name, type and size.
  return { width: boxWidthMax, height: type.startsWith("video/") ? 260 : type.startsWith("audio/") ? 98 : 60 };
}
