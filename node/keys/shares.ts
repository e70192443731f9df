/** The root in pieces: n shares, of which any t make it again.
 *
 *      share   form 1 │ t 1 │ n 1 │ number 1 │ commitment to the root 16 │ the piece 33 │ check 4        57 bytes
 *
 *  The library below makes _some_ secret of any t pieces, and does not say when it is a wrong one. So a share has what
 *  tells it:
 *  - its check, over all that it consists of: a share that was copied with a mistake says so itself;
 *  - the commitment: a share of another root is told from the others, and a root that does not fit it is never
 *    returned;
 *  - its digest, in the kit's public sheet: a share that was made up by somebody is told, also when there are just t.
 *    Without the sheet,
 *    and with more than t shares, sets are tried until one fits: what does not lie in its polynomial is wrong. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { combine, split } from "shamir-secret-sharing";
import { failure, ok, refused, type Failure, type Result } from "../../protocols/index.ts";
import { deriveKey, keyBytes } from "./cipher.ts";
import { keyLimits } from "./limits.ts";

const form = 1;
const headBytes = 4;
const commitmentBytes = 16;
const checkBytes = 4;
/** Of a share. */
export const shareBytes = headBytes + commitmentBytes + keyBytes + 1 + checkBytes;
const digestBytes = 16;

const digest = (label: string, bytes: Uint8Array, length: number): Buffer =>
  createHash("sha256").update(`plexus ${label}\0`).update(bytes).digest().subarray(0, length);

/** What tells a root from others, and nothing of it. */
export const commitmentOf = (root: Uint8Array): Buffer => deriveKey(root, "commitment", commitmentBytes);
/** A share's name in the public sheet. */
export const digestOf = (share: Uint8Array): Buffer => digest("share", share, digestBytes);
const checkOf = (share: Uint8Array): Buffer => digest("check", share.subarray(0, -checkBytes), checkBytes);
const same = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length && timingSafeEqual(left, right);

/** A new root. */
export const createRoot = (): Uint8Array => randomBytes(keyBytes);

/** A share, taken apart. */
interface Share {
  readonly needed: number;
  readonly of: number;
  /** From 1 on. */
  readonly number: number;
  readonly commitment: Uint8Array;
  readonly piece: Uint8Array;
}

/** Splits a root. Error: BAD_REQUEST (fewer than two are needed, or more than there are). */
export async function splitRoot(
  root: Uint8Array,
  { needed, of }: { readonly needed: number; readonly of: number },
): Promise<Result<readonly Uint8Array[]>> {
  if (!(Number.isInteger(needed) && Number.isInteger(of) && needed >= 2 && needed <= of && of <= keyLimits.sharesMax))
    return refused(failure("BAD_REQUEST", { field: "shares", needed, of, sharesMax: keyLimits.sharesMax }));
  const pieces = await split(new Uint8Array(root), of, needed);
  const commitment = commitmentOf(root);
  const shares = pieces.map((piece, at) => {
    const share = Buffer.concat([Buffer.from([form, needed, of, at + 1]), commitment, piece, Buffer.alloc(checkBytes)]);
    share.set(checkOf(share), share.length - checkBytes);
    return share;
  });
  return ok(shares);
}

/** Reads a share. Error: SHARE_WRONG (it was copied with a mistake, or is none). */
export function readShare(bytes: Uint8Array): Result<Share> {
  const [is, needed = 0, of = 0, number = 0] = bytes;
  if (bytes.length !== shareBytes || is !== form || !same(bytes.subarray(-checkBytes), checkOf(bytes)))
    return refused(failure("SHARE_WRONG", { reason: "it is incomplete, or was copied with a mistake" }));
  if (needed < 2 || needed > of || of > keyLimits.sharesMax || number < 1 || number > of)
    return refused(failure("SHARE_WRONG", { reason: "its numbers cannot be" }));
  const commitment = bytes.subarray(headBytes, headBytes + commitmentBytes);
  const piece = bytes.subarray(headBytes + commitmentBytes, -checkBytes);
  return ok({ needed, of, number, commitment, piece });
}

/** What the public sheet says of the shares. */
interface ShareSheet {
  readonly commitment: Uint8Array;
  readonly digests: readonly Uint8Array[];
}

