/** What a picture is, by its first bytes and its last. Nothing is decoded here: a decoder is for the browser, which has
 *  walls around it. */

/** What can be told of a picture. */
export interface Picture {
  readonly format: "png" | "jpeg" | "webp";
  readonly width: number;
  readonly height: number;
  readonly moves: boolean;
}

/** Undefined: it is none of the three, or not all of one, or there is something behind it. */
export function pictureIn(bytes: Uint8Array): Picture | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < 32) return undefined;
  if (view.readUInt32BE(0) === 0x89504e47) return pngIn(view);
  if (view.readUInt16BE(0) === 0xffd8) return jpegIn(view);
  const isWebp = view.toString("latin1", 0, 4) === "RIFF" && view.readUInt32LE(4) + 8 === view.length;
  return isWebp ? webpIn(view) : undefined;
}

/** What kind of picture begins so, and how large it says it is; 0 where that comes later. */
export function sizeOfPicture(view: Buffer): Omit<Picture, "moves"> | undefined {
  if (view.length < 32) return undefined;
  if (view.readUInt32BE(0) === 0x89504e47 && view.toString("latin1", 12, 16) === "IHDR")
    return { format: "png", width: view.readUInt32BE(16), height: view.readUInt32BE(20) };
  if (view.readUIntBE(0, 3) === 0xffd8ff) return { format: "jpeg", ...(frameIn(view) ?? { width: 0, height: 0 }) };
  return view.toString("latin1", 0, 4) === "RIFF" ? webpIn(view) : undefined;
}

/** How large a GIF says that it is. */
export function sizeOfGif(view: Buffer): { readonly width: number; readonly height: number } | undefined {
  const isGif = /^GIF8[79]a$/.test(view.toString("latin1", 0, 6)) && view.length > 10;
  return isGif ? { width: view.readUInt16LE(6), height: view.readUInt16LE(8) } : undefined;
}

/** https://www.w3.org/TR/png-3/: a signature, then chunks: length, type, data, checksum. */
function pngIn(view: Buffer): Picture | undefined {
  if (view.readUInt32BE(4) !== 0x0d0a1a0a) return undefined;
  let size: { readonly width: number; readonly height: number } | undefined;
  let moves = false;
  for (let at = 8; at + 12 <= view.length;) {
    const length = view.readUInt32BE(at);
    const type = view.toString("latin1", at + 4, at + 8);
    const next = at + 12 + length;
    if (next > view.length) return undefined;
    if (size === undefined) {
      if (type !== "IHDR" || length !== 13) return undefined;
      size = { width: view.readUInt32BE(at + 8), height: view.readUInt32BE(at + 12) };
    }
    if (type === "acTL") moves = true;
    if (type === "IEND") return next === view.length ? { format: "png", ...size, moves } : undefined;
    at = next;
  }
  return undefined;
}

/** https://www.w3.org/Graphics/JPEG/itu-t81.pdf, annex B: segments up to the scan; the one of the frame has the
 *  size. */
function jpegIn(view: Buffer): Picture | undefined {
  const frame = view.readUInt16BE(view.length - 2) === 0xffd9 ? frameIn(view) : undefined;
  return frame && { format: "jpeg", ...frame, moves: false };
}

function frameIn(view: Buffer): Pick<Picture, "width" | "height"> | undefined {
  for (let at = 2; at + 9 < view.length;) {
    if (view[at] !== 0xff) return undefined;
    const marker = view[at + 1] as number;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: view.readUInt16BE(at + 5), width: view.readUInt16BE(at + 7) };
    // The scan, the end, and markers without a length do not stand before the frame.
    if (marker < 0xc4 || marker === 0xd9 || marker === 0xda || (marker >= 0xd0 && marker <= 0xd8)) return undefined;
    at += 2 + view.readUInt16BE(at + 2);
  }
  return undefined;
}

/** https://www.rfc-editor.org/rfc/rfc9649: a RIFF file with one of three first chunks. */
function webpIn(view: Buffer): Picture | undefined {
  if (view.toString("latin1", 8, 12) !== "WEBP") return undefined;
  const at = 20;
  switch (view.toString("latin1", 12, 16)) {
    case "VP8 ":
      if (view.readUIntBE(at + 3, 3) !== 0x9d012a) return undefined;
      return {
        format: "webp",
        width: view.readUInt16LE(at + 6) & 0x3fff,
        height: view.readUInt16LE(at + 8) & 0x3fff,
        moves: false,
      };
    case "VP8L": {
      if (view[at] !== 0x2f) return undefined;
      const bits = view.readUInt32LE(at + 1);
      return { format: "webp", width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1, moves: false };
    }
    case "VP8X":
      return {
        format: "webp",
        width: view.readUIntLE(at + 4, 3) + 1,
        height: view.readUIntLE(at + 7, 3) + 1,
        moves: ((view[at] as number) & 0x02) !== 0,
      };
    default:
      return undefined;
  }
}
