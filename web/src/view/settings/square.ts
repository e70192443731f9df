/** A picture as it is sent: a square of the middle, small, drawn anew. What the file says beside its pixels (place, camera, date) stays here. */
import { wireLimits } from "../../../../protocols/limits.ts";

/** Twice what the largest place on the page shows of it, for fine screens. */
const sidePx = 256;
/** Larger files are no portraits, and a phone would run out of memory over them. */
const fileBytesMax = 32 * 1024 * 1024;
const qualities = [0.9, 0.75, 0.5, 0.3] as const;

/** What the user is told when it does not become one. */
export class UnfitPicture extends Error {}

/** Errors: UnfitPicture, with what to do. */
export async function squareOf(file: Blob): Promise<Blob> {
  if (file.size > fileBytesMax) throw new UnfitPicture("This file is too large. Choose one of at most 32 MB.");
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new UnfitPicture("This file is not a picture that your browser can read. Choose a PNG, JPEG or WebP.");
  }
  try {
    const canvas = document.createElement("canvas");
    canvas.width = sidePx;
    canvas.height = sidePx;
    const pen = canvas.getContext("2d");
    if (pen === null) throw new UnfitPicture("Your browser cannot draw now. Try again later.");
    // Some formats know no transparency.
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, sidePx, sidePx);
    pen.imageSmoothingQuality = "high";
    const side = Math.min(picture.width, picture.height);
    const [left, top] = [(picture.width - side) / 2, (picture.height - side) / 2];
    pen.drawImage(picture, left, top, side, side, 0, 0, sidePx, sidePx);
    for (const quality of qualities)
      for (const type of ["image/webp", "image/jpeg"]) {
        const made = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, type, quality));
        // A browser that cannot write a type writes PNG.
        if (made?.type === type && made.size <= wireLimits.avatarBytesMax) return made;
      }
    throw new UnfitPicture("This picture does not become small enough. Choose another one.");
  } finally {
    picture.close();
  }
}