/** Makes the root of its shares; whether they are in order, and one is there twice, does not matter. Errors:
 *  SHARE_WRONG (which), SHARES_TOO_FEW (which are there, how many are needed). */
export async function combineShares(shares: readonly Uint8Array[], sheet?: ShareSheet): Promise<Result<Uint8Array>> {
  const byNumber = new Map<number, Share>();
  const read: Share[] = [];
  for (const [at, bytes] of shares.entries()) {
    const share = readShare(bytes);
    if (!share.ok) return refused(wrong({ place: at + 1 }, String(share.error.details?.["reason"])));
    const fault = sheet && faultBySheet(bytes, share.value, sheet);
    if (fault !== undefined) return refused(wrong({ place: at + 1, share: share.value.number }, fault));
    read.push(share.value);
  }
  const commitment = sheet?.commitment ?? mostCommon(read);
  for (const [at, share] of read.entries()) {
    if (!same(share.commitment, commitment ?? new Uint8Array()))
      return refused(wrong({ place: at + 1, share: share.number }, "it is of another kit"));
    const before = byNumber.get(share.number);
    if (before !== undefined && !same(before.piece, share.piece))
      return refused(wrong({ place: at + 1, share: share.number }, "another share has this number"));
    byNumber.set(share.number, share);
  }
  const needed = Math.max(0, ...read.map((share) => share.needed));
  const present = [...byNumber.values()];
  if (present.length === 0 || present.length < needed) return refused(tooFew(present, needed));
  return joined(present, needed, commitment!);
}

/** Tries sets of shares until one makes the committed root; then all others must lie in the same polynomial. */
async function joined(present: readonly Share[], needed: number, commitment: Uint8Array): Promise<Result<Uint8Array>> {
  let tried = 0;
  for (const chosen of setsOf(present, needed)) {
    if ((tried += 1) > keyLimits.combinationsMax) break;
    const root = await rootOf(chosen);
    if (root === undefined || !same(commitmentOf(root), commitment)) continue;
    // With one of the chosen left out, any other share of this root makes it again.
    for (const share of present.filter((one) => !chosen.includes(one))) {
      const again = await rootOf([...chosen.slice(1), share]);
      if (again === undefined || !same(again, root))
        return refused(wrong({ share: share.number }, "it does not fit the others; leave it out"));
    }
    return ok(root);
  }
  const reason = "one of them is wrong, and which cannot be told of so few: add another share, or the public sheet";
  return refused(wrong({ shares: present.map(({ number }) => number) }, reason));
}

/** Undefined: two have the same place in the polynomial, which no two shares have. */
async function rootOf(chosen: readonly Share[]): Promise<Uint8Array | undefined> {
  return combine(chosen.map(({ piece }) => new Uint8Array(piece))).catch(() => undefined);
}

function faultBySheet(bytes: Uint8Array, share: Share, { commitment, digests }: ShareSheet): string | undefined {
  if (!same(share.commitment, commitment)) return "it is of another kit";
  const expected = digests[share.number - 1];
  return expected !== undefined && same(expected, digestOf(bytes))
    ? undefined
    : "the kit's public sheet does not have it";
}

/** The commitment that most shares have: those with another are named. */
function mostCommon(shares: readonly Share[]): Uint8Array | undefined {
  const counts = new Map<string, number>();
  for (const { commitment } of shares) {
    const key = Buffer.from(commitment).toString("hex");
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const [most] = [...counts].toSorted(([, left], [, right]) => right - left);
  return most && Buffer.from(most[0], "hex");
}

const wrong = (place: object, reason: string): Failure => failure("SHARE_WRONG", { ...place, reason });

const tooFew = (present: readonly Share[], needed: number): Failure =>
  failure("SHARES_TOO_FEW", {
    needed,
    present: present.map(({ number }) => number),
    ...(present[0] && { of: present[0].of, more: needed - present.length }),
  });

/** All sets of so many. */
function* setsOf<T>(all: readonly T[], count: number): Generator<readonly T[]> {
  if (count === 0) return yield [];
  for (const [at, one] of all.entries()) {
    if (all.length - at < count) return;
    for (const rest of setsOf(all.slice(at + 1), count - 1)) yield [one, ...rest];
  }
}
