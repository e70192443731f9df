/** What a file is, by its first bytes. What it is called and said to be decides nothing: a page that is called
 *  `cat.png` is no picture. Nothing is decoded. */
import type { FoundType } from "../../../protocols/index.ts";
import { sizeOfPicture } from "../../../runtimes/opened/index.ts";

/** Of what is not known; browsers save it. */
export const unknownType = "application/octet-stream";

/** Types that browsers show without running anything. All else is saved. */
export const isShown = (type: string): boolean => /^(?:image\/(?:png|jpeg|webp|gif)|audio\/|video\/)/.test(type);

const signatures: readonly (readonly [type: string, at: number, bytes: string])[] = [
  ["image/gif", 0, "GIF87a"],
  ["image/gif", 0, "GIF89a"],
  ["audio/flac", 0, "fLaC"],
  ["audio/mpeg", 0, "ID3"],
  ["audio/ogg", 28, "\x01vorbis"],
  ["audio/ogg", 28, "OpusHead"],
  ["audio/ogg", 28, "\x7fFLAC"],
  ["video/ogg", 28, "\x80theora"],
  ["application/pdf", 0, "%PDF-"],
  ["application/zip", 0, "PK\x03\x04"],
  ["application/gzip", 0, "\x1f\x8b\x08"],
];

/** Names of what ISO files (MP4 and its kin) hold, where it is played. */
const brands: readonly (readonly [type: string, brand: RegExp])[] = [
  ["audio/mp4", /^M4[AB] $/],
  ["video/mp4", /^(?:isom|iso[2-9]|mp4[12]|avc1|M4V |dash|MSNV)$/],
  ["video/quicktime", /^qt {2}$/],
];

/** What begins so. */
export function typeOf(bytes: Uint8Array): FoundType {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const has = (at: number, text: string): boolean => view.toString("latin1", at, at + text.length) === text;
  const picture = sizeOfPicture(view);
  if (picture !== undefined) {
    const { format, width, height } = picture;
    return { type: `image/${format}`, ...(width > 0 && height > 0 && { width, height }) };
  }
  const signed = signatures.find(([, at, text]) => has(at, text))?.[0];
  if (signed === "image/gif" && view.length >= 10) {
    const [width, height] = [view.readUInt16LE(6), view.readUInt16LE(8)];
    return { type: signed, ...(width > 0 && height > 0 && { width, height }) };
  }
  if (signed !== undefined) return { type: signed };
  if (has(0, "RIFF") && has(8, "WAVE")) return { type: "audio/wav" };
  if (has(4, "ftyp")) {
    const brand = view.toString("latin1", 8, 12);
    return { type: brands.find(([, pattern]) => pattern.test(brand))?.[0] ?? unknownType };
  }
  if (has(0, "\x1a\x45\xdf\xa3")) return { type: view.subarray(0, 64).includes("webm") ? "video/webm" : unknownType };
  // A frame of MPEG audio, layer III.
  if (view[0] === 0xff && [0xfa, 0xfb, 0xf2, 0xf3].includes(view[1] ?? 0)) return { type: "audio/mpeg" };
  return { type: unknownType };
}
