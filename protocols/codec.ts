import { Packr } from "msgpackr";

// Plain msgpack (no shared structures): every value can be read alone, years later, by any msgpack reader.
const packr = new Packr({ useRecords: false, mapsAsObjects: true, encodeUndefinedAsNil: false });

/** Encodes plain data (objects, arrays, strings, numbers, booleans, null, bytes). */
export const encode = (value: unknown): Uint8Array => packr.pack(value);

/** Decodes what `encode` wrote. Throws on anything else; callers that read bytes from outside catch and refuse. */
export const decode = (bytes: Uint8Array): unknown => packr.unpack(bytes);
