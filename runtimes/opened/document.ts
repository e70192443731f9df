/** Documents of strangers (PDF): their first page as a picture. No script of a document is run: the process allows no
 *  code to be made of texts. */
import { createCanvas, type Canvas } from "@napi-rs/canvas";
import { createIsomorphicCanvasFactory, getDocumentProxy } from "unpdf";
import { openedLimits as limits } from "./limits.ts";
import { encoded, fitted } from "./small-picture.ts";
import type { Box, SmallPicture } from "./tasks.ts";

type Opened = Awaited<ReturnType<typeof getDocumentProxy>>;

/** A page is drawn in its own units at most so large. A page may say that it is a kilometre wide. */
async function firstPage(document: Opened, box: Box): Promise<SmallPicture | undefined> {
  const page = await document.getPage(1);
  const { width, height } = page.getViewport({ scale: 1 });
  if (!(width > 0 && height > 0) || !Number.isFinite(width * height)) return undefined;
  const scale = Math.min(box.width / width, box.height / height);
  const size = fitted({ width: width * scale, height: height * scale }, box);
  const canvas: Canvas = createCanvas(size.width, size.height);
  const paper = canvas.getContext("2d");
  paper.fillStyle = "white";
  paper.fillRect(0, 0, size.width, size.height);
  const shown = { canvas, canvasContext: paper, viewport: page.getViewport({ scale }) };
  await page.render(shown as unknown as Parameters<typeof page.render>[0]).promise;
  return encoded(canvas);
}

const opened = async (bytes: Uint8Array): Promise<Opened> =>
  getDocumentProxy(new Uint8Array(bytes), {
    CanvasFactory: await createIsomorphicCanvasFactory(() => import("@napi-rs/canvas")),
    disableFontFace: true,
    enableXfa: false,
    maxImageSize: limits.pixelsMax,
    stopAtErrors: false,
    verbosity: 0,
  });

/** The first page of a document. Nothing of the other pages is read. */
export const drawDocument = async (bytes: Uint8Array, box: Box): Promise<SmallPicture | undefined> =>
  firstPage(await opened(bytes), box);
