/** Writes rows as a unit has them straight from the bytes that the journal has: MessagePack in, canonical JSON out, and
 *  no object in between.
 *
 *      journal's bytes ─► spans of a map's keys and values ─► in the order of the keys ─► the line
 *
 *  What is written is, byte for byte, what `encodeRow` makes of the decoded value. Whatever is not what rows usually
 *  consist of (keys that are numbers or begin with `$`, extensions, numbers that JSON has not) is left to that. */
import { isUtf8 } from "node:buffer";
import { decode } from "../../protocols/wire/codec.ts";
import { timeOf } from "./cutting.ts";
import { encodeRow } from "./format/index.ts";

/** Rows are written one behind the other. */
interface LineWriter {
  /** The keys and the journal's values, one behind the other, of the rows that are written next. */
  from(keys: Uint8Array, values: Uint8Array): void;
  /** Writes a row and its end: where its key lies, and its value. Gives the time that it names; NaN: none. */
  write(keyStart: number, keyEnd: number, start: number, end: number): number;
  /** What was written since `clear`. It is overwritten after the next `clear`. */
  readonly bytes: Buffer;
  readonly length: number;
  clear(): void;
}

/** More memory than this is given back by `clear`. */
const keptBytes = 8 * 1024 * 1024;
const firstBytes = 256 * 1024;
/** What a value takes beside the bytes of its strings. */
const valueBytes = 64;
/** What a byte of a string takes at most. */
const escapedBytes = 6;
const depthMax = 32;
const keysMax = 64;

/** Left to `encodeRow`. */
const unusual = Symbol("unusual");

const hex = "0123456789abcdef";
/** How control characters are written: by one letter, or by number. */
const letters: Readonly<Record<number, number>> = { 8: 0x62, 9: 0x74, 10: 0x6e, 12: 0x66, 13: 0x72 };
/** The same byte four times: what is compared with four bytes at once. A borrow into a byte's highest bit only makes it
 *  be looked at alone. */
const [ones, quotes, backslashes, highs] = [0x01010101, 0x22222222, 0x5c5c5c5c, 0x80808080 | 0];
const [quote, backslash, comma, colon, minus] = [0x22, 0x5c, 0x2c, 0x3a, 0x2d] as const;

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

