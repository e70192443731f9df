/** Stored values that stand alone: each is guarded by a checksum that also covers its key. */
import { crc32 } from "node:zlib";
import { decode, encode, failure, PlexusError } from "../../protocols/index.ts";

/** Guards one value by a checksum over its key and bytes. */
export function seal(key: string, value: unknown): Uint8Array {
  const payload = encode(value);
  const bytes = Buffer.allocUnsafe(4 + payload.length);
  bytes.writeUInt32LE(crc32(payload, crc32(key)), 0);
  bytes.set(payload, 4);
  return bytes;
}

/** Whether bytes are what `seal` made for this key, without opening them. */
export function isSealed(key: string, sealed: Uint8Array): boolean {
  if (sealed.length < 5) return false;
  // By their places: to step through bytes makes objects, and this is asked of every row of a backup.
  let expected = 0;
  for (let at = 3; at >= 0; at -= 1) expected = (expected << 8) | (sealed[at] as number);
  return crc32(sealed.subarray(4), crc32(key)) === expected >>> 0;
}

/** Opens what `seal` closed. Error: DATA_DAMAGED, naming the key and the file. */
export function unseal(key: string, sealed: Uint8Array, location: string): unknown {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const payload = bytes.subarray(4);
  const damaged = (reason: string) => new PlexusError(failure("DATA_DAMAGED", { key, file: location, reason }));
  if (bytes.length < 5 || crc32(payload, crc32(key)) !== bytes.readUInt32LE(0)) throw damaged("checksum mismatch");
  try {
    return decode(payload);
  } catch {
    // Another node may have sealed it: a checksum proves no sender.
    throw damaged("no plain data");
  }
}
