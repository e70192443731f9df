/** What a picture says beside the picture: where it was taken, when, by which camera, by whose hand. It is written over
 *  where it stands, so the file keeps its length and every offset in it. How the picture is turned stays, and so do its
 *  colours. Nothing is decoded.
 *
 *      JPEG   segments:  Exif → one that only says how it is turned; all others but frames, tables and scans → zeros
 *      PNG    chunks:    eXIf → the same; texts, times and what is not of the standard → a chunk of zeros
 *      WebP   chunks:    EXIF → the same; XMP and what is not of the standard → zeros
 *
 *  What follows the end of the picture (a film, a second picture, a maker's notes) becomes zeros, too. So does what
 *  follows the last piece that is looked at: all of it is one step of the node's thread. */
import { crc32 } from "node:zlib";

/** Formats that are looked into. */
type Scrubbed = "jpeg" | "png" | "webp";

/** The format by its type. */
export const scrubbedFormat = (type: string | undefined): Scrubbed | undefined =>
  (["jpeg", "png", "webp"] as const).find((format) => type === `image/${format}`);

/** Writes over it, in place. False: it is not a whole picture of that format. What was found up to where it breaks off
 *  is gone all the same, for many programs show what is cut off. */
export function scrub(format: Scrubbed, bytes: Buffer): boolean {
  return { jpeg: scrubJpeg, png: scrubPng, webp: scrubWebp }[format](bytes);
}

/** Segments or chunks of a picture that are looked at. A picture as large as one may be has some thousands. */
const piecesMax = 65_536;

const text = (bytes: Buffer, at: number, length: number): string => bytes.toString("latin1", at, at + length);

/** https://www.w3.org/Graphics/JPEG/itu-t81.pdf, annex B. */
function scrubJpeg(bytes: Buffer): boolean {
  let pieces = 0;
  for (let at = 2; at + 2 <= bytes.length;) {
    if (bytes[at] !== 0xff) return false;
    const marker = bytes[at + 1] as number;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === 0xd9) {
      bytes.fill(0, at + 2);
      return true;
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
      continue;
    }
    if (at + 4 > bytes.length) return false;
    pieces += 1;
    if (pieces > piecesMax) return cutAt(bytes, at);
    const next = at + 2 + bytes.readUInt16BE(at + 2);
    if (next < at + 4) return false;
    scrubSegment(bytes.subarray(at + 4, next), marker);
    if (next > bytes.length) return false;
    at = marker === 0xda ? afterScan(bytes, next) : next;
  }
  return false;
}

/** What comes from here on was not looked at. */
function cutAt(bytes: Buffer, at: number): false {
  bytes.subarray(at).fill(0);
  return false;
}

/** A search by `indexOf` costs as much as so many bytes that are looked at one by one. */
const searchBytes = 32;

/** Where the next marker is, behind the data of a scan. */
function afterScan(bytes: Buffer, from: number): number {
  for (let at = from; at + 1 < bytes.length; at += 1) {
    if (bytes[at] !== 0xff) {
      if (at % searchBytes !== 0) continue;
      at = bytes.indexOf(0xff, at);
      if (at < 0) break;
    }
    const marker = bytes[at + 1];
    const isData = marker === undefined || marker === 0 || marker === 0xff || (marker >= 0xd0 && marker <= 0xd7);
    if (!isData) return at;
  }
  return bytes.length;
}

/** What JFIF says of the picture: its last two bytes are how large the small picture behind it is. */
const jfifBytes = 14;

/** Frames, tables and scans stay: all from C0 to DF but C8, which nothing uses. No decoder needs the others. */
function scrubSegment(data: Buffer, marker: number): void {
  if (marker >= 0xc0 && marker <= 0xdf && marker !== 0xc8) return;
  const begins = (...names: readonly string[]): boolean => names.some((name) => text(data, 0, name.length) === name);
  // What comes after is a small picture of the picture, maybe of what was cut away.
  if (marker === 0xe0 && begins("JFIF\0") && data.length >= jfifBytes) {
    data.fill(0, jfifBytes);
    data.fill(0, jfifBytes - 2, jfifBytes);
    return;
  }
  const stays = (marker === 0xe2 && begins("ICC_PROFILE\0")) || (marker === 0xee && begins("Adobe"));
  if (stays) return;
  if (marker === 0xe1 && begins("Exif\0\0")) return scrubExif(data.subarray(6));
  data.fill(0);
}