export function createLineWriter(): LineWriter {
  let out = Buffer.allocUnsafeSlow(firstBytes);
  let outView = viewOf(out);
  let to = 0;
  let names: Uint8Array = new Uint8Array();
  let input: Uint8Array = new Uint8Array();
  let view = new DataView(input.buffer);
  let from = 0;
  /** Of the value that is being written. */
  let valueEnd = 0;
  /** Of the maps that are being written, the outer ones first: where the text of each key begins, and how long it is;
   *  in their order. */
  const keys = new Uint32Array(2 * keysMax * depthMax);
  let keysHeld = 0;

  const reserve = (bytes: number): void => {
    if (to + bytes <= out.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(out.length * 2, to + bytes));
    larger.set(out.subarray(0, to));
    out = larger;
    outView = viewOf(out);
  };
  const ascii = (text: string): void => {
    for (let at = 0; at < text.length; at += 1) out[to++] = text.charCodeAt(at);
  };
  const whole = (value: number): void => {
    if (value < 10) out[to++] = 0x30 + value;
    else ascii(String(value));
  };

  const stringOf = (bytes: number): void => {
    const end = from + bytes;
    if (end > valueEnd) throw unusual;
    reserve(bytes * escapedBytes + valueBytes);
    // What a loop uses is in variables of its own: that is twice as fast.
    // (One after the other: until a loop is compiled for good, to take an array apart makes objects.)
    const source = input;
    const target = out;
    const words = view;
    const written = outView;
    const start = to;
    let at = from;
    let place = start;
    let wide = 0;
    target[place++] = quote;
    while (at < end) {
      // Four bytes at a time, while they stand for themselves: less than 0x80, no control, quote or backslash.
      for (; at + 4 <= end; at += 4, place += 4) {
        const word = words.getInt32(at, true);
        if (((word | (word - 0x20202020) | ((word ^ quotes) - ones) | ((word ^ backslashes) - ones)) & highs) !== 0)
          break;
        written.setInt32(place, word, true);
      }
      for (const stop = Math.min(end, at + 4); at < stop; at += 1) {
        const byte = source[at] as number;
        wide |= byte;
        if (byte >= 0x20 && byte !== quote && byte !== backslash) target[place++] = byte;
        else {
          target[place++] = backslash;
          if (byte >= 0x20) target[place++] = byte;
          else if (letters[byte] !== undefined) target[place++] = letters[byte];
          else {
            to = place;
            ascii(`u00${hex[byte >> 4] ?? ""}${hex[byte & 15] ?? ""}`);
            place = to;
          }
        }
      }
    }
    from = end;
    to = place;
    if (wide >= 0x80 && !isUtf8(target.subarray(start, place))) throw unusual;
    target[to++] = quote;
  };

  /** The bytes of a string that begins here, behind its head; −1: it is none. */
  const stringHead = (): number => {
    const first = input[from++] as number;
    if ((first & 0xe0) === 0xa0) return first & 0x1f;
    if (first === 0xd9) return input[from++] as number;
    if (first === 0xda) return view.getUint16((from += 2) - 2);
    return first === 0xdb ? view.getUint32((from += 4) - 4) : -1;
  };

  /** Steps over a value. */
  const skip = (depth: number): void => {
    if (depth === 0 || from >= valueEnd) throw unusual;
    const first = input[from++] as number;
    if (first < 0x80 || first >= 0xe0 || first === 0xc0 || first === 0xc2 || first === 0xc3) return;
    let items = 0;
    if (first < 0x90) items = 2 * (first & 15);
    else if (first < 0xa0) items = first & 15;
    else if (first < 0xc0) from += first & 31;
    else if (first === 0xcc || first === 0xd0) from += 1;
    else if (first === 0xcd || first === 0xd1) from += 2;
    else if (first === 0xce || first === 0xd2) from += 4;
    else if (first === 0xcb || first === 0xcf || first === 0xd3) from += 8;
    else if (first === 0xd9 || first === 0xc4) from += 1 + (input[from] as number);
    else if (first === 0xda || first === 0xc5) from += 2 + view.getUint16(from);
    else if (first === 0xdb || first === 0xc6) from += 4 + view.getUint32(from);
    else if (first === 0xdc) items = view.getUint16((from += 2) - 2);
    else if (first === 0xdd) items = view.getUint32((from += 4) - 4);
    else if (first === 0xde) items = 2 * view.getUint16((from += 2) - 2);
    else throw unusual;
    for (; items > 0; items -= 1) skip(depth - 1);
  };

  /** Whether the key at `one` comes before the one at `other`: as text, of which only ASCII is taken. */
  const isBefore = (one: number, oneBytes: number, other: number, otherBytes: number): boolean => {
    const both = Math.min(oneBytes, otherBytes);
    for (let at = 0; at < both; at += 1) {
      const difference = (input[one + at] as number) - (input[other + at] as number);
      if (difference !== 0) return difference < 0;
    }
    if (oneBytes === otherBytes) throw unusual;
    return oneBytes < otherBytes;
  };

  const mapOf = (count: number, depth: number): void => {
    if (count > keysMax) throw unusual;
    /** Those of this map begin here. */
    const first = keysHeld;
    for (let item = 0; item < count; item += 1) {
      const bytes = stringHead();
      const start = from;
      const letter = input[start] as number;
      // Whole numbers come first; `$` is doubled; what begins with two lines may be `__proto__`.
      if (bytes <= 0 || letter === 0x24 || letter === 0x5f || (letter >= 0x30 && letter <= 0x39)) throw unusual;
      for (let at = start; at < start + bytes; at += 1) if ((input[at] as number) >= 0x80) throw unusual;
      from += bytes;
      let place = keysHeld;
      for (; place > first; place -= 2) {
        const before = keys[place - 2] as number;
        const beforeBytes = keys[place - 1] as number;
        if (!isBefore(start, bytes, before, beforeBytes)) break;
        keys[place] = before;
        keys[place + 1] = beforeBytes;
      }
      keys[place] = start;
      keys[place + 1] = bytes;
      keysHeld += 2;
      skip(depth);
    }
    const end = from;
    const behind = keysHeld;
    out[to++] = 0x7b;
    for (let at = first; at < behind; at += 2) {
      if (at > first) out[to++] = comma;
      from = keys[at] as number;
      stringOf(keys[at + 1] as number);
      out[to++] = colon;
      valueOf(depth - 1);
    }
    out[to++] = 0x7d;
    keysHeld = first;
    from = end;
  };

  const listOf = (count: number, depth: number): void => {
    out[to++] = 0x5b;
    for (let item = 0; item < count; item += 1) {
      if (item > 0) out[to++] = comma;
      valueOf(depth - 1);
    }
    out[to++] = 0x5d;
  };

  const negative = (value: number): void => {
    if (value < 0) {
      out[to++] = minus;
      whole(-value);
    } else whole(value);
  };

  const bytesOf = (bytes: number): void => {
    if (from + bytes > valueEnd) throw unusual;
    ascii('{"$bytes":"');
    const text = Buffer.from(input.buffer, input.byteOffset + from, bytes).toString("base64");
    reserve(text.length + valueBytes);
    to += out.write(text, to, "latin1");
    ascii('"}');
    from += bytes;
  };

  const valueOf = (depth: number): void => {
    if (depth === 0 || from >= valueEnd) throw unusual;
    reserve(valueBytes);
    const first = input[from] as number;
    if ((first & 0xe0) === 0xa0 || (first >= 0xd9 && first <= 0xdb)) return stringOf(stringHead());
    from += 1;
    if (first < 0x80) return whole(first);
    if (first < 0x90) return mapOf(first & 15, depth);
    if (first < 0xa0) return listOf(first & 15, depth);
    if (first >= 0xe0) return negative(first - 0x100);
    switch (first) {
      case 0xc0:
        return ascii("null");
      case 0xc2:
        return ascii("false");
      case 0xc3:
        return ascii("true");
      case 0xc4:
        return bytesOf(input[from++] as number);
      case 0xc5:
        return bytesOf(view.getUint16((from += 2) - 2));
      case 0xc6:
        return bytesOf(view.getUint32((from += 4) - 4));
      case 0xcb: {
        const value = view.getFloat64((from += 8) - 8);
        if (!Number.isFinite(value) || Object.is(value, -0)) throw unusual;
        return ascii(String(value));
      }
      case 0xcc:
        return whole(input[from++] as number);
      case 0xcd:
        return whole(view.getUint16((from += 2) - 2));
      case 0xce:
        return whole(view.getUint32((from += 4) - 4));
      case 0xd0:
        return negative(view.getInt8(from++));
      case 0xd1:
        return negative(view.getInt16((from += 2) - 2));
      case 0xd2:
        return negative(view.getInt32((from += 4) - 4));
      case 0xdc:
        return listOf(view.getUint16((from += 2) - 2), depth);
      case 0xde:
        return mapOf(view.getUint16((from += 2) - 2), depth);
      default:
        throw unusual;
    }
  };

  /** A number of a map that begins at `at`, by its key: undefined, none; null, another value. */
  const numberIn = (at: number, key: string): number | null | undefined => {
    const place = valueAt(at, key);
    if (place === undefined || input[place] === 0xc0) return undefined;
    from = place;
    const first = input[from++] as number;
    if (first < 0x80) return first;
    if (first === 0xcb) return view.getFloat64(from);
    if (first === 0xcc) return input[from] as number;
    if (first === 0xcd) return view.getUint16(from);
    if (first === 0xce) return view.getUint32(from);
    return null;
  };
  /** Where the value of a key begins in the map at `at`; undefined: there is none. */
  const valueAt = (at: number, key: string): number | undefined => {
    from = at;
    const first = input[from++] as number;
    const count = (first & 0xf0) === 0x80 ? first & 15 : first === 0xde ? view.getUint16((from += 2) - 2) : 0;
    for (let item = 0; item < count; item += 1) {
      const bytes = stringHead();
      const start = from;
      from += bytes;
      let same = bytes === key.length;
      for (let byte = 0; same && byte < bytes; byte += 1) same = input[start + byte] === key.charCodeAt(byte);
      if (same) return from;
      skip(depthMax);
    }
    return undefined;
  };
  /** As `timeOf` of the decoded value. */
  const timeAt = (start: number): number => {
    let at = numberIn(start, "atMs");
    const message = at === undefined ? valueAt(start, "message") : undefined;
    if (message !== undefined) at = numberIn(message, "atMs");
    return typeof at === "number" && Number.isSafeInteger(at) && at > 0 ? at : NaN;
  };

  const direct = (keyStart: number, keyEnd: number, start: number, end: number): number => {
    from = start;
    valueEnd = end;
    keysHeld = 0;
    reserve(keyEnd - keyStart + valueBytes);
    const source = names;
    const target = out;
    let place = to;
    target[place++] = 0x5b;
    target[place++] = quote;
    for (let at = keyStart; at < keyEnd; at += 1) {
      const byte = source[at] as number;
      if (byte < 0x20 || byte > 0x7e || byte === quote || byte === backslash) throw unusual;
      target[place++] = byte;
    }
    target[place++] = quote;
    target[place++] = comma;
    to = place;
    valueOf(depthMax);
    if (from !== end) throw unusual;
    out[to++] = 0x5d;
    out[to++] = 0x0a;
    return timeAt(start);
  };

  return {
    from(keys, values) {
      [names, input] = [keys, values];
      view = viewOf(values);
    },
    write(keyStart, keyEnd, start, end) {
      const before = to;
      try {
        return direct(keyStart, keyEnd, start, end);
      } catch (thrown) {
        // A length that leads beyond the end is damage: `decode` says so.
        if (thrown !== unusual && !(thrown instanceof RangeError)) throw thrown;
        to = before;
      }
      // A copy: it may lie in memory that threads share, which not every reader takes.
      const decoded = decode(Buffer.from(input.subarray(start, end)));
      const key = Buffer.from(names.subarray(keyStart, keyEnd)).toString("utf8");
      const line = encodeRow([key, decoded]);
      reserve(line.length * 3);
      to += out.write(line, to, "utf8");
      return timeOf(decoded) ?? NaN;
    },
    get bytes() {
      return out.subarray(0, to);
    },
    get length() {
      return to;
    },
    clear() {
      to = 0;
      if (out.length <= keptBytes) return;
      out = Buffer.allocUnsafeSlow(firstBytes);
      outView = viewOf(out);
    },
  };
}
