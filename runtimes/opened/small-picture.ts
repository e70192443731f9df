/** Pictures of strangers, drawn anew and smaller. Nothing of the first file is in what comes out: no words, no place,
 *  and no second picture. */
import { createCanvas, loadImage, type Canvas } from "@napi-rs/canvas";
import { openedLimits as limits } from "./limits.ts";
import { sizeOfGif, sizeOfPicture } from "./picture-head.ts";
import type { Box, SmallPicture } from "./tasks.ts";

/** How good a picture is, tried in this order until it is small enough. */
const qualities = [78, 60, 40, 20] as const;

/** As large as fits, and no larger than it is. */
export function fitted({ width, height }: Box, box: Box): Box {
  const scale = Math.min(1, box.width / width, box.height / height);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** What a canvas shows. Undefined: it does not become small enough. */
export async function encoded(canvas: Canvas): Promise<SmallPicture | undefined> {
  const { width, height } = canvas;
  for (const quality of qualities) {
    const bytes = await canvas.encode("webp", quality);
    if (bytes.length <= limits.smallBytesMax) return { bytes, width, height };
  }
  return undefined;
}

/** Whether a picture of this size is opened at all. */
const mayOpen = ({ width, height }: Box): boolean =>
  width > 0 &&
  height > 0 &&
  width <= limits.pictureSideMax &&
  height <= limits.pictureSideMax &&
  width * height <= limits.pixelsMax;

/** A picture that fits into a box. Of one that moves it is the first picture. Undefined: it is none that is opened.
 *  The size that its head says counts before anything is decoded. */
export async function smaller(bytes: Uint8Array, box: Box): Promise<SmallPicture | undefined> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const said = sizeOfPicture(view) ?? sizeOfGif(view);
  if (said === undefined || !mayOpen(said)) return undefined;
  const image = await loadImage(view);
  if (!mayOpen(image)) return undefined;
  const { width, height } = fitted(image, box);
  const canvas = createCanvas(width, height);
  canvas.getContext("2d").drawImage(image, 0, 0, width, height);
  return encoded(canvas);
}
