/** Masks of copies: each copy of a stripe is another row of bytes.
 *
 *  A copy is the stripe xor the key stream of AES-256-CTR (NIST SP 800-38A), counter from 0, under the key
 *
 *      BLAKE3( 3, stripe's id, number of the copy )        3: one byte; the id: 32 bytes; the number: one byte
 *
 *  So a disk below that keeps equal blocks once keeps each copy, and the proof of one copy proves nothing of another.
 *  The key is no secret, since repair must do without any: a mask hides nothing, and does not stop a holder that
 *  fetches another's copy when it is asked. The deadline of a challenge makes that hard, and what holders may read of
 *  one another. */
import { createCipheriv, type Cipheriv } from "node:crypto";
import { assert } from "../../../../protocols/index.ts";
import { taggedHash } from "../../blobs/hash.ts";

const maskTag = 3;
const keyOf = taggedHash(33);
const counterBytes = 16;

/** Of a stripe in one step: about a millisecond. */
const maskedBytes = 1024 * 1024;

function cipherOf(stripeId: Uint8Array, number: number): Cipheriv {
  assert(stripeId.length === 32 && number >= 0 && number < 256, "a mask is of one copy of one stripe");
  const key = keyOf(maskTag, stripeId, Uint8Array.of(number));
  return createCipheriv("aes-256-ctr", key, new Uint8Array(counterBytes));
}

/** Puts the mask of one copy on bytes, or takes it off. */
export const masked = (bytes: Uint8Array, stripeId: Uint8Array, number: number): Uint8Array =>
  cipherOf(stripeId, number).update(bytes);

/** The same into other memory, in steps, between which a thread may do something else. */
export function* masking(
  bytes: Uint8Array,
  into: Uint8Array,
  { stripeId, number }: { readonly stripeId: Uint8Array; readonly number: number },
): Generator<void, void, void> {
  const cipher = cipherOf(stripeId, number);
  for (let at = 0; at < bytes.length; at += maskedBytes) {
    if (at > 0) yield;
    into.set(cipher.update(bytes.subarray(at, at + maskedBytes)), at);
  }
}
