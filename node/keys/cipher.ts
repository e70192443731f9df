/** How everything here is encrypted: XAES-256-GCM, AES-256-GCM with a nonce of 24 bytes. Random nonces are safe for any
 *  number of values under one key. Source: https://c2sp.org/XAES-256-GCM. */
import { createCipheriv, createDecipheriv, hkdfSync, randomFillSync } from "node:crypto";

/** Of every symmetric key. */
export const keyBytes = 32;
const nonceBytes = 24;
const tagBytes = 16;
/** What a sealed value has beyond its bytes. */
const sealedOverhead = nonceBytes + tagBytes;

/** Nonces that are drawn from the system at once: asking for one takes as long as asking for many. They are no
 *  secrets. */
const drawn = Buffer.alloc(256 * nonceBytes);
let used = drawn.length;
function drawNonce(): Uint8Array {
  if (used === drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  used += nonceBytes;
  return drawn.subarray(used - nonceBytes, used);
}

/** The bytes of a context: no two lists of parts have the same. */
export function contextBytes(parts: readonly (string | number)[]): Uint8Array {
  return Buffer.concat(
    parts.flatMap((part) => {
      const text = Buffer.from(String(part));
      const length = Buffer.allocUnsafe(4);
      length.writeUInt32LE(text.length);
      return [length, text];
    }),
  );
}

/** A key for one purpose, made of another. */
export const deriveKey = (key: Uint8Array, purpose: string, bytes = keyBytes): Buffer =>
  Buffer.from(hkdfSync("sha256", key, new Uint8Array(), `plexus ${purpose}`, bytes));

/** A key in use. What the cipher needs of it is made once. */
export interface Sealer {
  /** `nonce` is for known answers alone. */
  seal(bytes: Uint8Array, context: Uint8Array, nonce?: Uint8Array): Buffer;
  /** Undefined: another key or context, or not what was sealed. */
  open(sealed: Uint8Array, context: Uint8Array): Buffer | undefined;
}

/** Takes a key of 32 bytes into use. */
export function sealerOf(key: Uint8Array): Sealer {
  // One for all: a block says nothing of the one before it, and to make a cipher takes longer than to use it.
  const blocks = createCipheriv("aes-256-ecb", key, null).setAutoPadding(false);
  const block = (input: Buffer): Buffer => blocks.update(input);
  const subkey = doubled(block(Buffer.alloc(16)));
  // The first halves of the two blocks that make the key of one value; the nonce's beginning is the other halves.
  const [first, second] = [1, 2].map((counter) => Buffer.from([0, counter, 0x58, 0]));
  /** The key for one value: both blocks in one go. */
  const keyFor = (nonce: Uint8Array): Buffer => {
    const both = Buffer.concat([first!, nonce.subarray(0, 12), second!, nonce.subarray(0, 12)]);
    for (let at = 0; at < 32; at += 1) both[at]! ^= subkey[at % 16]!;
    return block(both);
  };
  return {
    seal(bytes, context, nonce = drawNonce()) {
      const cipher = createCipheriv("aes-256-gcm", keyFor(nonce), nonce.subarray(12));
      cipher.setAAD(context);
      return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, context) {
      if (sealed.length < sealedOverhead) return undefined;
      const nonce = sealed.subarray(0, nonceBytes);
      const decipher = createDecipheriv("aes-256-gcm", keyFor(nonce), nonce.subarray(12), { authTagLength: tagBytes });
      decipher.setAAD(context);
      decipher.setAuthTag(sealed.subarray(-tagBytes));
      const bytes = decipher.update(sealed.subarray(nonceBytes, -tagBytes));
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return bytes;
    },
  };
}

/** A block doubled in GF(2^128), as CMAC does it. */
function doubled(block: Buffer): Buffer {
  const out = Buffer.alloc(16);
  for (let at = 0; at < 16; at += 1) out[at] = ((block[at]! << 1) | ((block[at + 1] ?? 0) >> 7)) & 0xff;
  if ((block[0]! & 0x80) !== 0) out[15]! ^= 0x87;
  return out;
}
