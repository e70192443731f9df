/** What web push is made of: the keys of the cluster (RFC 8292), and notices encrypted for one browser (RFC 8291). */
import { createECDH, generateKeyPairSync } from "node:crypto";
import ece from "http_ece";
import { importJWK, SignJWT, type JWK } from "jose";

/** The keys by which push services and browsers know the cluster. */
interface VapidKeys {
  /** P-256, not compressed, base64url: what browsers are given. */
  readonly publicKey: string;
  /** As JWK. */
  readonly privateKey: string;
}

/** Makes them. */
export function makeVapidKeys(): VapidKeys {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = privateKey.export({ format: "jwk" });
  const part = (text: string | undefined): Buffer => Buffer.from(text ?? "", "base64url");
  const point = Buffer.concat([Buffer.from([4]), part(jwk.x), part(jwk.y)]);
  return { publicKey: point.toString("base64url"), privateKey: JSON.stringify(jwk) };
}

/** Says to the push service at an origin who sends. `subject`: where its people reach those who run the cluster. */
export async function vapidHeader(
  { publicKey, privateKey }: VapidKeys,
  { origin, subject, nowMs, lifeMs }: Readonly<{ origin: string; subject: string; nowMs: number; lifeMs: number }>,
): Promise<string> {
  const key = await importJWK(JSON.parse(privateKey) as JWK, "ES256");
  const token = await new SignJWT({ sub: subject })
    .setProtectedHeader({ typ: "JWT", alg: "ES256" })
    .setAudience(origin)
    .setExpirationTime(Math.floor((nowMs + lifeMs) / 1_000))
    .sign(key);
  return `vapid t=${token}, k=${publicKey}`;
}

/** Encrypts a notice for one browser. Undefined: its keys are none. */
export function sealForBrowser(
  text: string,
  { p256dh, auth }: { readonly p256dh: string; readonly auth: string },
): Uint8Array | undefined {
  const own = createECDH("prime256v1");
  own.generateKeys();
  try {
    return ece.encrypt(Buffer.from(text), { version: "aes128gcm", privateKey: own, dh: p256dh, authSecret: auth });
  } catch {
    return undefined;
  }
}
