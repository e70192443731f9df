/** One-time codes by the time: RFC 6238 with what every authenticator takes (SHA-1, six digits, 30 seconds). It is an
 *  HMAC and a division, so `node:crypto` is enough: a library would be larger than this file. */
import { createHmac } from "node:crypto";
import { sameSecret } from "./tokens.ts";

const stepMs = 30_000;
const digits = 6;
/** Steps before and after the present one that are taken too: clocks differ, and people type slowly. */
const skewSteps = 1;

/** Of a seed: 160 bits, as RFC 4226 recommends. */
export const seedBytes = 20;

/** The code of one step of time. */
export function codeOf(seed: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", seed).update(counter).digest();
  const at = mac.readUInt8(mac.length - 1) & 0x0f;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 10 ** digits).padStart(digits, "0");
}

export const stepAt = (nowMs: number): number => Math.floor(nowMs / stepMs);

/** The step whose code this is, the newest that may be; undefined: none. */
export function stepOf(seed: Uint8Array, code: string, nowMs: number): number | undefined {
  const now = stepAt(nowMs);
  let found: number | undefined;
  // All are compared, whichever it is.
  for (let step = now - skewSteps; step <= now + skewSteps; step += 1)
    if (sameSecret(codeOf(seed, step), code)) found = step;
  return found;
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** RFC 4648 base32 without padding, as people type a seed. */
export function base32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += letters[(held >> (bits - 5)) & 31] ?? "";
  }
  return bits > 0 ? text + (letters[(held << (5 - bits)) & 31] ?? "") : text;
}

/** What an authenticator scans. */
export const otpUri = (seed: Uint8Array, user: string, issuer: string): string =>
  `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(user)}?` +
  `${new URLSearchParams({ secret: base32(seed), issuer }).toString()}`;

/** A new code of a recovery sheet: 80 bits, in groups that can be read aloud. */
export const recoveryCode = (bytes: Uint8Array): string => (base32(bytes).match(/.{4}/g) ?? []).join("-");
export const recoveryBytes = 10;

/** As people type it. */
export const plainCode = (typed: string): string => typed.toUpperCase().replaceAll(/[^A-Z0-9]/g, "");
export const isTotp = (plain: string): boolean => /^\d{6}$/.test(plain);
