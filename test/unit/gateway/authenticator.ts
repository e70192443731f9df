/** A passkey in software: answers as a browser with an authenticator does, or wrongly where a test says so. Sources:
 *  WebAuthn Level 3, sections 6.1 (authenticator data), 6.5.2 (attestation "none"), RFC 9053 (COSE keys of P-256). */
import { createHash, createSign, generateKeyPairSync, randomBytes, type KeyObject } from "node:crypto";

const sha256 = (data: Uint8Array | string): Buffer => createHash("sha256").update(data).digest();
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

/** As much of CBOR as is needed: text, bytes, and maps. */
const head = (major: number, length: number): Buffer =>
  length < 24
    ? Buffer.of((major << 5) | length)
    : length < 256
      ? Buffer.of((major << 5) | 24, length)
      : Buffer.of((major << 5) | 25, length >> 8, length & 255);
const cborText = (value: string): Buffer => Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
const cborBytes = (value: Uint8Array): Buffer => Buffer.concat([head(2, value.length), value]);

/** What is wrong with an answer. */
export interface Wrong {
  readonly origin?: string;
  readonly host?: string;
  readonly challenge?: string;
  readonly verified?: boolean;
  readonly counter?: number;
}

export class Authenticator {
  readonly id = randomBytes(16);
  counter = 0;
  readonly #key: KeyObject;
  readonly #point: { x: string; y: string };
  #handle = "";
  readonly #origin: string;

  constructor(origin: string) {
    this.#origin = origin;
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#key = privateKey;
    this.#point = publicKey.export({ format: "jwk" }) as { x: string; y: string };
  }

  #data(host: string, flags: number, counter: number, more = Buffer.alloc(0)): Buffer {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    return Buffer.concat([sha256(host), Buffer.of(flags), count, more]);
  }

  #client(type: string, challenge: string, { origin = this.#origin, challenge: other }: Wrong): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge: other ?? challenge, origin, crossOrigin: false }));
  }

  /** Answers `navigator.credentials.create`. */
  make(options: { challenge: string; rp: { id: string }; user: { id: string } }, wrong: Wrong = {}): object {
    this.#handle = options.user.id;
    const cose = Buffer.concat([
      head(5, 5),
      Buffer.of(0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21),
      cborBytes(Buffer.from(this.#point.x, "base64url")),
      Buffer.of(0x22),
      cborBytes(Buffer.from(this.#point.y, "base64url")),
    ]);
    const length = Buffer.of(0, this.id.length);
    const attested = Buffer.concat([Buffer.alloc(16), length, this.id, cose]);
    const flags = 0x41 | (wrong.verified === false ? 0 : 0x04);
    const authData = this.#data(wrong.host ?? options.rp.id, flags, this.counter, attested);
    const attestationObject = Buffer.concat([
      head(5, 3),
      cborText("fmt"),
      cborText("none"),
      cborText("attStmt"),
      head(5, 0),
      cborText("authData"),
      cborBytes(authData),
    ]);
    const client = this.#client("webauthn.create", options.challenge, wrong);
    return {
      id: text(this.id),
      rawId: text(this.id),
      type: "public-key",
      clientExtensionResults: {},
      response: {
        clientDataJSON: text(client),
        attestationObject: text(attestationObject),
        transports: ["internal"],
      },
    };
  }

  /** Answers `navigator.credentials.get`. */
  answer(options: { challenge: string; rpId?: string }, wrong: Wrong = {}): object {
    this.counter += 1;
    const client = this.#client("webauthn.get", options.challenge, wrong);
    const flags = 0x01 | (wrong.verified === false ? 0 : 0x04);
    const data = this.#data(wrong.host ?? options.rpId ?? "", flags, wrong.counter ?? this.counter);
    const signature = createSign("sha256")
      .update(Buffer.concat([data, sha256(client)]))
      .sign(this.#key);
    return {
      id: text(this.id),
      rawId: text(this.id),
      type: "public-key",
      clientExtensionResults: {},
      response: {
        clientDataJSON: text(client),
        authenticatorData: text(data),
        signature: text(signature),
        userHandle: this.#handle,
      },
    };
  }
}
