import { addExtension, Packr } from "msgpackr";
import { wireLimits } from "./limits.ts";

// Plain msgpack (no shared structures): every value can be read alone, years later, by any msgpack reader. An integer of 64
// bits becomes the nearest number: JSON and sums throw at a BigInt.
const packr = new Packr({ useRecords: false, mapsAsObjects: true, encodeUndefinedAsNil: false, int64AsType: "number" });

// What msgpackr reads beyond plain data: BigInt, bundled strings, Error, references (with them, cycles), Set, typed arrays,
// RegExp, Date. `encode` is never given any of it, so somebody else wrote such bytes. Extension 0, undefined, stays.
for (const type of [0x42, 0x62, 0x65, 0x69, 0x70, 0x73, 0x74, 0x78, 0xff]) {
  addExtension({
    type,
    unpack: () => {
      throw new Error(`extension ${type} is no plain data`);
    },
  });
}

/** Encodes plain data (objects, arrays, strings, numbers, booleans, null, bytes). Throws where it is nested so deep that the
 *  stack ends: more than a thousand levels, of which clients may send 16 and nodes send `peerMessageDepthMax`. */
export const encode = (value: unknown): Uint8Array => packr.pack(value);

/** Decodes what `encode` wrote. Throws on anything else, and where it is nested so deep that the stack ends; callers that read
 *  bytes from outside catch and refuse. What it reads may be nested deeper than `encode` can go: `encodedBytesMax` tells. */
export const decode = (bytes: Uint8Array): unknown => packr.unpack(bytes);

/** How many bytes `encode` makes of plain data at most, and seldom many fewer, without encoding it. Infinity when it is nested
 *  deeper than what peers take. */
export function encodedBytesMax(value: unknown, depthMax: number = wireLimits.peerMessageDepthMax): number {
  switch (typeof value) {
    case "string":
      return stringBytesMax(value);
    case "object":
      break;
    default:
      return 9;
  }
  if (value === null) return 1;
  if (value instanceof Uint8Array) return value.length + 5;
  if (depthMax === 0) return Infinity;
  let bytes = 5;
  if (Array.isArray(value)) for (const item of value) bytes += encodedBytesMax(item, depthMax - 1);
  else
    for (const key in value)
      bytes += stringBytesMax(key) + encodedBytesMax((value as Record<string, unknown>)[key], depthMax - 1);
  return bytes;
}

/** As UTF-8. Half of a surrogate pair counts three bytes, of which the pair takes four. */
function stringBytesMax(text: string): number {
  let bytes = text.length + 5;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7f) bytes += unit > 0x7ff ? 2 : 1;
  }
  return bytes;
}
