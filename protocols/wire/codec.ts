import { addExtension, Packr } from "msgpackr";
import { wireLimits } from "../limits.ts";

// Plain msgpack (no shared structures): every value can be read alone, years later, by any msgpack reader. An integer
// of 64 bits becomes the nearest number: JSON and sums throw at a BigInt.
const packr = new Packr({ useRecords: false, mapsAsObjects: true, encodeUndefinedAsNil: false, int64AsType: "number" });

// What msgpackr reads beyond plain data: BigInt, bundled strings, Error, references (with them, cycles), Set, typed
// arrays, RegExp, Date. `encode` is never given any of it, so somebody else wrote such bytes. Extension 0, undefined,
// stays.
for (const type of [0x42, 0x62, 0x65, 0x69, 0x70, 0x73, 0x74, 0x78, 0xff]) {
  addExtension({
    type,
    unpack: () => {
      throw new Error(`extension ${type} is not plain data`);
    },
  });
}

/** Encodes plain data (objects, arrays, strings, numbers, booleans, null, bytes). Throws where it is nested so deep
 *  that the stack ends: more than a thousand levels, of which clients may send 16 and nodes send
 *  `peerMessageDepthMax`. */
export const encode = (value: unknown): Uint8Array => packr.pack(value);

/** Decodes what `encode` wrote. Throws on anything else, and where it is nested so deep that the stack ends; callers
 *  that read bytes from outside catch and refuse. What it reads may be nested deeper than `encode` can go:
 *  `encodedBytesMax` tells. */
export const decode = (bytes: Uint8Array): unknown => packr.unpack(bytes);

/** The same of what a peer sends: what holds more lists and objects than any message is not decoded. */
export function decodeFromPeer(bytes: Uint8Array): unknown {
  const max = wireLimits.peerContainersMax;
  // Each takes a byte at least.
  if (bytes.length > max && containersOf(bytes) > max) throw new Error(`more than ${max} lists and objects`);
  return decode(bytes);
}

/** Lists and objects of a packed value, from its heads alone. */
function containersOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = (at: number, size: number): number =>
    at + size > bytes.length
      ? bytes.length
      : size === 1
        ? view.getUint8(at)
        : size === 2
          ? view.getUint16(at)
          : view.getUint32(at);
  let count = 0;
  for (let at = 0; at < bytes.length;) {
    const head = bytes[at]!;
    if (head < 0x80 || head >= 0xe0) at += 1;
    else if (head < 0xa0) {
      count += 1;
      at += 1;
    } else if (head < 0xc0) at += 1 + (head & 0x1f);
    else {
      const [fixed, sized] = heads[head - 0xc0]!;
      if (head >= 0xdc) count += 1;
      at += fixed + (sized === 0 || head >= 0xdc ? sized : sized + length(at + 1, sized));
    }
  }
  return count;
}

/** Of the heads from 0xc0 on: bytes that it has whatever it says, and bytes in which it says how many follow. */
const heads: readonly (readonly [fixed: number, sized: number])[] = [
  // nil, unused, false, true
  [1, 0],
  [1, 0],
  [1, 0],
  [1, 0],
  // bin 8, 16, 32; ext 8, 16, 32
  [1, 1],
  [1, 2],
  [1, 4],
  [2, 1],
  [2, 2],
  [2, 4],
  // float 32, 64; uint 8 to 64; int 8 to 64
  [5, 0],
  [9, 0],
  [2, 0],
  [3, 0],
  [5, 0],
  [9, 0],
  [2, 0],
  [3, 0],
  [5, 0],
  [9, 0],
  // fixext 1 to 16
  [3, 0],
  [4, 0],
  [6, 0],
  [10, 0],
  [18, 0],
  // str 8, 16, 32; array 16, 32; map 16, 32
  [1, 1],
  [1, 2],
  [1, 4],
  [1, 2],
  [1, 4],
  [1, 2],
  [1, 4],
];

/** How many bytes `encode` makes of plain data at most, and seldom many fewer, without encoding it. Infinity when it is
 *  nested deeper than what peers take. */
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
