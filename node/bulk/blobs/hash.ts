/** BLAKE3 (https://github.com/BLAKE3-team/BLAKE3-specs), natively where there is a binary for the machine, else in
 *  JavaScript: 90 times slower, and the same hashes. */
import { createRequire } from "node:module";
import { blake3 } from "@noble/hashes/blake3.js";

type Hash = (bytes: Uint8Array) => Uint8Array;

function native(): Hash | undefined {
  try {
    // Not imported: its entry throws on a machine that it has no binary for.
    const { blake3UrlSafeBase64 } = createRequire(import.meta.url)("@napi-rs/blake-hash") as {
      readonly blake3UrlSafeBase64: (bytes: Uint8Array) => string;
    };
    // As text: bytes that come from native code cost the garbage collector more than the text and its decoding, a third
    // of all.
    return (bytes) => Buffer.from(blake3UrlSafeBase64(bytes), "base64url");
  } catch {
    return undefined;
  }
}

const found = native();

/** Whether hashes are made natively. */
export const isHashNative = found !== undefined;

/** The hash in JavaScript, which the native one is compared with. */
export const slowHash: Hash = (bytes) => blake3(bytes);

/** BLAKE3 of bytes. */
export const hash: Hash = found ?? slowHash;

/** Hashes of what begins with a byte that says what it is. One call of the native code takes a third of the time that
 *  three take. */
export function taggedHash(bytesMax: number): (tag: number, ...parts: readonly Uint8Array[]) => Uint8Array {
  const input = new Uint8Array(1 + bytesMax);
  return (tag, ...parts) => {
    input[0] = tag;
    let end = 1;
    for (const part of parts) {
      input.set(part, end);
      end += part.length;
    }
    return hash(input.subarray(0, end));
  };
}
