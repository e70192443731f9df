/** Pictures as they are sent: small enough, drawn anew. What the file says beside its pixels (place, camera, date)
 *  stays here. */
import { wireLimits } from "../../../../protocols/limits.ts";

/** Twice what the largest place on the page shows of it, for fine screens. */
const sidePx = 256;
/** Models are shown no more of a picture, and most of them less. */
const longSidePx = 1_536;
/** A phone would run out of memory over larger files. */
const fileBytesMax = 32 * 1024 * 1024;
const qualities = [0.9, 0.75, 0.5, 0.3] as const;

/** What the user is told when it does not become one. */
export class UnfitPicture extends Error {}

/** What is taken of a picture, and how large it becomes. */
interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly toWidth: number;
  readonly toHeight: number;
}

/** A square of the middle. Errors: UnfitPicture, with what to do. */
export const squareOf = (file: Blob): Promise<Blob> =>
  drawn(file, wireLimits.avatarBytesMax, ({ width, height }) => {
    const side = Math.min(width, height);
    const middle = { left: (width - side) / 2, top: (height - side) / 2, width: side, height: side };
    return { ...middle, toWidth: sidePx, toHeight: sidePx };
  });

/** All of it, for a model to see. Errors: UnfitPicture, with what to do. */
export const wholeOf = (file: Blob): Promise<Blob> =>
  drawn(file, wireLimits.pictureBytesMax, (picture) => wholeIn(picture, longSidePx));

/** All of it, as small as an emoji of the cluster is kept; what shines through stays so. Errors: UnfitPicture. */
export const emojiOf = (file: Blob): Promise<Blob> =>
  drawn(file, wireLimits.emojiFileBytesMax, (picture) => wholeIn(picture, wireLimits.emojiSideMax), {
    ground: undefined,
    types: ["image/webp", "image/png"],
  });

/** A file as base64. */
export const base64Of = async (file: Blob): Promise<string> =>
  btoa(Array.from(new Uint8Array(await file.arrayBuffer()), (byte) => String.fromCharCode(byte)).join(""));

/** All of a picture, its longer side at most so long. */
function wholeIn({ width, height }: ImageBitmap, sideMax: number): Frame {
  const scale = Math.min(1, sideMax / Math.max(width, height));
  const [toWidth, toHeight] = [width, height].map((side) => Math.max(1, Math.round(side * scale))) as [number, number];
  return { left: 0, top: 0, width, height, toWidth, toHeight };
}

/** What it is drawn on, and the types that are tried. */
interface Look {
  /** Absent: nothing. */
  readonly ground: string | undefined;
  readonly types: readonly string[];
}

// Some formats know no transparency.
const onWhite: Look = { ground: "#fff", types: ["image/webp", "image/jpeg"] };

async function drawn(
  file: Blob,
  bytesMax: number,
  frameOf: (picture: ImageBitmap) => Frame,
  { ground, types }: Look = onWhite,
): Promise<Blob> {
  if (file.size > fileBytesMax) throw new UnfitPicture("This file is too large. Choose one of at most 32 MB.");
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new UnfitPicture("This file is not a picture that your browser can read. Choose a PNG, JPEG or WebP.");
  }
  try {
    const canvas = document.createElement("canvas");
    const { left, top, width, height, toWidth, toHeight } = frameOf(picture);
    canvas.width = toWidth;
    canvas.height = toHeight;
    const pen = canvas.getContext("2d");
    if (pen === null) throw new UnfitPicture("Your browser cannot draw now. Try again later.");
    if (ground !== undefined) {
      pen.fillStyle = ground;
      pen.fillRect(0, 0, toWidth, toHeight);
    }
    pen.imageSmoothingQuality = "high";
    pen.drawImage(picture, left, top, width, height, 0, 0, toWidth, toHeight);
    for (const quality of qualities)
      for (const type of types) {
        const made = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, type, quality));
        // A browser that cannot write a type writes PNG.
        if (made?.type === type && made.size <= bytesMax) return made;
      }
    throw new UnfitPicture("This picture does not become small enough. Choose another one.");
  } finally {
    picture.close();
  }
}
