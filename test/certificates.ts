/** Certificates that are signed by themselves, as identity servers publish them, or by another one (RFC 5280, section 4.1). */
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";

const der = (type: number, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(type, ...head), body]);
};
const text = (value: string): Buffer => Buffer.from(value, "latin1");
const utcTime = (atMs: number): Buffer =>
  der(
    0x17,
    text(
      `${new Date(atMs)
        .toISOString()
        .replaceAll(/[-:T]|\.\d+/g, "")
        .slice(2)}`,
    ),
  );
/** sha256WithRSAEncryption */
const algorithm = der(0x30, der(0x06, Buffer.from("2a864886f70d01010b", "hex")), der(0x05));

export interface Certificate {
  readonly name: string;
  readonly key: KeyObject;
  readonly keyPem: string;
  readonly pem: string;
}

/** Makes an RSA key with a certificate that is good from an hour before until a day after `nowMs`, or for `lifeMs`. */
export function makeCertificate(
  name: string,
  nowMs: number,
  { by, lifeMs = 86_400_000 }: { readonly by?: Certificate; readonly lifeMs?: number } = {},
): Certificate {
  const { privateKey: key, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const named = (one: string): Buffer =>
    der(0x30, der(0x31, der(0x30, der(0x06, Buffer.from("550403", "hex")), der(0x0c, text(one)))));
  const subject = named(name);
  const issuer = by === undefined ? subject : named(by.name);
  const signed = der(
    0x30,
    der(0x02, Buffer.of(1)),
    algorithm,
    issuer,
    der(0x30, utcTime(nowMs - 3_600_000), utcTime(nowMs + lifeMs)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
  );
  const signature = der(0x03, Buffer.of(0), sign("sha256", signed, by?.key ?? key));
  const base64 = der(0x30, signed, algorithm, signature).toString("base64");
  const pem = `-----BEGIN CERTIFICATE-----\n${(base64.match(/.{1,64}/g) ?? []).join("\n")}\n-----END CERTIFICATE-----\n`;
  return { name, key, keyPem: key.export({ type: "pkcs8", format: "pem" }) as string, pem };
}
