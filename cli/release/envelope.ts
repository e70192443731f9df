import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from "node:crypto";

/** A signed document: DSSE 1.0 (https://github.com/secure-systems-lab/dsse), JSON envelope. */
interface Envelope {
  readonly payloadType: string;
  /** Base64. */
  readonly payload: string;
  readonly signatures: readonly { readonly keyid?: string; readonly sig: string }[];
}

/** The type of in-toto's statements. */
const payloadType = "application/vnd.in-toto+json";

/** What is signed: type and body, each behind its length, so that no body reads as another type. */
function preAuthentication(type: string, body: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${body.length} `;
  return Buffer.concat([Buffer.from(head), body]);
}

/** A key's name: the SHA-256 of its public half (SubjectPublicKeyInfo, DER). */
export function fingerprintOf(key: KeyObject): string {
  const spki = (key.type === "private" ? createPublicKey(key) : key).export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("hex");
}

function ed25519(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== "ed25519")
    throw new Error(`the key is of the type ${key.asymmetricKeyType}, not ed25519`);
  return key;
}

/** Reads a public key, PEM. Throws on anything but Ed25519. */
export const readPublicKey = (pem: string): KeyObject => ed25519(createPublicKey(pem));
/** Reads a private key, PEM. Throws on anything but Ed25519. */
export const readPrivateKey = (pem: string): KeyObject => ed25519(createPrivateKey(pem));

/** Signs a document. */
export function sealEnvelope(body: Uint8Array, key: KeyObject): Envelope {
  const sig = sign(null, preAuthentication(payloadType, body), ed25519(key)).toString("base64");
  return {
    payloadType,
    payload: Buffer.from(body).toString("base64"),
    signatures: [{ keyid: fingerprintOf(key), sig }],
  };
}

/** The document in an envelope; undefined where no signature is this key's, or it is of another type. The name of a key
 *  in the envelope counts for nothing: it is not signed. */
export function openEnvelope(text: string, key: KeyObject): Buffer | undefined {
  let envelope: Partial<Envelope>;
  try {
    envelope = JSON.parse(text) as Partial<Envelope>;
  } catch {
    return undefined;
  }
  const { payload, signatures } = envelope ?? {};
  if (envelope?.payloadType !== payloadType || typeof payload !== "string" || !Array.isArray(signatures))
    return undefined;
  const body = Buffer.from(payload, "base64");
  const signed = preAuthentication(payloadType, body);
  const isBy = (one: unknown): boolean => {
    const { sig } = (one ?? {}) as { sig?: unknown };
    return typeof sig === "string" && verify(null, signed, ed25519(key), Buffer.from(sig, "base64"));
  };
  return signatures.slice(0, signaturesMax).some(isBy) ? body : undefined;
}

/** Signatures of one document that are looked at. */
const signaturesMax = 16;