/** https://www.w3.org/TR/png-3/: chunks that say how a picture looks, and how it moves. */
const pngChunks = new Set(
  "IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB bKGD hIST pHYs sPLT cICP mDCV cLLI acTL fcTL fdAT".split(" "),
);

function scrubPng(bytes: Buffer): boolean {
  let pieces = 0;
  for (let at = 8; at + 12 <= bytes.length;) {
    pieces += 1;
    if (pieces > piecesMax) return cutAt(bytes, at);
    const next = at + 12 + bytes.readUInt32BE(at);
    const type = text(bytes, at + 4, 4);
    if (next > bytes.length) {
      if (!pngChunks.has(type)) bytes.fill(0, at + 8);
      return false;
    }
    if (!pngChunks.has(type)) {
      const data = bytes.subarray(at + 8, next - 4);
      if (type === "eXIf") scrubExif(data);
      else {
        // Private, of no meaning, and may be copied.
        bytes.write("plXs", at + 4, "latin1");
        data.fill(0);
      }
      bytes.writeUInt32BE(crc32(bytes.subarray(at + 4, next - 4)), next - 4);
    }
    if (type === "IEND") {
      bytes.fill(0, next);
      return true;
    }
    at = next;
  }
  return false;
}

const webpChunks = new Set(["VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF", "ICCP"]);

/** https://www.rfc-editor.org/rfc/rfc9649. */
function scrubWebp(bytes: Buffer): boolean {
  const end = bytes.readUInt32LE(4) + 8;
  const pieces = { left: piecesMax };
  const isWhole = scrubChunks(bytes.subarray(12, Math.max(12, end)), webpChunks, pieces);
  if (pieces.left < 0) return cutAt(bytes, end);
  if (!isWhole || end > bytes.length) return false;
  bytes.fill(0, end);
  return true;
}

/** What a frame of a moving picture has before its chunks: where it is, how large and how long. */
const webpFrameBytes = 16;
const webpFrameChunks = new Set(["VP8 ", "VP8L", "ALPH"]);

function scrubChunks(bytes: Buffer, stays: ReadonlySet<string>, pieces: { left: number }): boolean {
  for (let at = 0; at < bytes.length;) {
    pieces.left -= 1;
    if (pieces.left < 0) return cutAt(bytes, at);
    if (at + 8 > bytes.length) return false;
    const type = text(bytes, at, 4);
    const length = bytes.readUInt32LE(at + 4);
    const data = bytes.subarray(at + 8, at + 8 + length);
    if (type === "EXIF") scrubExif(text(data, 0, 6) === "Exif\0\0" ? data.subarray(6) : data);
    else if (!stays.has(type)) data.fill(0);
    else if (type === "ANMF" && !scrubChunks(data.subarray(webpFrameBytes), webpFrameChunks, pieces))
      return pieces.left < 0 && cutAt(bytes, at);
    if (at + 8 + length > bytes.length) return false;
    at += 8 + length + (length % 2);
  }
  return true;
}

const orientationTag = 0x0112;
/** A head, and a directory with one entry. */
const turnedBytes = 8 + 2 + 12 + 4;

/** Leaves of TIFF data only how the picture is turned. */
function scrubExif(data: Buffer): void {
  const turned = orientationIn(data);
  data.fill(0);
  if (turned === undefined || data.length < turnedBytes) return;
  data.write("MM\0*", 0, "latin1");
  data.writeUInt32BE(8, 4);
  data.writeUInt16BE(1, 8);
  data.writeUInt16BE(orientationTag, 10);
  data.writeUInt16BE(3, 12);
  data.writeUInt32BE(1, 14);
  data.writeUInt16BE(turned, 18);
}

/** How it is turned, from 1 to 8; undefined: it does not say. */
export function orientationIn(data: Buffer): number | undefined {
  const order = text(data, 0, 4);
  if (data.length < turnedBytes || (order !== "II*\0" && order !== "MM\0*")) return undefined;
  const isLittle = order === "II*\0";
  const two = (at: number): number => (isLittle ? data.readUInt16LE(at) : data.readUInt16BE(at));
  const first = isLittle ? data.readUInt32LE(4) : data.readUInt32BE(4);
  if (first + 2 > data.length) return undefined;
  const count = two(first);
  for (let at = first + 2, left = count; left > 0 && at + 12 <= data.length; at += 12, left -= 1) {
    if (two(at) !== orientationTag) continue;
    const turned = two(at + 8);
    return two(at + 2) === 3 && turned >= 1 && turned <= 8 ? turned : undefined;
  }
  return undefined;
}
