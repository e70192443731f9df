/** One-time codes as an authenticator's app makes them. */
import { codeOf, stepAt } from "../../../node/gateway/identity/totp.ts";
import { password, type Fixture } from "./fixture.ts";

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The seed that somebody typed (RFC 4648, base32). */
export function seedOf(secret: string): Buffer {
  const bits = Array.from(secret, (letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

/** The code that an app shows at a time. */
export const codeAt = (seed: Uint8Array, nowMs: number): string => codeOf(seed, stepAt(nowMs));

/** Makes an account with one-time codes, and begins a sign-in that has its password and still needs a code. `nowMs`: by
 *  the fixture's clock. */
export async function setUpCodes(
  fixture: Fixture,
  name: string,
  nowMs: number,
): Promise<{ readonly token: string; readonly seed: Buffer; readonly attempt: string }> {
  const { token } = await fixture.signUp(name);
  const begun = await fixture.request("POST", "/api/v1/me/totp", { token, body: {} });
  const seed = seedOf(begun.body.secret);
  const code = codeAt(seed, nowMs);
  const confirmed = await fixture.request("POST", "/api/v1/me/totp/confirm", { token, body: { code } });
  if (confirmed.status !== 200) throw new Error(`codes of ${name}: ${JSON.stringify(confirmed.body)}`);
  const { status, body } = await fixture.request("POST", "/api/v1/sign-in", { body: { name, password } });
  if (status !== 202) throw new Error(`sign-in of ${name}: ${status}`);
  return { token, seed, attempt: body.attempt as string };
}
