/** Signatures that hold as long as either Ed25519 or ML-DSA-65 does: both are made, and both must fit. */
import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from "node:crypto";
import { deriveKey } from "./cipher.ts";

const edSignatureBytes = 64;
const edPublicBytes = 32;
/** Of the public keys together. */
const verifyKeyBytes = edPublicBytes + 1952;
const signatureBytes = edSignatureBytes + 3309;

/** DER of PKCS #8 before the seed of a key. */
const edHead = Buffer.from("302e020100300506032b657004220420", "hex");
const dsaHead = Buffer.from("3034020100300b060960864801650304031204228020", "hex");

const privateOf = (head: Buffer, seed: Buffer): KeyObject =>
  createPrivateKey({ key: Buffer.concat([head, seed]), format: "der", type: "pkcs8" });
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

/** A key pair for signatures. */
export interface Signer {
  readonly verifyKey: Uint8Array;
  sign(bytes: Uint8Array): Uint8Array;
}

/** The key pair that is made of a key of the hierarchy. */
export function signerOf(key: Uint8Array): Signer {
  const ed = privateOf(edHead, deriveKey(key, "signing ed25519"));
  const dsa = privateOf(dsaHead, deriveKey(key, "signing ml-dsa-65"));
  const { x } = createPublicKey(ed).export({ format: "jwk" }) as { readonly x: string };
  const { pub } = createPublicKey(dsa).export({ format: "jwk" }) as unknown as { readonly pub: string };
  return {
    verifyKey: Buffer.concat([Buffer.from(x, "base64url"), Buffer.from(pub, "base64url")]),
    sign: (bytes) => Buffer.concat([sign(null, bytes, ed), sign(null, bytes, dsa)]),
  };
}

/** Whether a signature is that of the owner of `verifyKey`. Any bytes are judged. */
export function isSigned(verifyKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (verifyKey.length !== verifyKeyBytes || signature.length !== signatureBytes) return false;
  try {
    const x = base64(verifyKey.subarray(0, edPublicBytes));
    const pub = base64(verifyKey.subarray(edPublicBytes));
    const ed = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    const dsa = createPublicKey({ key: { kty: "AKP", alg: "ML-DSA-65", pub }, format: "jwk" } as never);
    return (
      verify(null, bytes, ed, signature.subarray(0, edSignatureBytes)) &&
      verify(null, bytes, dsa, signature.subarray(edSignatureBytes))
    );
  } catch {
    return false;
  }
}
