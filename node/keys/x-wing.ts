/** X-Wing: X25519 and ML-KEM-768 together. A secret that was sent to a key of this sort stays one as long as either of
 *  the two holds. Source: draft-connolly-cfrg-xwing-kem-10. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from "node:crypto";
import { contextBytes, sealerOf } from "./cipher.ts";

const kemPublicBytes = 1184;
const kemSentBytes = 1088;
/** Of a public key: that of ML-KEM, then that of X25519. */
export const publicBytes = kemPublicBytes + 32;
const sentBytes = kemSentBytes + 32;
const label = Buffer.from("\\.//^\\");

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const kemPublic = (pub: Uint8Array): KeyObject =>
  createPublicKey({ key: { kty: "AKP", alg: "ML-KEM-768", pub: base64(pub) }, format: "jwk" } as never);
const xPublic = (x: Uint8Array): KeyObject =>
  createPublicKey({ key: { kty: "OKP", crv: "X25519", x: base64(x) }, format: "jwk" });
const jwkOf = (key: KeyObject): { readonly pub?: string; readonly x?: string } => key.export({ format: "jwk" });

/** DER of PKCS #8 before the seed of a key: ML-KEM-768 (seed alone, 64 bytes), X25519. */
const kemHead = Buffer.from("3054020100300b060960864801650304040204428040", "hex");
const xHead = Buffer.from("302e020100300506032b656e04220420", "hex");

/** A key pair as `open` uses it. */
export interface Recipient {
  readonly publicKey: Uint8Array;
  /** The secret that was sent with these bytes. Another's bytes give another secret, not an error. */
  receive(sent: Uint8Array): Buffer;
}

/** The key pair of a seed of 32 bytes. */
export function recipientOf(seed: Uint8Array): Recipient {
  const expanded = createHash("shake256", { outputLength: 96 }).update(seed).digest();
  const der = (head: Buffer, secret: Buffer): KeyObject =>
    createPrivateKey({ key: Buffer.concat([head, secret]), format: "der", type: "pkcs8" });
  const kem = der(kemHead, expanded.subarray(0, 64));
  const x = der(xHead, expanded.subarray(64));
  const kemPub = Buffer.from(jwkOf(createPublicKey(kem)).pub!, "base64url");
  const xPub = Buffer.from(jwkOf(createPublicKey(x)).x!, "base64url");
  return {
    publicKey: Buffer.concat([kemPub, xPub]),
    receive(sent) {
      const xSent = sent.subarray(kemSentBytes);
      const fromKem = decapsulate(kem, sent.subarray(0, kemSentBytes));
      const fromX = diffieHellman({ privateKey: x, publicKey: xPublic(xSent) });
      return combined(fromKem, fromX, xSent, xPub);
    },
  };
}

/** Whether bytes are a public key, to which `sealTo` seals. */
export function isPublicKey(bytes: Uint8Array): boolean {
  if (bytes.length !== publicBytes) return false;
  try {
    kemPublic(bytes.subarray(0, kemPublicBytes));
    xPublic(bytes.subarray(kemPublicBytes));
    return true;
  } catch {
    return false;
  }
}

/** A secret for a public key, and what its owner needs to receive it. */
function send(publicKey: Uint8Array): { readonly sent: Buffer; readonly secret: Buffer } {
  const xPub = publicKey.subarray(kemPublicBytes);
  const { sharedKey, ciphertext } = encapsulate(kemPublic(publicKey.subarray(0, kemPublicBytes))) as unknown as {
    readonly sharedKey: Buffer;
    readonly ciphertext: Buffer;
  };
  const once = generateKeyPairSync("x25519");
  const xSent = Buffer.from(jwkOf(once.publicKey).x!, "base64url");
  const fromX = diffieHellman({ privateKey: once.privateKey, publicKey: xPublic(xPub) });
  return { sent: Buffer.concat([ciphertext, xSent]), secret: combined(sharedKey, fromX, xSent, xPub) };
}

const combined = (fromKem: Uint8Array, fromX: Uint8Array, xSent: Uint8Array, xPub: Uint8Array): Buffer =>
  createHash("sha3-256").update(fromKem).update(fromX).update(xSent).update(xPub).update(label).digest();

/** Seals bytes so that only the owner of a public key opens them. Throws when it is none. */
export function sealTo(publicKey: Uint8Array, bytes: Uint8Array, context: readonly (string | number)[]): Buffer {
  const { sent, secret } = send(publicKey);
  return Buffer.concat([sent, sealerOf(secret).seal(bytes, contextBytes(context))]);
}

/** Undefined: it was sealed to another key or for another context, or was changed. */
export function openFrom(
  recipient: Recipient,
  sealed: Uint8Array,
  context: readonly (string | number)[],
): Buffer | undefined {
  if (sealed.length <= sentBytes) return undefined;
  let secret: Buffer;
  try {
    secret = recipient.receive(sealed.subarray(0, sentBytes));
  } catch {
    // X25519 refuses points that give nothing away.
    return undefined;
  }
  return sealerOf(secret).open(sealed.subarray(sentBytes), contextBytes(context));
}

/** A key pair that is nobody's tomorrow. */
export const createRecipient = (): Recipient => recipientOf(randomBytes(32));
