/** All or nothing: of bytes that went through this, a part reveals nothing of the whole, even to a thief with the key
 *  of that part.
 *
 *      body ─ AES-256-CTR, fresh key K ─► body'          result = body' ‖ (K ⊕ SHA-256(body'))
 *
 *  A reader that lacks any 16 bytes of the result cannot compute the hash, and so not K (Rivest, "All-or-nothing
 *  encryption and the package transform", 1997). It is no encryption: a reader with all of it has the body. The pieces
 *  are encrypted each by itself (`unit.ts`). */
import { createCipheriv, createDecipheriv, hash } from "node:crypto";
import { demand } from "./damaged.ts";

/** What the transform adds. */
export const transformBytes = 32;

const cipher = "aes-256-ctr";
/** The key is used once, so the counter may begin anywhere. */
const firstCounter = new Uint8Array(16);

/** Makes a body all or nothing, in the memory that `allocate` gives. `key` is 32 random bytes, used for nothing
 *  else. */
export function transform(
  body: Uint8Array,
  key: Uint8Array,
  allocate: (bytes: number) => Buffer = (bytes) => Buffer.allocUnsafe(bytes),
): Uint8Array {
  const made = allocate(body.length + transformBytes);
  made.set(createCipheriv(cipher, key, firstCounter).update(body));
  made.set(masked(key, made.subarray(0, body.length)), body.length);
  return made;
}

/** The body. Anything at all comes out of anything else: only the encryption around says whether it is the body. */
export function untransform(bytes: Uint8Array): Uint8Array {
  demand(bytes.length >= transformBytes, "unit", "too short");
  const body = bytes.subarray(0, bytes.length - transformBytes);
  const key = masked(bytes.subarray(body.length), body);
  return createDecipheriv(cipher, key, firstCounter).update(body);
}

function masked(key: Uint8Array, body: Uint8Array): Uint8Array {
  const digest = hash("sha256", body, "buffer");
  return digest.map((byte, at) => byte ^ (key[at] as number));
}

/** Pieces one after the other, the sizes as equal as can be: piece `i` of `count` holds the bytes from ⌊i·n/count⌋
 *  on. */
export function split(bytes: Uint8Array, count: number): readonly Uint8Array[] {
  const at = (piece: number): number => Math.floor((piece * bytes.length) / count);
  return Array.from({ length: count }, (_, piece) => bytes.subarray(at(piece), at(piece + 1)));
}
